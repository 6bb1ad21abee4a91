"""A NumPy archive with the arrays x_train, y_train and, if they are there, those of validation and test.

Images are (n, height, width, channels), or (n, height, width) for one channel, uint8 or float. Labels are
(n,), or masks: (n, height, width), a class number for every pixel. Object arrays are pickles in disguise
and are never loaded.
"""

import hashlib
import math
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from dnsearch.data.data_checks import check_memory, check_range, checked_labels, count_classes, images_shape
from dnsearch.data.data_files import reading, refuse
from dnsearch.data.dataset import Labels, Original, Split, check_alike
from dnsearch.spec.data_section import Data, Facts

SAVE = "Save it with numpy.savez(path, x_train=..., y_train=..., x_test=..., y_test=...)."
OBJECTS = "Objects are never loaded; save numbers."

Array = NDArray[Any]
Header = tuple[tuple[int, ...], np.dtype[Any]]


def facts(data: Data) -> Facts:
    """From the spec and the headers; labels are read where the spec does not count the classes."""
    path, classes = Path(data.location), data.class_count
    if data.image_shape is not None and classes is not None and not path.exists():
        return Facts(data.image_shape, classes, None)
    where = f"{path.absolute()}, "
    with _opened(path) as archive:
        with _member(archive, path, "x_train") as (_, header):
            shape = images_shape(*header, f"{where}x_train")
        with _member(archive, path, "y_train") as (_, header):
            masks = len(header[0]) > 2
        if classes is None:
            labels = _labels(_array(archive, path, "y_train"), shape, f"{where}y_train", data.ignore_label)
            classes = count_classes(labels, f"{where}y_train")
    return Facts(data.image_shape or shape[1:], classes, masks)


def read(data: Data) -> Original:
    """All images of an archive."""
    path = Path(data.location)
    where = f"{path.absolute()}, "
    with _opened(path) as archive:
        there = archive.namelist()
        parts = {
            part: _split(archive, path, part, data.ignore_label)
            for part in ("train", "validation", "test")
            if part == "train" or f"x_{part}.npy" in there or f"y_{part}.npy" in there
        }
    training = parts.pop("train")
    if training.labels.ndim == 3 and data.class_count is not None:
        classes = data.class_count  # masks may lack some of them
        check_range(training.labels, classes, f"{where}y_train")
    else:
        classes = count_classes(training.labels, f"{where}y_train")
    names = data.class_names or tuple(map(str, range(classes)))
    if len(names) != classes:
        expected = f"{classes} names, one for each class of the labels"
        raise refuse("data.class_names", expected, str(len(names)))
    for part, split in parts.items():
        check_alike(split, training, classes, f"{where}x_{part}", f"{where}y_{part}")
    limit = 255 if training.images.dtype == np.uint8 else None
    return Original(training, parts.get("test"), names, limit, parts.get("validation"))


def save_arrays(folder: Path, x: Array, y: Array, validation: tuple[Array, Array] | None = None) -> Path:
    """Write arrays as an archive that ``read`` reads, unless it is there already; its path.

    The name has a hash of the content, so a spec that names the file is another one for other arrays.
    """
    arrays = {"x_train": np.asarray(x), "y_train": np.asarray(y)}
    if validation is not None:
        arrays |= zip(("x_validation", "y_validation"), map(np.asarray, validation), strict=True)
    digest = hashlib.sha256()
    for name, array in arrays.items():
        if array.dtype.hasobject:
            raise refuse(name, "an array of numbers", "Python objects", OBJECTS)
        digest.update(f"{name} {array.dtype} {array.shape} ".encode())
        digest.update(np.ascontiguousarray(array).data)
    path = folder / f"arrays-{digest.hexdigest()[:16]}.npz"
    if not path.is_file():
        unfinished = path.with_suffix(".unfinished")
        with unfinished.open("wb") as stream:
            np.savez(stream, allow_pickle=False, **arrays)
        unfinished.replace(path)
    return path


def _split(archive: zipfile.ZipFile, path: Path, part: str, ignore_label: int | None) -> Split:
    images, labels = (_array(archive, path, f"{kind}_{part}") for kind in "xy")
    of_images, of_labels = (f"{path.absolute()}, {kind}_{part}" for kind in "xy")
    shape = images_shape(images.shape, images.dtype, of_images)
    if images.dtype != np.uint8:
        with np.errstate(over="ignore"):  # float64 beyond float32 becomes infinite, and is refused just below
            images = images.astype(np.float32, copy=False)
        if not np.isfinite(images).all():
            raise refuse(of_images, "finite numbers", "NaN or infinity (in float32)")
    pixels = np.ascontiguousarray(images.reshape(shape))
    return Split(pixels, _labels(labels, shape, of_labels, ignore_label))


def _labels(labels: Array, shape: tuple[int, int, int, int], where: str, ignore_label: int | None) -> Labels:
    """One label per image, or per pixel where there are more than two dimensions."""
    if labels.ndim <= 2 and ignore_label is not None:
        expected = "no data.ignore_label, since y_train has one label per image"
        raise refuse(where, expected, str(ignore_label), "Remove data.ignore_label.")
    return checked_labels(labels, shape[: 3 if labels.ndim > 2 else 1], where, ignore_label)


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    if not path.exists():
        raise refuse(path, "a NumPy archive (.npz)", "no such file", f"{SAVE} Set data.path to that file.")
    expected = "a NumPy archive (.npz) that can be read"
    with reading(path, expected, SAVE) as stream, zipfile.ZipFile(stream) as archive:
        yield archive


@contextmanager
def _member(archive: zipfile.ZipFile, path: Path, name: str) -> Iterator[tuple[IO[bytes], Header]]:
    """An array still to be read, and its header: of numbers, and as large as the archive states."""
    if f"{name}.npy" not in archive.namelist():
        there = ", ".join(sorted(entry.removesuffix(".npy") for entry in archive.namelist())) or "nothing"
        raise refuse(path, f"an array {name}", f"{there:.100}", SAVE)
    where, info = f"{path.absolute()}, {name}", archive.getinfo(f"{name}.npy")
    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        # Python's readers of the other kinds unpack as much as there is, whatever they are asked for.
        found = f"compression of kind {info.compress_type}"
        raise refuse(where, "an array that is stored or deflated", found, SAVE)
    check_memory(info.file_size, where)
    with archive.open(info) as stream:
        shape, dtype = _header(stream)
        if dtype.hasobject:
            raise refuse(where, "an array of numbers", "Python objects", OBJECTS)
        if len(shape) > 8 or not all(type(side) is int and abs(side) < 2**31 for side in shape):
            raise refuse(where, "a shape of whole numbers below 2^31", "another shape")
        expected = stream.tell() + math.prod(shape) * dtype.itemsize
        if info.file_size != expected:
            hint = "Save the archive again."
            raise refuse(where, f"{expected} bytes, as its header says", str(info.file_size), hint)
        if name.startswith("x"):
            images_shape(shape, dtype, where)
        stream.seek(0)
        yield stream, (shape, dtype)


def _header(stream: IO[bytes]) -> Header:
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
    return shape, dtype


def _array(archive: zipfile.ZipFile, path: Path, name: str) -> Array:
    with _member(archive, path, name) as (stream, _):
        return np.asarray(npy.read_array(stream, allow_pickle=False))
