"""Hits compared image by image: against SciPy, at their ends, and how often the interval holds the truth."""

import numpy as np
import pytest
from scipy import stats

from dnsearch.evaluate.intervals import difference_of_shares
from dnsearch.evaluate.paired_hits import Agreement, agreement, mcnemar, paired_difference


@pytest.mark.parametrize("examples", [1, 8, 13, 360])
def test_images_are_counted_by_who_got_them_right(examples):
    rng = np.random.default_rng(examples)
    first, second = rng.random((2, examples)) < 0.7
    found = agreement(np.packbits(first).tobytes(), np.packbits(second).tobytes(), examples)
    expected = (first & second), (first & ~second), (~first & second), (~first & ~second)
    assert found == Agreement(*(int(each.sum()) for each in expected))


@pytest.mark.parametrize(("one", "other"), [(0, 0), (1, 7), (5, 5), (0, 6), (300, 340)])
def test_mcnemar_is_the_sign_test_of_scipy(one, other):
    found = mcnemar(one, other)
    expected = stats.binomtest(one, one + other).pvalue if one + other else 1
    assert found.exact == pytest.approx(expected)
    point = stats.binom.pmf(min(one, other), one + other, 0.5)
    assert found.mid_p == pytest.approx(2 * stats.binom.cdf(min(one, other), one + other, 0.5) - point)
    assert found == mcnemar(other, one)


def test_without_correlation_it_is_the_interval_of_two_separate_sets():
    found, expected = paired_difference(Agreement(64, 16, 16, 4)), difference_of_shares(0.8, 0.8, (100, 100))
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_networks_that_miss_the_same_images_are_told_apart_better():
    paired, apart = (
        paired_difference(Agreement(900, 12, 2, 86)),
        difference_of_shares(0.912, 0.902, (1000, 1000)),
    )
    assert paired.value == pytest.approx(apart.value)
    assert paired.low > 0 > apart.low


def test_the_other_way_round_is_the_same_with_the_other_sign():
    one, other = paired_difference(Agreement(80, 12, 4, 4)), paired_difference(Agreement(80, 4, 12, 4))
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))


@pytest.mark.parametrize("counts", [(10, 0, 0, 0), (0, 10, 0, 0), (0, 0, 0, 10), (5, 0, 0, 5)])
def test_ends_stay_between_minus_one_and_one(counts):
    found = paired_difference(Agreement(*counts))
    assert -1 <= found.low <= found.value <= found.high <= 1


def test_the_interval_holds_the_truth_as_often_as_it_says():
    """2,000 sets of 300 images; of 95 % intervals fewer than 93 % hold the truth once in 16,000 times."""
    draws = np.random.default_rng(0).multinomial(300, [0.85, 0.07, 0.03, 0.05], 2000)
    found = [paired_difference(Agreement(*map(int, each))) for each in draws]
    assert 0.93 < np.mean([each.low <= 0.04 <= each.high for each in found]) < 0.97
