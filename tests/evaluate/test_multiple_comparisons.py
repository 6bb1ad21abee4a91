"""Which trials may be the best: critical values against SciPy, and how often equal trials are told apart."""

import math
import time

import numpy as np
import pytest
from scipy import stats

from dnsearch.evaluate.multiple_comparisons import Measured, Spread, critical_range, may_be_best
from dnsearch.runs.hits import Hits


@pytest.mark.parametrize("degrees", [1, 2, 5, 10, 30, math.inf])
@pytest.mark.parametrize("trials", [2, 5, 20, 50])
def test_the_critical_value_is_tukey_s(trials, degrees):
    wanted = stats.studentized_range.ppf(0.95, trials, degrees) / np.sqrt(2)
    assert critical_range(trials, degrees) == pytest.approx(wanted, rel=1e-4)


def test_degrees_are_rounded_down_and_one_trial_is_taken_as_two():
    assert critical_range(5, 29.9) == critical_range(5, 24) > critical_range(5, 30)
    assert critical_range(1) == critical_range(2) == pytest.approx(1.96, abs=0.001)
    assert critical_range(5, 0.5) == critical_range(5, 1)


def test_it_takes_a_moment_alone():
    """20 ms of this process; the first value of a leaderboard takes less than 1."""
    from dnsearch.evaluate.multiple_comparisons import _critical_range

    began = time.process_time()
    _critical_range.__wrapped__(10_000, 10)
    assert time.process_time() - began < 0.5


def single(score, examples=1000, hits=None):
    return Measured((score,), examples, () if hits is None else (hits,))


def packed(right, images=1):
    return Hits(np.packbits(right).tobytes(), len(right), images)


def test_equal_trials_may_be_the_best():
    assert may_be_best(single(1.0), single(1.0), 3, Spread()) is True
    right = packed(np.ones(1000, bool))
    assert may_be_best(single(1.0, hits=right), single(1.0, hits=right), 3, Spread()) is True


def test_nothing_is_said_of_a_single_score_that_is_no_share():
    assert may_be_best(Measured((0.9,)), Measured((0.1,)), 2, Spread()) is None
    assert may_be_best(Measured((0.9, 0.91)), Measured((0.1, 0.11)), 2, Spread(0.0001, 2)) is False


def test_hits_tell_apart_what_two_shares_cannot():
    right = np.arange(1000) < 900
    ahead, behind = right.copy(), right.copy()
    ahead[900:912], behind[900:902] = True, True
    behind[:2] = False
    shares = [single(float(each.mean())) for each in (ahead, behind)]
    hits = [single(float(each.mean()), hits=packed(each)) for each in (ahead, behind)]
    other = single(float(behind.mean()), hits=packed(behind, images=2))
    assert may_be_best(*shares, 2, Spread()) is True
    assert may_be_best(*hits, 2, Spread()) is False
    assert may_be_best(hits[0], other, 2, Spread()) is True


def test_seeds_whose_figures_are_far_apart_make_a_difference_less_sure():
    first, second = Measured((0.95, 0.95), 5000), Measured((0.93, 0.93), 5000)
    assert may_be_best(first, second, 5, Spread()) is False
    assert may_be_best(first, second, 5, Spread(0.02**2, 5)) is True


def called_worse(shares, images, hits=None):
    """Whether any of equal trials is called worse than the first."""
    order = np.argsort(-shares)
    made = [
        single(float(shares[place]), images, packed(hits[place]) if hits is not None else None)
        for place in order
    ]
    return not all(may_be_best(made[0], each, len(made), Spread()) for each in made[1:])


@pytest.mark.parametrize("trials", [20, 50])
def test_of_equal_trials_any_is_called_worse_in_at_most_a_twentieth_of_the_studies(trials):
    """One by one at 5 %, any was in 90 to 100 % of them: row 3 of what was wrong."""
    rng = np.random.default_rng(0)
    found = [called_worse(rng.binomial(5000, 0.95, trials) / 5000, 5000) for _ in range(300)]
    assert np.mean(found) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)


def test_the_same_holds_image_by_image():
    rng, found = np.random.default_rng(0), []
    for _ in range(100):
        hits = rng.normal(2.2, 1.6, 1000) + 0.8 * rng.normal(size=(20, 1000)) > 0
        found.append(called_worse(hits.mean(axis=1), 1000, hits))
    assert np.mean(found) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 100)
