"""How sure the figures of a study's trials are, and which trials cannot be told from the first.

A trial that was retrained on fresh seeds is judged by these alone: it was chosen for its own figure, which
therefore flatters it. Over seeds the interval is Student's; of a single training it is Wilson's, of the share
of the held-out images, and says nothing of what another seed would give. A mean IoU of one training has none.
"""

import math
from collections.abc import Sequence
from statistics import fmean

from dnsearch.assess.intervals import Figure, difference_of_shares, wilson
from dnsearch.assess.seeds import difference_of_means, mean_over_seeds
from dnsearch.board.standing import Estimate
from dnsearch.records.record import Metrics


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
