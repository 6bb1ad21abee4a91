"""The files of a published archive, unpacked into a folder or still a ``.tar.gz``, as bytes in memory.

Nothing is ever written, so an entry that aims outside of a folder could do no harm; it is refused all the
same, as are links, devices and whatever is larger than it has to be: an honest archive has none of them.
"""

import gzip
import hashlib
import tarfile
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from dnsearch.data.checks import refuse
from dnsearch.errors import DataError

MAX_BYTES = 2**29
"""Of one file, and of all that an archive unpacks to; the CIFARs take 190 MB."""
MAX_ENTRIES = 100
CHUNK_BYTES = 2**20
HINT = "Do not use it. Get the archive from its official page."


class _Limited:
    """What comes out of a compressed file, up to MAX_BYTES."""

    def __init__(self, stream: BinaryIO, path: Path) -> None:
        self._stream, self._path, self._left = stream, path, MAX_BYTES

    def read(self, size: int) -> bytes:
        content = self._stream.read(size)
        self._left -= len(content)
        if self._left < 0:
            raise refuse(self._path, f"at most {MAX_BYTES:,} bytes when unpacked", "more", HINT)
        return content


def contents(place: Path, wanted: frozenset[str]) -> dict[str, bytes]:
    """File name → bytes, of those wanted files that are there.

    Args:
        place: a folder or a ``.tar.gz`` file; where there is nothing, nothing is found.
        wanted: file names without folders.

    Raises:
        DataError: a file is too large or cannot be read, or an archive is broken or unsafe.
    """
    if place.is_file():
        return _packed(place, wanted)
    return {name: _content(place / name) for name in sorted(wanted) if (place / name).is_file()}


def md5(path: Path) -> str:
    """The MD5 of a file, in hexadecimal digits.

    Raises:
        DataError: it cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    except OSError as error:
        raise _unreadable(path, error) from error


def _content(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise refuse(path, f"at most {MAX_BYTES:,} bytes", f"{size:,}", HINT)
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> DataError:
    return refuse(path, "a file that can be read", error.strerror or str(error))


def _packed(path: Path, wanted: frozenset[str]) -> dict[str, bytes]:
    try:
        with gzip.open(path) as unpacked:
            limited = cast(BinaryIO, _Limited(cast(BinaryIO, unpacked), path))
            with tarfile.open(fileobj=limited, mode="r|") as archive:
                found = _members(archive, path, wanted)
            while limited.read(CHUNK_BYTES):
                pass  # gzip's checksum is compared at the end
            return found
    except DataError:
        raise
    # A broken archive runs into whatever gzip, zlib and tarfile stumble over: EOFError, RecursionError, ...
    except Exception as error:
        told = str(error) or type(error).__name__
        raise refuse(path, "a whole .tar.gz archive", told, "Get the archive again.") from error


def _members(archive: tarfile.TarFile, path: Path, wanted: frozenset[str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for number, member in enumerate(archive):
        if number >= MAX_ENTRIES:
            raise refuse(path, f"at most {MAX_ENTRIES} entries", "more", HINT)
        _check(member, path)
        name = PurePosixPath(member.name).name
        stream = archive.extractfile(member) if name in wanted else None
        if stream is not None:
            if name in found:
                raise refuse(path, f"{name} once", "it again", HINT)
            found[name] = stream.read()
    return found


def _check(member: tarfile.TarInfo, path: Path) -> None:
    """Refuse an entry that an archive of data does not have, before anything is made of it."""
    name = f"{member.name:.100}"
    inside = PurePosixPath(member.name)
    if inside.is_absolute() or ".." in inside.parts:
        raise refuse(path, "entries within one folder", name, HINT)
    if member.type not in {tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE}:
        kind = "a link" if member.issym() or member.islnk() else "a special file"
        raise refuse(path, "files and folders alone", f"{kind}, {name}", HINT)
    if not 0 <= member.size <= MAX_BYTES:
        raise refuse(path, f"entries of at most {MAX_BYTES:,} bytes", f"{name} of {member.size:,}", HINT)
