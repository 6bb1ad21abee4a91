"""A NumPy archive with the arrays x_train, y_train and, if they are there, those of validation and test.

Images are (n, height, width, channels), or (n, height, width) for one channel, uint8 or float. Labels are
(n,), or masks: (n, height, width), a class number for every pixel. Object arrays are pickles in disguise
and are never loaded. Headers are checked, also against the sizes that the archive states, before an array is
read.

Arrays in memory are checked by the same rules. ``from_arrays`` makes a dataset of them; ``save_arrays``
writes them once, so that other processes and later commands can read them; ``of_arrays`` is that section.
"""

import hashlib
import math
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from dnsearch.data.data_checks import (
    check_memory,
    check_range,
    checked_labels,
    count_classes,
    images_shape,
    refuse,
)
from dnsearch.data.dataset import Dataset, Images, Labels, Original, Split
from dnsearch.data.split import prepared
from dnsearch.spec.data_section import Data, Facts

SAVE = "Save it with numpy.savez(path, x_train=..., y_train=..., x_test=..., y_test=...)."
OBJECTS = "Objects are never loaded; save numbers."
ARRAYS = tuple(f"{kind}_{part}" for part in ("train", "validation", "test") for kind in "xy")

Array = NDArray[Any]
Pair = tuple[Array, Array]
"""Images and their labels or masks."""
Header = tuple[tuple[int, ...], np.dtype[Any]]
"""Shape and type."""


def facts(data: Data) -> Facts:
    """From the spec and the headers; labels are read where the spec does not count the classes.

    Raises:
        DataError: an array is missing or does not hold what it should.
    """
    path = Path(data.location)
    if data.image_shape is not None and data.class_count is not None and not path.is_file():
        return Facts(data.image_shape, data.class_count, None)
    with _opened(path) as archive:
        with _member(archive, path, "x_train") as (_, header):
            shape = images_shape(*header, f"{path.absolute()}, x_train")
        with _member(archive, path, "y_train") as (_, header):
            masks, classes = len(header[0]) > 2, data.class_count
        if classes is None:
            where = f"{path.absolute()}, y_train"
            labels = _labels(_array(archive, path, "y_train"), shape, where, data.ignore_label)
            classes = count_classes(labels, where)
    return Facts(data.image_shape or shape[1:], classes, masks)


def read(data: Data) -> Original:
    """All images of an archive.

    Raises:
        DataError: an array is missing, broken, unsafe or does not fit the others.
    """
    path = Path(data.location)
    with _opened(path) as archive:
        names = archive.namelist()
        parts = {"train", *(name.split("_")[1] for name in ARRAYS if f"{name}.npy" in names)}
        wanted = [name for name in ARRAYS if name.split("_")[1] in parts]
        arrays = {name: _array(archive, path, name) for name in wanted}
    return _original(arrays, data, f"{path.absolute()}, ")


def from_arrays(
    x: Array, y: Array, validation: Pair | None = None, test: Pair | None = None, *, data: Data
) -> Dataset:
    """A dataset of arrays in memory.

    >>> x, y = np.zeros((20, 8, 8), np.uint8), np.arange(20) % 2
    >>> dataset = from_arrays(x, y, data=of_arrays(Data(source="digits"), "arrays.npz"))
    >>> len(dataset.training), len(dataset.validation), dataset.image_shape, dataset.class_names
    (18, 2, (8, 8, 1), ('0', '1'))

    Args:
        x: (n, height, width) or (n, height, width, channels), uint8 or float.
        y: (n,) whole numbers, or masks (n, height, width).
        validation: images and labels to choose by; None: held out as ``data.validation_fraction`` says.
        test: images and labels for the final evaluation.
        data: the section with split, scaling and ``ignore_label``, of source npz.

    Raises:
        DataError: the arrays have other shapes or types, or do not fit each other or the section.
    """
    return prepared(_original(_named(x, y, validation, test), data, ""), data)


def facts_of_arrays(x: Array, y: Array, *, data: Data) -> Facts:
    """The facts of arrays in memory.

    Raises:
        DataError: the arrays have other shapes or types than images and labels.
    """
    images, labels = _named(x, y, None, None).values()
    shape = images_shape(images.shape, images.dtype, "x_train")
    found = _labels(labels, shape, "y_train", data.ignore_label)
    return Facts(shape[1:], data.class_count or count_classes(found, "y_train"), found.ndim == 3)


def save_arrays(
    folder: Path, x: Array, y: Array, validation: Pair | None = None, test: Pair | None = None
) -> Path:
    """Write arrays as an archive that ``read`` reads, unless it is there already; its path.

    The name has a hash of the content, so a spec that names the file is another one for other arrays.
    """
    arrays, digest = _named(x, y, validation, test), hashlib.sha256()
    for name, array in arrays.items():
        digest.update(f"{name} {array.dtype} {array.shape} ".encode())
        digest.update(np.ascontiguousarray(array).data)
    path = folder / f"arrays-{digest.hexdigest()[:16]}.npz"
    if not path.is_file():
        unfinished = path.with_suffix(".unfinished")
        with unfinished.open("wb") as stream:
            np.savez(stream, allow_pickle=False, **arrays)
        unfinished.replace(path)
    return path


def of_arrays(data: Data, path: Path | str) -> Data:
    """The section of arrays saved at a path: split, scaling and limits of another section.

    >>> of_arrays(Data(source="digits", split_seed=3), "arrays.npz").split_seed
    3
    """
    kept = data.model_dump(exclude={"source", "path", "verify", "resize"})
    return Data(source="npz", path=str(path), **kept)


def _named(x: Array, y: Array, validation: Pair | None, test: Pair | None) -> dict[str, Array]:
    named = {}
    for part, pair in (("train", (x, y)), ("validation", validation), ("test", test)):
        for kind, array in zip("xy", pair or (), strict=False):
            named[f"{kind}_{part}"] = np.asarray(array)
    for name, array in named.items():
        if array.dtype.hasobject:
            raise refuse(name, "an array of numbers", "Python objects", OBJECTS)
    return named


def _original(arrays: Mapping[str, Array], data: Data, prefix: str) -> Original:
    """The source that checked arrays are."""
    training = _split(arrays, "train", data.ignore_label, prefix)
    where = f"{prefix}y_train"
    if training.labels.ndim == 3 and data.class_count is not None:
        check_range(training.labels, data.class_count, where)
        classes = data.class_count  # masks may lack some of them
    else:
        classes = count_classes(training.labels, where)
    names = data.class_names or tuple(map(str, range(classes)))
    if len(names) != classes:
        expected = f"{classes} names, one for each class of the labels"
        raise refuse("data.class_names", expected, str(len(names)))
    others = {}
    for part in ("validation", "test"):
        if f"x_{part}" in arrays:
            others[part] = _split(arrays, part, data.ignore_label, prefix)
            _check_alike(others[part], training, classes, part, prefix)
    limit = 255 if training.images.dtype == np.uint8 else None
    return Original(training, others.get("test"), names, limit, others.get("validation"))


def _split(arrays: Mapping[str, Array], part: str, ignore_label: int | None, prefix: str) -> Split:
    images, labels = arrays[f"x_{part}"], arrays[f"y_{part}"]
    shape = images_shape(images.shape, images.dtype, f"{prefix}x_{part}")
    return Split(
        _pixels(images.reshape(shape), f"{prefix}x_{part}"),
        _labels(labels, shape, f"{prefix}y_{part}", ignore_label),
    )


def _check_alike(split: Split, training: Split, classes: int, part: str, prefix: str) -> None:
    where = f"{prefix}y_{part}"
    if split.labels.ndim != training.labels.ndim:
        raise refuse(where, "labels like those of y_train", f"shape {split.labels.shape}")
    check_range(split.labels, classes, where)
    ours, theirs = (f"{list(each.images.shape[1:])} {each.images.dtype}" for each in (split, training))
    if ours != theirs:
        raise refuse(f"{prefix}x_{part}", f"images like those of x_train, {theirs}", ours)


def _labels(labels: Array, shape: tuple[int, int, int, int], where: str, ignore_label: int | None) -> Labels:
    """One label per image, or per pixel where there are more than two dimensions."""
    if labels.ndim > 2:
        return checked_labels(labels, shape[:3], where, ignore_label)
    if ignore_label is not None:
        expected = "no data.ignore_label, since y_train has one label per image"
        raise refuse(where, expected, str(ignore_label), "Remove data.ignore_label.")
    return checked_labels(labels, shape[:1], where)


def _pixels(images: Array, where: str) -> Images:
    """The images as they are kept: uint8 or float32, in C order."""
    if images.dtype == np.uint8:
        return np.ascontiguousarray(images)
    with np.errstate(over="ignore"):  # float64 beyond float32 becomes infinite, and is refused just below
        pixels = np.ascontiguousarray(images.astype(np.float32, copy=False))
    if not np.isfinite(pixels).all():
        raise refuse(where, "finite numbers", "NaN or infinity (in float32)")
    return pixels


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
def _member(archive: zipfile.ZipFile, path: Path, name: str) -> Iterator[tuple[IO[bytes], Header]]:
    """An array still to be read, and its header: of numbers, and as large as the archive states."""
    if f"{name}.npy" not in archive.namelist():
        there = ", ".join(sorted(entry.removesuffix(".npy") for entry in archive.namelist())) or "nothing"
        raise refuse(path, f"an array {name}", f"{there:.100}", SAVE)
    where = f"{path.absolute()}, {name}"
    with archive.open(f"{name}.npy") as stream:
        shape, dtype = _header(stream)
        if dtype.hasobject:
            raise refuse(where, "an array of numbers", "Python objects", OBJECTS)
        expected = stream.tell() + math.prod(shape) * dtype.itemsize
        if (found := archive.getinfo(f"{name}.npy").file_size) != expected:
            hint = "Save the archive again."
            raise refuse(where, f"{expected} bytes, as its header says", str(found), hint)
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
    """An array of numbers that fits into the free memory; images have images' shape and type."""
    where = f"{path.absolute()}, {name}"
    with _member(archive, path, name) as (stream, (shape, dtype)):
        if name.startswith("x"):
            images_shape(shape, dtype, where)
        check_memory(math.prod(shape) * dtype.itemsize, where)
        array: Array = npy.read_array(stream, allow_pickle=False)
    return array
