"""How files of images are opened, what they have to hold, and how they are refused where they do not.

Files come from strangers: only regular files are opened, sizes are checked before memory is taken, labels
before they index anything. A refusal names the file by its absolute path.
"""

import math
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dnsearch import environment
from dnsearch.errors import DataError, Problem

MOST = (4096, 4096, 64)
"""Height, width and channels."""
MAX_CLASSES = 100_000
IGNORED = -1
"""The label of pixels that do not count, whatever number they have in a file."""


def refuse(where: Path | str, expected: str, found: str = "", hint: str = "") -> DataError:
    """An error to raise; a path is made absolute.

    >>> print(refuse("data.classes", "10 classes", "12", "Correct it."))
    data.classes
      expected 10 classes, found 12
      Correct it.
    """
    place = str(where.absolute()) if isinstance(where, Path) else where
    return DataError(str(Problem(place, expected, found, hint)))


@contextmanager
def reading(
    path: Path, expected: str, hint: str = "", most_bytes: int | None = None
) -> Iterator[BufferedReader]:
    """Open an input file for a block that reads it; what goes wrong in the block is refused as well.

    Args:
        path: the file; a symbolic link is followed.
        expected: what the file should be, for the refusal.
        hint: how to get such a file.
        most_bytes: larger files are refused unread.

    Raises:
        DataError: the file is missing, broken, too large, or a folder, pipe, socket or device.
    """
    try:
        with open(path, "rb", opener=_without_waiting) as stream:
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise refuse(path, "a regular file", "a folder, pipe, socket or device")
            if most_bytes is not None and status.st_size > most_bytes:
                raise refuse(path, f"at most {most_bytes:,} bytes", f"{status.st_size:,}", hint)
            yield stream
    except (DataError, MemoryError):
        raise
    except OSError as error:
        raise refuse(path, expected, error.strerror or str(error), hint) from error
    # A broken file runs into whatever its decoder stumbles over: zlib.error, IndexError, RecursionError, ...
    except Exception as error:
        raise refuse(path, expected, f"{str(error) or type(error).__name__:.200}", hint) from error


def _without_waiting(path: str, flags: int) -> int:
    """Open as ``open`` does; a pipe that nobody writes to is opened, too, and can then be refused."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def images_shape(
    shape: tuple[int, ...], dtype: np.dtype[Any], where: Path | str
) -> tuple[int, int, int, int]:
    """The shape of all images, (n, height, width, channels), from an array's header.

    >>> images_shape((5, 28, 28), np.dtype(np.uint8), "x_train")
    (5, 28, 28, 1)

    Raises:
        DataError: neither uint8 nor float, neither 3 nor 4 dimensions, or a side is absurd.
    """
    if dtype != np.uint8 and dtype.kind != "f":
        hint = "Save pixels from 0 to 255 with .astype('uint8'), others with .astype('float32')."
        raise refuse(where, "dtype uint8 or float", str(dtype), hint)
    match shape:
        case (count, height, width):
            whole = (count, height, width, 1)
        case (count, height, width, channels):
            whole = (count, height, width, channels)
        case _:
            expected = "shape (n, height, width) or (n, height, width, channels)"
            raise refuse(where, expected, str(shape))
    count, *sides = whole
    if not all(1 <= side <= most for side, most in zip(sides, MOST, strict=True)) or count < 1:
        expected = "at least one image, of at most {}x{}x{}".format(*MOST)
        raise refuse(where, expected, "{} images of {}x{}x{}".format(*whole))
    return whole


def check_memory(wanted: int, where: Path | str) -> None:
    """Check that so many bytes fit into the free memory, before they are read.

    Raises:
        DataError: they do not.
    """
    free = environment.free_memory_bytes()
    if wanted > free:
        expected = f"at most {free / 2**30:,.1f} GiB of pixels, the memory that is free"
        hint = "Use fewer or smaller images, or image files: source folder and csv read them batch by batch."
        raise refuse(where, expected, f"{wanted / 2**30:,.1f} GiB", hint)


def checked_labels(
    labels: NDArray[Any], shape: tuple[int, ...], where: Path | str, ignore_label: int | None = None
) -> NDArray[np.int32]:
    """Labels or masks as int32, with IGNORED where a pixel does not count; a last dimension of 1 is accepted.

    >>> checked_labels(np.array([[3.0], [1.0]]), (2,), "y_train")
    array([3, 1], dtype=int32)
    >>> checked_labels(np.array([[[[0], [255]]]]), (1, 1, 2), "y_train", 255)
    array([[[ 0, -1]]], dtype=int32)

    Args:
        labels: the numbers.
        shape: (n,) for a label of each image, (n, height, width) for masks.
        where: for the refusal.
        ignore_label: the number of pixels that do not count.

    Raises:
        DataError: not one whole number from 0 to MAX_CLASSES - 1 per image or pixel.
    """
    masks = len(shape) > 1
    if labels.shape not in {shape, (*shape, 1)}:
        expected = (
            f"masks of the images' size, {list(shape)}"
            if masks
            else f"one label for each of {shape[0]} images"
        )
        raise refuse(where, expected, f"{'masks' if masks else 'labels'} of shape {labels.shape}")
    if labels.dtype.kind not in "biuf":
        raise refuse(where, "labels that are numbers", f"dtype {labels.dtype}")
    flat = labels.reshape(-1)
    counted = np.ones(flat.shape, bool) if ignore_label is None else flat != ignore_label
    wrong = counted & ~((flat >= 0) & (flat < MAX_CLASSES) & (np.floor(flat) == flat))  # also true for NaN
    if wrong.any():
        position = int(np.argmax(wrong))
        found = f"{flat[position]} for {'a pixel' if masks else f'image {position}'}"
        hint = "Number the classes 0, 1, 2 and so on."
        raise refuse(where, f"whole labels from 0 to {MAX_CLASSES - 1}", found, hint)
    numbers = np.full(flat.shape, IGNORED, np.int32)
    numbers[counted] = flat[counted]
    return numbers.reshape(shape)


def check_range(labels: NDArray[np.int32], classes: int, where: Path | str) -> None:
    """Check that every label is below the number of classes; IGNORED is.

    Raises:
        DataError: a label is too large.
    """
    if len(labels) and labels.max() >= classes:
        image = int(np.argmax(labels)) // math.prod(labels.shape[1:])
        hint = "" if labels.ndim == 1 else "Name more classes, or set data.ignore_label."
        which = f" for image {image}" if len(labels) > 1 else ""
        raise refuse(where, f"labels from 0 to {classes - 1}", f"{labels.max()}{which}", hint)


def count_classes(labels: NDArray[np.int32], where: Path | str) -> int:
    """The largest label plus one.

    Raises:
        DataError: there is only one class.
    """
    classes = int(labels.max()) + 1
    if classes < 2:
        raise refuse(where, "at least 2 classes", "label 0 alone", "There is nothing to tell apart.")
    return classes
