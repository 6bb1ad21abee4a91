"""How good predictions are: from logits and labels to probabilities, losses, ranks and their summary."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dnsearch.evaluate.bootstrap import Floats, bootstrap, resampled_means
from dnsearch.evaluate.calibration import Calibration, Labels, calibration
from dnsearch.evaluate.intervals import Figure, wilson

Counts = NDArray[np.int64]

TOP = 5
HIT, LOSS, NEAR = 0, 1, 2  # columns of the values


def softmax(logits: Floats) -> Floats:
    """Probabilities ``p_j = exp(z_j) / Σ_k exp(z_k)``, of the same shape; the last axis sums to 1.

    >>> softmax(np.array([[0.0, 0.0], [1000.0, 0.0]])).tolist()
    [[0.5, 0.5], [1.0, 0.0]]
    """
    odds = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities: Floats = odds / odds.sum(axis=-1, keepdims=True)
    return probabilities


def losses(logits: Floats, labels: Labels) -> Floats:
    """The negative log-likelihood of each label, in nats: ``log Σ_k exp(z_k) - z_label``.

    Logits are (n, classes), labels and losses (n,).

    >>> losses(np.zeros((1, 4)), np.array([2])).round(4).tolist()
    [1.3863]
    """
    shifted = logits - logits.max(axis=1, keepdims=True)
    found: Floats = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(labels)), labels]
    return found


def ranks(logits: Floats, labels: Labels) -> NDArray[np.intp]:
    """How many classes come before the right one, (n,); of equal logits the first class comes first.

    >>> ranks(np.array([[0.1, 0.7, 0.2], [0.5, 0.5, 0.0]]), np.array([2, 1])).tolist()
    [1, 1]
    """
    own = logits[np.arange(len(labels)), labels][:, np.newaxis]
    earlier = np.arange(logits.shape[1]) < labels[:, np.newaxis]
    found: NDArray[np.intp] = ((logits > own) | ((logits == own) & earlier)).sum(axis=1)
    return found


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """How well one class is found; None where there is nothing to divide by.

    ``precision = right / given``, ``recall = right / support`` and ``f1 = 2 · right / (given + support)``, of
    the images of the class (``support``), those that were given it, and those in both.
    """

    name: str
    precision: float | None
    recall: float | None
    f1: float | None
    support: int


def confusion(labels: Labels, predicted: Labels, classes: int) -> Counts:
    """How many images of each class (row) were given each class (column)."""
    return np.bincount(labels * classes + predicted, minlength=classes**2).reshape(classes, classes)


def class_figures(counts: Counts, names: tuple[str, ...]) -> tuple[ClassFigures, ...]:
    """Precision, recall and F1 of each class, from a confusion matrix.

    >>> class_figures(np.array([[1, 1], [0, 0]]), ("cat", "dog"))[1]
    ClassFigures(name='dog', precision=0.0, recall=None, f1=0.0, support=0)
    """
    found = []
    columns = counts.diagonal(), counts.sum(axis=0), counts.sum(axis=1)
    for name, right, given, support in zip(names, *columns, strict=True):
        ratios = (right, given), (right, support), (2 * right, given + support)
        precision, recall, f1 = (float(part / whole) if whole else None for part, whole in ratios)
        found.append(ClassFigures(name, precision, recall, f1, int(support)))
    return tuple(found)


def mistakes(counts: Counts, most: int) -> list[tuple[int, int, int]]:
    """The most frequent confusions: class, what it was taken for, how often; the most frequent first.

    >>> mistakes(np.array([[5, 2, 0], [1, 7, 0], [0, 3, 4]]), 2)
    [(2, 1, 3), (0, 1, 2)]
    """
    wrong = counts * (1 - np.eye(len(counts), dtype=np.int64))
    order = np.argsort(-wrong, axis=None, kind="stable")[:most]
    pairs = (divmod(int(place), len(counts)) for place in order)
    return [(i, j, int(wrong[i, j])) for i, j in pairs if wrong[i, j]]


@dataclass(frozen=True, slots=True, eq=False)
class Assessment:
    """How good predictions of images are.

    Args:
        wilson: Wilson's interval of the accuracy, to compare the bootstrap's with.
        top5_accuracy: share of the images whose class was among the five likeliest; None where there are no
            more than five classes.
        loss: mean negative log-likelihood, in nats.
        calibration: how far confidence is from accuracy.
        confusion: (classes, classes): images of the row's class that were given the column's.
    """

    examples: int
    accuracy: Figure
    wilson: tuple[float, float]
    top5_accuracy: Figure | None
    loss: Figure
    calibration: Calibration
    classes: tuple[ClassFigures, ...]
    confusion: Counts


def assess(logits: Floats, labels: Labels, class_names: tuple[str, ...]) -> Assessment:
    """Judge logits (n, classes) by labels (n,), from 0; all figures and all calls use the same resamples."""
    rank = ranks(logits, labels)
    values = np.column_stack([rank == 0, losses(logits, labels), rank < TOP])
    means = resampled_means(values)
    counts = confusion(labels, logits.argmax(axis=1), len(class_names))
    near = bootstrap(values, means, lambda each: each[..., NEAR]) if len(class_names) > TOP else None
    return Assessment(
        examples=len(labels),
        accuracy=bootstrap(values, means, lambda each: each[..., HIT]),
        wilson=wilson(int(counts.trace()), len(labels)),
        top5_accuracy=near,
        loss=bootstrap(values, means, lambda each: each[..., LOSS]),
        calibration=calibration(softmax(logits), labels),
        classes=class_figures(counts, class_names),
        confusion=counts,
    )
