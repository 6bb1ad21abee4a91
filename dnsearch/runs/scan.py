"""What run folders say, corrected where a process died before it could: of one, or of all below others."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from dnsearch.errors import Problem, RunError, StudyError
from dnsearch.runs.folder import RunFolder, check_folder, read_study, runs_under
from dnsearch.runs.lock import is_locked
from dnsearch.runs.record import EpochRecord, RunRecord, StudyRecord, with_epoch

NO_WORD = "the process ended without a word"


@dataclass(frozen=True, slots=True)
class Scan:
    """The runs that can be read, sorted by path, and the folders that cannot, each with the reason."""

    records: list[RunRecord]
    folders: list[Path]  # of the records
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
    found = Scan([], [], [])
    for folder in sorted(by_place.values()):
        try:
            found.records.append(as_it_is(RunFolder(folder)))
            found.folders.append(folder)
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


def known(run: RunFolder, record: RunRecord) -> RunRecord:
    """What a run folder has of a run: its record with all its epochs; else the record given.

    A process that was killed may have written epochs after its record. A damaged record does not count;
    another run's is a StudyError, since nothing may write over it.
    """
    found, history = record, list[EpochRecord]()
    with suppress(RunError):
        history = run.epochs()
    with suppress(RunError):
        found = run.read()
    if found.fingerprint != record.fingerprint:
        expected = f"the run that belongs here, with settings of fingerprint {record.fingerprint}"
        hint = "Nothing was changed. Move the folder away, or choose another name."
        raise StudyError(str(Problem(str(run.path), expected, f"one of {found.fingerprint}", hint)))
    for epoch in history:
        if epoch.epoch > found.epochs:
            spent = found.wall_seconds + epoch.wall_seconds
            found = with_epoch(found, epoch, spent, found.peak_memory_bytes or 0)
    return found
