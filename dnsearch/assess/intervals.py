"""How far a figure may be off, since it was measured on so many images and no more."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from dnsearch.assess.scores import Floats

RESAMPLES = 2000
CONFIDENCE = 0.95
CHUNK = 2**22
"""Draws held in memory at once."""

Statistic = Callable[[Floats], Floats]
"""Means of values, (..., columns) → the figure that is made of them, (...,)."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with its 95 % interval.

    Args:
        value: as measured.
        low: lower end.
        high: upper end.
    """

    value: float
    low: float
    high: float


def resampled_means(values: Floats, seed: int, resamples: int = RESAMPLES) -> Floats:
    """Means over images that were drawn anew, with replacement, again and again.

    Args:
        values: (n, columns), one row per image.
        seed: equal seeds draw equal images.
        resamples: how often.

    Returns:
        (resamples, columns).
    """
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
        means: (resamples, columns), as ``resampled_means`` gives them.
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
    edge = 1 / (2 * len(found))  # no share of so many resamples can be told from 0 or 1
    bias = NormalDist().inv_cdf(min(max(below, edge), 1 - edge))
    low, high = (
        float(np.quantile(found, _shifted(tail, bias, acceleration)))
        for tail in ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)
    )
    return Figure(figure, low, high)


def _shifted(tail: float, bias: float, acceleration: float) -> float:
    z = bias + NormalDist().inv_cdf(tail)
    return NormalDist().cdf(bias + z / (1 - acceleration * z))


def wilson(right: int, examples: int) -> tuple[float, float]:
    """Wilson's score interval (1927) of a share: for ``p = right / n`` and ``z`` of the 95 % interval.

    ``(p + z² / 2n ± z √(p (1 - p) / n + z² / 4n²)) / (1 + z² / n)``; unlike the bootstrap it also has a width
    where everything was right.

    >>> [round(end, 4) for end in wilson(10, 10)]
    [0.7225, 1.0]
    """
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    share, scale = right / examples, 1 + z**2 / examples
    middle = (share + z**2 / (2 * examples)) / scale
    half = z * math.sqrt(share * (1 - share) / examples + z**2 / (4 * examples**2)) / scale
    return max(0.0, middle - half), min(1.0, middle + half)


def difference_of_shares(first: float, second: float, examples: tuple[int, int]) -> Figure:
    """How much higher the first share is, with Newcombe's interval (1998, method 10), made of Wilson's two.

    With ``(l, u)`` Wilson's interval of each share ``p``: ``p₁ - p₂ - √((p₁ - l₁)² + (u₂ - p₂)²)`` to
    ``p₁ - p₂ + √((u₁ - p₁)² + (p₂ - l₂)²)``. Two networks that are judged by the same images usually err on
    the same ones; the interval knows nothing of that and so is rather too wide than too narrow.

    Args:
        first: a share from 0 to 1.
        second: another.
        examples: how many examples each was measured on.

    >>> found = difference_of_shares(56 / 70, 48 / 80, (70, 80))
    >>> round(found.low, 4), round(found.high, 4)
    (0.0524, 0.3339)
    """
    (low_1, high_1), (low_2, high_2) = (
        wilson(round(share * count), count) for share, count in zip((first, second), examples, strict=True)
    )
    difference = first - second
    below, above = math.hypot(first - low_1, high_2 - second), math.hypot(high_1 - first, second - low_2)
    return Figure(difference, difference - below, difference + above)
