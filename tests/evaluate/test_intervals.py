"""Intervals over seeds and of differences: against SciPy and against published tables."""

import numpy as np
import pytest
from scipy import stats

from dnsearch.evaluate.intervals import (
    difference_of_means,
    difference_of_shares,
    mean_over_seeds,
    student,
    wilson,
)


@pytest.mark.parametrize("degrees", [*range(1, 41), 100, 999])
def test_student_s_quantiles_are_scipy_s(degrees):
    assert student(degrees) == pytest.approx(stats.t.ppf(0.975, degrees), rel=1e-9)


def test_with_very_many_seeds_it_is_the_normal_distribution():
    assert student(10**9) == pytest.approx(stats.norm.ppf(0.975), abs=1e-6)


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_a_mean_s_interval_is_scipy_s(seeds):
    values = np.random.default_rng(seeds).normal(0.9, 0.02, seeds)
    expected = stats.ttest_1samp(values, 0).confidence_interval()
    found = mean_over_seeds(values.tolist())
    assert (found.value, found.low, found.high) == pytest.approx((values.mean(), *expected))


def test_seeds_that_agree_leave_no_doubt():
    found = mean_over_seeds([0.9, 0.9, 0.9])
    assert found.low == pytest.approx(0.9) == found.high


@pytest.mark.parametrize("sizes", [(2, 2), (3, 3), (2, 5), (5, 3)])
def test_welch_s_interval_is_scipy_s_or_a_little_wider(sizes):
    rng = np.random.default_rng(sum(sizes))
    first, second = rng.normal(0.95, 0.01, sizes[0]), rng.normal(0.93, 0.03, sizes[1])
    whole = stats.ttest_ind(first, second, equal_var=False)
    expected = whole.confidence_interval()
    found = difference_of_means(first.tolist(), second.tolist())
    assert found.value == pytest.approx(first.mean() - second.mean())
    # Degrees of freedom are rounded down, so SciPy's interval, made smaller by nothing else, fits inside.
    assert found.low <= expected.low + 1e-12
    assert found.high >= expected.high - 1e-12
    wider = student(int(whole.df)) / stats.t.ppf(0.975, whole.df)
    assert found.high - found.low == pytest.approx(wider * (expected.high - expected.low))


def test_equal_spreads_have_whole_degrees_of_freedom():
    first, second = [0.90, 0.92, 0.94], [0.80, 0.82, 0.84]
    expected = stats.ttest_ind(first, second, equal_var=False).confidence_interval()
    found = difference_of_means(first, second)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_two_trials_without_spread_differ_by_exactly_their_difference():
    found = difference_of_means([0.9, 0.9], [0.8, 0.8])
    assert found.low == found.high == found.value


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((56, 70), (48, 80), (0.0524, 0.3339)),
        ((9, 10), (3, 10), (0.1705, 0.8090)),
        ((6, 7), (2, 7), (0.0582, 0.8062)),
        ((5, 56), (0, 29), (-0.0381, 0.1926)),
    ],
)
def test_differences_of_shares_are_those_of_newcombe_s_paper(first, second, expected):
    """R. G. Newcombe, Statistics in Medicine 17 (1998), 873-890, table II, method 10."""
    found = difference_of_shares(first[0] / first[1], second[0] / second[1], (first[1], second[1]))
    assert (found.low, found.high) == pytest.approx(expected, abs=5e-5)


def test_the_other_way_round_is_the_same_with_the_other_sign():
    one, other = difference_of_shares(0.9, 0.7, (180, 90)), difference_of_shares(0.7, 0.9, (90, 180))
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))


def test_against_certainty_it_is_wilson_s_own_interval():
    low, _ = wilson(90, 100)
    found = difference_of_shares(0.9, 0.0, (100, 10**9))
    assert found.low == pytest.approx(low, abs=1e-6)


@pytest.mark.parametrize(("right", "examples"), [(0, 10), (7, 10), (10, 10), (3412, 3600)])
def test_wilson_is_scipy_s(right, examples):
    expected = stats.binomtest(right, examples).proportion_ci(method="wilson")
    assert wilson(right, examples) == pytest.approx((expected.low, expected.high))
