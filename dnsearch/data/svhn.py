"""SVHN's cropped digits: house numbers, 32x32 in colour (ufldl.stanford.edu/housenumbers).

Three MAT-files with an array ``X`` of shape (32, 32, 3, n) and one ``y`` of shape (n, 1), where 10 means
the digit 0. The files ``train`` and, where it is there, ``extra`` are learned from: 73,257 + 531,131
images, which are the 604,388 of the DenseNet paper; 26,032 are for the test.

SciPy reads the files, these two arrays alone, after the shapes and types in their headers were checked.
"""

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dnsearch import environment
from dnsearch.data.data_checks import check_memory, checked_labels, images_shape, refuse
from dnsearch.data.dataset import Original, Split
from dnsearch.errors import DataError
from dnsearch.spec.data_section import Data, Facts

TRAIN, EXTRA, TEST = "train_32x32.mat", "extra_32x32.mat", "test_32x32.mat"
SIDES = (32, 32, 3)
NUMBERS = frozenset({"uint8", "double"})
"""How SciPy calls the types that labels are saved as."""
HINT = "Get the files of format 2, cropped digits, from ufldl.stanford.edu/housenumbers."


def facts(_: Data) -> Facts:
    """32x32 in colour, ten classes."""
    return Facts(SIDES, 10)


def read(data: Data) -> Original:
    """All images of a folder.

    Raises:
        DataError: a file is missing, broken or unsafe.
    """
    folder = Path(data.location)
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
    pixels, labels = _arrays(path)
    where = f"{path.absolute()}, y"
    numbers = checked_labels(labels, pixels.shape[3:], where)
    wrong = (numbers < 1) | (numbers > 10)
    if wrong.any():
        position = int(np.argmax(wrong))
        raise refuse(where, "labels from 1 to 10", f"{numbers[position]} for image {position}", HINT)
    return Split(np.ascontiguousarray(pixels.transpose(3, 0, 1, 2)), numbers % 10)


def _arrays(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.generic]]:
    """X and y, of a MAT-file of version 5."""
    matlab = environment.imported("scipy.io")
    try:
        with path.open("rb") as stream:
            _check(matlab.whosmat(stream), path)
            stream.seek(0)
            found = matlab.loadmat(stream, variable_names=("X", "y"))
    except DataError:
        raise
    # A damaged file runs into whatever SciPy's reader stumbles over: zlib.error, TypeError, ...
    except Exception as error:
        told = f"{error or type(error).__name__}"
        raise refuse(path, "a whole MAT-file of version 5", f"{told:.200}", "Get the file again.") from error
    return found["X"], found["y"]


def _check(headers: list[tuple[str, tuple[int, ...], str]], path: Path) -> None:
    there = {name: (shape, kind) for name, shape, kind in headers}
    if not {"X", "y"} <= there.keys():
        raise refuse(path, "the arrays X and y", f"{', '.join(sorted(there)):.100}" or "none", HINT)
    (shape, kind), (_, label_kind) = there["X"], there["y"]
    if len(shape) != 4 or shape[:3] != SIDES or kind != "uint8":
        raise refuse(f"{path.absolute()}, X", "uint8 of shape (32, 32, 3, n)", f"{kind} of {shape}", HINT)
    if label_kind not in NUMBERS:
        raise refuse(f"{path.absolute()}, y", "labels that are numbers", label_kind, HINT)
    images_shape((shape[3], *SIDES), np.dtype(np.uint8), path)
    check_memory(math.prod(shape), path)
