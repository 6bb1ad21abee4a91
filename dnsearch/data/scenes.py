"""Scenes: scikit-learn's digits scattered on grey canvases, so that a U-Net trains without a download.

A scene is 32x32 grey with 3 to 5 digits of 8x8 that do not overlap, on a noisy ground. Its mask tells for
each pixel which digit's ink is there: class 0 is the background, class d + 1 the digit d. There are 1,200
training and 300 test scenes, always the same ones. Test scenes show only the fifth of the digits that is
also the test set of ``digits``; validation scenes are training scenes that were held out and share their
digits.
"""

import numpy as np
from numpy.typing import NDArray

from dnsearch.data import digits
from dnsearch.data.dataset import Images, Labels, Original, Split
from dnsearch.spec.data_section import Data, Facts

SIDE, DIGIT = 32, 8
FEWEST, MOST = 3, 5
TRAINING, TEST = 1200, 300
LARGEST_PIXEL = 255
INK = 5
"""Of 16: a pixel with at least so much ink is the digit's."""
DARKEST, BRIGHTEST, NOISE = 40, 110, 8.0
NAMES = ("background", *digits.NAMES)
SEED = 1797


def facts(_: Data) -> Facts:
    """32x32 grey, with a mask of eleven classes each."""
    return Facts((SIDE, SIDE, 1), len(NAMES), masks=True)


def read(_: Data) -> Original:
    """All scenes.

    >>> scenes = read(Data(source="scenes"))
    >>> scenes.training.images.shape, scenes.test.labels.shape, scenes.class_names[:2]
    ((1200, 32, 32, 1), (300, 32, 32), ('background', '0'))
    """
    training, test = digits.training_and_test()
    return Original(
        _scenes(training, TRAINING, [SEED, 0]), _scenes(test, TEST, [SEED, 1]), NAMES, LARGEST_PIXEL
    )


def _scenes(source: Split, count: int, seed: list[int]) -> Split:
    rng, inks = np.random.default_rng(seed), source.first(len(source))[..., 0]
    scenes = [_scene(rng, inks, source.labels) for _ in range(count)]
    pixels, masks = (np.stack(each) for each in zip(*scenes, strict=True))
    return Split(pixels[..., np.newaxis], masks)


def _scene(
    rng: np.random.Generator, inks: Images, labels: Labels
) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """(32, 32) pixels and their classes."""
    ink, mask = np.zeros((SIDE, SIDE)), np.zeros((SIDE, SIDE), np.int32)
    for top, left in _corners(rng, int(rng.integers(FEWEST, MOST + 1))):
        chosen = int(rng.integers(len(labels)))
        place = slice(top, top + DIGIT), slice(left, left + DIGIT)
        ink[place] = inks[chosen] / digits.LARGEST_PIXEL
        mask[place] = np.where(inks[chosen] >= INK, labels[chosen] + 1, 0)
    ground = rng.uniform(DARKEST, BRIGHTEST)
    pixels = ground + ink * (LARGEST_PIXEL - ground) + rng.normal(0, NOISE, ink.shape)
    return pixels.round().clip(0, LARGEST_PIXEL).astype(np.uint8), mask


def _corners(rng: np.random.Generator, count: int) -> NDArray[np.int64]:
    """(count, 2) top left corners of digits that do not overlap.

    All are drawn again where two overlap: four digits can leave no room for a fifth.
    """
    while True:
        corners = rng.integers(0, SIDE - DIGIT + 1, (count, 2))
        apart = np.abs(corners[:, np.newaxis] - corners).max(axis=-1) >= DIGIT
        if apart.sum() == count * (count - 1):
            return corners
