"""What arrays of images and labels have to hold: checked before memory is taken or anything is indexed."""

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dnsearch import environment
from dnsearch.data.data_files import refuse

MOST = (4096, 4096, 64)  # height, width and channels
MAX_CLASSES = 100_000
IGNORED = -1  # the label of pixels that do not count, whatever number they have in a file


def images_shape(
    shape: tuple[int, ...], dtype: np.dtype[Any], where: Path | str
) -> tuple[int, int, int, int]:
    """The shape of all images, (n, height, width, channels), from an array's header.

    >>> images_shape((5, 28, 28), np.dtype(np.uint8), "x_train")
    (5, 28, 28, 1)
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
            raise refuse(where, "shape (n, height, width) or (n, height, width, channels)", str(shape))
    count, *sides = whole
    if not all(1 <= side <= most for side, most in zip(sides, MOST, strict=True)) or count < 1:
        expected = "at least one image, of at most {}x{}x{}".format(*MOST)
        raise refuse(where, expected, "{} images of {}x{}x{}".format(*whole))
    return whole


def check_memory(wanted: int, where: Path | str) -> None:
    """Check that so many bytes fit into the free memory, before they are read."""
    free = environment.free_memory_bytes()
    if wanted > free:
        expected = f"at most {free / 2**30:,.1f} GiB of pixels, the memory that is free"
        hint = "Use fewer or smaller images, or image files: source folder and csv read them batch by batch."
        raise refuse(where, expected, f"{wanted / 2**30:,.1f} GiB", hint)


def checked_labels(
    labels: NDArray[Any], shape: tuple[int, ...], where: Path | str, ignore_label: int | None = None
) -> NDArray[np.int32]:
    """Labels, (n,), or masks, (n, height, width), as int32 with IGNORED; a last dimension of 1 is accepted.

    >>> checked_labels(np.array([[3.0], [1.0]]), (2,), "y_train")
    array([3, 1], dtype=int32)
    >>> checked_labels(np.array([[[[0], [255]]]]), (1, 1, 2), "y_train", 255)
    array([[[ 0, -1]]], dtype=int32)
    """
    masks = len(shape) > 1
    if labels.shape not in {shape, (*shape, 1)}:
        expected, what = f"one label for each of {shape[0]} images", "labels"
        if masks:
            expected, what = f"masks of the images' size, {list(shape)}", "masks"
        raise refuse(where, expected, f"{what} of shape {labels.shape}")
    if labels.dtype.kind not in "biuf":
        raise refuse(where, "labels that are numbers", f"dtype {labels.dtype}")
    flat = labels.reshape(-1)
    counted = np.ones(flat.shape, bool) if ignore_label is None else flat != ignore_label
    wrong = counted & ~((flat >= 0) & (flat < MAX_CLASSES) & (np.floor(flat) == flat))  # also true for NaN
    if wrong.any():
        position, hint = int(np.argmax(wrong)), "Number the classes 0, 1, 2 and so on."
        found = f"{flat[position]} for {'a pixel' if masks else f'image {position}'}"
        raise refuse(where, f"whole labels from 0 to {MAX_CLASSES - 1}", found, hint)
    numbers = np.full(flat.shape, IGNORED, np.int32)
    numbers[counted] = flat[counted]
    return numbers.reshape(shape)


def check_range(labels: NDArray[np.int32], classes: int, where: Path | str) -> None:
    """Check that every label is below the number of classes; IGNORED is."""
    if len(labels) and labels.max() >= classes:
        image = int(np.argmax(labels)) // math.prod(labels.shape[1:])
        hint = "" if labels.ndim == 1 else "Name more classes, or set data.ignore_label."
        which = f" for image {image}" if len(labels) > 1 else ""
        raise refuse(where, f"labels from 0 to {classes - 1}", f"{labels.max()}{which}", hint)


def count_classes(labels: NDArray[np.int32], where: Path | str) -> int:
    """The largest label plus one, at least 2."""
    classes = int(labels.max()) + 1
    if classes < 2:
        raise refuse(where, "at least 2 classes", "label 0 alone", "There is nothing to tell apart.")
    return classes
