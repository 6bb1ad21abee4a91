"""What a training is worth over several seeds: a mean, how far it may be off, and whether two differ.

The figures of a few seeds are taken as draws from a normal distribution whose spread is not known, so the
intervals are Student's (1908) and, of a difference, Welch's (1947).
"""

import math
from collections.abc import Sequence
from statistics import fmean

import numpy as np

from dnsearch.assess.intervals import CONFIDENCE, Figure

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
