"""MNIST, Fashion-MNIST and whatever else comes in the IDX format.

An IDX file is a magic number (0, 0, 8 for unsigned bytes, the number of dimensions), the dimensions as
big-endian 32-bit numbers, and the bytes. It may be gzipped: then no more is unpacked than its own header
promises.
"""

import gzip
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from dnsearch.data.data_checks import check_memory, checked_labels, count_classes, images_shape
from dnsearch.data.data_files import reading, refuse
from dnsearch.data.dataset import Original, Split, check_alike
from dnsearch.spec.data_section import Data, Facts

IMAGES, LABELS = 3, 1  # dimensions, which are in the files' names
HINT = (
    "Put the four files of MNIST (yann.lecun.com/exdb/mnist) or Fashion-MNIST "
    "(github.com/zalandoresearch/fashion-mnist) there, gzipped or not, or set data.path to where they are."
)
AGAIN = "Get the file again."


def facts(data: Data) -> Facts:
    """From the spec, else from the header of the images and the labels."""
    folder = Path(data.location)
    shape, classes = data.image_shape, data.classes
    if shape is None:
        with _opened(_found(folder, "train", IMAGES), IMAGES) as (_, (_, height, width)):
            shape = (height, width, 1)
    if classes is None:
        path = _found(folder, "train", LABELS)
        labels = _array(path, LABELS)
        classes = count_classes(checked_labels(labels, labels.shape, path), path)
    return Facts(shape, classes)


def read(data: Data) -> Original:
    """The images of a folder; those called ``t10k`` are the test images, if there are any."""
    folder = Path(data.location)
    training, test = _split(folder, "train"), None
    classes = count_classes(training.labels, _found(folder, "train", LABELS))
    if any((folder / name).exists() for kind in (IMAGES, LABELS) for name in _names("t10k", kind)):
        test = _split(folder, "t10k")
        check_alike(test, training, classes, *(_found(folder, "t10k", kind) for kind in (IMAGES, LABELS)))
    return Original(training, test, tuple(map(str, range(classes))), 255)


def _split(folder: Path, part: str) -> Split:
    images = _array(_found(folder, part, IMAGES), IMAGES)
    path = _found(folder, part, LABELS)
    return Split(images[..., np.newaxis], checked_labels(_array(path, LABELS), (len(images),), path))


def _names(part: str, kind: int) -> list[str]:
    what = "images" if kind == IMAGES else "labels"
    return [f"{part}-{what}{mark}idx{kind}-ubyte{ending}" for mark in "-." for ending in ("", ".gz")]


def _found(folder: Path, part: str, kind: int) -> Path:
    names = _names(part, kind)
    if found := [folder / name for name in names if (folder / name).exists()]:
        return found[0]
    raise refuse(folder, f"a folder with {' or '.join(names)}", "no such file", HINT)


@contextmanager
def _opened(path: Path, kind: int) -> Iterator[tuple[BinaryIO, tuple[int, ...]]]:
    """The bytes after a file's header, and the dimensions in it, checked before anything else is read."""
    with reading(path, "an IDX file that can be read", AGAIN) as stream:
        unpacked = cast(BinaryIO, gzip.GzipFile(fileobj=stream)) if path.suffix == ".gz" else stream
        size, magic = 4 + 4 * kind, bytes((0, 0, 8, kind))
        raw = unpacked.read(size)
        if raw[:4] != magic:
            found = raw[:4].hex(" ") or "an empty file"
            hint = "Images have 3 dimensions and labels 1; perhaps the two files have changed places."
            raise refuse(path, f"the magic number {magic.hex(' ')}", found, hint)
        if len(raw) < size:
            raise refuse(path, f"a header of {size} bytes", f"{len(raw)}", "The file is truncated.")
        shape = tuple(np.frombuffer(raw, ">u4", offset=4).tolist())
        if kind == IMAGES:
            images_shape(shape, np.dtype(np.uint8), path)
        check_memory(math.prod(shape), path)
        yield unpacked, shape


def _array(path: Path, kind: int) -> NDArray[np.uint8]:
    """The bytes of a file: as many as its header promises, neither fewer nor more."""
    with _opened(path, kind) as (stream, shape):
        size = math.prod(shape)
        content = bytearray()  # it grows as the file comes: a header may promise more than there is
        while len(content) <= size and (part := stream.read(min(2**20, size + 1 - len(content)))):
            content += part
        if len(content) != size:
            found = f"{len(content)}; the file is truncated" if len(content) < size else "more"
            raise refuse(path, f"{size} bytes after the header", found, AGAIN)
    return np.frombuffer(content, np.uint8).reshape(shape)
