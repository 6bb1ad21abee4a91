"""A copy of an earlier trial is no trial; when a space has nothing else left, the search ends."""

import pytest
from optuna.trial import TrialState

from dnsearch.search import duplicates
from dnsearch.search.feasibility import SearchSpec
from dnsearch.search.proposal import Proposal, propose
from dnsearch.search.study_summary import summary
from dnsearch.search.trial_store import is_trial

SMALL = {"network.growth_rate": {"int": [2, 4]}, "network.pooling": ["avg", "max"]}
PRUNED = {"state": TrialState.PRUNED}


def searched(store, folder, trials):
    """Propose, and let the proposals end at once: each is as good as its number; every third is pruned."""
    folder.mkdir()
    spec, ended = SearchSpec(store.document, store.tune, (8, 8, 1), 10), 0
    while ended < trials and (trial := store.new()) is not None:
        if isinstance(propose(store, trial, folder, spec), Proposal):
            trial.report(trial.number / 100, step=1)
            store.study.tell(trial, **(PRUNED if ended % 3 == 2 else {"values": trial.number / 100}))
            ended += 1
    return store.study.get_trials()


@pytest.mark.parametrize("sampler", ["tpe", "random", "grid", "nsga2"])
def test_each_configuration_is_one_trial_and_then_the_search_ends(new_store, tmp_path, sampler):
    store = new_store(parameters=SMALL, sampler=sampler)
    trials = list(filter(is_trial, searched(store, tmp_path / "runs", 12)))
    assert len({tuple(each.params.items()) for each in trials}) == len(trials) == 6
    assert store.exhausted() == "all 6 configurations tried"
    found = summary(store.study, "ended")
    assert sum(found.trials.values()) == found.proposals == 6
    assert found.epochs_saved == 2, "of two epochs each of the two pruned trials took one"


def test_copies_are_nothing_that_a_sampler_learns_from(new_store, tmp_path):
    """TPE reads finished and pruned trials; of Optuna's states only a failed one is neither."""
    trials = searched(new_store(parameters=SMALL), tmp_path / "runs", 12)
    copies = [each for each in trials if not is_trial(each)]
    assert copies
    assert {each.state.name for each in copies} == {"FAIL"}
    assert all(each.user_attrs[duplicates.DROPPED].startswith("same settings as trial ") for each in copies)


def test_a_sampler_that_insists_is_not_asked_for_ever(new_store, tmp_path):
    trials = searched(new_store(parameters=SMALL), tmp_path / "runs", 12)
    assert len(trials) <= 6 + 6 * (duplicates.FEW + 1)


def test_infeasible_configurations_are_tried_ones(new_store, tmp_path):
    store = new_store(parameters=SMALL, constraints={"parameters": 1500}, sampler="random")
    assert sum(map(is_trial, searched(store, tmp_path / "runs", 12))) == 4
    assert store.exhausted() == "all 6 configurations tried"


def test_a_base_outside_of_the_space_is_none_of_its_configurations(new_store, tiny, tmp_path):
    assert duplicates.configurations(tiny().experiment.tune) is None, "a rate has no steps"
    store = new_store(parameters={"network.growth_rate": {"int": [2, 3]}})
    trials = searched(store, tmp_path / "runs", 9)
    assert trials[0].params == {}
    assert sum(map(is_trial, trials)) == 3
    assert store.exhausted() == "all 2 configurations tried"


def test_a_space_in_which_nothing_new_is_found_ends_the_search(new_store, tmp_path, monkeypatch):
    monkeypatch.setattr(duplicates, "MOST", 30)
    alike = {f"n{label}": 4 for label in range(60)}
    store = new_store(parameters={"network.growth_rate": {"choices": alike}})
    assert len(list(filter(is_trial, searched(store, tmp_path / "runs", 5)))) == 1
    assert store.exhausted() == "the last 30 proposals had the settings of earlier trials"


def test_the_same_search_again_draws_the_same(new_store, tmp_path):
    def params(place):
        store = new_store(parameters=SMALL)
        found = [each.params for each in searched(store, place, 12)]
        (tmp_path / "study.db").unlink()
        return found

    assert params(tmp_path / "one") == params(tmp_path / "two")
