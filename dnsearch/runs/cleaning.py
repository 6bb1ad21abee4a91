"""What run folders hold that nobody will ask for again, and its removal.

A study of 10,000 trials would be a disk full of checkpoints. What a trial *was* stays for ever: its record,
epochs and spec, a few kilobytes. What only going on or predicting needs goes once the trial has ended and is
not among the best: two checkpoints and the weights. Whatever runs, waits or was interrupted is left as it is,
and so are runs that belong to no study. What another machine's process has not ended may be at work there: of
it not even a half-written file goes.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from dnsearch.errors import Problem, RunError, SpecError
from dnsearch.runs.atomic import leftovers, writing
from dnsearch.runs.folder import RunFolder, is_run, runs_under
from dnsearch.runs.lock import host, is_locked, locked
from dnsearch.runs.record import RunRecord
from dnsearch.spec.document import load
from dnsearch.spec.tune import Tune

ENDED = ("finished", "pruned", "failed")
LEVELS = 3
"""From a folder of runs down to the runs that a study keeps beside its trials, such as its confirmations."""


@dataclass(frozen=True, slots=True)
class Removal:
    """A file that may go.

    Args:
        path: the file.
        bytes: its size.
        why: what it is.
    """

    path: Path
    bytes: int
    why: str


def heavy(folder: RunFolder) -> Iterator[Removal]:
    """What a trial that ended and is not among the best no longer needs: checkpoints and weights."""
    for path in (folder.checkpoint, folder.previous_checkpoint):
        yield from _there(path, "checkpoint of a trial that is not among the best")
    yield from _there(folder.weights, "weights of a trial that is not among the best")


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

    Args:
        path: the folder. Of a single run, only what dead or damaged files it has.
        keep: trials of each study that keep everything; None: as many as the study's spec says.
        damaged: whether checkpoints that were found damaged go, too.
        dry_run: remove nothing, only tell.

    Raises:
        RunError: the folder is not there, a search or a training is at work in it, or a file cannot be
            removed.
    """
    if not path.is_dir():
        found, hint = "a file" if path.exists() else "nothing", "Runs are made by train and tune."
        raise RunError(str(Problem(str(path), "a run, a study or a folder of runs", found, hint)))
    with ExitStack() as held:
        removals: list[Removal] = []
        for parent, runs in _by_parent(path).items():
            _keep_others_out(parent, runs, None if dry_run else held)
            records = {run: _record(run) for run in runs}
            ours = [run for run, record in records.items() if not _is_elsewhere(record)]
            removals += [removal for run in ours for removal in _dead(run, damaged=damaged)]
            if not is_run(path):
                removals += _leftovers(parent) if len(ours) == len(runs) else ()
                removals += _not_among_the_best(records, keep)
        if not dry_run:
            remove(removals)
    return removals


def _by_parent(path: Path) -> dict[Path, list[RunFolder]]:
    """The runs below a folder by the folder that they lie in, which is the study's for its trials."""
    found: dict[Path, list[RunFolder]] = {}
    for run in runs_under(path, LEVELS):
        found.setdefault(run.parent, []).append(RunFolder(run))
    return found


def _keep_others_out(parent: Path, runs: Iterable[RunFolder], held: ExitStack | None) -> None:
    """Refuse where somebody is at work; hold what keeps others from beginning, unless only looking."""
    for lock in (parent / "lock", *(run.lock for run in runs)):
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


def _dead(run: RunFolder, *, damaged: bool) -> Iterator[Removal]:
    """What a dead writer left, and where it is asked for, damaged checkpoints."""
    yield from _leftovers(run.path)
    if damaged:
        yield from _there(run.damaged_checkpoint, "damaged checkpoint")


def _leftovers(folder: Path) -> Iterator[Removal]:
    for path in leftovers(folder):
        yield from _there(path, "half a file of a process that died")


def _not_among_the_best(records: Mapping[RunFolder, RunRecord | None], keep: int | None) -> Iterator[Removal]:
    trials = [(run, record) for run, record in records.items() if record and _is_trial(run, record)]
    if not trials:
        return
    kept, select = _habits(trials[0][0])
    finished = [(_place(record, select), run) for run, record in trials if record.state == "finished"]
    best = [run for _, run in sorted(finished, key=lambda each: each[0])[: keep or kept]]
    for run, record in trials:
        if record.state in ENDED and run not in best:
            yield from heavy(run)


def _record(run: RunFolder) -> RunRecord | None:
    """A run's record; None where it cannot be read, and the run is left alone."""
    try:
        return run.read()
    except RunError:
        return None


def _is_trial(run: RunFolder, record: RunRecord) -> bool:
    return record.trial is not None and record.study == run.path.parent.name


def _habits(first: RunFolder) -> tuple[int, str]:
    """A study's ``tune.keep`` and ``tune.select``, by its first trial's spec; else the usual ones."""
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


def _there(path: Path, why: str) -> Iterator[Removal]:
    if path.is_file():
        yield Removal(path, path.stat().st_size, why)
