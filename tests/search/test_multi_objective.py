"""Pruning with several objectives, on made-up trainings: it saves epochs and keeps what there is to find."""

from statistics import fmean

import pytest
from multi_objective import MadeUpSearch, Network, compared, hypervolume
from optuna.trial import TrialState

from dnsearch.search.pruning import rungs

SEEDS, TRIALS, EPOCHS = range(3), 40, 27


@pytest.fixture(scope="module")
def rows():
    """The same proposals with and without a pruner: nothing but who goes on makes a difference."""
    return [compared("random", seed, TRIALS, EPOCHS) for seed in SEEDS]


def test_pruning_saves_epochs(rows):
    assert {row.epochs_without for row in rows} == {TRIALS * EPOCHS}
    assert all(row.epochs < 0.7 * row.epochs_without for row in rows)


def test_pruning_does_not_lose_hypervolume(rows):
    lost = [row.found_without - row.found for row in rows]
    assert max(lost) < 0.01
    assert fmean(lost) < 0.003


def test_at_the_same_epochs_pruning_finds_more(rows):
    assert fmean(row.found - row.found_without_at_same_epochs for row in rows) > 0


@pytest.mark.parametrize("sampler", ["tpe", "nsga2"])
def test_a_search_for_several_objectives_ends_with_every_trial_at_its_end_or_at_a_rung(sampler):
    search = MadeUpSearch(sampler, "halving", 0, epochs=9)
    search.run(30)
    finished = search.store.study.get_trials(states=(TrialState.COMPLETE,))
    waiting = search.store.paused()
    assert len(finished) + len(waiting) == 30
    assert search.store.running() == []
    assert search.epochs() == 9 * len(finished) + rungs(9)[0] * len(waiting)
    assert len(finished) >= 15, "half, and the front"


def test_the_made_up_network_learns_and_larger_ones_better():
    small, large = (Network(growth_rate, 0.6, 0.05) for growth_rate in (4, 40))
    for network in (small, large):
        curve = [network.accuracy(epoch) for epoch in range(1, 28)]
        assert curve == sorted(curve)
        assert 0 < curve[0] < curve[-1] < 1
    assert large.accuracy(27) > small.accuracy(27)
    assert Network(12, 0.6, 1e-3).accuracy(27) < Network(12, 0.6, 0.05).accuracy(27)


def test_hypervolume_counts_what_is_nearer_to_the_corner_once():
    assert hypervolume([]) == 0
    assert hypervolume([(0.5, 1000)]) == 0.5
    assert hypervolume([(0.5, 1000), (0.4, 1000), (0.5, 5000)]) == 0.5
    assert hypervolume([(0.8, 320_000)]) == 0
    middle = round((1000 * 320_000) ** 0.5)
    assert hypervolume([(0.5, 1000), (0.9, middle)]) == pytest.approx(0.5 + 0.4 / 2, abs=1e-4)
