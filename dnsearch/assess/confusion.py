"""Which classes are taken for which."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dnsearch.assess.scores import Labels

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """How well one class is found; None where there is nothing to divide by.

    Args:
        name: what the class is called.
        precision: share of the images given this class that are of it.
        recall: share of the images of this class that were given it.
        f1: harmonic mean of the two, ``2 · right / (given + support)``.
        support: images of this class.
    """

    name: str
    precision: float | None
    recall: float | None
    f1: float | None
    support: int


def confusion(labels: Labels, predicted: Labels, classes: int) -> Counts:
    """How many images of each class (row) were given each class (column).

    >>> confusion(np.array([0, 0, 1]), np.array([0, 1, 1]), 2).tolist()
    [[1, 1], [0, 1]]
    """
    return np.bincount(labels * classes + predicted, minlength=classes**2).reshape(classes, classes)


def class_figures(counts: Counts, names: tuple[str, ...]) -> tuple[ClassFigures, ...]:
    """Precision, recall and F1 of each class, from a confusion matrix.

    >>> class_figures(np.array([[1, 1], [0, 0]]), ("cat", "dog"))[1]
    ClassFigures(name='dog', precision=0.0, recall=None, f1=0.0, support=0)
    """
    right, given, support = counts.diagonal(), counts.sum(axis=0), counts.sum(axis=1)
    return tuple(
        ClassFigures(
            name,
            _share(right[i], given[i]),
            _share(right[i], support[i]),
            _share(2 * right[i], given[i] + support[i]),
            int(support[i]),
        )
        for i, name in enumerate(names)
    )


def _share(part: np.int64, whole: np.int64) -> float | None:
    return float(part / whole) if whole else None


def mistakes(counts: Counts, most: int) -> list[tuple[int, int, int]]:
    """The most frequent confusions: class, what it was taken for, how often; the most frequent first.

    >>> mistakes(np.array([[5, 2, 0], [1, 7, 0], [0, 3, 4]]), 2)
    [(2, 1, 3), (0, 1, 2)]
    """
    wrong = counts * (1 - np.eye(len(counts), dtype=np.int64))
    order = np.argsort(-wrong, axis=None, kind="stable")[:most]
    pairs = (divmod(int(place), len(counts)) for place in order)
    return [(i, j, int(wrong[i, j])) for i, j in pairs if wrong[i, j]]
