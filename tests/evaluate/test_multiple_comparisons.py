"""Which trials may be the best: critical values against SciPy, and how often equal trials are told apart."""

import numpy as np
import pytest
from scipy import integrate, stats

from dnsearch.evaluate.multiple_comparisons import Measured, critical_best, may_be_best


@pytest.mark.parametrize("trials", [2, 5, 20, 50, 1000])
def test_the_critical_value_is_one_sided_dunnett_s(trials):
    def density(z):
        return stats.norm.pdf(z) * stats.norm.cdf(z + np.sqrt(2) * critical_best(trials)) ** (trials - 1)

    assert integrate.quad(density, -9, 9, epsabs=1e-12)[0] == pytest.approx(0.95, abs=1e-9)


def test_it_is_scipy_s_multivariate_normal_quantile():
    covariance = np.full((4, 4), 0.5) + 0.5 * np.eye(4)
    inside = stats.multivariate_normal(np.zeros(4), covariance).cdf(np.full(4, critical_best(5)))
    assert inside == pytest.approx(0.95, abs=1e-3)


@pytest.mark.parametrize(("trials", "quoted"), [(5, 2.73), (20, 3.54), (50, 3.99)])
def test_tukey_s_values_that_the_docstring_quotes(trials, quoted):
    assert stats.studentized_range.ppf(0.95, trials, np.inf) / np.sqrt(2) == pytest.approx(quoted, abs=0.005)
    assert critical_best(trials) < quoted


def test_a_single_trial_and_equal_ones_may_all_be_the_best():
    assert may_be_best([Measured(1, 10)]) == [True]
    assert may_be_best([Measured(10, 10)] * 3) == [True] * 3


def test_hits_tell_apart_what_two_shares_cannot():
    right = np.arange(1000) < 900
    ahead, behind = right.copy(), right.copy()
    ahead[900:912], behind[900:902] = True, True
    behind[:2] = False
    shares = [Measured(int(each.sum()), 1000) for each in (ahead, behind)]
    hits = [Measured(int(each.sum()), 1000, np.packbits(each).tobytes()) for each in (ahead, behind)]
    assert may_be_best(shares) == [True, True]
    assert may_be_best(hits) == [True, False]


def test_the_best_of_equal_trials_is_kept():
    """Of 20 equal trials each may be the truly best; it is dropped in at most 5 % of 400 studies."""
    right = np.random.default_rng(0).binomial(2000, 0.95, (400, 20))
    kept = np.mean([may_be_best([Measured(int(each), 2000) for each in study]) for study in right])
    assert 0.94 < kept < 0.99
