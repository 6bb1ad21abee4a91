"""Which of many trials may be the best, where the one in front was chosen for being in front.

The first of k equal trials is the largest of k draws. Held against it one by one, each at 5 %, a quarter of
the others seem to be worse. Tukey's critical values are for the largest of all differences. Plain Python, for
a leaderboard that needs no SciPy.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist, fmean, variance

from dnsearch.evaluate.intervals import CONFIDENCE
from dnsearch.evaluate.paired_hits import agreement
from dnsearch.runs.hits import Hits

STEP, REACH = 0.2, 40
"""The integral's steps and how many there are to either side: from -8 to 8, exact to 10 digits."""
DEGREES = (*range(1, 21), 24, 30, 40, 60, 120, math.inf)
"""Degrees of freedom are rounded down to one of these, as in printed tables."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a trial scored.

    Args:
        scores: of one training, or of several that differ only in their seeds.
        examples: how many images each score is the share of; None where it is no share, such as a mean IoU.
        hits: which images each training got right; empty where they were not kept.
    """

    scores: tuple[float, ...]
    examples: int | None = None
    hits: tuple[Hits, ...] = ()


@dataclass(frozen=True, slots=True)
class Spread:
    """The variance between trainings that differ only in their seeds, and its degrees of freedom."""

    variance: float = 0.0
    degrees: int = 0


def spread_of_seeds(trials: Iterable[Measured]) -> Spread:
    """The variance within trials of two trainings or more, pooled; of none, nothing is known of seeds.

    >>> spread_of_seeds([Measured((0.5, 1.0)), Measured((0.25, 0.75)), Measured((0.9,))])
    Spread(variance=0.125, degrees=2)
    """
    several = [trial.scores for trial in trials if len(trial.scores) > 1]
    degrees = sum(len(scores) - 1 for scores in several)
    squares = math.fsum((len(scores) - 1) * variance(scores) for scores in several)
    return Spread(squares / degrees, degrees) if degrees else Spread()


def may_be_best(first: Measured, other: Measured, trials: int, spread: Spread) -> bool | None:
    """Whether a trial may be as good as the first of so many; None where nothing can be said of it.

    It is worse if its mean is behind by more than ``q √(images + seeds)``: ``q = critical_range(trials,
    degrees)``; ``seeds = s² (1 / n₁ + 1 / n₂)``, with s² the ``spread`` and n trainings each; ``images`` is
    the variance of the difference of shares over other images, of McNemar's test, ``(b + c) / m²`` for b and
    c of m images that only one got right, or without hits of the same images ``p (1 - p) (1 / m₁ + 1 / m₂)``.
    The degrees are Satterthwaite's. Of equal trials, any is called worse in at most 5 % of studies.

    >>> first = Measured((0.95,), 100)
    >>> [may_be_best(first, Measured((score,), 100), 3, Spread()) for score in (0.94, 0.80)]
    [True, False]
    """
    of_images = _over_images(first, other)
    if of_images is None and not spread.degrees:
        return None
    of_seeds = spread.variance * (1 / len(first.scores) + 1 / len(other.scores))
    total = (of_images or 0.0) + of_seeds
    degrees = spread.degrees * (total / of_seeds) ** 2 if of_seeds else math.inf
    if of_images is None:
        degrees = spread.degrees
    behind = fmean(first.scores) - fmean(other.scores)
    return behind <= 0 or behind <= critical_range(trials, degrees) * math.sqrt(total)


def _over_images(first: Measured, other: Measured) -> float | None:
    """The variance of the difference over other images; None where scores are no shares of images."""
    if not first.examples or not other.examples:
        return None
    hits = (*first.hits, *other.hits)
    if first.hits and other.hits and len({(each.images, each.examples) for each in hits}) == 1:
        pairs = [
            agreement(one.bits, two.bits, one.examples)
            for one, two in zip(first.hits, other.hits, strict=False)
        ]
        return fmean(each.first_only + each.second_only for each in pairs) / first.examples**2
    share = fmean((fmean(first.scores), fmean(other.scores)))
    return share * (1 - share) * (1 / first.examples + 1 / other.examples)


def critical_range(trials: int, degrees: float = math.inf) -> float:
    """By how many standard errors of a difference the largest and smallest of equal means are apart.

    Of ``trials`` of them, with 95 %: the studentized range's quantile by √2 (Tukey, 1953; Kramer, 1956).

    >>> [round(critical_range(trials), 2) for trials in (2, 5, 20, 50)], round(critical_range(5, 10), 2)
    ([1.96, 2.73, 3.54, 3.99], 3.29)
    """
    return _critical_range(max(2, trials), max(each for each in DEGREES if each <= max(1, degrees)))


@lru_cache
def _critical_range(trials: int, degrees: float) -> float:
    normal = NormalDist()
    places = [step * STEP for step in range(-REACH, REACH + 1)]
    nodes = [(z, trials * STEP * normal.pdf(z), normal.cdf(z)) for z in places]
    scales = _scales(degrees)

    def within(width: float) -> float:
        found = 0.0
        for scale, share in scales:
            reach = width * scale * math.sqrt(2)
            found += share * sum(
                weight * (below - math.erfc((reach - z) / math.sqrt(2)) / 2) ** (trials - 1)
                for z, weight, below in nodes
            )
        return found - CONFIDENCE

    return _root(within, 1.5)


def _scales(degrees: float) -> Sequence[tuple[float, float]]:
    """Values of ``s / σ`` and their probabilities: of ``u = ln(s / σ)``, ``∝ exp(ν u - ν e^2u / 2)``."""
    if degrees == math.inf:
        return [(1.0, 1.0)]
    width = 1 / math.sqrt(2 * degrees)
    constant = math.log(2) + degrees / 2 * math.log(degrees / 2) - math.lgamma(degrees / 2)
    places = [step * width / 3 for step in range(-24 if degrees > 4 else -40, 13)]
    return [
        (math.exp(u), width / 3 * math.exp(constant + degrees * (u - math.exp(2 * u) / 2))) for u in places
    ]


def _root(rising: Callable[[float], float], low: float) -> float:
    """Where a rising function is 0, above ``low``: the Illinois method."""
    high = 2 * low
    while (above := rising(high)) < 0:
        low, high = high, 2 * high
    below = rising(low)
    while high - low > 1e-6 * high:
        middle = high - above * (high - low) / (above - below)
        found = rising(middle)
        if found < 0:
            low, below, above = middle, found, above / 2
        else:
            high, above, below = middle, found, below / 2
        if abs(found) < 1e-9:
            return middle
    return high
