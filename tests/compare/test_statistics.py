"""Paired differences: against SciPy, at their ends, and how often they are wrong in simulated comparisons."""

import numpy as np
import pytest
from scipy import stats

from dnsearch.compare.statistics import (
    detectable_gap,
    mean_difference,
    over_seeds_and_images,
    p_value,
    pairs_needed,
    power,
    sidak,
    sign_flip,
    standard_error,
    superiority,
    upper_limit,
)

RNG = np.random.default_rng
SHARE_OF_CHANCE = 4
"""Standard errors of a simulated share; more than that once in 16,000 times, and seeds are fixed."""


def chance(share, draws):
    return SHARE_OF_CHANCE * np.sqrt(share * (1 - share) / draws)


@pytest.mark.parametrize("pairs", [2, 6, 12, 40])
def test_mean_interval_and_p_are_scipy_s(pairs):
    differences = RNG(pairs).normal(0.3, 1, pairs)
    expected = stats.ttest_1samp(differences, 0)
    found = mean_difference(differences)
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval()))
    assert p_value(differences) == pytest.approx(expected.pvalue)
    assert standard_error(differences) == pytest.approx(stats.sem(differences))


def test_own_splits_widen_the_interval_by_nadeau_and_bengio_s_term():
    differences = RNG(0).normal(size=10)
    plain, wider = mean_difference(differences), mean_difference(differences, resplit=0.25)
    assert (wider.high - wider.low) / (plain.high - plain.low) == pytest.approx(np.sqrt((0.1 + 0.25) / 0.1))
    assert p_value(differences, 0.25) > p_value(differences)


def test_differences_that_are_all_the_same_have_the_p_of_equal_signs():
    assert p_value([0.25] * 6) == 2 / 2**6
    assert p_value([0.0] * 6) == sign_flip([0.0] * 6) == 1
    assert mean_difference([0.25] * 6).low == 0.25


@pytest.mark.parametrize("pairs", [2, 5, 6, 11, 16])
def test_sign_flips_are_scipy_s_permutations(pairs):
    differences = np.round(RNG(pairs).normal(0.4, 1, pairs), 1)  # with equal sums
    expected = stats.permutation_test(
        (differences, np.zeros(pairs)),
        lambda one, other, axis: np.mean(one - other, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=np.inf,
    )
    assert sign_flip(differences) == pytest.approx(min(1, expected.pvalue))


def test_drawn_sign_flips_are_near_the_exact_and_depend_on_the_seed_alone():
    differences = RNG(1).normal(0.45, 1, 17)
    signs = 1 - 2 * (np.arange(2**17)[:, np.newaxis] >> np.arange(17) & 1)
    exact = (np.abs(signs @ differences) >= abs(differences.sum()) - 1e-9).mean()
    assert sign_flip(differences) == pytest.approx(exact, abs=chance(exact, 20_000))
    assert sign_flip(differences, 1) == sign_flip(differences, 1) != sign_flip(differences, 2)


def test_five_pairs_can_never_be_significant_by_their_signs_and_six_can():
    assert sign_flip([1, 1, 1, 1, 1]) == 0.0625
    assert sign_flip([1, 1, 1, 1, 1, 1]) == 0.03125


@pytest.mark.parametrize("arms", [2, 3, 5])
def test_sidak_s_p_is_a_little_above_dunnett_s_where_both_apply(arms):
    """Independent samples with one spread: SciPy's Dunnett. Its p is for the largest difference."""
    rng = RNG(arms)
    groups = [rng.normal(0.9 * (each == 0), 1, 20) for each in range(arms)]
    control = rng.normal(0, 1, 20)
    spread = np.sqrt(np.mean([np.var(each, ddof=1) for each in [control, *groups]]) * 2 / 20)
    ratios = np.abs([(each.mean() - control.mean()) / spread for each in groups])
    single = 2 * stats.t.sf(ratios, (arms + 1) * 19)
    dunnett = stats.dunnett(*groups, control=control, rng=RNG(0)).pvalue
    ours = np.array([sidak(float(p), arms) for p in single])
    assert (ours > dunnett - 0.003).all()  # SciPy integrates by random numbers
    assert (ours < 1.3 * dunnett + 0.003).all()
    assert sidak(0.03, 1) == pytest.approx(0.03)
    assert sidak(1.0, 3) == 1


@pytest.mark.parametrize(("pairs", "contrasts"), [(6, 1), (6, 5), (12, 3), (24, 5)])
def test_false_alarms_of_any_contrast_stay_at_5_percent(pairs, contrasts):
    """20,000 comparisons of equal arms, correlated by the baseline; one arm has four times the spread."""
    scores = RNG(0).normal(size=(20_000, pairs, contrasts + 1))
    scores[..., -1] *= 4
    differences = scores[..., 1:] - scores[..., :1]
    ratios = differences.mean(axis=1) / differences.std(axis=1, ddof=1) * np.sqrt(pairs)
    smallest = 2 * stats.t.sf(np.abs(ratios).max(axis=1), pairs - 1)
    alarms = (-np.expm1(contrasts * np.log1p(-smallest)) <= 0.05).mean()
    assert 0.04 < alarms < 0.05 + chance(0.05, 20_000)


@pytest.mark.parametrize(("pairs", "gap", "resplit"), [(6, 1.5, 0), (12, 0.9, 0), (12, 1.9, 0.25)])
def test_power_is_how_often_a_gap_is_found(pairs, gap, resplit):
    draws = RNG(0).normal(size=(20_000, pairs))
    # Pairs that share images: Nadeau and Bengio's correlation q / (1 + q) makes their t exact.
    shared = RNG(1).normal(size=(20_000, 1)) * np.sqrt(resplit)
    differences = gap + draws + shared
    ratios = differences.mean(axis=1) / (differences.std(axis=1, ddof=1) * np.sqrt(1 / pairs + resplit))
    found = (ratios > stats.t.ppf(0.975, pairs - 1)).mean()
    assert power(gap, pairs, 1, resplit=resplit) == pytest.approx(found, abs=chance(found, 20_000))


def test_pairs_needed_are_the_fewest_that_do():
    limit = upper_limit(0.4, 3)
    pairs = pairs_needed(0.3, 0.4, 3)
    assert power(0.3, pairs, limit) >= 0.8 > power(0.3, pairs - 1, limit)
    assert detectable_gap(pairs, limit) <= 0.3 < detectable_gap(pairs - 1, limit)
    assert pairs_needed(0.3, 0.4, 3, contrasts=3) > pairs


def test_pairs_needed_at_their_ends():
    assert pairs_needed(5, 0.1, 3) == pairs_needed(0.3, 0.0, 3) == 6
    assert pairs_needed(0.3, 0.4, 3, resplit=0.25) is None  # never below 2.8 · 0.5 σ
    assert pairs_needed(1.0, 0.4, 3, resplit=0.25) is not None
    assert detectable_gap(6, 0.0) == 0


def test_the_gap_found_with_own_splits_has_a_floor():
    assert detectable_gap(10_000, 0.4, resplit=0.25) == pytest.approx(2.8 * 0.4 * 0.5, rel=0.02)


def test_superiority_counts_equal_scores_half():
    assert superiority([1, 1, -1, 0]) == 0.625
    assert superiority([0, 0]) == 0.5


def test_over_seeds_and_images_is_student_s_where_images_agree():
    first = np.repeat([[True], [True], [False], [True], [False], [True]], 50, axis=1)
    found = over_seeds_and_images(first, np.zeros_like(first))
    expected = stats.ttest_1samp(100.0 * first[:, 0], 0).confidence_interval()
    assert (found.low, found.high) == pytest.approx(tuple(expected))


def test_over_seeds_and_images_is_student_s_over_images_where_seeds_agree():
    first = np.repeat(RNG(0).random((1, 50)) < 0.7, 6, axis=0)
    found = over_seeds_and_images(first, np.zeros_like(first))
    expected = stats.ttest_1samp(100.0 * first[0], 0).confidence_interval()
    assert (found.low, found.high) == pytest.approx(tuple(expected))
    assert over_seeds_and_images(first, first).high == 0
