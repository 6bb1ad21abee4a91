"""Which of many trials may be the best, where the one in front was chosen for being in front.

The first of k equal trials is the largest of k draws. Held against it one by one, each at 5 %, a quarter of
the others seem to be worse. Plain Python, for a leaderboard that needs no SciPy.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

from dnsearch.evaluate.intervals import CONFIDENCE
from dnsearch.evaluate.paired_hits import agreement

STEP, REACH = 0.1, 80
"""The integral's steps and how many there are to either side: from -8 to 8, exact to 12 digits."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a trial's share of right images was measured on.

    Args:
        right: how many images it got right.
        examples: of how many.
        hits: which ones, as packed bits in the study's order of images; None where they were not kept.
    """

    right: int
    examples: int
    hits: bytes | None = None


def may_be_best(trials: Sequence[Measured]) -> list[bool]:
    """Of each trial, whether it may be the best of all: comparisons with the best (Hsu, 1981).

    A trial is not, if another one is ahead by more than ``d`` standard errors, ``d = critical_best(k)``. The
    truly best of k trials is among those that may be with a probability of at least 95 %.

    With both trials' hits the error of the difference is that of McNemar's test, ``√(b + c) / n`` for b and c
    images that only one got right; else ``√(p (1 - p) (1/n₁ + 1/n₂))`` with the share p of both together.

    >>> may_be_best([Measured(95, 100), Measured(94, 100), Measured(80, 100)])
    [True, True, False]
    """
    limit = critical_best(len(trials))
    first_best = sorted(trials, key=lambda trial: -trial.right / trial.examples)
    return [
        not any(_ratio(rival, trial) > limit for rival in first_best if rival is not trial)
        for trial in trials
    ]


def _ratio(rival: Measured, trial: Measured) -> float:
    """By how many standard errors a rival is ahead; at most 0 where it is not."""
    ahead = rival.right / rival.examples - trial.right / trial.examples
    if ahead <= 0:
        return 0.0
    if rival.hits is not None and trial.hits is not None and rival.examples == trial.examples:
        counts = agreement(rival.hits, trial.hits, trial.examples)
        return ahead * trial.examples / math.sqrt(counts.first_only + counts.second_only)
    share = (rival.right + trial.right) / (rival.examples + trial.examples)
    return ahead / math.sqrt(share * (1 - share) * (1 / rival.examples + 1 / trial.examples))


@lru_cache
def critical_best(trials: int) -> float:
    """The d of comparisons with the best: ``∫ φ(z) Φ(z + √2 d)^(k - 1) dz = 0.95`` (one-sided Dunnett).

    φ and Φ are the normal density and distribution; d is in standard errors of a difference. It makes no
    trial of k equal ones seem worse than the first with more than 5 %; that none of them does, it does not
    say: that takes Tukey's and Kramer's 2.73, 3.54 and 3.99 for 5, 20 and 50 trials.

    >>> [round(critical_best(trials), 2) for trials in (2, 5, 20, 50)]
    [1.64, 2.16, 2.63, 2.88]
    """
    normal = NormalDist()
    weights = [(place * STEP, STEP * normal.pdf(place * STEP)) for place in range(-REACH, REACH + 1)]
    low, high = 0.0, 10.0
    for _ in range(50):
        middle = (low + high) / 2
        ahead = math.sqrt(2) * middle
        inside = sum(weight * normal.cdf(z + ahead) ** (trials - 1) for z, weight in weights)
        low, high = (middle, high) if inside < CONFIDENCE else (low, middle)
    return high
