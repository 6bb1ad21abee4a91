"""Augmentation: what chance decides for an epoch is drawn first, then done in one graph for a whole batch.

Draws depend on the training's seed and the epoch's number alone, so a resumed training sees the same images;
Keras' layers draw from a state of their own. The order: RandAugment on the pixels as they are, then scaling,
flips and shifts, blank rectangles, and last the mixing with the next image of the batch. What comes in from
outside is 0 after scaling; in a mask, it and what is blanked do not count.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from dnsearch.data.data_checks import IGNORED
from dnsearch.data.dataset import Dataset, Images
from dnsearch.data.image_files import Files
from dnsearch.data.rand_augment import OPERATIONS, followed, inside, moved, placements, rand_augment
from dnsearch.spec.augmentation import Augmentation, Erasing
from dnsearch.spec.training import Training

# Last parts of the seeds, one per kind; an epoch's order has a seed without one.
FLIP, CROP, TRANSLATE, CUTOUT, ERASING, MIXING, RAND_AUGMENT = range(1, 8)
SMALLEST_ERASED, NARROWEST = 0.02, 0.3

Tensor = Any
Batch = tuple[Tensor, Tensor]  # images and their labels
Rows = dict[str, Tensor]
Generator = np.random.Generator
Size = tuple[int, int]  # height and width
Draws = dict[str, NDArray[Any]]
"""Name → one row for each place in an epoch's order, of the kinds that are asked for.

flipped: (n, 2) bool, upside down and left to right; shifted: (n, 2) int32, rows down and columns to the
right; blanked: (n, rectangles, 4) int32; pasted: (n, 4) int32, the rectangle that the next image's pixels
replace; own: (n,) float32, an image's share of the pixels outside that rectangle; kept: (n,) float32, the
share of its own class that a label keeps; operations, backwards: (n, operations), RandAugment's numbers
(int32) and directions (bool). A rectangle is top, left, bottom and right, the last two just outside.
"""
Vary = Callable[[NDArray[Any], NDArray[np.int32], slice], Batch]
"""A batch's pixels, its labels and its places in the epoch's order → scaled images and their labels."""


def augmenter(dataset: Dataset, training: Training) -> Callable[[int], Vary] | None:
    """From an epoch's number to how its images are varied; None where the spec wants no augmentation."""
    augmentation, scaling = training.augmentation, dataset.scaling
    if augmentation is None:
        return None
    size, seed, examples = dataset.image_shape[:2], training.seed, len(dataset.training)
    compiled = _compiled(augmentation, dataset, draw(augmentation, 1, size, seed, 1))

    def varied(drawn: Draws, pixels: NDArray[Any], labels: NDArray[np.int32], place: slice) -> Batch:
        rows = {name: tf.constant(array[place]) for name, array in drawn.items()}
        measured = tf.constant([scaling.offset, scaling.scale], tf.float32)
        return compiled(tf.constant(pixels.astype(np.float32)), tf.constant(labels), rows, measured)

    return lambda epoch: partial(varied, draw(augmentation, examples, size, seed, epoch))


def draw(augmentation: Augmentation, examples: int, size: Size, seed: int, epoch: int) -> Draws:
    """The draws of an epoch of so many examples; the seed is the training's.

    >>> some = Augmentation(flip="horizontal", crop=4)
    >>> draw(some, 1000, (32, 32), seed=0, epoch=1)["shifted"].max()
    np.int32(4)
    """

    def generator(kind: int) -> Generator:
        return np.random.default_rng([seed, epoch, kind])

    rows: Draws = {}
    if augmentation.flip or augmentation.crop or augmentation.translate:
        flips = generator(FLIP).integers(2, size=(examples, 2), dtype=np.int8).astype(bool)
        rows["flipped"] = flips & [augmentation.flip in {side, "both"} for side in ("vertical", "horizontal")]
        farthest = [round(augmentation.translate * side) for side in size]
        rows["shifted"] = _shifts(generator(CROP), examples, [augmentation.crop] * 2)
        rows["shifted"] += _shifts(generator(TRANSLATE), examples, farthest)
    blanked = []
    if augmentation.cutout:
        # The centre is anywhere in the image, and what sticks out is cut off.
        centre = generator(CUTOUT).integers(0, size, size=(examples, 2))
        blanked.append(_around(centre, np.full((examples, 2), augmentation.cutout), size))
    if augmentation.erasing:
        blanked.append(_erased(generator(ERASING), examples, size, augmentation.erasing))
    if blanked:
        rows["blanked"] = np.stack(blanked, axis=1)
    if augmentation.mixes_labels:
        own, pasted = _mixing(generator(MIXING), examples, size, augmentation.mixup, augmentation.cutmix)
        rows["own"], rows["pasted"] = own, pasted
        top, left, bottom, right = pasted.T
        replaced = (bottom - top) * (right - left) / (size[0] * size[1])
        rows["kept"] = np.asarray(own * (1 - replaced), np.float32)
    if augmentation.rand_augment:
        random, shape = generator(RAND_AUGMENT), (examples, augmentation.rand_augment.operations)
        rows["operations"] = random.integers(len(OPERATIONS), size=shape, dtype=np.int32)
        rows["backwards"] = random.integers(2, size=shape, dtype=np.int8).astype(bool)
    return rows


def _shifts(generator: Generator, examples: int, farthest: list[int]) -> NDArray[np.int32]:
    most = np.array(farthest, np.int32)
    return generator.integers(-most, most + 1, size=(examples, 2), dtype=np.int32)


def _erased(generator: Generator, examples: int, size: Size, erasing: Erasing) -> NDArray[np.int32]:
    """Random erasing's; one that is too long for the image is shortened, where the paper draws again."""
    area = generator.uniform(SMALLEST_ERASED, erasing.strength, examples) * size[0] * size[1]
    ratio = np.exp(generator.uniform(np.log(NARROWEST), -np.log(NARROWEST), examples))
    sides = np.round(np.sqrt(np.stack([area * ratio, area / ratio], axis=1))).clip(1, size).astype(np.int64)
    corner = generator.integers(0, np.array(size) - sides + 1)
    happens = generator.random(examples) < erasing.probability
    return np.concatenate([corner, corner + sides * happens[:, np.newaxis]], axis=1).astype(np.int32)


def _around(centre: NDArray[np.int64], sides: NDArray[np.int64], size: Size) -> NDArray[np.int32]:
    start = centre - sides // 2
    return np.concatenate([start.clip(0, size), (start + sides).clip(0, size)], axis=1).astype(np.int32)


def _mixing(
    generator: Generator, examples: int, size: Size, mixup: float, cutmix: float
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Each image's own share, and the rectangle that the next one fills: one of the two is trivial."""
    by_rectangle = generator.random(examples) < (0.5 if mixup and cutmix else float(cutmix > 0))
    blended = generator.beta(mixup, mixup, examples) if mixup else np.ones(examples)
    kept = generator.beta(cutmix, cutmix, examples) if cutmix else np.ones(examples)
    sides = np.round(np.sqrt(1 - np.where(by_rectangle, kept, 1))[:, np.newaxis] * size).astype(np.int64)
    rectangles = _around(generator.integers(0, size, size=(examples, 2)), sides, size)
    return np.where(by_rectangle, 1, blended).astype(np.float32), rectangles


def _compiled(augmentation: Augmentation, dataset: Dataset, like: Draws) -> Callable[..., Batch]:
    """``(float32 pixels, labels, rows like these, scaling) → (scaled images, labels)``, for any batch."""
    height, width, _ = dataset.image_shape
    size, classes = (height, width), len(dataset.class_names)
    random = augmentation.rand_augment
    limits, masked = bounds(dataset.training.images) if random else (0.0, 0.0), dataset.has_masks

    def vary(pixels: Tensor, labels: Tensor, rows: Rows, scaling: Tensor) -> Batch:
        labels = labels[..., tf.newaxis] if masked else labels
        if random is not None:
            chosen = rows["operations"], rows["backwards"]
            pixels = rand_augment(pixels, *chosen, random.magnitude, limits, dataset.scaling.offset)
            labels = followed(labels, *chosen, random.magnitude, IGNORED) if masked else labels
        # A scaling that TensorFlow knew would become a multiplication, with other bits than a division.
        images = _placed((pixels - scaling[0]) / scaling[1], rows, size)
        if not masked:
            return _mixed(images, labels, rows, size, classes) if "kept" in rows else (images, labels)
        masks = _placed(labels, rows, size, IGNORED)
        if "kept" in rows:  # CutMix's rectangles of the next ones
            images, masks = (
                tf.where(inside(rows["pasted"], size), tf.roll(each, -1, axis=0), each)
                for each in (images, masks)
            )
        return images, masks[..., 0]

    signature = [
        tf.TensorSpec((None, *dataset.image_shape), tf.float32),
        tf.TensorSpec((None, *size) if masked else (None,), tf.int32),
        {name: tf.TensorSpec((None, *rows.shape[1:]), rows.dtype) for name, rows in like.items()},
        tf.TensorSpec((2, dataset.image_shape[2]), tf.float32),
    ]
    compiled: Callable[..., Batch] = tf.function(vary, autograph=False, input_signature=signature)
    return compiled


def bounds(images: Images | Files) -> tuple[float, float]:
    """The smallest and the largest value of a pixel; files are not read for it and could have any."""
    return (0.0, 255.0) if isinstance(images, Files) else (float(images.min()), float(images.max()))


def _placed(images: Tensor, rows: Rows, size: Size, blank: int = 0) -> Tensor:
    """Images or masks, mirrored, moved and with blank rectangles."""
    if "shifted" in rows:
        images = moved(images, placements(rows["flipped"], rows["shifted"], size), blank)
    for rectangles in tf.unstack(rows["blanked"], axis=1) if "blanked" in rows else ():
        images = tf.where(inside(rectangles, size), tf.cast(blank, images.dtype), images)
    return images


def _mixed(images: Tensor, labels: Tensor, rows: Rows, size: Size, classes: int) -> Batch:
    """Images and the shares of their classes, float32 (batch, classes)."""
    own = tf.where(inside(rows["pasted"], size), 0.0, rows["own"][:, tf.newaxis, tf.newaxis, tf.newaxis])
    kept = rows["kept"][:, tf.newaxis]
    shares = tf.one_hot(labels, classes)
    return (
        own * images + (1 - own) * tf.roll(images, -1, axis=0),
        kept * shares + (1 - kept) * tf.roll(shares, -1, axis=0),
    )
