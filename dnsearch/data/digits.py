"""Scikit-learn's 1,797 handwritten digits, and scenes made of them: data sets that are always there.

``digits`` are the test part of NIST's set, from the UCI repository: 8x8, pixels from 0 to 16. A fifth of each
class are the test images, always the same ones, since there is no official split. A scene is 32x32 grey with
3 to 5 digits that do not overlap, on a noisy ground; in its mask 0 is the background and d + 1 the ink of the
digit d. Test scenes show only digits that are test images.
"""

import numpy as np
from numpy.typing import NDArray

from dnsearch import environment
from dnsearch.data.dataset import Images, Labels, Original, Split
from dnsearch.data.split import hold_out
from dnsearch.spec.data_section import SOURCES, Data

DIGIT, LARGEST_INK = 8, SOURCES["digits"].largest_pixel
TEST_FRACTION = 0.2
SEED = 1797
NAMES = tuple(map(str, range(10)))
SIDE = 32
FEWEST, MOST = 3, 5
TRAINING, TEST = 1200, 300
INK = 5  # of 16: a pixel with at least so much ink is the digit's
DARKEST, BRIGHTEST, NOISE = 40, 110, 8.0


def read(data: Data) -> Original:
    """All digits or all scenes.

    >>> digits = read(Data(source="digits"))
    >>> digits.training.images.shape, digits.test.images.shape, digits.largest_pixel
    ((1438, 8, 8, 1), (359, 8, 8, 1), 16)
    >>> scenes = read(Data(source="scenes"))
    >>> scenes.training.images.shape, scenes.test.labels.shape, scenes.class_names[:2]
    ((1200, 32, 32, 1), (300, 32, 32), ('background', '0'))
    """
    bunch = environment.imported("sklearn.datasets").load_digits()
    everything = Split(bunch.images[..., np.newaxis].astype(np.uint8), bunch.target.astype(np.int32))
    training, test = hold_out(everything, TEST_FRACTION, SEED, NAMES)
    if data.source == "scenes":
        scenes = _scenes(training, TRAINING, [SEED, 0]), _scenes(test, TEST, [SEED, 1])
        return Original(*scenes, ("background", *NAMES), 255)
    return Original(training, test, NAMES, LARGEST_INK)


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
        ink[place] = inks[chosen] / LARGEST_INK
        mask[place] = np.where(inks[chosen] >= INK, labels[chosen] + 1, 0)
    ground = rng.uniform(DARKEST, BRIGHTEST)
    pixels = ground + ink * (255 - ground) + rng.normal(0, NOISE, ink.shape)
    return pixels.round().clip(0, 255).astype(np.uint8), mask


def _corners(rng: np.random.Generator, count: int) -> NDArray[np.int64]:
    """(count, 2) top left corners of digits that do not overlap."""
    while True:  # all again where two overlap: four digits can leave no room for a fifth
        corners = rng.integers(0, SIDE - DIGIT + 1, (count, 2))
        apart = np.abs(corners[:, np.newaxis] - corners).max(axis=-1) >= DIGIT
        if apart.sum() == count * (count - 1):
            return corners
