"""The calibration error without chance: by hand, and by how often its interval holds the truth."""

import numpy as np
import pytest

from dnsearch.evaluate.calibration import calibration, consistency_band, debiased_error, gaps


def predictions(rng, examples, over):
    """Confidences of a good network, right less often than they say by ``over``."""
    confidence = 1 - 0.5 * rng.beta(0.35, 3, examples)
    right = rng.random(examples) < confidence - over
    return np.column_stack([confidence, 1 - confidence]), np.where(right, 0, 1)


def test_the_bias_is_what_a_normal_draw_adds():
    values = gaps(*predictions(np.random.default_rng(0), 200, 0.05))
    mean, error = values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(200)
    drawn = np.abs(np.random.default_rng(1).normal(mean, error, (200_000, 15))).sum(axis=1).mean()
    assert debiased_error(values) == pytest.approx(2 * np.abs(mean).sum() - drawn, abs=2e-4)


def test_the_band_is_where_calibrated_networks_lie():
    rng = np.random.default_rng(0)
    probabilities, _ = predictions(rng, 360, 0)
    low, high = consistency_band(probabilities)
    confidence = probabilities[:, 0]
    drawn = [gaps(probabilities, np.where(rng.random(360) < confidence, 0, 1)) for _ in range(1000)]
    plain = np.array([np.abs(each.mean(axis=0)).sum() for each in drawn])
    assert 0.925 < ((low <= plain) & (plain <= high)).mean() < 0.975


@pytest.mark.parametrize("over", [0, 0.02])
def test_the_interval_holds_the_truth(over):
    """A share of 95 % is below 89 % of 150 once in 1,000 times. The bootstrap's intervals: 0 and 80 %."""
    found = []
    for seed in range(150):
        given = predictions(np.random.default_rng(seed), 360, over)
        error = calibration(*given, seed, resamples=300).error
        found.append(error.low <= over <= error.high)
    assert np.mean(found) > 0.89


def test_badly_calibrated_networks_are_found_out():
    found = calibration(*predictions(np.random.default_rng(0), 360, 0.2))
    assert found.plain > found.band[1]
    assert found.error.low > 0.1
    assert found.error.value < found.plain


def test_equal_seeds_give_equal_figures():
    given = predictions(np.random.default_rng(0), 100, 0.02)
    assert calibration(*given, 1, 200) == calibration(*given, 1, 200) != calibration(*given, 2, 200)


def test_a_network_that_is_sure_and_right_has_no_error():
    found = calibration(np.tile([1.0, 0.0], (50, 1)), np.zeros(50, np.int64))
    assert (found.plain, found.error.value, found.error.high, found.band) == (0, 0, 0, (0, 0))
