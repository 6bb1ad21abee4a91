"""SVHN's cropped digits: house numbers, 32x32 in colour (ufldl.stanford.edu/housenumbers).

Three MAT-files with an array ``X`` of shape (32, 32, 3, n) and one ``y`` of shape (n, 1), where 10 means
the digit 0. The files ``train`` and, where it is there, ``extra`` are learned from: 73,257 + 531,131
images, which are the 604,388 of the DenseNet paper; 26,032 are for the test.
"""

import math
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

from dnsearch import environment
from dnsearch.data.data_checks import check_memory, checked_labels, images_shape
from dnsearch.data.data_files import reading, refuse
from dnsearch.data.dataset import Original, Split, joined
from dnsearch.spec.data_section import Data

TRAIN, EXTRA, TEST = "train_32x32.mat", "extra_32x32.mat", "test_32x32.mat"
SIDES = (32, 32, 3)
HINT = "Get the files of format 2, cropped digits, from ufldl.stanford.edu/housenumbers."


def read(data: Data) -> Original:
    """All images of a folder."""
    folder = Path(data.location)
    if missing := [name for name in (TRAIN, TEST) if not (folder / name).exists()]:
        expected = f"a folder with {TRAIN}, {TEST} and, if wanted, {EXTRA}"
        raise refuse(folder, expected, f"no {', no '.join(missing)}", HINT)
    training = _split(folder / TRAIN)
    if (folder / EXTRA).exists():
        training = joined([training, _split(folder / EXTRA)])
    return Original(training, _split(folder / TEST), tuple(map(str, range(10))), 255)


def _split(path: Path) -> Split:
    matlab = environment.imported("scipy.io")
    with reading(path, "a whole MAT-file of version 5", "Get the file again.") as stream:
        _check({name: (shape, kind) for name, shape, kind in matlab.whosmat(stream)}, path)
        _check_kinds(stream)
        stream.seek(0)
        arrays = matlab.loadmat(stream, variable_names=("X", "y"))
    where = f"{path.absolute()}, y"
    labels = checked_labels(arrays["y"], arrays["X"].shape[3:], where)
    wrong = (labels < 1) | (labels > 10)
    if wrong.any():
        position = int(np.argmax(wrong))
        raise refuse(where, "labels from 1 to 10", f"{labels[position]} for image {position}", HINT)
    return Split(np.ascontiguousarray(arrays["X"].transpose(3, 0, 1, 2)), labels % 10)


def _check(headers: dict[str, tuple[tuple[int, ...], str]], path: Path) -> None:
    """Refuse other shapes and types before the arrays are read; SciPy calls float64 double."""
    if not {"X", "y"} <= headers.keys():
        raise refuse(path, "the arrays X and y", f"{', '.join(sorted(headers)):.100}" or "none", HINT)
    (shape, kind), (label_shape, label_kind) = headers["X"], headers["y"]
    if len(shape) != 4 or shape[:3] != SIDES or kind != "uint8":
        raise refuse(f"{path.absolute()}, X", "uint8 of shape (32, 32, 3, n)", f"{kind} of {shape}", HINT)
    if label_kind not in {"uint8", "double"}:
        raise refuse(f"{path.absolute()}, y", "labels that are numbers", label_kind, HINT)
    images_shape((shape[3], *SIDES), np.dtype(np.uint8), path)
    check_memory(math.prod(shape) + 8 * math.prod(label_shape), path)


PACKED = 15
COMPLEX = 0x800
NUMBERS = range(1, 10)
"""Of kinds of elements in a MAT-file (MathWorks, "MAT-File Format", version 5)."""


def _check_kinds(stream: BinaryIO) -> None:
    """Refuse kinds of numbers that no MAT-file has: SciPy would look them up beyond the end of its table."""
    stream.seek(126)
    order = "<" if stream.read(2) == b"IM" else ">"
    while len(tag := stream.read(8)) == 8:
        kind, size = struct.unpack(f"{order}2I", tag)
        following, content = stream.tell() + size, stream.read(min(size, 1024))
        if kind == PACKED:
            content = zlib.decompressobj().decompress(content, 1024)[8:]
        at, name = _element(content, _element(content, 16, order)[0], order)
        if name in {b"X", b"y"}:
            (flags,), (numbers,) = (struct.unpack_from(f"{order}I", content, place) for place in (8, at))
            if flags & COMPLEX or numbers & 0xFFFF not in NUMBERS:
                raise ValueError(f"{name.decode()} with numbers of kind {numbers & 0xFFFF}")
        stream.seek(following)


def _element(content: bytes, at: int, order: str) -> tuple[int, bytes]:
    """An element's end and what it holds; one of at most 4 bytes holds it beside its length."""
    kind, size = struct.unpack_from(f"{order}2I", content, at)
    if small := kind >> 16:
        return at + 8, content[at + 4 : at + 4 + small]
    return at + 8 + (size + 7) // 8 * 8, content[at + 8 : at + 8 + size]
