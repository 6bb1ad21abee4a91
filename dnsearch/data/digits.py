"""Scikit-learn's 1,797 handwritten digits of 8x8 pixels: a data set that is always there.

They are the test part of NIST's set as the UCI repository offers it, with pixels from 0 to 16. There is
no official split, so a fifth of each class is set aside as the test images, always the same ones:
``split_seed`` splits only the rest. The results are therefore comparable among dnsearch's runs, not with
papers.
"""

import numpy as np

from dnsearch import environment
from dnsearch.data.dataset import Original, Split
from dnsearch.data.split import hold_out
from dnsearch.spec.data_section import SOURCES, Data, Facts

LARGEST_PIXEL = SOURCES["digits"].largest_pixel
TEST_FRACTION = 0.2
TEST_SEED = 1797
NAMES = tuple(map(str, range(10)))


def facts(_: Data) -> Facts:
    """8x8 grey, ten classes."""
    return Facts((8, 8, 1), 10)


def read(_: Data) -> Original:
    """All digits, as a source.

    >>> digits = read(Data(source="digits"))
    >>> digits.training.images.shape, digits.test.images.shape, digits.largest_pixel
    ((1438, 8, 8, 1), (359, 8, 8, 1), 16)
    """
    training, test = training_and_test()
    return Original(training, test, NAMES, LARGEST_PIXEL)


def training_and_test() -> tuple[Split, Split]:
    """The training and the test images."""
    bunch = environment.imported("sklearn.datasets").load_digits()
    everything = Split(bunch.images[..., np.newaxis].astype(np.uint8), bunch.target.astype(np.int32))
    return hold_out(everything, TEST_FRACTION, TEST_SEED, NAMES)
