"""What paired differences say: intervals, tests, equivalence, and how many pairs it takes.

Pair r trains every arm with the same seed. ``D_r`` is the score of one arm less that of the other, in points
of accuracy (100 times the share), r = 1 … n; the mean of all is ``m`` and their standard deviation ``s``.

Several contrasts are judged together by Šidák's bound (1967), each with its own ``s``. Dunnett's critical
value (1955) is smaller by 1 to 3 % and takes one spread for all arms; with each contrast's own ``s`` it lets
false alarms through in 5.6 to 7.0 % of comparisons of 6 pairs (docs/benchmarks.md, "Statistics").
"""

import math
from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from dnsearch.evaluate.intervals import CONFIDENCE, Figure
from dnsearch.spec.compare import FEWEST_PAIRS

Floats = NDArray[np.float64]

ALPHA = 1 - CONFIDENCE
POWER = 0.8
MOST_PAIRS = 10_000
MOST_FLIPPED = 16
"""Up to so many pairs all signs are tried (65,536)."""
FLIPS = 20_000
UPPER_LIMIT = 0.6
"""Confidence of the upper limit of a pilot's standard deviation. After a pilot of 4 to 8 pairs the real power
is 79 to 87 % on the average, where 80 % is planned; with its own value 68 to 82 %, with its 80 % limit 89 to
94 %."""


def standard_error(differences: Sequence[float] | Floats, resplit: float = 0.0) -> float:
    """Of the mean: ``s √(1/n + q)``, with ``q = n_val / n_train`` where each pair draws a split of its own.

    Such pairs share most of their training images, so that their mean varies more than ``s / √n``; the term q
    is Nadeau and Bengio's correction (2003, "Inference for the generalization error"). However many pairs
    there are, the error stays above ``s √q``.

    Args:
        differences: at least two, in points.
        resplit: q, from 0; 0 where all pairs have the same split.

    >>> round(standard_error([1.0, 2.0, 3.0]), 4), round(standard_error([1.0, 2.0, 3.0], resplit=0.25), 4)
    (0.5774, 0.7638)
    """
    return float(np.std(differences, ddof=1)) * math.sqrt(1 / len(differences) + resplit)


def mean_difference(
    differences: Sequence[float] | Floats,
    resplit: float = 0.0,
    contrasts: int = 1,
    confidence: float = CONFIDENCE,
) -> Figure:
    """The mean and its interval ``m ± t e``, in points: e is the standard error, t has ``n - 1`` degrees.

    Of several contrasts all intervals hold the truth together with that confidence (Šidák). With 90 % it is
    the interval of two one-sided tests at 5 % each: two arms are equivalent if it lies within ±margin (TOST;
    Schuirmann, 1987; Lakens, 2017).

    Args:
        differences: at least two, in points.
        resplit: see ``standard_error``.
        contrasts: how many are judged together.
        confidence: from 0 to 1.

    >>> found = mean_difference([0.90, 0.92, 0.94])
    >>> round(found.low, 4), round(found.high, 4)
    (0.8703, 0.9697)
    """
    mean = float(np.mean(differences))
    half = _critical(len(differences), contrasts, confidence) * standard_error(differences, resplit)
    return Figure(mean, mean - half, mean + half)


def _critical(pairs: int, contrasts: int, confidence: float = CONFIDENCE) -> float:
    """The t with ``P(-t < T < t) = confidence^(1 / contrasts)``; Student's T has ``pairs - 1`` degrees."""
    return float(stats.t.ppf((1 + confidence ** (1 / contrasts)) / 2, pairs - 1))


def p_value(differences: Sequence[float] | Floats, resplit: float = 0.0) -> float:
    """Of Student's paired test, two-sided: ``P(|T| ≥ |m| / e)`` with ``n - 1`` degrees of freedom.

    Where all differences are the same, e is 0 and it is that of equal signs, ``2 / 2ⁿ``.

    >>> round(p_value([1.0, 2.0, 3.0, 0.5]), 4)  # scipy.stats.ttest_1samp(…, 0)
    0.0609
    """
    mean, error = abs(float(np.mean(differences))), standard_error(differences, resplit)
    if error <= 1e-12 * mean or mean == 0:
        return 2.0 ** (1 - len(differences)) if mean else 1.0
    return float(2 * stats.t.sf(mean / error, len(differences) - 1))


def sign_flip(differences: Sequence[float] | Floats, seed: int = 0) -> float:
    """How often ``|Σ ± D_r|`` is at least ``|Σ D_r|``: a p that assumes no normality (Fisher, 1935).

    Where arms do not differ, either could have had the other's score. All ``2ⁿ`` signs are tried up to 16
    pairs; beyond, 20,000 are drawn, and the drawn and the real ones count together: ``(1 + k) / 20,001``.

    >>> sign_flip([1.0, 2.0, 3.0, 0.5, 1.5, 2.5])  # 2 / 2⁶
    0.03125
    """
    values = np.asarray(differences, np.float64)
    pairs = len(values)
    limit = abs(values.sum()) - 1e-9 * np.abs(values).sum()  # equal sums, but for rounding
    if pairs <= MOST_FLIPPED:
        signs = 1 - 2 * (np.arange(2**pairs)[:, np.newaxis] >> np.arange(pairs) & 1)
        return float((np.abs(signs @ values) >= limit).mean())
    signs = 1 - 2 * np.random.default_rng(seed).integers(2, size=(FLIPS, pairs), dtype=np.int8)
    return float((1 + (np.abs(signs @ values) >= limit).sum()) / (1 + FLIPS))


def sidak(p: float, contrasts: int) -> float:
    """A p adjusted for so many contrasts, ``1 - (1 - p)^contrasts``.

    Of contrasts without any difference one has at most 0.05 in at most 5 % of comparisons, however they hang
    together by the arms that they share, and whatever their spreads.

    >>> round(sidak(0.02, 3), 4)
    0.0588
    """
    return float(-math.expm1(contrasts * math.log1p(-p))) if p < 1 else 1.0


def superiority(differences: Sequence[float] | Floats) -> float:
    """The probability that one arm beats the other in a pair: the share of ``D > 0``, half of ``D = 0``.

    From 0 to 1; 0.5 where neither does (Bouthillier et al., 2021, arXiv:2103.03098).

    >>> superiority([0.3, -0.1, 0.0, 0.2])
    0.625
    """
    values = np.asarray(differences)
    return float((values > 0).mean() + (values == 0).mean() / 2)


def upper_limit(deviation: float, degrees: int) -> float:
    """What a standard deviation may well be: ``s √(ν / χ²)``; χ² is exceeded with probability 0.6.

    A few pairs hardly know their spread; planning with s itself would miss the power (Browne, 1995).

    >>> round(upper_limit(1.0, degrees=3), 3)
    1.267
    """
    return deviation * math.sqrt(degrees / stats.chi2.ppf(1 - UPPER_LIMIT, degrees))


def power(gap: float, pairs: int, deviation: float, contrasts: int = 1, resplit: float = 0.0) -> float:
    """The probability that so many pairs find a true gap, by its right sign: ``P(T' > t)``.

    T' is noncentral Student with ``n - 1`` degrees and noncentrality ``gap / (σ √(1/n + q))``; t is the
    critical value of ``mean_difference``.

    Args:
        gap: in points, from 0.
        pairs: n, at least 2.
        deviation: σ of a pair's difference, in points, above 0.
        contrasts: how many are judged together.
        resplit: q, see ``standard_error``.

    >>> round(power(gap=0.3, pairs=16, deviation=0.4), 3)
    0.801
    """
    shift = gap / (deviation * math.sqrt(1 / pairs + resplit))
    critical = _critical(pairs, contrasts)
    return float(stats.nct.sf(critical, pairs - 1, shift))


def pairs_needed(
    gap: float,
    deviation: float,
    degrees: int,
    contrasts: int = 1,
    resplit: float = 0.0,
    wanted: float = POWER,
) -> int | None:
    """The fewest pairs that find a true gap with the ``wanted`` power; None where 10,000 would not do.

    The pairs that ``deviation`` was measured on do not count among them: a pilot whose spread is small by
    chance would lead to few pairs with a small spread. With a pilot of 4 that counts, false alarms are 5.4 to
    7.1 %.

    Args:
        gap: in points, above 0.
        deviation: s of a pair's difference as a pilot measured it; its ``upper_limit`` is what counts.
        degrees: of s, the pilot's pairs less 1.
        contrasts: how many are judged together.
        resplit: q, see ``standard_error``; no number of pairs finds a gap of less than about ``2.8 s √q``.
        wanted: from 0 to 1.

    >>> pairs_needed(gap=0.3, deviation=0.4, degrees=3)
    25
    """
    limit = upper_limit(deviation, degrees)
    if limit == 0:
        return FEWEST_PAIRS
    counts = range(FEWEST_PAIRS, MOST_PAIRS + 1)
    place = bisect_left(counts, wanted, key=lambda pairs: power(gap, pairs, limit, contrasts, resplit))
    return counts[place] if place < len(counts) else None


def detectable_gap(
    pairs: int, deviation: float, contrasts: int = 1, resplit: float = 0.0, wanted: float = POWER
) -> float:
    """The true gap that so many pairs find with the ``wanted`` power, in points; arguments as of ``power``.

    >>> round(detectable_gap(pairs=16, deviation=0.4), 3)
    0.3
    """
    shift = special.nctdtrinc(pairs - 1, 1 - wanted, _critical(pairs, contrasts))
    return float(shift) * deviation * math.sqrt(1 / pairs + resplit)


def over_seeds_and_images(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> Figure:
    """How many points more hits the first arm has, with an interval over other seeds and other images.

    With d (n pairs, k images) the differences of hits, 100, 0 or -100: ``v = s²_pairs / n + s²_images / k -
    s²_rest / (n k)``, of the means by pair, the means by image and what both leave over, and ``m ± t √v``
    with Satterthwaite's degrees of freedom. Owen (2007) has it for tables whose rows and columns are both
    drawn. His bootstrap of both counts the rest three times and takes few pairs for a population: of
    intervals of 95 %, 90 to 99 % hold the truth. An interval over pairs alone is of these images only.

    Args:
        first: whether each image was right, (pairs, images), at least 2 of both.
        second: the same of the other arm.

    >>> first = np.array([[True, True, False, True], [True, True, True, False]])
    >>> found = over_seeds_and_images(first, np.zeros_like(first))
    >>> found.value, round(found.high - found.value, 1)
    (75.0, 45.9)
    """
    differences = 100.0 * (first.astype(np.float64) - second)
    pairs, images = differences.shape
    mean, by_pair, by_image = differences.mean(), differences.mean(axis=1), differences.mean(axis=0)
    rest = differences - by_pair[:, np.newaxis] - by_image + mean
    of_pairs, of_images = by_pair.var(ddof=1) / pairs, by_image.var(ddof=1) / images
    of_rest = (rest**2).sum() / ((pairs - 1) * (images - 1) * pairs * images)
    variance = max(of_pairs + of_images - of_rest, of_pairs, of_images)
    if variance == 0:
        return Figure(float(mean), float(mean), float(mean))
    degrees = variance**2 / (of_pairs**2 / (pairs - 1) + of_images**2 / (images - 1))
    half = stats.t.ppf((1 + CONFIDENCE) / 2, degrees) * math.sqrt(variance)
    return Figure(float(mean), float(mean - half), float(mean + half))
