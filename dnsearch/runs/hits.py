"""Which images a run's network got right, one bit each: what makes a comparison of two runs a paired one.

``hits.npz`` is a file that NumPy reads too, and here it is read without it, since the leaderboard needs none.
It has two arrays for each part, such as ``last`` (uint8, the packed bits) and ``last_of`` (int64, how many
images, and a CRC-32 of them all).
"""

import io
import math
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dnsearch import input_files
from dnsearch.runs.atomic import atomic_write

Part = Literal["last", "best", "test"]
"""The validation images with the last epoch's weights or the best one's; the test images with those kept."""
PARTS: tuple[Part, ...] = ("last", "best", "test")
MAGIC, MOST_BYTES = b"\x93NUMPY\x01\x00", 2**26


@dataclass(frozen=True, slots=True)
class Hits:
    """Which images were right.

    Args:
        bits: one for each image, packed as ``numpy.packbits`` does, the last byte filled up with zeros.
        examples: how many images.
        images: the CRC-32 of the images and their labels; pairs are made of the same images alone.
    """

    bits: bytes
    examples: int
    images: int

    @property
    def right(self) -> int:
        """How many images were right."""
        return int.from_bytes(self.bits).bit_count()


def write_hits(path: Path, hits: Mapping[Part, Hits]) -> None:
    """Replace a run's hits."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for part, each in hits.items():
            archive.writestr(f"{part}.npy", _array("|u1", each.bits))
            archive.writestr(f"{part}_of.npy", _array("<i8", struct.pack("<2q", each.examples, each.images)))
    atomic_write(path, file.getvalue())


def read_hits(path: Path) -> dict[Part, Hits]:
    """A run's hits; none of a run of an earlier version, of pixels, or where the file is damaged.

    What goes without is only less sure: the comparison is then not a paired one.
    """
    try:
        with input_files.opened(path) as file, zipfile.ZipFile(file) as archive:
            return {part: _hits(archive, part) for part in PARTS if f"{part}.npy" in archive.namelist()}
    except (OSError, ValueError, LookupError, EOFError, RuntimeError, struct.error, zipfile.BadZipFile):
        return {}


def _array(kind: str, content: bytes) -> bytes:
    """An array of one axis in NumPy's format 1.0."""
    count = len(content) // int(kind[-1])
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': ({count},), }}"
    length = 64 * math.ceil((len(header) + 11) / 64) - 10
    return MAGIC + struct.pack("<H", length) + f"{header:<{length - 1}}\n".encode() + content


def _content(archive: zipfile.ZipFile, name: str) -> bytes:
    about = archive.getinfo(f"{name}.npy")
    if about.compress_type != zipfile.ZIP_STORED or about.file_size > MOST_BYTES:
        raise ValueError(f"{name}, compressed or too large")
    content = archive.read(about)
    if not content.startswith(MAGIC):
        raise ValueError(f"{name} in another format")
    (length,) = struct.unpack_from("<H", content, len(MAGIC))
    return content[len(MAGIC) + 2 + length :]


def _hits(archive: zipfile.ZipFile, part: Part) -> Hits:
    bits, (examples, images) = _content(archive, part), struct.unpack("<2q", _content(archive, f"{part}_of"))
    if len(bits) != math.ceil(examples / 8):
        raise ValueError(f"{len(bits)} bytes for {examples} images")
    return Hits(bits, examples, images)
