"""How far a measured figure may be off, in closed form; only the figures of several seeds need SciPy.

A share of images has Wilson's interval (1927), the difference of two shares Newcombe's (1998). The figures of
a few seeds are taken as draws from a normal distribution of unknown spread: a mean over them has Student's
interval (1908), the difference of two means Welch's (1947). All are 95 % intervals.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, variance

from dnsearch import environment

CONFIDENCE = 0.95
TAILS = (1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2
Z = NormalDist().inv_cdf(TAILS[1])


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure as measured, and the lower and the upper end of its 95 % interval."""

    value: float
    low: float
    high: float


def wilson(right: int, examples: int) -> tuple[float, float]:
    """The interval of the share ``p = right / n``; it has a width even where everything was right.

    ``(p + z² / 2n ± z √(p (1 - p) / n + z² / 4n²)) / (1 + z² / n)``

    >>> [round(end, 4) for end in wilson(10, 10)]
    [0.7225, 1.0]
    """
    share, scale = right / examples, 1 + Z**2 / examples
    middle = (share + Z**2 / (2 * examples)) / scale
    half = Z * math.sqrt(share * (1 - share) / examples + Z**2 / (4 * examples**2)) / scale
    return max(0.0, middle - half), min(1.0, middle + half)


def difference_of_shares(first: float, second: float, examples: tuple[int, int]) -> Figure:
    """How much higher the first share (of so many ``examples``) is, with Newcombe's interval (method 10).

    With ``(l, u)`` Wilson's interval of each share ``p``: ``p₁ - p₂ - √((p₁ - l₁)² + (u₂ - p₂)²)`` to
    ``p₁ - p₂ + √((u₁ - p₁)² + (p₂ - l₂)²)``. It takes the images of both as drawn independently. Two networks
    judged by the same images often err on the same ones, so the interval is rather too wide than too narrow.

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


def mean_over_seeds(values: Sequence[float]) -> Figure:
    """The mean of at least two values and its interval, ``m ± t s / √n`` with ``n - 1`` degrees of freedom.

    >>> found = mean_over_seeds([0.90, 0.92, 0.94])
    >>> round(found.value, 4), round(found.low, 4), round(found.high, 4)
    (0.92, 0.8703, 0.9697)
    """
    mean = fmean(values)
    half = student(len(values) - 1) * math.sqrt(variance(values) / len(values))
    return Figure(mean, mean - half, mean + half)


def difference_of_means(first: Sequence[float], second: Sequence[float]) -> Figure:
    """How much higher the first mean is, with Welch's interval; each has at least two values.

    With ``e = s² / n`` of each: ``d ± t √(e₁ + e₂)``, ``(e₁ + e₂)² / (e₁² / (n₁ - 1) + e₂² / (n₂ - 1))``
    degrees of freedom, rounded down as in printed tables.
    """
    difference = fmean(first) - fmean(second)
    errors = [variance(each) / len(each) for each in (first, second)]
    total = sum(errors)
    if total == 0:
        return Figure(difference, difference, difference)
    shares = (error / total for error in errors)  # the squares of tiny errors themselves would vanish
    parts = (share**2 / (len(each) - 1) for share, each in zip(shares, (first, second), strict=True))
    half = student(math.floor(1 / sum(parts) + 1e-9)) * math.sqrt(total)
    return Figure(difference, difference - half, difference + half)


def student(degrees: int) -> float:
    """The ``t`` with ``P(-t < T < t) = 0.95`` for Student's T.

    >>> [round(student(degrees), 3) for degrees in (1, 2, 10, 1000)]
    [12.706, 4.303, 2.228, 1.962]
    """
    return float(environment.imported("scipy.special").stdtrit(degrees, TAILS[1]))
