"""Intervals: against SciPy's bootstrap, by how often they hold the truth, and at their ends."""

import numpy as np
import pytest
from scipy import stats

from dnsearch.evaluate import bootstrap as module
from dnsearch.evaluate.bootstrap import bootstrap, resampled_means
from dnsearch.evaluate.intervals import Figure


def first(means):
    return means[..., 0]


def of(values, seed=0):
    return bootstrap(values, resampled_means(values, seed), first)


@pytest.mark.parametrize("draw", ["exponential", "normal"])
def test_the_interval_is_scipy_s(draw):
    values = getattr(np.random.default_rng(3), draw)(size=(80, 1))
    expected = stats.bootstrap(
        (values[:, 0],), np.mean, n_resamples=20_000, method="BCa", rng=np.random.default_rng(0)
    ).confidence_interval
    found = bootstrap(values, resampled_means(values, 0, 20_000), first)
    width = expected.high - expected.low
    assert found.value == values.mean()
    assert found.low == pytest.approx(expected.low, abs=0.03 * width)
    assert found.high == pytest.approx(expected.high, abs=0.03 * width)


def test_a_skewed_figure_gets_a_skewed_interval():
    found = of(np.random.default_rng(0).exponential(size=(50, 1)))
    assert found.high - found.value > 1.1 * (found.value - found.low)


def test_it_holds_the_truth_as_often_as_it_says():
    """100 samples of 60; of so many intervals of 95 % at least 88 hold the truth but once in 300 times."""
    rng = np.random.default_rng(1)
    samples = rng.random((100, 60, 1)) < 0.7
    found = [of(sample.astype(float), seed) for seed, sample in enumerate(samples)]
    assert sum(each.low <= 0.7 <= each.high for each in found) >= 88


def test_equal_seeds_give_equal_intervals():
    values = np.random.default_rng(0).random((40, 1))
    assert of(values, 1) == of(values, 1) != of(values, 2)


def test_every_resample_has_as_many_images_as_there_are():
    values = np.column_stack([np.ones(30), np.arange(30.0)])
    means = resampled_means(values, 0, 500)
    assert means.shape == (500, 2)
    assert (means[:, 0] == 1).all()
    assert means[:, 1].mean() == pytest.approx(14.5, abs=0.3)
    assert means[:, 1].std() == pytest.approx(values[:, 1].std() / np.sqrt(30), rel=0.15)


def test_large_sets_are_resampled_in_pieces(monkeypatch):
    values = np.random.default_rng(0).random((50, 1))
    monkeypatch.setattr(module, "CHUNK", 120)
    means = resampled_means(values, 0, 101)
    assert np.isfinite(means).all()
    assert len(np.unique(means)) == 101


@pytest.mark.parametrize("values", [np.ones((20, 1)), np.array([[0.25]])])
def test_what_never_differs_has_no_width(values):
    value = values[0, 0]
    assert of(values) == Figure(value, value, value)


def test_a_figure_below_all_its_resamples_has_finite_ends():
    values = np.array([[1.0], [-1.0]] * 10)
    means = resampled_means(values, 0)
    found = bootstrap(values, means, lambda each: np.abs(each[..., 0]))
    assert found.value == 0
    assert 0 <= found.low <= found.high < 1
