"""A run as one file, to be sent from the machine that trained it to another one.

An uncompressed tar file with the run folder's own files, flat and by their names; the record comes last, so
that a folder half unpacked is no run yet. What is unpacked was written by another machine: names that no run
has, links, folders and second copies are refused before anything is written.
"""

import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dnsearch.errors import Problem, RunError
from dnsearch.runs.atomic import reading, replacing, writing
from dnsearch.runs.folder import RECORD, RunFolder

RESULTS = ("spec.yaml", "resolved.yaml", "preprocessing.json", "start.json", "weights.npz", "epochs.jsonl")
CHECKPOINTS = ("checkpoint.npz", "checkpoint.previous.npz")
HINT = "Do not use it. Look at who can write into the artifact store."


def pack(folder: RunFolder, archive: Path, *, checkpoints: bool) -> None:
    """Write a run's archive.

    Args:
        folder: the run.
        archive: the file to write.
        checkpoints: whether the run is to be gone on with elsewhere, and so takes its checkpoints along.

    Raises:
        RunError: a file cannot be read or written.
    """
    names = (*RESULTS, *(CHECKPOINTS if checkpoints else ()), RECORD)
    with writing(archive), tarfile.open(archive, "w:") as tar:
        for name in names:
            if (folder.path / name).is_file():
                tar.add(folder.path / name, name, filter=_anonymous)


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without the names of who wrote it."""
    return member.replace(uid=0, gid=0, uname="", gname="", deep=False)


def unpack(archive: Path, folder: RunFolder) -> None:
    """Put the files of an archive into a run folder, each in one step.

    Raises:
        RunError: the archive is broken or holds what no run has, or a file cannot be written.
    """
    seen: set[str] = set()
    with writing(folder.path):
        folder.path.mkdir(parents=True, exist_ok=True)
    with _whole(archive), reading(archive), tarfile.open(archive, "r:") as tar:
        for member in tar:
            _check(member, archive, seen)
            seen.add(member.name)
            stream = tar.extractfile(member)
            if stream is not None:
                with replacing(folder.path / member.name) as file:
                    shutil.copyfileobj(stream, file)
    if RECORD not in seen:
        raise _refusal(archive, f"a {RECORD}", "none")


@contextmanager
def _whole(archive: Path) -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise _refusal(archive, "a whole archive of a run", str(error)) from error


def _check(member: tarfile.TarInfo, archive: Path, seen: set[str]) -> None:
    """Refuse an entry that ``pack`` does not write."""
    name = f"{member.name:.100}"
    if member.name not in {*RESULTS, *CHECKPOINTS, RECORD}:
        raise _refusal(archive, "the files of a run alone", name)
    if member.type != tarfile.REGTYPE:
        raise _refusal(archive, "plain files alone", f"{name}, which is none")
    if member.name in seen:
        raise _refusal(archive, f"{name} once", "it again")


def _refusal(archive: Path, expected: str, found: str) -> RunError:
    return RunError(str(Problem(str(archive), expected, found, HINT)))
