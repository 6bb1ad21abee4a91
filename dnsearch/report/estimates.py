"""How a trial stands in its study: figures with their intervals, and ties.

How sure the figures of a study's trials are, and which trials cannot be told from the first.

A trial that was retrained on fresh seeds is judged by these alone: it was chosen for its own figure, which
therefore flatters it. Over seeds the interval is Student's; of a single training it is Wilson's, of the share
of the held-out images, and says nothing of what another seed would give. A mean IoU of one training has none.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from dnsearch.evaluate.intervals import (
    Figure,
    difference_of_means,
    difference_of_shares,
    mean_over_seeds,
    wilson,
)
from dnsearch.runs.record import Metrics


@dataclass(frozen=True, slots=True)
class Estimate:
    """A share from 0 to 1 and how far it may be off.

    Args:
        value: the figure, or the mean over seeds.
        interval: its 95 % interval; None where there is none.
        seeds: how many trainings it is the mean of.
    """

    value: float
    interval: tuple[float, float] | None
    seeds: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How a trial stands in its study.

    Args:
        validation: what it is ranked by; None without a figure.
        test: the same on the test images, where they were looked at.
        seeds: the fresh seeds of its finished confirmations.
        confirmations: how many confirmations were begun.
        tied: whether it cannot be told from the first.
        front: whether no other trial beats it in every objective; None in a study of one objective.
    """

    validation: Estimate | None
    test: Estimate | None
    seeds: tuple[int, ...] = ()
    confirmations: int = 0
    tied: bool = False
    front: bool | None = None


def estimated(trainings: Sequence[Metrics]) -> Estimate | None:
    """The figure of one training, or the mean of several ones that differ in their seeds alone.

    >>> found = estimated([Metrics(0.3, 0.90, 180)])
    >>> found.value, [round(end, 3) for end in found.interval]
    (0.9, [0.847, 0.936])
    """
    scores = [each.score for each in trainings]
    if not scores or not all(map(math.isfinite, scores)):
        return None
    if len(scores) > 1:
        found = mean_over_seeds(scores)
        return Estimate(found.value, (found.low, found.high), len(scores))
    (only,) = trainings
    share = _is_share(only)
    interval = wilson(round(only.accuracy * only.examples), only.examples) if share else None
    return Estimate(only.score, interval, 1)


def tied(first: Sequence[Metrics], other: Sequence[Metrics]) -> bool:
    """Whether the interval of the difference between two trials holds 0.

    Over seeds it is Welch's; where one of the trials has a single training, Newcombe's of shares of images.
    """
    difference = _difference(first, other)
    return difference is not None and difference.low <= 0 <= difference.high


def _difference(first: Sequence[Metrics], other: Sequence[Metrics]) -> Figure | None:
    if not first or not other:
        return None
    if len(first) > 1 and len(other) > 1:
        return difference_of_means([each.score for each in first], [each.score for each in other])
    if not all(map(_is_share, [*first, *other])):
        return None
    higher, lower = (fmean(each.accuracy for each in group) for group in (first, other))
    return difference_of_shares(higher, lower, (first[0].examples, other[0].examples))


def _is_share(metrics: Metrics) -> bool:
    """Whether a score is the share of so many independent examples; those of a mean IoU are pixels."""
    return metrics.mean_iou is None and metrics.examples > 0 and math.isfinite(metrics.accuracy)
