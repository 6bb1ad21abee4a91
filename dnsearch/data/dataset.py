"""Images with a label or a mask each, as values: what every source turns into.

    files ─▶ Original(training, test) ─split─▶ Dataset(training, validation, test, scaling)

Images stay uint8 in memory; a ``Scaling`` turns a batch into what the network reads.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from dnsearch import environment
from dnsearch.data.data_checks import check_range
from dnsearch.data.data_files import refuse
from dnsearch.data.image_files import Files, reduced

Images = NDArray[np.uint8 | np.float32]
Labels = NDArray[np.int32]

MEMORY_SHARE = 0.25  # of what is free: what the pixels of image files that are held in memory may take


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Some images, (n, height, width, channels), or files still to be read, and their labels.

    Labels are (n,), from 0, or of pixels (n, height, width), with -1 where a pixel does not count.
    """

    images: Images | Files
    labels: Labels

    def __len__(self) -> int:
        return len(self.labels)

    def counts(self, classes: int) -> list[int]:
        """The number of images or, of masks, of pixels of each class."""
        counted: list[int] = np.bincount(self.labels[self.labels >= 0], minlength=classes).tolist()
        return counted

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of every image."""
        _, height, width, channels = self.images.shape
        return height, width, channels

    @property
    def strata(self) -> Labels:
        """(n,): the classes that every part has in proportion; images with masks are one class."""
        return self.labels if self.labels.ndim == 1 else np.zeros(len(self), np.int32)

    def first(self, count: int) -> Images:
        """The pixels of the first images; files are read."""
        images = self.images[:count]
        return images.read() if isinstance(images, Files) else images

    @property
    def checksum(self) -> int:
        """A CRC-32 of the labels and the pixels, of files of their names: the same for the same images."""
        images = self.images
        content = "\n".join(images.paths).encode() if isinstance(images, Files) else images.tobytes()
        return crc32(content, crc32(self.labels.tobytes()))

    def take(self, positions: NDArray[np.intp]) -> "Split":
        """The images at some positions, in that order."""
        return Split(self.images[positions], self.labels[positions])

    def at(self, size: tuple[int, int]) -> "Split":
        """The images averaged down to a height and width; files when they are read."""
        images = self.images
        return Split(images.at(size) if isinstance(images, Files) else reduced(images, size), self.labels)


def joined(parts: Sequence[Split]) -> Split:
    """The images of some parts, none of them files, one after another."""
    images = np.concatenate([part.images for part in parts])
    return Split(images, np.concatenate([part.labels for part in parts]))


@dataclass(frozen=True, slots=True)
class Scaling:
    """What the network reads of each channel: ``(pixel - offset) / scale``; no scale is 0.

    >>> unit = Scaling(offset=(0.0,), scale=(16.0,))
    >>> unit.apply(np.array([[[[4], [16]]]], np.uint8)).ravel().tolist()
    [0.25, 1.0]
    """

    offset: tuple[float, ...]
    scale: tuple[float, ...]

    def apply(self, images: Images) -> NDArray[np.float32]:
        """Scale images of shape (..., channels) to float32, bit for bit as the batches are."""
        offset, scale = np.asarray(self.offset, np.float32), np.asarray(self.scale, np.float32)
        return (images.astype(np.float32) - offset) / scale

    def as_json(self) -> dict[str, list[float]]:
        """The two lists, for a JSON file."""
        return {"offset": list(self.offset), "scale": list(self.scale)}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Self:
        """What ``as_json`` wrote, checked as a file of a stranger."""
        offset, scale = saved.get("offset"), saved.get("scale")
        match offset, scale:
            case [_, *_], [_, *_] if len(offset) == len(scale) and all(scale):
                if all(type(each) in {int, float} and math.isfinite(each) for each in [*offset, *scale]):
                    return cls(tuple(map(float, offset)), tuple(map(float, scale)))
        expected = "offset and scale, with one finite number per channel each and no scale of 0"
        hint = "The file was changed after the run; train again, or restore it."
        raise refuse("scaling", expected, f"offset {offset!r:.40}, scale {scale!r:.40}", hint)


@dataclass(frozen=True, slots=True, eq=False)
class Original:
    """A source as it was published; ``largest_pixel`` is None where the format sets no limit."""

    training: Split
    test: Split | None
    class_names: tuple[str, ...]
    largest_pixel: float | None
    validation: Split | None = None


def of_files(training: Split, test: Split | None, class_names: tuple[str, ...]) -> Original:
    """Image files as a source: read now where the memory allows it, else when batches are made."""
    wanted = training.images.nbytes + (0 if test is None else test.images.nbytes)
    if wanted <= MEMORY_SHARE * environment.free_memory_bytes():
        training = Split(training.first(len(training)), training.labels)
        test = None if test is None else Split(test.first(len(test)), test.labels)
    return Original(training, test, class_names, 255)


def check_alike(split: Split, training: Split, classes: int, images: Path | str, labels: Path | str) -> None:
    """Check that test or validation images are like the training images; refusals name one of the files."""
    if split.labels.ndim != training.labels.ndim:
        raise refuse(labels, "labels like those of the training images", f"shape {split.labels.shape}")
    check_range(split.labels, classes, labels)
    ours, theirs = (f"{list(each.images.shape[1:])} {each.images.dtype}" for each in (split, training))
    if ours != theirs:
        raise refuse(images, f"images like the training images, {theirs}", ours)


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Everything that a training needs to know about its images; the scaling is that of ``training``."""

    training: Split
    validation: Split
    test: Split | None
    class_names: tuple[str, ...]
    scaling: Scaling

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of every image."""
        return self.training.image_shape

    def at(self, size: tuple[int, int]) -> "Dataset":
        """The same images averaged down, with the scaling of the whole ones and without the test images."""
        return replace(self, training=self.training.at(size), validation=self.validation.at(size), test=None)

    @property
    def has_masks(self) -> bool:
        """Whether every pixel has a label."""
        return self.training.labels.ndim == 3
