"""What run folders hold that nobody will ask for again, and its removal.

A trial's record, epochs and spec stay for ever. Two checkpoints and the weights go once it has ended and is
not among the best. Whatever runs, waits or was interrupted is left as it is, and so are runs that belong to
no study. Of a run that another machine may be at work in, not even a half-written file goes.
"""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from dnsearch.errors import Problem, RunError, SpecError
from dnsearch.runs.atomic import leftovers, writing
from dnsearch.runs.folder import RunFolder, check_folder, is_run, runs_under
from dnsearch.runs.lock import host, is_locked, locked
from dnsearch.runs.record import Order, RunRecord, order
from dnsearch.spec.document import load
from dnsearch.spec.tune import Tune

ENDED = ("finished", "pruned", "failed")
LEVELS = 3  # from a folder of runs down to those that a study keeps beside its trials: confirmations


@dataclass(frozen=True, slots=True)
class Removal:
    """A file that may go, its size and what it is."""

    path: Path
    bytes: int
    why: str


def heavy(folder: RunFolder) -> list[Removal]:
    """What a trial that ended and is not among the best no longer needs: checkpoints and weights."""
    if folder.path.is_symlink():
        return []
    why = "of a trial that is not among the best"
    checkpoints = _there([folder.checkpoint, folder.previous_checkpoint], f"checkpoint {why}")
    return checkpoints + _there([folder.weights], f"weights {why}")


def remove(removals: Iterable[Removal]) -> None:
    """Remove files."""
    for removal in removals:
        with writing(removal.path):
            removal.path.unlink(missing_ok=True)


def clean(path: Path, keep: int | None, *, damaged: bool, dry_run: bool) -> list[Removal]:
    """Remove what may go below a folder of runs, a study or a run; returns what that is.

    Symbolic links to folders are not followed: what they lead to is somebody else's. Of a single run, only
    dead or damaged files go. ``keep`` trials of each study keep everything; None: as many as its spec says.
    """
    check_folder(path)
    if path.is_symlink():
        hint = f"If that is what you mean, name the folder itself: dnsearch clean {path.resolve()}"
        raise RunError(str(Problem(str(path), "a folder", "a symbolic link to one", hint)))
    by_parent: dict[Path, list[RunFolder]] = {}  # the parent of trials is their study's folder
    for place in runs_under(path, LEVELS):
        if place.resolve() == path.resolve() / place.relative_to(path):
            by_parent.setdefault(place.parent, []).append(RunFolder(place))
    removals: list[Removal] = []
    with ExitStack() as held:
        for parent, runs in by_parent.items():
            _keep_others_out([parent / "lock", *(run.lock for run in runs)], None if dry_run else held)
            records: dict[RunFolder, RunRecord | None] = dict.fromkeys(runs)
            for run in runs:
                with suppress(RunError):  # what cannot be read is left alone
                    records[run] = run.read()
            ours = [run for run, record in records.items() if not _is_elsewhere(record)]
            places = [run.path for run in ours]
            if not is_run(path):
                places += [parent] if len(ours) == len(runs) else []
                removals += _not_among_the_best(records, keep)
            for place in places:
                removals += _there(leftovers(place), "half a file of a process that died")
            if damaged:
                removals += _there([run.damaged_checkpoint for run in ours], "damaged checkpoint")
        if not dry_run:
            remove(removals)
    return removals


def _keep_others_out(locks: Iterable[Path], held: ExitStack | None) -> None:
    """Refuse where somebody is at work; hold what keeps others from beginning, unless only looking."""
    for lock in locks:
        if held is not None and lock.exists():
            held.enter_context(locked(lock))
        elif is_locked(lock):
            hint = "Clean when it has ended; a search removes what may go by itself."
            expected = "no search and no training at work"
            raise RunError(str(Problem(str(lock.parent), expected, "one that is", hint)))


def _is_elsewhere(record: RunRecord | None) -> bool:
    """Whether another machine may be at work in a run; not every file system shows its lock here."""
    if record is None or record.state in ENDED:
        return False
    return bool(record.process.get("host", host()) != host())


def _not_among_the_best(records: Mapping[RunFolder, RunRecord | None], keep: int | None) -> list[Removal]:
    trials = {
        run: record
        for run, record in records.items()
        if record and record.trial is not None and record.study == run.path.parent.name
    }
    if not trials:
        return []
    usual, select = _usual(next(iter(trials)))

    def place(run: RunFolder) -> Order:
        record = trials[run]
        metrics = record.last if select == "last" else record.best
        parameters = record.parameters.trainable if record.parameters else None
        return order(metrics.score if metrics else 0.0, parameters, record.trial)

    finished = [run for run, record in trials.items() if record.state == "finished"]
    best = sorted(finished, key=place)[: keep or usual]
    behind = [run for run, record in trials.items() if record.state in ENDED and run not in best]
    return [removal for run in behind for removal in heavy(run)]


def _usual(first: RunFolder) -> tuple[int, str]:
    """A study's ``tune.keep`` and ``tune.select``, by its first trial's spec; else the defaults."""
    try:
        tune = load(str(first.resolved)).experiment.tune
    except SpecError:
        tune = None
    return (tune.keep, tune.select) if tune else (Tune.model_fields["keep"].default, "last")


def _there(paths: Iterable[Path], why: str) -> list[Removal]:
    return [Removal(path, path.lstat().st_size, why) for path in paths if path.is_file()]
