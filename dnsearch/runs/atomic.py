"""Files that are either the old ones or the new ones, never halves.

A run may be killed at any moment, and a leaderboard may read while a run writes. So a new content goes into
a temporary file in the same folder, down to the disk, and then takes the name of the old one in one step.
"""

import contextlib
import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

from dnsearch.errors import Problem, RunError, SpecError

FULL = "Make room on the disk, or name another folder."
FORBIDDEN = "Change the permissions, or name another folder."
MISPLACED = "A file is where a folder should be, or the other way round; name another folder."
REMEDIES: dict[int | None, str] = {
    **dict.fromkeys([errno.ENOSPC, errno.EDQUOT, errno.EFBIG], FULL),
    **dict.fromkeys([errno.EACCES, errno.EPERM, errno.EROFS], FORBIDDEN),
    **dict.fromkeys([errno.ENOTDIR, errno.EISDIR, errno.EEXIST], MISPLACED),
    errno.ENOENT: "It was moved or removed meanwhile.",
}
"""What to do about an operating system's error, by its number."""


@contextlib.contextmanager
def replacing(path: Path, keep: Path | None = None) -> Iterator[BinaryIO]:
    """A binary file, open for writing and seeking, that becomes ``path`` when the block ends well.

    When the block raises, ``path`` stays as it was and the temporary file is removed. The file that was there
    takes the name ``keep``; a process that dies between the two renamings leaves ``keep`` and no ``path``.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{os.urandom(4).hex()}.tmp")
    with writing(path):
        try:
            with temporary.open("xb") as handle:
                yield handle
                handle.flush()
                os.fsync(handle.fileno())
            if keep is not None and path.exists():
                path.replace(keep)
            temporary.replace(path)
            # So that the new name survives a power cut. Some network file systems refuse to sync a folder;
            # the file itself is safe there all the same.
            with contextlib.suppress(OSError):
                descriptor = os.open(path.parent, os.O_RDONLY)
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)
        finally:
            # After a success the temporary name is gone already; without a folder there is nothing to remove.
            with contextlib.suppress(OSError):
                temporary.unlink()


def atomic_write(path: Path, content: bytes) -> None:
    """Make ``content`` the whole content of a file, or leave the file as it was."""
    with replacing(path) as handle:
        handle.write(content)


def check_new(files: Iterable[Path], *, force: bool) -> None:
    """Keep a command from overwriting a file that it did not make, unless it was asked to."""
    expected = "expected a new file, and this one exists"
    hint = "Choose another name, or overwrite it with --force."
    existing = [file for file in files if not force and os.path.lexists(file)]
    if problems := [Problem(str(file), expected, hint=hint) for file in existing]:
        raise SpecError(problems)


def leftovers(folder: Path) -> list[Path]:
    """The temporary files in a folder: of processes that died while they wrote, or of one that writes now."""
    return sorted(folder.glob(".*.tmp"))


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files of a folder where nobody writes now: of processes that died."""
    for leftover in leftovers(folder):
        with writing(leftover):
            leftover.unlink(missing_ok=True)


def writing(path: Path) -> AbstractContextManager[None]:
    """Turn an OSError of the block into a RunError that says which file cannot be written and why."""
    return _explaining(path, "cannot be written", "What was written before is still there.")


def reading(path: Path) -> AbstractContextManager[None]:
    """Turn an OSError of the block into a RunError that says which file cannot be read and why."""
    return _explaining(path, "cannot be read", "")


@contextlib.contextmanager
def _explaining(path: Path, what: str, comfort: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        hint = f"{REMEDIES.get(error.errno, '')} {comfort}".strip()
        raise RunError(str(Problem(str(path), f"{what}: {error.strerror or error}", hint=hint))) from error
