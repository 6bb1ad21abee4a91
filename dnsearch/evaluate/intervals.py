"""How far a figure may be off, since it was measured on so many images and no more.

What a training is worth over several seeds: a mean, how far it may be off, and whether two differ.

The figures of a few seeds are taken as draws from a normal distribution whose spread is not known, so the
intervals are Student's (1908) and, of a difference, Welch's (1947).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
CONFIDENCE = 0.95
CHUNK = 2**22
"""Draws held in memory at once."""

Floats = NDArray[np.float64]
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


MOST_DEGREES = 1000
"""Beyond that, Student's distribution is the normal one to three digits."""


def mean_over_seeds(values: Sequence[float]) -> Figure:
    """The mean of at least two seeds and its interval, ``m ± t s / √n`` with ``n - 1`` degrees of freedom.

    >>> found = mean_over_seeds([0.90, 0.92, 0.94])
    >>> round(found.value, 4), round(found.low, 4), round(found.high, 4)
    (0.92, 0.8703, 0.9697)
    """
    mean, error = fmean(values), _squared_error(values)  # the same in whatever order they come
    half = student(len(values) - 1) * math.sqrt(error)
    return Figure(mean, mean - half, mean + half)


def difference_of_means(first: Sequence[float], second: Sequence[float]) -> Figure:
    """How much higher the first mean is, with Welch's interval; spreads and numbers may differ.

    With ``e = s² / n`` of each: ``d ± t √(e₁ + e₂)``, ``(e₁ + e₂)² / (e₁² / (n₁ - 1) + e₂² / (n₂ - 1))``
    degrees of freedom, rounded down as in printed tables.

    Args:
        first: at least two figures.
        second: at least two figures.
    """
    difference = float(np.mean(first) - np.mean(second))
    errors = _squared_error(first), _squared_error(second)
    total = sum(errors)
    if total == 0:
        return Figure(difference, difference, difference)
    shares = (error / total for error in errors)  # the squares of tiny errors themselves would vanish
    parts = (share**2 / (len(each) - 1) for share, each in zip(shares, (first, second), strict=True))
    half = student(math.floor(1 / sum(parts) + 1e-9)) * math.sqrt(total)
    return Figure(difference, difference - half, difference + half)


def _squared_error(values: Sequence[float]) -> float:
    """The squared standard error of a mean, ``s² / n``."""
    return float(np.var(values, ddof=1)) / len(values)


def student(degrees: int) -> float:
    """The ``t`` that Student's distribution stays within, on either side, with 95 % probability.

    >>> [round(student(degrees), 3) for degrees in (1, 2, 10, 1000)]
    [12.706, 4.303, 2.228, 1.962]
    """
    low, high, known = 1.0, 13.0, min(degrees, MOST_DEGREES)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, known) < CONFIDENCE else (low, middle)
    return high


def _within(t: float, degrees: int) -> float:
    """``P(-t < T < t)`` of a whole number of degrees of freedom (Abramowitz and Stegun, 26.7.3 and 26.7.4).

    With ``θ = atan(t / √ν)``, even ν: ``sin θ (1 + 1/2 cos² θ + 1·3/2·4 cos⁴ θ + …)``, up to the power ν - 2;
    odd ν: ``2/π (θ + sin θ (cos θ + 2/3 cos³ θ + 2·4/3·5 cos⁵ θ + …))``, likewise.
    """
    angle = math.atan(t / math.sqrt(degrees))
    odd = degrees % 2
    term = math.cos(angle) if odd else 1.0
    total = 0.0
    for power in range(odd, degrees - 1, 2):
        total += term
        term *= (power + 1) / (power + 2) * math.cos(angle) ** 2
    inner = math.sin(angle) * total
    return 2 / math.pi * (angle + inner) if odd else inner
