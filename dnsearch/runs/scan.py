"""Every run under some folders, for the leaderboard; what is broken is listed, not raised."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from dnsearch.errors import Problem, RunError
from dnsearch.runs import lock
from dnsearch.runs.folder import RunFolder, runs_under
from dnsearch.runs.record import RunRecord
from dnsearch.runs.study_record import StudyRecord, read_study

NO_WORD = "the process ended without a word"


@dataclass(frozen=True, slots=True)
class Scan:
    """What was found.

    Args:
        records: the runs that can be read, sorted by path.
        unreadable: folders that cannot be read, each with the reason.
    """

    records: list[RunRecord]
    unreadable: list[tuple[Path, str]]


def scan(paths: Iterable[Path]) -> Scan:
    """Read every run in the given run folders, folders of runs and study folders.

    A run that says "running" while no process holds its lock or its study's is read as "interrupted".

    Raises:
        RunError: a folder that was named does not exist.
    """
    found = Scan([], [])
    for folder in _distinct(_run_folders(paths)):
        try:
            found.records.append(as_it_is(RunFolder(folder)))
        except RunError as error:
            found.unreadable.append((folder, str(error)))
    return found


def as_it_is(folder: RunFolder) -> RunRecord:
    """A run's record, corrected where its process died before it could say so.

    Raises:
        RunError: the record cannot be read.
    """
    record = folder.read()
    if record.state != "running" or not lock.available() or _is_at_work(folder):
        return record
    again = folder.read()  # it may have finished and let go of the lock since it was read
    return replace(again, state="interrupted", reason=NO_WORD) if again.state == "running" else again


def study_as_it_is(folder: Path, runs: Iterable[RunRecord]) -> StudyRecord:
    """A study's record, corrected where its search died before it could say so.

    Args:
        folder: the study's.
        runs: its runs, as ``scan`` found them.

    Raises:
        RunError: the record cannot be read.
    """
    record = read_study(folder)
    at_work = RunFolder(folder).is_locked() or any(run.state == "running" for run in runs)
    if record.state != "searching" or not lock.available() or at_work:
        return record
    again = read_study(folder)  # it may have ended and let go of the lock since it was read
    return replace(again, state="interrupted") if again.state == "searching" else again


def _is_at_work(folder: RunFolder) -> bool:
    """Whether the run's process lives, or the search that has given the run to a child a moment ago."""
    return any(RunFolder(place).is_locked() for place in (folder.path, *folder.path.parents[:2]))


def _run_folders(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.is_dir():
            raise _no_folder(path)
        yield from runs_under(path)


def _distinct(folders: Iterable[Path]) -> list[Path]:
    """Each folder once, under the first name it was found by, sorted by path."""
    by_place: dict[Path, Path] = {}
    for folder in folders:
        by_place.setdefault(folder.resolve(), folder)
    return sorted(by_place.values())


def _no_folder(path: Path) -> RunError:
    found = "a file" if path.exists() else "nothing"
    hint = "Runs are made by: dnsearch train SPEC, or dnsearch tune SPEC"
    return RunError(str(Problem(str(path), "a run, a study or a folder of runs", found, hint)))
