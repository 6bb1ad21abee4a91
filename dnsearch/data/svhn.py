"""SVHN's cropped digits: house numbers, 32x32 in colour (ufldl.stanford.edu/housenumbers).

Three MAT-files with an array ``X`` of shape (32, 32, 3, n) and one ``y`` of shape (n, 1), where 10 stands
for the digit 0. The files ``train`` and, where it is there, ``extra`` are learned from: 73,257 + 531,131
images, which are the 604,388 of the DenseNet paper; 26,032 are for the test.
"""

from pathlib import Path

import numpy as np

from dnsearch.data.checks import checked_labels, refuse
from dnsearch.data.dataset import Original, Split
from dnsearch.data.mat import arrays

TRAIN, EXTRA, TEST = "train_32x32.mat", "extra_32x32.mat", "test_32x32.mat"
SIDES = (32, 32, 3)
HINT = "Get the files of format 2, cropped digits, from ufldl.stanford.edu/housenumbers."


def read(folder: Path) -> Original:
    """All images of a folder.

    Raises:
        DataError: a file is missing, broken or unsafe.
    """
    missing = [name for name in (TRAIN, TEST) if not (folder / name).is_file()]
    if missing:
        expected = f"a folder with {TRAIN}, {TEST} and, if wanted, {EXTRA}"
        raise refuse(folder, expected, f"no {', no '.join(missing)}", HINT)
    training = _split(folder / TRAIN)
    if (folder / EXTRA).is_file():
        extra = _split(folder / EXTRA)
        images = np.concatenate([training.images, extra.images])
        training = Split(images, np.concatenate([training.labels, extra.labels]))
    return Original(training, _split(folder / TEST), tuple(map(str, range(10))), 255)


def _split(path: Path) -> Split:
    found = arrays(path, ("X", "y"))
    pixels, labels = found["X"], found["y"]
    if pixels.ndim != 4 or pixels.shape[:3] != SIDES:
        raise refuse(f"{path.absolute()}, X", "shape (32, 32, 3, n)", f"{pixels.shape}", HINT)
    where = f"{path.absolute()}, y"
    numbers = checked_labels(labels, pixels.shape[3], where)
    wrong = (numbers < 1) | (numbers > 10)
    if wrong.any():
        position = int(np.argmax(wrong))
        raise refuse(where, "labels from 1 to 10", f"{numbers[position]} for image {position}", HINT)
    return Split(np.ascontiguousarray(pixels.transpose(3, 0, 1, 2)), numbers % 10)
