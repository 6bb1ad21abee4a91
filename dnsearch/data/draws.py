"""What chance decides about the images of an epoch: first everything is drawn, then it is done.

Keras' augmentation layers draw inside the graph from generators with a state of their own. Here an epoch's
draws are plain arrays, one row per place in the epoch's order, made from the training's seed and the
epoch's number alone. So a resumed training varies its images as the uninterrupted one would have, a mask
can be moved as its image was, and a picture can say what was done::

    Augmentation, n, (height, width) ─draw─▶ Draws ─augmented─▶ batches

Everything geometric is in whole pixels and rectangles. Kinds draw from generators of their own: to switch
one on leaves the others' draws as they were.
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from dnsearch.spec.augmentation import Augmentation, Erasing, RandAugment

FLIP, CROP, TRANSLATE, CUTOUT, ERASING, MIXING, OPERATIONS = range(1, 8)
"""Last parts of the seeds, one per kind; an epoch's order has a seed without one."""
SMALLEST_ERASED, NARROWEST = 0.02, 0.3
OPERATION_COUNT = 14
"""RandAugment's operations; ``rand_augment`` knows them by number."""

Generator = np.random.Generator
Rectangles = NDArray[np.int32]
"""(n, 4): top, left, bottom and right; bottom and right are just outside."""


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """One row for each place in an epoch's order.

    Args:
        flipped: (n, 2) bool, upside down and left to right.
        shifted: (n, 2) int32, the rows and columns by which what is seen lies further down and right.
        blanked: (n, rectangles, 4) int32, the rectangles that are blanked.
        pasted: (n, 4) int32, the rectangle that the partner's pixels replace.
        own: (n,) float32, the share of an image outside that rectangle; the rest is its partner's.
        operations: (n, operations) int32, RandAugment's, by number.
        reversed: (n, operations) bool, whether the operation goes the other way.
    """

    flipped: NDArray[np.bool_]
    shifted: NDArray[np.int32]
    blanked: NDArray[np.int32]
    pasted: Rectangles
    own: NDArray[np.float32]
    operations: NDArray[np.int32]
    reversed: NDArray[np.bool_]

    def columns(self) -> dict[str, NDArray[np.generic]]:
        """The arrays by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def draw(augmentation: Augmentation, examples: int, size: tuple[int, int], seed: int, epoch: int) -> Draws:
    """The draws of an epoch.

    >>> some = Augmentation(flip="horizontal", crop=4)
    >>> draw(some, 1000, (32, 32), seed=0, epoch=1).shifted.max()
    np.int32(4)

    Args:
        augmentation: the kinds and their strengths.
        examples: n, the places in the epoch's order.
        size: height and width of the images.
        seed: the training's seed.
        epoch: number of the epoch.
    """

    def generator(kind: int) -> Generator:
        return np.random.default_rng([seed, epoch, kind])

    shifted = _shifts(generator(CROP), examples, augmentation.crop, augmentation.crop)
    height, width = (round(augmentation.translate * side) for side in size)
    own, pasted = _mixing(generator(MIXING), examples, size, augmentation.mixup, augmentation.cutmix)
    operations, backwards = _operations(generator(OPERATIONS), examples, augmentation.rand_augment)
    blanked = [
        *([_squares(generator(CUTOUT), examples, size, augmentation.cutout)] if augmentation.cutout else []),
        *(
            [_erased(generator(ERASING), examples, size, augmentation.erasing)]
            if augmentation.erasing
            else []
        ),
    ]
    return Draws(
        flipped=_flips(generator(FLIP), examples, augmentation.flip),
        shifted=shifted + _shifts(generator(TRANSLATE), examples, height, width),
        blanked=np.stack(blanked, axis=1) if blanked else np.zeros((examples, 0, 4), np.int32),
        pasted=pasted,
        own=own,
        operations=operations,
        reversed=backwards,
    )


def own_shares(draws: Draws, size: tuple[int, int]) -> NDArray[np.float32]:
    """The share of its own class that each label keeps, (n,); the pixels that are its own, exactly."""
    top, left, bottom, right = draws.pasted.T
    replaced = (bottom - top) * (right - left) / (size[0] * size[1])
    return np.asarray(draws.own * (1 - replaced), np.float32)


def _flips(generator: Generator, examples: int, flip: str | None) -> NDArray[np.bool_]:
    allowed = [flip in {"vertical", "both"}, flip in {"horizontal", "both"}]
    return generator.integers(2, size=(examples, 2), dtype=np.int8) & np.array(allowed, np.int8) > 0


def _shifts(generator: Generator, examples: int, height: int, width: int) -> NDArray[np.int32]:
    """(examples, 2): up to ``height`` rows and ``width`` columns in either direction."""
    farthest = np.array([height, width], np.int32)
    return generator.integers(-farthest, farthest + 1, size=(examples, 2), dtype=np.int32)


def _squares(generator: Generator, examples: int, size: tuple[int, int], side: int) -> Rectangles:
    """Cutout's: the centre is anywhere in the image, and what sticks out is cut off."""
    sides = np.full((examples, 2), side)
    return _around(generator.integers(0, size, size=(examples, 2)), sides, size)


def _erased(generator: Generator, examples: int, size: tuple[int, int], erasing: Erasing) -> Rectangles:
    """Random erasing's; one that is too long for the image is shortened, where the paper draws again."""
    area = generator.uniform(SMALLEST_ERASED, erasing.strength, examples) * size[0] * size[1]
    ratio = np.exp(generator.uniform(np.log(NARROWEST), -np.log(NARROWEST), examples))
    sides = np.round(np.sqrt(np.stack([area * ratio, area / ratio], axis=1))).clip(1, size).astype(np.int64)
    corner = generator.integers(0, np.array(size) - sides + 1)
    happens = generator.random(examples) < erasing.probability
    return np.concatenate([corner, corner + sides * happens[:, np.newaxis]], axis=1).astype(np.int32)


def _around(centre: NDArray[np.int64], sides: NDArray[np.int64], size: tuple[int, int]) -> Rectangles:
    start = centre - sides // 2
    return np.concatenate([start.clip(0, size), (start + sides).clip(0, size)], axis=1).astype(np.int32)


def _mixing(
    generator: Generator, examples: int, size: tuple[int, int], mixup: float, cutmix: float
) -> tuple[NDArray[np.float32], Rectangles]:
    """Each image's own share, and the rectangle that its partner fills: one of the two is trivial."""
    by_rectangle = generator.random(examples) < (0.5 if mixup and cutmix else float(cutmix > 0))
    blended = generator.beta(mixup, mixup, examples) if mixup else np.ones(examples)
    kept = generator.beta(cutmix, cutmix, examples) if cutmix else np.ones(examples)
    sides = np.round(np.sqrt(1 - np.where(by_rectangle, kept, 1))[:, np.newaxis] * size).astype(np.int64)
    rectangles = _around(generator.integers(0, size, size=(examples, 2)), sides, size)
    return np.where(by_rectangle, 1, blended).astype(np.float32), rectangles


def _operations(
    generator: Generator, examples: int, rand_augment: RandAugment | None
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    shape = (examples, rand_augment.operations if rand_augment else 0)
    operations = generator.integers(OPERATION_COUNT, size=shape, dtype=np.int32)
    return operations, generator.integers(2, size=shape, dtype=np.int8).astype(bool)
