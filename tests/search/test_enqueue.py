"""Specs that a person enqueues, in a real database; one search trains."""

from dataclasses import replace

import pytest
from optuna.trial import TrialState
from small_study import opened

from dnsearch.errors import StudyError
from dnsearch.search.coordinator import search
from dnsearch.search.transfer import enqueue
from dnsearch.search.trial_store import is_base

pytestmark = pytest.mark.xdist_group("tune")


def asking(runs, *changes):
    """A request that enqueues the study's spec with some values changed."""
    documents = [runs.document.with_values(each, "mine") for each in changes]
    return replace(runs.request(3), enqueue=tuple(documents))


def enqueued(runs, *changes):
    request = asking(runs, *changes)
    new_store = opened(request)
    enqueue(request, new_store)
    return new_store


def test_an_enqueued_spec_is_the_trial_after_the_base_spec(searching):
    new_store = enqueued(searching(), {"network.growth_rate": 3, "training.learning_rate": 0.05})
    base, mine = new_store.new(), new_store.new()
    assert is_base(base)
    assert new_store.choice(base).values == {}
    assert base.params == {"network.growth_rate": 4, "training.learning_rate": 0.1}
    assert not is_base(mine)
    assert new_store.choice(mine).values == {"network.growth_rate": 3, "training.learning_rate": 0.05}


def test_the_same_spec_twice_is_one_trial_whatever_became_of_it(searching):
    runs, mine = searching(), {"network.growth_rate": 3}
    new_store = enqueued(runs, mine, mine)
    assert runs.states() == ["WAITING", "WAITING"]
    trials = [new_store.new() for _ in range(2)]
    for trial in trials:
        new_store.choice(trial)
        new_store.study.tell(trial, state=TrialState.FAIL)
    enqueued(runs, mine, {})
    assert runs.states() == ["FAIL", "FAIL"]


def test_a_spec_outside_the_space_is_refused_with_every_field(searching):
    runs = searching()
    with pytest.raises(StudyError) as caught:
        enqueued(runs, {"network.growth_rate": 9, "training.epochs": 3})
    assert str(caught.value) == (
        "training.epochs\n"
        "  expected 2, as in the study's spec, since it is not searched, found 3\n"
        "  --enqueue tiny: only searched fields may differ.\n"
        "\n"
        "network.growth_rate\n"
        "  expected a value of tune.parameters.network.growth_rate, found 9\n"
        "  --enqueue tiny: only a spec in the search space can be a trial."
    )
    assert runs.states() == []


def test_a_value_that_only_arithmetic_tells_from_one_of_the_space(searching):
    steps = {"training.learning_rate": {"float": [0.05, 0.3], "step": 0.05}}
    new_store = enqueued(searching(parameters=steps), {"training.learning_rate": 0.15000000000000002})
    _, mine = new_store.new(), new_store.new()
    assert new_store.choice(mine).values == mine.params == {"training.learning_rate": 0.15}


@pytest.mark.slow
def test_a_search_trains_what_was_enqueued(searching):
    runs = searching()
    list(search(replace(asking(runs, {"network.growth_rate": 2}), trials=2), lambda: 0))
    assert [record.settings["network.growth_rate"] for record in runs.records()] == [4, 2]
    assert runs.states() == ["COMPLETE", "COMPLETE"]


@pytest.mark.parametrize("choice", [[1, 1], [2, 2]])
def test_choices_that_are_lists(searching, choice):
    runs = searching(parameters={"network.layers_per_block": [[1, 1], [2, 2]]})
    new_store = enqueued(runs, {"network.layers_per_block": choice})
    expected = {"[1, 1]": 1, "[2, 2]": 2}[str(choice)]
    assert len(runs.states()) == expected, "the spec's own choice is the base spec's trial"
    assert is_base(new_store.new())
