"""A NumPy archive with the arrays x_train, y_train and, if there are test images, x_test and y_test.

Images are (n, height, width, channels), or (n, height, width) for one channel, uint8 or float. Labels are
(n,), or masks: (n, height, width), a class number for every pixel. Object
arrays are pickles in disguise and are never loaded. The headers are read first and checked against the
sizes that the archive states.
"""

import math
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from dnsearch.data.checks import check_range, check_size, checked_labels, checked_masks, count_classes, refuse
from dnsearch.data.dataset import Images, Labels, Original, Split

SAVE = "Save it with numpy.savez(path, x_train=..., y_train=..., x_test=..., y_test=...)."


@dataclass(frozen=True, slots=True)
class Header:
    """What an array's header says."""

    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]


def read(path: Path, declared: int | None = None, ignore_label: int | None = None) -> Original:
    """All images of an archive.

    Args:
        path: the archive.
        declared: number of classes; masks may lack some of them. None: counted.
        ignore_label: the number of pixels that do not count.

    Raises:
        DataError: an array is missing, broken, unsafe or does not fit the others.
    """
    where = f"{path.absolute()}, y_train"
    with _opened(path) as archive:
        training = _split(archive, path, "train", ignore_label)
        if training.labels.ndim == 3 and declared is not None:
            check_range(training.labels, declared, where)
            classes = declared
        else:
            classes = count_classes(training.labels, where)
        test = _test(archive, path, training, classes, ignore_label)
    limit = 255 if training.images.dtype == np.uint8 else None
    return Original(training, test, tuple(map(str, range(classes))), limit)


def image_shape(path: Path) -> tuple[int, int, int]:
    """(height, width, channels), from the header of x_train alone.

    Raises:
        DataError: the array is missing or holds no images.
    """
    with _opened(path) as archive:
        _, height, width, channels = _image_shape(archive, path, "x_train")
    return height, width, channels


def classes(path: Path, ignore_label: int | None = None) -> int:
    """The largest label of y_train plus one; pixels that are ignored do not count.

    Raises:
        DataError: the array is missing or holds no labels.
    """
    where = f"{path.absolute()}, y_train"
    with _opened(path) as archive:
        shape = _image_shape(archive, path, "x_train")
        return count_classes(_labels(_array(archive, path, "y_train"), shape, where, ignore_label), where)


def has_masks(path: Path) -> bool:
    """Whether every pixel has a label, from the header of y_train alone.

    Raises:
        DataError: the array is missing.
    """
    with _opened(path) as archive:
        return len(_header(archive, path, "y_train").shape) > 2


def _test(
    archive: zipfile.ZipFile, path: Path, training: Split, classes: int, ignore_label: int | None
) -> Split | None:
    if not {"x_test.npy", "y_test.npy"} & set(archive.namelist()):
        return None
    test = _split(archive, path, "test", ignore_label)
    where = f"{path.absolute()}, y_test"
    if test.labels.ndim != training.labels.ndim:
        raise refuse(where, "labels like those of y_train", f"shape {test.labels.shape}")
    check_range(test.labels, classes, where)
    ours, theirs = (f"{list(part.images.shape[1:])} {part.images.dtype}" for part in (test, training))
    if ours != theirs:
        raise refuse(f"{path.absolute()}, x_test", f"images like those of x_train, {theirs}", ours)
    return test


def _split(archive: zipfile.ZipFile, path: Path, part: str, ignore_label: int | None) -> Split:
    shape = _image_shape(archive, path, f"x_{part}")
    images = _array(archive, path, f"x_{part}").reshape(shape)
    labels = _array(archive, path, f"y_{part}")
    return Split(
        _pixels(images, f"{path.absolute()}, x_{part}"),
        _labels(labels, shape, f"{path.absolute()}, y_{part}", ignore_label),
    )


def _labels(
    labels: NDArray[np.generic], shape: tuple[int, int, int, int], where: str, ignore_label: int | None
) -> Labels:
    """One label per image, or per pixel where there are more than two dimensions."""
    if labels.ndim > 2:
        return checked_masks(labels, shape[:3], where, ignore_label)
    if ignore_label is not None:
        expected = "no data.ignore_label, since y_train has one label per image"
        raise refuse(where, expected, str(ignore_label), "Remove data.ignore_label.")
    return checked_labels(labels, shape[0], where)


def _pixels(images: NDArray[np.generic], where: str) -> Images:
    """The images as they are kept: uint8 or float32, in C order."""
    if images.dtype == np.uint8:
        return np.ascontiguousarray(images.astype(np.uint8, copy=False))
    with np.errstate(over="ignore"):  # float64 beyond float32 becomes infinite, and is refused just below
        pixels = np.ascontiguousarray(images.astype(np.float32, copy=False))
    if not np.isfinite(pixels).all():
        raise refuse(where, "finite numbers", "NaN or infinity (in float32)")
    return pixels


def _image_shape(archive: zipfile.ZipFile, path: Path, name: str) -> tuple[int, int, int, int]:
    """(n, height, width, channels), checked."""
    header = _header(archive, path, name)
    where = f"{path.absolute()}, {name}"
    if header.dtype != np.uint8 and header.dtype.kind != "f":
        hint = f"For pixels from 0 to 255 save {name}.astype('uint8'), else {name}.astype('float32')."
        raise refuse(where, "dtype uint8 or float", str(header.dtype), hint)
    match header.shape:
        case (count, height, width):
            shape = (count, height, width, 1)
        case (count, height, width, channels):
            shape = (count, height, width, channels)
        case _:
            expected = "shape (n, height, width) or (n, height, width, channels)"
            raise refuse(where, expected, str(header.shape))
    check_size(shape, header.dtype.itemsize, path)
    return shape


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    if not path.is_file():
        raise refuse(path, "a NumPy archive (.npz)", "no such file", f"{SAVE} Set data.path to that file.")
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    # RuntimeError: an encrypted archive; NotImplementedError: a way of packing that Python does not know.
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError) as error:
        raise refuse(path, "a NumPy archive (.npz) that can be read", str(error), SAVE) from error


@contextmanager
def _member(archive: zipfile.ZipFile, path: Path, name: str) -> Iterator[IO[bytes]]:
    if f"{name}.npy" not in archive.namelist():
        there = ", ".join(sorted(entry.removesuffix(".npy") for entry in archive.namelist())) or "nothing"
        raise refuse(path, f"an array {name}", f"{there:.100}", SAVE)
    with archive.open(f"{name}.npy") as stream:
        yield stream


def _header(archive: zipfile.ZipFile, path: Path, name: str) -> Header:
    """The header of an array whose size is what the archive says it is."""
    with _member(archive, path, name) as stream:
        header = _read_header(stream)
        start = stream.tell()
    where = f"{path.absolute()}, {name}"
    if header.dtype.hasobject:
        raise refuse(
            where, "an array of numbers", "Python objects", "Objects are never loaded; save numbers."
        )
    expected = start + math.prod(header.shape) * header.dtype.itemsize
    found = archive.getinfo(f"{name}.npy").file_size
    if found != expected:
        raise refuse(where, f"{expected} bytes, as its header says", str(found), "Save the archive again.")
    return header


def _read_header(stream: IO[bytes]) -> Header:
    try:
        match npy.read_magic(stream):
            case (1, 0):
                shape, _, dtype = npy.read_array_header_1_0(stream)
            case (2, 0):
                shape, _, dtype = npy.read_array_header_2_0(stream)
            case version:
                raise ValueError(f"version {version} of the NPY format")
    # NumPy parses headers as Python literals; damaged ones raise what tokenizer, parser or dtype raise.
    except Exception as error:
        raise ValueError(f"a damaged header ({error})") from error
    return Header(shape, dtype)


def _array(archive: zipfile.ZipFile, path: Path, name: str) -> NDArray[np.generic]:
    """An array of numbers whose header was found sensible."""
    header = _header(archive, path, name)
    check_size((math.prod(header.shape), 1, 1, 1), header.dtype.itemsize, path)
    with _member(archive, path, name) as stream:
        array: NDArray[np.generic] = npy.read_array(stream, allow_pickle=False)
    return array
