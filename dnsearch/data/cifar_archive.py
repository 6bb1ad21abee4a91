"""The CIFARs' files, read as bytes and pickles of a stranger: nothing is written, nothing is called.

An archive is unpacked in memory. An entry that leads out of its folder could do no harm; it is refused all
the same, as are links, devices and whatever is too large: an honest archive has no such entries.

A pickle is a program: it may name any function and have it called. Those of the CIFAR archives name only
what NumPy needs to rebuild an array, so here these few names lead to stand-ins that merely remember their
arguments, and every other name is refused before anything is called. The arrays are built afterwards, from
checked parts::

    pickle ─▶ dict of lists, bytes and ArrayParts ─▶ dict of lists, bytes and arrays
"""

import gzip
import hashlib
import io
import math
import pickle
import tarfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from dnsearch.data.data_checks import refuse
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
    """File name → bytes, of the wanted files that a folder or a ``.tar.gz`` file has.

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


UNSIGNED_BYTE = ("u1", "|u1", "uint8")
NO_CIFAR = "This is no CIFAR file; do not use it. Get the archive from its official page."


class DtypeParts:
    """A dtype's code; byte order and the like do not matter to single bytes."""

    __slots__ = ("code",)

    def __init__(self, code: object) -> None:
        self.code = _text(code)

    def __setstate__(self, state: object) -> None:
        """Ignore what follows: an unsigned byte has no choices."""


class ArrayParts:
    """What a pickle tells of an array."""

    __slots__ = ("state",)

    def __setstate__(self, state: object) -> None:
        self.state = state


class StandIn:
    """What a pickle may call; it has no attributes that the pickle could change."""

    __slots__ = ("_function",)
    _function: Callable[..., object]

    def __init__(self, function: Callable[..., object]) -> None:
        object.__setattr__(self, "_function", function)

    def __call__(self, *arguments: object) -> object:
        """Remember the arguments in place of what the pickle wanted to be done."""
        return self._function(*arguments)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(name)


def _encoded(text: object, encoding: object) -> bytes:
    """What Python 3 writes for bytes in protocol 2."""
    if not isinstance(text, str) or _text(encoding) != "latin1":
        raise ValueError("only text in latin1 can be bytes")
    return text.encode("latin1")


STAND_INS = {
    "numpy.core.multiarray._reconstruct": StandIn(lambda kind, shape, code: ArrayParts()),
    "numpy._core.multiarray._reconstruct": StandIn(lambda kind, shape, code: ArrayParts()),
    "numpy.ndarray": StandIn(lambda: None),
    "numpy.dtype": StandIn(lambda code, align, copy: DtypeParts(code)),
    "_codecs.encode": StandIn(_encoded),
}


# The unpickler in C makes room for as many memos as a pickle claims to need, gigabytes if it likes; the
# one in Python keeps them in a dict, and these pickles are few operations around large strings.
class _Unpickler(pickle._Unpickler):
    """Refuses every name but those of STAND_INS."""

    def __init__(self, content: bytes, where: str) -> None:
        super().__init__(io.BytesIO(content), encoding="bytes")  # Python 2's strings are bytes
        self._where = where

    def find_class(self, module: str, name: str) -> object:
        """The stand-in for a name, or a refusal."""
        wanted = f"{module}.{name}"
        if wanted not in STAND_INS:
            raise refuse(
                self._where, "a pickle of arrays, lists and text alone", f"a call of {wanted}", NO_CIFAR
            )
        return STAND_INS[wanted]


def unpickle(content: bytes, where: str) -> dict[str, object]:
    """The dict that a pickle of Python 2 or 3 holds; arrays in it are uint8.

    Raises:
        DataError: it is broken, no dict, or asks for a forbidden name.
    """
    found = _loaded(content, where)
    if not isinstance(found, dict) or not all(isinstance(key, bytes | str) for key in found):
        raise refuse(where, "a pickled dict with names as keys", type(found).__name__, NO_CIFAR)
    return {
        _text(key): _array(value, where) if isinstance(value, ArrayParts) else value
        for key, value in found.items()
    }


def _loaded(content: bytes, where: str) -> object:
    try:
        return _Unpickler(content, where).load()
    except DataError:
        raise
    # A broken pickle runs into whatever its operations stumble over: IndexError, KeyError, TypeError, ...
    except Exception as error:
        hint = "The file is truncated or damaged; unpack the archive again."
        raise refuse(where, "a whole pickle", f"{type(error).__name__} while reading", hint) from error


def _array(parts: ArrayParts, where: str) -> NDArray[np.uint8]:
    """The array that parts describe, if they fit together."""
    match getattr(parts, "state", None):
        case (int(), tuple(shape), DtypeParts(code=code), bool() | int() as fortran, bytes(content)):
            pass
        case _:
            raise refuse(where, "arrays of unsigned bytes", "an array of something else", NO_CIFAR)
    if code not in UNSIGNED_BYTE:
        raise refuse(where, "arrays of unsigned bytes (u1)", f"an array of {code[:20]}", NO_CIFAR)
    if not all(type(side) is int and side >= 0 for side in shape) or math.prod(shape) != len(content):
        raise refuse(
            where, f"as many bytes as an array of shape {shape!r:.60} has", f"{len(content)}", NO_CIFAR
        )
    return np.frombuffer(content, np.uint8).reshape(shape, order="F" if fortran else "C")


def _text(name: object) -> str:
    """A name as text, whether it was pickled as bytes or as text."""
    if isinstance(name, bytes):
        return name.decode("latin1")
    if isinstance(name, str):
        return name
    raise TypeError(f"a name is text, not {type(name).__name__}")
