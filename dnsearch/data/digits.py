"""Scikit-learn's 1,797 handwritten digits of 8x8 pixels: a data set that is always there.

They are the test part of NIST's set as the UCI repository offers it, with pixels from 0 to 16. There is
no official split, so a fifth of each class is set aside as the test images, always the same ones:
``split_seed`` parts only the rest. The figures are therefore comparable among dnsearch's runs, not with
papers.
"""

import numpy as np
from sklearn.datasets import load_digits

from dnsearch.data.dataset import Original, Split
from dnsearch.data.split import hold_out

LARGEST_PIXEL = 16
TEST_FRACTION = 0.2
TEST_SEED = 1797
NAMES = tuple(map(str, range(10)))


def read() -> Original:
    """All digits, as a source.

    >>> digits = read()
    >>> digits.training.images.shape, digits.test.images.shape, digits.largest_pixel
    ((1438, 8, 8, 1), (359, 8, 8, 1), 16)
    """
    training, test = parted()
    return Original(training, test, NAMES, LARGEST_PIXEL)


def parted() -> tuple[Split, Split]:
    """The training and the test images."""
    bunch = load_digits()
    everything = Split(bunch.images[..., np.newaxis].astype(np.uint8), bunch.target.astype(np.int32))
    return hold_out(everything, TEST_FRACTION, TEST_SEED, NAMES)
