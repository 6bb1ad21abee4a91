"""The trials of a study, without training: the epochs are made up."""

from dataclasses import replace

import optuna
import pytest

from dnsearch.runs.record import Metrics, Parameters, Stop, opening
from dnsearch.search.trial_store import MAX_STARTS, REASON, is_base
from dnsearch.spec.document import fingerprint

FIVE = {"training.epochs": 5}


def asked(store, parameters=1000, macs=5000):
    """A new trial, with what its network costs."""
    trial = store.new()
    costs = {"parameters": parameters, "macs": macs, "training_memory_bytes": 7000}
    store.note(trial, store.document, costs)
    return trial


def finished(store, trial, accuracy, best=None):
    """Close a trial as a run that finished would."""
    experiment = store.document.experiment
    record = opening(f"trial-{trial.number:04d}", experiment, Parameters(1000, 0), 1, None)
    metrics = Metrics(1.0, accuracy, 144), Metrics(1.0, best or accuracy, 144)
    store.close(trial, replace(record, state="finished", epochs=2, last=metrics[0], best=metrics[1]))


def trained(store, epoch, accuracies):
    """A trial that has these accuracies and ends as it wants to; returns its verdicts."""
    trial = asked(store)
    verdicts = [store.verdict(trial, epoch(number, each), 5) for number, each in enumerate(accuracies, 1)]
    if not any(verdicts):
        finished(store, trial, accuracies[-1])
    return trial, verdicts


def test_the_first_trial_is_the_base_spec_and_only_the_first(new_store):
    store = new_store()
    trials = [store.new() for _ in range(3)]
    assert [is_base(trial) for trial in trials] == [True, False, False]
    assert store.choice(trials[0]).values == {}
    assert trials[0].params == {"network.growth_rate": 4, "training.learning_rate": 0.1}


def test_a_base_that_lies_outside_the_space_is_trial_0_all_the_same(new_store):
    store = new_store(
        parameters={"network.growth_rate": {"int": [10, 12]}, "network.pooling": ["avg", "max"]}
    )
    trial = store.new()
    assert store.choice(trial).values == {}
    assert trial.params == {"network.pooling": "avg"}


def test_the_other_trials_are_variants(new_store):
    store = new_store()
    store.new()
    trial = store.new()
    values = store.choice(trial).values
    document = store.document.with_values(values, "trial 1")
    store.note(trial, document, {})
    assert set(values) == {"network.growth_rate", "training.learning_rate"}
    assert document.experiment.network.growth_rate == values["network.growth_rate"]
    assert trial.user_attrs["dnsearch:fingerprint"] == fingerprint(document.experiment)


def test_a_continued_study_does_not_propose_the_same_again(new_store):
    first = new_store(sampler="random")
    proposed = [first.choice(first.new()).values for _ in range(4)]
    continued = new_store(sampler="random")
    proposed += [continued.choice(continued.new()).values for _ in range(4)]
    rates = [values["training.learning_rate"] for values in proposed[1:]]
    assert len(set(rates)) == 7


def test_a_search_that_was_interrupted_proposes_what_one_without_a_break_does(new_store, tmp_path):
    def rates(store, count):
        return [store.choice(store.new()).values.get("training.learning_rate") for _ in range(count)]

    without_break = rates(new_store(sampler="random"), 6)
    (tmp_path / "study.db").unlink()
    assert rates(new_store(sampler="random"), 2) + rates(new_store(sampler="random"), 4) == without_break


def test_ended_trials_are_the_finished_the_pruned_and_the_failed(new_store):
    store = new_store()
    record = opening("trial", store.document.experiment, Parameters(1000, 0), 1, None)
    finished(store, asked(store), 0.5)
    store.close(store.new(), replace(record, state="pruned", reason="behind"))
    store.close(store.new(), replace(record, state="failed", reason="the loss is nan"))
    left = store.new()
    assert store.ended() == 3
    assert [trial.state.name for trial in store.study.trials] == ["COMPLETE", "PRUNED", "FAIL", "RUNNING"]
    assert [trial.user_attrs.get(REASON) for trial in store.study.trials[1:3]] == [
        "behind",
        "the loss is nan",
    ]
    assert [trial.number for trial in store.running()] == [left.number]


def test_a_finished_run_without_an_epoch_has_failed(new_store):
    store = new_store()
    record = opening("trial", store.document.experiment, Parameters(1000, 0), 1, None)
    store.close(store.new(), replace(record, state="finished"))
    assert store.study.trials[0].state.name == "FAIL"


@pytest.mark.parametrize(("select", "value"), [("last", 0.5), ("best", 0.75)])
def test_a_trial_is_judged_by_its_last_or_its_best_epoch(new_store, select, value):
    store = new_store(select=select)
    finished(store, asked(store), 0.5, best=0.75)
    assert store.study.trials[0].value == value


def test_select_best_reports_the_best_so_far(new_store, epoch):
    store = new_store(select="best")
    trial = store.new()
    for number, accuracy in enumerate([0.5, 0.75, 0.25], 1):
        assert store.verdict(trial, epoch(number, accuracy), 3) is None
    assert store.study.trials[0].intermediate_values == {1: 0.5, 2: 0.75, 3: 0.75}


def test_select_last_reports_what_there_is(new_store, epoch):
    store = new_store()
    trial = store.new()
    for number, accuracy in enumerate([0.5, 0.75, 0.25], 1):
        store.verdict(trial, epoch(number, accuracy), 3)
    assert store.study.trials[0].intermediate_values == {1: 0.5, 2: 0.75, 3: 0.25}


def paused(store, epoch, accuracies):
    """A trial that comes to a rung and has to wait there."""
    trial = asked(store)
    for number, each in enumerate(accuracies, 1):
        verdict = store.verdict(trial, epoch(number, each), 5)
    assert verdict == Stop("paused", f"waits after epoch {len(accuracies)}")
    record = opening("trial", store.document.experiment, Parameters(1000, 0), 1, None)
    store.close(trial, replace(record, state="paused", reason=verdict.reason, epochs=len(accuracies)))
    return trial


def test_who_is_not_among_the_best_third_waits_at_its_rung(new_store, epoch):
    store = new_store(FIVE, pruner="halving")
    assert not any(trained(store, epoch, [0.5, 0.6, 0.7, 0.8, 0.9])[1])
    waiting = paused(store, epoch, [0.9, 0.1])
    assert [trial.number for trial in store.paused()] == [waiting.number]
    assert store.running() == []
    assert store.ended() == 1
    assert not store.trials()[waiting.number].state.is_finished()
    assert store.promoted(()) is None


def test_who_waits_goes_on_when_enough_worse_ones_have_come(new_store, epoch):
    store = new_store(FIVE, pruner="halving")
    trained(store, epoch, [0.1, 0.7, 0.7, 0.8, 0.9])
    good = paused(store, epoch, [0.5, 0.6])
    for _ in range(4):
        assert store.promoted(()) is None
        paused(store, epoch, [0.5, 0.2])
    assert store.promoted({good.number}) is None, "somebody still has it"
    assert store.promoted(()).number == good.number
    assert [trial.number for trial in store.running()] == [good.number]
    assert store.promoted(()) is None
    assert store.verdict(store.trial(store.running()[0].number), epoch(3, 0.1), 5) is None
    assert store.study.trials[good.number].intermediate_values == {1: 0.5, 2: 0.6, 3: 0.1}


def test_the_best_third_goes_on_without_waiting(new_store, epoch):
    store = new_store(FIVE, pruner="halving")
    trained(store, epoch, [0.1, 0.1, 0.7, 0.8, 0.9])
    paused(store, epoch, [0.5, 0.05])
    assert trained(store, epoch, [0.6, 0.7, 0.8, 0.9, 0.9])[1] == [None] * 5


def test_hyperband_lets_some_trials_skip_the_rung(new_store, epoch):
    store = new_store(FIVE, pruner="hyperband")
    for _ in range(3):
        trained(store, epoch, [0.9] * 5)
    assert [trained(store, epoch, [0.1] * 5)[1] for _ in range(2)] == [[None] * 5] * 2
    assert paused(store, epoch, [0.1, 0.1]).number == 5


def test_of_several_objectives_the_best_of_its_size_goes_on(new_store, epoch):
    store = new_store(FIVE, pruner="halving", objectives=["validation", "parameters"])
    large, small, poor = asked(store), asked(store, parameters=100), asked(store)
    assert store.verdict(large, epoch(2, 0.9), 5) is None
    assert store.verdict(small, epoch(2, 0.5), 5) is None
    assert store.verdict(poor, epoch(2, 0.5), 5).state == "paused"
    assert store.study.trials[1].user_attrs["dnsearch:epochs"] == {"2": 0.5}
    finished(store, large, 0.9)
    finished(store, small, 0.6)
    assert [trial.values for trial in store.study.best_trials] == [[0.9, 1000.0], [0.6, 100.0]]
    assert store.ranked() == [0, 1]


@pytest.mark.parametrize("pruner", ["halving", "median"])
def test_who_has_come_to_the_end_is_not_given_up(new_store, epoch, pruner):
    store = new_store({"training.epochs": 2}, pruner=pruner)
    for _ in range(5):
        trained(store, epoch, [0.8, 0.9, 0.9][: 2 if pruner == "median" else 3])
    trial = asked(store)
    assert store.verdict(trial, epoch(1, 0.1), 2) is None
    assert store.verdict(trial, epoch(2, 0.1), 2) is None
    other = asked(store)
    assert any(store.verdict(other, epoch(number, 0.1), 9) for number in (2, 3)), "one that has not would be"


def test_the_median_waits_for_four_trials_and_for_the_second_epoch(new_store, epoch):
    store = new_store(FIVE, pruner="median")
    assert not any(trained(store, epoch, [0.1] * 5)[1])
    for _ in range(3):
        assert not any(trained(store, epoch, [0.5, 0.6, 0.7, 0.8, 0.9])[1])
    trial = asked(store)
    assert store.verdict(trial, epoch(1, 0.05), 5) is None
    assert store.verdict(trial, epoch(2, 0.05), 5) == Stop("pruned", "below the median after epoch 2")


@pytest.mark.parametrize("pruner", ["halving", "median"])
def test_the_base_spec_is_never_pruned(new_store, epoch, pruner):
    store = new_store({"training.epochs": 9}, pruner=pruner)
    base = asked(store)
    for _ in range(5):
        trained(store, epoch, [0.9] * 9)
    verdicts = [store.verdict(base, epoch(number, 0.1), 9) for number in range(1, 10)]
    assert verdicts == [None] * 9
    other = asked(store)
    assert any(store.verdict(other, epoch(number, 0.1), 9) for number in range(1, 10)), "a variant would be"


def test_nobody_is_pruned_without_a_pruner(new_store, epoch):
    store = new_store(FIVE)
    for _ in range(5):
        trained(store, epoch, [0.9] * 5)
    assert not any(trained(store, epoch, [0.1] * 5)[1])


def test_a_trial_that_never_ends_an_epoch_is_given_up(new_store):
    store = new_store()
    trial = store.new()
    again = [store.start(store.trial(trial.number)) for _ in range(MAX_STARTS + 1)]
    assert again == [True] * MAX_STARTS + [False]


def test_an_epoch_that_ended_gives_a_trial_its_chances_back(new_store, epoch):
    store = new_store()
    trial = store.new()
    for number in range(1, 2 * MAX_STARTS):
        (left,) = store.running()
        taken_up = store.trial(left.number)
        assert store.start(taken_up)
        store.verdict(taken_up, epoch(number, 0.5), 9)
    assert trial.number == 0


def test_the_best_is_the_most_accurate_and_then_the_smallest(new_store):
    store = new_store()
    assert next(iter(store.ranked()), None) is None
    for accuracy, parameters in [(0.5, 1000), (0.7, 900), (0.7, 800), (0.7, 800)]:
        finished(store, asked(store, parameters), accuracy)
    assert next(iter(store.ranked()), None) == 2


def test_nothing_is_said_by_optuna_itself(new_store, epoch, capfd):
    store = new_store()
    trained(store, epoch, [0.5, 0.6])
    trained(store, epoch, [0.5, 0.6])
    assert optuna.logging.get_verbosity() == optuna.logging.ERROR
    assert capfd.readouterr() == ("", "")
