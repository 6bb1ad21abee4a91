"""How good predictions are: from logits and labels to probabilities, losses, ranks and their summary.

Intervals of figures that are means over images come from resampled images. SciPy's ``stats.bootstrap`` draws
anew for every figure and keeps a table of all images by all images; here one set serves every figure.
"""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from dnsearch.evaluate.intervals import TAILS, Figure, wilson

Floats = NDArray[np.float64]
Labels = NDArray[np.integer]
Counts = NDArray[np.int64]
Statistic = Callable[[Floats], Floats]
"""Means of values, (..., columns) → the figure that is made of them, (...,)."""

TOP, BINS = 5, 15
RESAMPLES, SEED = 2000, 0
CHUNK = 2**22  # draws held in memory at once
HIT, LOSS, NEAR, GAPS = 0, 1, 2, 3  # columns of the values; the gaps are the last ones


def resampled_means(values: Floats, seed: int = SEED, resamples: int = RESAMPLES) -> Floats:
    """Means over as many images as there are, drawn with replacement: (n, columns) → (resamples, columns)."""
    examples = len(values)
    rng = np.random.default_rng(seed)
    means = np.empty((resamples, values.shape[1]))
    step = max(1, CHUNK // examples)
    for start in range(0, resamples, step):
        count = min(step, resamples - start)
        drawn = rng.integers(examples, size=(count, examples)) + examples * np.arange(count)[:, np.newaxis]
        times = np.bincount(drawn.ravel(), minlength=count * examples).reshape(count, examples)
        means[start : start + count] = times @ values / examples
    return means


def bootstrap(values: Floats, means: Floats, statistic: Statistic) -> Figure:
    """A figure and its bias-corrected and accelerated bootstrap interval (BCa; Efron, 1987).

    With ``θ`` the figure, ``θ*`` those of the resamples, ``θ₍ᵢ₎`` the one without image i and
    ``d = mean(θ₍·₎) - θ₍ᵢ₎``: ``z₀ = Φ⁻¹(share of θ* below θ)``, ``a = Σ d³ / (6 (Σ d²)^1.5)``, and the ends
    are the quantiles ``Φ(z₀ + (z₀ ± z) / (1 - a (z₀ ± z)))`` of ``θ*``.

    Args:
        values: (n, columns), one row per image.
        means: (resamples, columns), from ``resampled_means``.
        statistic: from means to the figure.
    """
    figure, found = float(statistic(values.mean(axis=0))), statistic(means)
    if len(values) == 1 or np.ptp(found) == 0:
        return Figure(figure, figure, figure)
    without = statistic((values.sum(axis=0) - values) / (len(values) - 1))
    off = without.mean() - without
    squares = float((off**2).sum())
    acceleration = float((off**3).sum()) / (6 * squares**1.5) if squares else 0.0
    below = float((found < figure).mean() + (found == figure).mean() / 2)
    edge = 1 / (2 * len(found))  # so few resamples cannot tell a share from 0 or 1
    normal = NormalDist()
    bias = normal.inv_cdf(min(max(below, edge), 1 - edge))
    shifted = [bias + normal.inv_cdf(tail) for tail in TAILS]
    low, high = np.quantile(found, [normal.cdf(bias + z / (1 - acceleration * z)) for z in shifted])
    return Figure(figure, float(low), float(high))


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


def gaps(probabilities: Floats, labels: Labels, bins: int = BINS) -> Floats:
    """What each prediction adds to its bin, (n, bins): 1 if it is right, else 0, less its confidence.

    Its confidence is its largest probability; bin m is for those above ``(m - 1) / bins`` up to ``m / bins``;
    all others are 0. As in Guo et al., 2017, "On calibration of modern neural networks".
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    place = np.clip(np.ceil(confidence * bins).astype(np.intp) - 1, 0, bins - 1)
    found = np.zeros((len(labels), bins))
    found[np.arange(len(labels)), place] = right - confidence
    return found


def expected_error(mean_gaps: Floats) -> Floats:
    """The expected calibration error, ``ECE = Σ_m |B_m| / n · |accuracy(B_m) - confidence(B_m)|``.

    ``|B_m| / n`` times the difference is the mean of that bin's gaps over all predictions, so this is the sum
    of the absolute values of means of ``gaps``: (..., bins) → (...,).

    >>> sure = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6]])
    >>> round(float(expected_error(gaps(sure, np.array([0, 1, 1])).mean(axis=0))), 4)  # (|1 - 1.8| + 0.4) / 3
    0.4
    """
    found: Floats = np.abs(mean_gaps).sum(axis=-1)
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
        calibration_error: expected calibration error, from 0 to 1.
        confusion: (classes, classes): images of the row's class that were given the column's.
    """

    examples: int
    accuracy: Figure
    wilson: tuple[float, float]
    top5_accuracy: Figure | None
    loss: Figure
    calibration_error: Figure
    classes: tuple[ClassFigures, ...]
    confusion: Counts


def assess(logits: Floats, labels: Labels, class_names: tuple[str, ...]) -> Assessment:
    """Judge logits (n, classes) by labels (n,), from 0; all figures and all calls use the same resamples."""
    probabilities, rank = softmax(logits), ranks(logits, labels)
    values = np.column_stack([rank == 0, losses(logits, labels), rank < TOP, gaps(probabilities, labels)])
    means = resampled_means(values)
    counts = confusion(labels, logits.argmax(axis=1), len(class_names))
    near = bootstrap(values, means, lambda each: each[..., NEAR]) if len(class_names) > TOP else None
    return Assessment(
        examples=len(labels),
        accuracy=bootstrap(values, means, lambda each: each[..., HIT]),
        wilson=wilson(int(counts.trace()), len(labels)),
        top5_accuracy=near,
        loss=bootstrap(values, means, lambda each: each[..., LOSS]),
        calibration_error=bootstrap(values, means, lambda each: expected_error(each[..., GAPS:])),
        classes=class_figures(counts, class_names),
        confusion=counts,
    )
