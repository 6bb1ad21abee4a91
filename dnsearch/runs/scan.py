"""Every run under some folders, for the leaderboard; what is broken is listed, not raised."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from dnsearch.errors import RunError
from dnsearch.runs.folder import RunFolder, check_folder, read_study, runs_under
from dnsearch.runs.lock import is_locked
from dnsearch.runs.record import RunRecord, StudyRecord

NO_WORD = "the process ended without a word"


@dataclass(frozen=True, slots=True)
class Scan:
    """The runs that can be read, sorted by path, and the folders that cannot, each with the reason."""

    records: list[RunRecord]
    unreadable: list[tuple[Path, str]]


def scan(paths: Iterable[Path]) -> Scan:
    """Read every run in the given run folders, folders of runs and study folders, each once.

    A run that says "running" while no process holds its lock or its study's is read as "interrupted".
    """
    by_place: dict[Path, Path] = {}
    for path in paths:
        check_folder(path)
        for folder in runs_under(path):
            by_place.setdefault(folder.resolve(), folder)
    found = Scan([], [])
    for folder in sorted(by_place.values()):
        try:
            found.records.append(as_it_is(RunFolder(folder)))
        except RunError as error:
            found.unreadable.append((folder, str(error)))
    return found


def as_it_is(folder: RunFolder) -> RunRecord:
    """A run's record, corrected where its process died before it could say so."""
    record = folder.read()
    # A search holds its own lock when it gives the run to a child, which takes the run's a moment later.
    places = (folder.path, *folder.path.parents[:2])
    if record.state != "running" or any(is_locked(RunFolder(place).lock) for place in places):
        return record
    again = folder.read()  # it may have finished and let go of the lock since it was read
    return replace(again, state="interrupted", reason=NO_WORD) if again.state == "running" else again


def study_as_it_is(folder: Path, runs: Iterable[RunRecord]) -> StudyRecord:
    """A study's record, corrected where its search died before it could say so, by the ``runs`` of a scan."""
    record = read_study(folder)
    at_work = is_locked(RunFolder(folder).lock) or any(run.state == "running" for run in runs)
    if record.state != "searching" or at_work:
        return record
    again = read_study(folder)  # it may have ended and let go of the lock since it was read
    return replace(again, state="interrupted") if again.state == "searching" else again
