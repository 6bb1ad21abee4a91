"""Which images are learned from, which are held out, and how pixels are scaled.

Every choice is made class by class and from one seed: shuffle all positions, group them by class, take the
first few of each group (images with masks are one), and sort them: a part keeps the order of its files.
"""

import math
from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dnsearch.data.data_files import refuse
from dnsearch.data.dataset import Dataset, Images, Scaling, Split
from dnsearch.data.image_files import Files

HOLD_OUT, SUBSET = 0, 1  # second parts of the seeds, so that the two draws do not resemble each other
RANKING = (0, 1)  # last parts of the training's seed; the orders of its epochs, from 1, have others
CHUNK_PIXELS = 2**18


def hold_out(split: Split, fraction: float, seed: int, class_names: tuple[str, ...]) -> tuple[Split, Split]:
    """What is kept and what is held out, each at least one image of a class; equal seeds, equal images."""
    strata = split.strata
    counts = np.bincount(strata, minlength=len(class_names))
    if (counts == 1).any():
        where, hint = "masks", "Add images."
        if split.labels.ndim == 1:
            where = f"class {class_names[int(np.argmax(counts == 1))]}"
            hint = "Add images of this class, or remove it."
        expected = "at least 2 training images, one to learn from and one to hold out"
        raise refuse(where, expected, "1", hint)
    quota = proportional(counts, round(len(split) * fraction))
    # A class without images gives nothing; the others give at least one and keep at least one.
    quota = np.where(counts > 0, np.clip(quota, 1, counts - 1), 0)
    held = _draw(strata, quota, [seed, HOLD_OUT])
    kept = np.setdiff1d(np.arange(len(split)), held, assume_unique=True)
    return split.take(kept), split.take(held)


def subset(split: Split, examples: int, seed: int) -> Split:
    """Exactly so many of the images, of every class at least one where there are enough examples."""
    if examples > len(split):
        expected = f"at most {len(split)}, the images left when the validation images are held out"
        hint = "Lower it, or leave it out to train on all of them."
        raise refuse("data.training_examples", expected, str(examples), hint)
    counts = np.bincount(split.strata)
    quota = proportional(counts, examples)
    present = (counts > 0).astype(np.intp)
    if (quota < present).any() and examples >= present.sum():
        quota = present + proportional(counts - present, examples - int(present.sum()))
    return split.take(_draw(split.strata, quota, [seed, SUBSET]))


def proportional(counts: NDArray[np.intp], total: int) -> NDArray[np.intp]:
    """Share a total, at most their sum, out in proportion to counts, by largest remainder.

    >>> proportional(np.array([50, 30, 20]), 7)
    array([4, 2, 1])
    """
    if total == 0:
        return np.zeros_like(counts)
    # Whole numbers throughout, so that no rounding error can hand out one too many.
    shares, remainders = np.divmod(counts.astype(np.int64) * total, int(counts.sum()))
    shares[np.argsort(-remainders, kind="stable")[: total - int(shares.sum())]] += 1
    return shares.astype(np.intp)


def ranked(split: Split, seed: int) -> NDArray[np.intp]:
    """All positions in an order of which every beginning has the classes in proportion.

    So a larger share of the images holds a smaller one; equal seeds give equal orders. After one image of
    each class, the k-th of a class of n comes at (k - 1/2) / n: Webster's method.
    """
    rng = np.random.default_rng([seed, *RANKING])
    by_class, rank_in_class, counts = _shuffled(split.strata, 0, rng)
    turn = np.where(rank_in_class == 0, 0, (rank_in_class + 0.5) / np.repeat(counts, counts))
    return by_class[np.lexsort((rng.permutation(len(turn)), turn))]


def _draw(labels: NDArray[np.int32], quota: NDArray[np.intp], seed: list[int]) -> NDArray[np.intp]:
    """Sorted positions of ``quota[c]`` images of each class c."""
    by_class, rank_in_class, counts = _shuffled(labels, len(quota), np.random.default_rng(seed))
    return np.sort(by_class[rank_in_class < np.repeat(quota, counts)])


def _shuffled(
    labels: NDArray[np.int32], classes: int, rng: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Positions in random order, class after class; the place of each in its class; images of each class."""
    shuffled = rng.permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    counts = np.bincount(labels, minlength=classes)
    return by_class, np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts), counts


def repeated(dataset: Dataset) -> dict[str, int]:
    """Part → how many of its images are among the training images too, pixel by pixel.

    Of image files that are read batch by batch nothing is known: then there are no parts. 60,000 images of
    32x32x3 take 0.1 s.
    """
    if isinstance(dataset.training.images, Files):
        return {}
    learned = set(_hashes(dataset.training.images))  # of 64 bits: hardly ever one too many
    parts = {"validation": dataset.validation, "test": dataset.test}
    return {
        name: sum(each in learned for each in _hashes(part.images))
        for name, part in parts.items()
        if part is not None and not isinstance(part.images, Files)
    }


def _hashes(images: Images) -> Iterator[int]:
    return (hash(image.tobytes()) for image in images)


def repetitions(dataset: Dataset) -> str:
    """What to say of images that are learned from and tested on; empty where there are none."""
    sizes = {"validation": len(dataset.validation), "test": len(dataset.test or ())}
    found = [f"{count:,} of {sizes[part]:,} {part}" for part, count in repeated(dataset).items() if count]
    if not found:
        return ""
    known = f"{' and '.join(found)} images are among the training images too, pixel by pixel"
    return f"{known}: their figures are too good. Leave each image in once."


def scaling(
    training: Split, normalize: Literal["channel", "unit"], largest_pixel: float | None = None
) -> Scaling:
    """By each channel's mean and standard deviation, or by 0 and a pixel's largest value (None: of these)."""
    images = training.images
    match normalize:
        case "channel":
            return (_statistics_of_bytes if images.dtype == np.uint8 else _statistics)(images)
        case "unit":
            largest = largest_pixel
            if largest is None:
                largest = max(float(chunk.max()) for chunk in _chunks(images))
            channels = images.shape[-1]
            return Scaling((0.0,) * channels, (largest if largest > 0 else 1.0,) * channels)


def _statistics(images: Images | Files) -> Scaling:
    """Mean and standard deviation per channel, a few megabytes at a time."""
    pixels = math.prod(images.shape[:3])
    mean = sum(chunk.sum(axis=(0, 1, 2), dtype=np.float64) for chunk in _chunks(images)) / pixels
    squares = (np.square(chunk - mean).sum(axis=(0, 1, 2)) for chunk in _chunks(images))
    deviation = np.sqrt(sum(squares) / pixels)
    # A channel that never changes: dividing by what rounding leaves of its deviation would blow up noise.
    constant = deviation <= np.finfo(np.float32).eps * np.abs(mean)
    return Scaling(tuple(mean.tolist()), tuple(np.where(constant, 1.0, deviation).tolist()))


def _statistics_of_bytes(images: Images | Files) -> Scaling:
    """The same in one pass and exactly, whatever the chunks: a byte has 256 values to count."""
    counts = np.zeros((images.shape[-1], 256), np.int64)
    for chunk in _chunks(images):
        for channel in range(len(counts)):
            counts[channel] += np.bincount(chunk[..., channel].ravel(), minlength=256)
    values = np.arange(256, dtype=np.int64)
    total = int(counts[0].sum())
    sums, squares = (counts @ values).tolist(), (counts @ values**2).tolist()
    pairs = zip(sums, squares, strict=True)
    deviations = (math.sqrt(total * square - plain**2) / total for plain, square in pairs)
    return Scaling(tuple(plain / total for plain in sums), tuple(each or 1.0 for each in deviations))


def _chunks(images: Images | Files) -> Iterator[Images]:
    """The images, a few megabytes of pixels at a time."""
    at_once = max(1, CHUNK_PIXELS // math.prod(images.shape[1:]))
    for start in range(0, images.shape[0], at_once):
        chunk = images[start : start + at_once]
        yield chunk.read() if isinstance(chunk, Files) else chunk
