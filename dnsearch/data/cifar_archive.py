"""The CIFARs' archives and pickles, read as those of a stranger: nothing is written, nothing is called.

An archive is unpacked in memory; links, devices and entries outside its folder are refused all the same. A
pickle is a program: it may have any function called. Here the few names that NumPy needs to rebuild an array
lead to stand-ins that merely remember their arguments (``Parts``), every other name is refused before
anything is called, and the arrays are built afterwards, from checked parts.
"""

import gzip
import hashlib
import io
import math
import pickle
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from dnsearch.data.data_files import reading, refuse
from dnsearch.errors import DataError

MAX_BYTES = 2**28  # of one file, and of all that an archive unpacks to; the CIFARs take 190 MB
MAX_ENTRIES = 100
MAX_HEADERS = 2**20  # bytes of all headers together; each has 512, and a long name may follow it
NO_CIFAR = "Do not use it. Get the archive from its official page."


def contents(place: Path, wanted: frozenset[str]) -> dict[str, bytes]:
    """File name → bytes, of the wanted files that a folder or a ``.tar.gz`` file has."""
    if place.is_file():
        return _unpacked(place, wanted)
    found = {}
    for path in (place / name for name in sorted(wanted)):
        if path.exists() and not path.is_dir():
            with reading(path, "a file that can be read", NO_CIFAR, MAX_BYTES) as stream:
                found[path.name] = stream.read()
    return found


def md5(path: Path) -> str:
    """The MD5 of a file, in hexadecimal digits."""
    with reading(path, "a file that can be read") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


class _Headers:
    """The little that tarfile may read of an unpacked archive."""

    def __init__(self, unpacked: gzip.GzipFile) -> None:
        self._unpacked, self._left = unpacked, MAX_HEADERS
        self.seek, self.tell = unpacked.seek, unpacked.tell

    def read(self, size: int) -> bytes:
        """Refuse long headers, which tarfile would take apart at any length."""
        if not 0 <= size <= self._left:
            raise ValueError(f"headers of more than {MAX_HEADERS:,} bytes")
        self._left -= size
        return self._unpacked.read(size)


def _unpacked(path: Path, wanted: frozenset[str]) -> dict[str, bytes]:
    """The wanted files of an archive; the others are unpacked piece by piece and dropped."""
    found: dict[str, bytes] = {}
    with (
        reading(path, "a whole .tar.gz archive", "Get the archive again.", MAX_BYTES) as stream,
        gzip.open(stream) as unpacked,
        tarfile.open(fileobj=cast(BinaryIO, _Headers(unpacked)), mode="r:") as archive,
    ):
        for number, member in enumerate(archive):
            if number >= MAX_ENTRIES:
                raise refuse(path, f"at most {MAX_ENTRIES} entries", "more", NO_CIFAR)
            _check(member, path)
            name = PurePosixPath(member.name).name
            if name in found:
                raise refuse(path, f"{name} once", "it again", NO_CIFAR)
            if name in wanted and member.isfile():
                unpacked.seek(member.offset_data)
                found[name] = unpacked.read(member.size)
        while unpacked.read(MAX_HEADERS):  # to the checksum
            _check_size(unpacked.tell(), path)
    return found


def _check_size(end: int, path: Path) -> None:
    if end > MAX_BYTES:
        raise refuse(path, f"at most {MAX_BYTES:,} bytes when unpacked", "more", NO_CIFAR)


def _check(member: tarfile.TarInfo, path: Path) -> None:
    """Refuse an entry that an archive of data does not have, before anything is made of it."""
    name = f"{member.name:.100}"
    inside = PurePosixPath(member.name)
    if inside.is_absolute() or ".." in inside.parts:
        raise refuse(path, "entries within one folder", name, NO_CIFAR)
    if member.type not in {tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE}:
        kind = "a link" if member.issym() or member.islnk() else "a special file"
        raise refuse(path, "files and folders alone", f"{kind}, {name}", NO_CIFAR)
    if not 0 <= member.size <= MAX_BYTES:
        raise refuse(path, f"entries of at most {MAX_BYTES:,} bytes", f"{name} of {member.size:,}", NO_CIFAR)
    _check_size(member.offset_data + member.size, path)


@dataclass(slots=True)
class Parts:
    """What a pickle tells of an array or of its dtype: arguments of a call, then a state."""

    arguments: tuple[object, ...]
    state: object = None


def _parts(*arguments: object) -> Parts:
    return Parts(arguments)


def _encoded(text: object, encoding: object) -> bytes:
    """What Python 3 writes for bytes in protocol 2."""
    if not isinstance(text, str) or encoding not in ("latin1", b"latin1"):
        raise ValueError("only text in latin1 can be bytes")
    return text.encode("latin1")


STAND_INS: dict[str, object] = {
    "numpy.core.multiarray._reconstruct": _parts,
    "numpy._core.multiarray._reconstruct": _parts,
    "numpy.ndarray": "an argument, never called",
    "numpy.dtype": _parts,
    "_codecs.encode": _encoded,
}
NEVER = (
    *(pickle.EMPTY_SET, pickle.ADDITEMS, pickle.FROZENSET, pickle.EXT1, pickle.EXT2, pickle.EXT4),
    *(pickle.BYTEARRAY8, pickle.NEXT_BUFFER, pickle.READONLY_BUFFER),
)
"""Operations that no CIFAR file has: sets, whose hashes can take for ever, and memory without contents."""


class _Named(dict[object, object]):
    """A dict of a pickle: only names and numbers are keys, since nested ones can take for ever to hash."""

    __slots__ = ()

    def __setitem__(self, key: object, value: object) -> None:
        if not isinstance(key, bytes | str | int):
            raise TypeError("a key is a name or a number")
        super().__setitem__(key, value)


# The unpickler in C makes room for as many memos as a pickle claims to need, gigabytes if it likes; the
# one in Python keeps them in a dict, and these pickles are few operations around large strings.
class _Unpickler(pickle._Unpickler):
    """Refuses every name but those of STAND_INS."""

    stack: list[object]
    pop_mark: Callable[[], list[object]]

    def __init__(self, content: bytes, where: str) -> None:
        super().__init__(io.BytesIO(content), encoding="bytes")  # Python 2's strings are bytes
        self._where = where

    def find_class(self, module: str, name: str) -> object:
        """The stand-in for a name, or a refusal."""
        wanted = f"{module}.{name}"
        if wanted not in STAND_INS:
            found = f"a call of {wanted:.200}"
            raise refuse(self._where, "a pickle of arrays, lists and text alone", found, NO_CIFAR)
        return STAND_INS[wanted]

    def _build(self) -> None:
        state, built = self.stack.pop(), self.stack[-1]
        if not isinstance(built, Parts):
            raise TypeError("only arrays and dtypes have a state")
        built.state = state

    def _empty_dict(self) -> None:
        self.stack.append(_Named())

    def _filled_dict(self) -> None:
        items, made = self.pop_mark(), _Named()
        for key, value in zip(items[::2], items[1::2], strict=True):
            made[key] = value
        self.stack.append(made)

    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = {
        **{code: load for code, load in pickle._Unpickler.dispatch.items() if bytes([code]) not in NEVER},
        pickle.BUILD[0]: _build,
        pickle.EMPTY_DICT[0]: _empty_dict,
        pickle.DICT[0]: _filled_dict,
    }


def unpickle(content: bytes, where: str) -> dict[str, object]:
    """The dict that a pickle of Python 2 or 3 holds; arrays in it are uint8."""
    try:
        found = _Unpickler(content, where).load()
    except DataError:
        raise
    # A broken pickle runs into whatever its operations stumble over: IndexError, KeyError, TypeError, ...
    except Exception as error:
        hint = "The file is truncated or damaged; unpack the archive again."
        raise refuse(where, "a whole pickle", f"{type(error).__name__} while reading", hint) from error
    if not isinstance(found, _Named):
        raise refuse(where, "a pickled dict with names as keys", type(found).__name__, NO_CIFAR)
    named = {}
    for key, value in found.items():
        if not isinstance(key, bytes | str):
            raise refuse(where, "a pickled dict with names as keys", f"the key {key!r:.20}", NO_CIFAR)
        named[_text(key)] = _array(value, where) if isinstance(value, Parts) else value
    return named


def _array(parts: Parts, where: str) -> NDArray[np.uint8]:
    """The array that parts describe, if they fit together."""
    match parts.state:
        case (int(), tuple(shape), Parts((str() | bytes() as code, *_)), int(fortran), bytes(content)):
            pass
        case _:
            raise refuse(where, "arrays of unsigned bytes", "an array of something else", NO_CIFAR)
    if _text(code) not in {"u1", "|u1", "uint8"}:
        raise refuse(where, "arrays of unsigned bytes (u1)", f"an array of {_text(code):.20}", NO_CIFAR)
    if len(shape) > 4 or not all(type(side) is int and 0 <= side < 2**31 for side in shape):
        raise refuse(where, "arrays of at most 4 dimensions below 2^31", "another shape", NO_CIFAR)
    if math.prod(shape) != len(content):
        raise refuse(where, f"as many bytes as an array of shape {shape} has", f"{len(content)}", NO_CIFAR)
    return np.frombuffer(content, np.uint8).reshape(shape, order="F" if fortran else "C")


def _text(name: bytes | str) -> str:
    """A name, whether it was pickled by Python 2 or 3."""
    return name.decode("latin1") if isinstance(name, bytes) else name
