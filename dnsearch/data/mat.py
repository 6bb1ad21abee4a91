"""Arrays of bytes in MATLAB's MAT-files of version 5, and nothing else that such files can hold.

A file is a header of 128 bytes and a row of elements, each a tag (type and number of bytes) and its
content. An array is an element of type 14 made of four others: flags with its class, dimensions, name and
values; it may be wrapped into an element of type 15, compressed by zlib. MATLAB stores whole numbers as
bytes where they fit, also those of an array of class double. Cells, structures, objects and functions are
refused by their class, sizes before memory is asked for: no more is unpacked than an array's own
dimensions promise.

Source: MathWorks, "MAT-File Format", R2024b, chapter 1, level 5 MAT-files.
"""

import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from dnsearch.data.checks import check_size, refuse
from dnsearch.errors import DataError

HEADER_BYTES = 128
INT8, UINT8, INT32, UINT32, MATRIX, COMPRESSED = 1, 2, 5, 6, 14, 15
"""Types of elements."""
NUMBERS = range(6, 16)
"""Classes of arrays: double, single and the eight kinds of whole numbers."""
COMPLEX = 0x0800
MAX_NAME, MAX_DIMENSIONS = 64, 8
CHUNK_BYTES = 2**20


class Readable(Protocol):
    """Where bytes come from."""

    def read(self, size: int, /) -> bytes:
        """At most so many bytes."""


class _Unpacked:
    """The bytes of a compressed element, unpacked no further than they are asked for."""

    def __init__(self, stream: BinaryIO, packed: int) -> None:
        self._stream, self._packed = stream, packed
        self._unpacker = zlib.decompressobj()

    def read(self, size: int) -> bytes:
        pieces: list[bytes] = []
        while size and not self._unpacker.eof:
            source = self._unpacker.unconsumed_tail or self._more()
            piece = self._unpacker.decompress(source, size)
            if not source and not piece:
                break
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)

    def _more(self) -> bytes:
        content = self._stream.read(min(CHUNK_BYTES, self._packed))
        self._packed -= len(content)
        return content


def arrays(path: Path, names: tuple[str, ...]) -> dict[str, NDArray[np.uint8]]:
    """The arrays of a file.

    Args:
        path: a MAT-file of version 5 (MATLAB's ``-v6`` and ``-v7``).
        names: the arrays that must be there, and no others.

    Raises:
        DataError: the file is missing or broken, holds something else, or wants too much memory.
    """
    try:
        with path.open("rb") as stream:
            found = dict(_elements(stream, path, names))
    except DataError:
        raise
    except (OSError, zlib.error, struct.error, ValueError) as error:
        raise refuse(path, "a whole MAT-file of version 5", str(error), "Get the file again.") from error
    missing = [name for name in names if name not in found]
    if missing:
        raise refuse(path, f"the arrays {', '.join(names)}", f"no {', no '.join(missing)}")
    return found


def _elements(
    stream: BinaryIO, path: Path, names: tuple[str, ...]
) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    header = stream.read(HEADER_BYTES)
    if len(header) < HEADER_BYTES or header[124:] != b"\x00\x01IM":
        raise refuse(path, "a MAT-file of version 5, little-endian", "another beginning")
    seen: set[str] = set()
    while tag := stream.read(8):
        kind, size = struct.unpack("<II", tag)
        end = stream.tell() + size
        source: Readable = stream
        if kind == COMPRESSED:
            source = _Unpacked(stream, size)
            kind, _ = struct.unpack("<II", source.read(8))
        if kind != MATRIX:
            raise refuse(path, "arrays alone", f"an element of type {kind}")
        name, array = _array(source, path, names)
        if name in seen:
            raise refuse(path, f"the array {name} once", "it again")
        seen.add(name)
        yield name, array
        stream.seek(end)


def _array(source: Readable, path: Path, names: tuple[str, ...]) -> tuple[str, NDArray[np.uint8]]:
    flags = struct.unpack("<II", _small(source, UINT32, 8))[0]
    if flags & 0xFF not in NUMBERS or flags & COMPLEX:
        raise refuse(path, "arrays of plain numbers", f"an array of class {flags & 0xFF}", "Do not use it.")
    dimensions = _small(source, INT32, 4 * MAX_DIMENSIONS)
    shape = struct.unpack(f"<{len(dimensions) // 4}i", dimensions)
    name = _small(source, INT8, MAX_NAME).decode("latin1")
    where = f"{path.absolute()}, {name:.40}"
    if name not in names:
        raise refuse(path, f"the arrays {', '.join(names)} alone", f"{name:.40}", "Do not use it.")
    kind, size, inside = _tag(source)
    if kind != UINT8:
        raise refuse(where, "unsigned bytes", f"values of type {kind}")
    if min(shape, default=0) < 1 or math.prod(shape) != size:
        raise refuse(where, f"as many bytes as an array of shape {shape} has", f"{size}")
    check_size((size, 1, 1, 1), 1, path)
    values = bytearray(inside)
    while len(values) < size:
        chunk = source.read(min(CHUNK_BYTES, size - len(values)))
        if not chunk:
            raise ValueError(f"it ends after {len(values)} of the {size} bytes of {name}")
        values += chunk
    return name, np.frombuffer(values, np.uint8, size).reshape(shape, order="F")


def _tag(source: Readable) -> tuple[int, int, bytes]:
    """Type and size of the next element, and its content where that is so short that the tag holds it."""
    tag = source.read(8)
    kind, size = struct.unpack("<II", tag)
    return (kind & 0xFFFF, kind >> 16, tag[4:]) if kind >> 16 else (kind, size, b"")


def _small(source: Readable, kind: int, limit: int) -> bytes:
    """The content of an element that is known to be short; it is padded to multiples of 8 bytes."""
    found, size, content = _tag(source)
    if found != kind or size > limit:
        raise ValueError(f"an element of type {found} with {size} bytes where one of type {kind} belongs")
    content = content or source.read(-(-size // 8) * 8)
    if len(content) < size:
        raise ValueError(f"it ends within an element of {size} bytes")
    return content[:size]
