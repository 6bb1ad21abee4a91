"""What run folders hold that nobody will ask for again, and its removal.

A study of 10,000 trials would be a disk full of checkpoints. What a trial *was* stays for ever: its record,
epochs and spec, a few kilobytes. What only going on or predicting needs goes once the trial has ended and is
not among the best: two checkpoints and the weights. Whatever runs, waits or was interrupted is left as it is,
and so are runs that belong to no study. What another machine's process has not ended may be at work there: of
it not even a half-written file goes.
"""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from dnsearch.errors import Problem, RunError, SpecError
from dnsearch.runs.atomic import leftovers, writing
from dnsearch.runs.folder import RunFolder, check_folder, is_run, runs_under
from dnsearch.runs.lock import host, is_locked, locked
from dnsearch.runs.record import RunRecord
from dnsearch.spec.document import load
from dnsearch.spec.tune import Tune

ENDED = ("finished", "pruned", "failed")
LEVELS = 3
"""From a folder of runs down to the runs that a study keeps beside its trials, such as its confirmations."""


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
    """Remove files.

    Raises:
        RunError: one cannot be removed.
    """
    for removal in removals:
        with writing(removal.path):
            removal.path.unlink(missing_ok=True)


def clean(path: Path, keep: int | None, *, damaged: bool, dry_run: bool) -> list[Removal]:
    """Remove what may go below a folder of runs, a study or a run; returns what that is.

    Symbolic links to folders are not followed: what they lead to is somebody else's.

    Args:
        path: the folder. Of a single run, only what dead or damaged files it has.
        keep: trials of each study that keep everything; None: as many as the study's spec says.
        damaged: whether checkpoints that were found damaged go, too.
        dry_run: remove nothing, only tell.

    Raises:
        RunError: the folder is not there or is a symbolic link, a search or a training is at work in it, or
            a file cannot be removed.
    """
    check_folder(path)
    if path.is_symlink():
        hint = f"If that is what you mean, name the folder itself: dnsearch clean {path.resolve()}"
        raise RunError(str(Problem(str(path), "a folder", "a symbolic link to one", hint)))
    by_parent: dict[Path, list[RunFolder]] = {}  # the parent of trials is their study's folder
    for run in runs_under(path, LEVELS):
        if run.resolve() != path.resolve() / run.relative_to(path):
            continue
        by_parent.setdefault(run.parent, []).append(RunFolder(run))
    removals: list[Removal] = []
    with ExitStack() as held:
        for parent, runs in by_parent.items():
            _keep_others_out([parent / "lock", *(run.lock for run in runs)], None if dry_run else held)
            records = {run: _record(run) for run in runs}
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


def _record(run: RunFolder) -> RunRecord | None:
    """A run's record; None where it cannot be read, and the run is left alone."""
    try:
        return run.read()
    except RunError:
        return None


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
    finished = [run for run, record in trials.items() if record.state == "finished"]
    best = sorted(finished, key=lambda run: _place(trials[run], select))[: keep or usual]
    behind = [run for run, record in trials.items() if record.state in ENDED and run not in best]
    return [removal for run in behind for removal in heavy(run)]


def _usual(first: RunFolder) -> tuple[int, str]:
    """A study's ``tune.keep`` and ``tune.select``, by its first trial's spec; else the defaults."""
    try:
        tune = load(str(first.resolved)).experiment.tune
    except SpecError:
        tune = None
    return (tune.keep, tune.select) if tune else (Tune.model_fields["keep"].default, "last")


def _place(record: RunRecord, select: str) -> tuple[float, int, str]:
    """The smaller, the better; as a search ranks its trials."""
    metrics = record.last if select == "last" else record.best
    parameters = record.parameters.trainable if record.parameters else 0
    return -(metrics.score if metrics else 0.0), parameters, record.name


def _there(paths: Iterable[Path], why: str) -> list[Removal]:
    return [Removal(path, path.lstat().st_size, why) for path in paths if path.is_file()]
