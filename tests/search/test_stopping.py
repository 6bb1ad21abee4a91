"""The rules that end a search before its trials are used up, alone and in searches that really train."""

from contextlib import closing
from dataclasses import replace
from time import sleep

import pytest

from dnsearch.runs.record import Metrics, Origin, Parameters, Stop, opening
from dnsearch.search.messages import SearchStopped, TrialPaused, TrialStarted
from dnsearch.search.pruning import StopRules
from dnsearch.search.samplers import PAUSED

searches = pytest.mark.xdist_group("tune")


@pytest.fixture
def ended(tiny):
    """The record of a trial that ended, with its last and its best validation accuracy."""

    def made(number, accuracy, best=None, state="finished"):
        record = opening("trial", tiny().experiment, Parameters(1000, 0), 1, Origin("small", number))
        last, top = (Metrics(1.0, each, 144) for each in (accuracy, best or accuracy))
        return replace(record, state=state, epochs=2, last=last, best=top)

    return made


@pytest.fixture
def rules(tiny):
    def made(**tune):
        return StopRules(tiny(**tune).experiment.tune)

    return made


def test_without_rules_nothing_ends_a_search(rules, ended, epoch):
    free = rules()
    for number in range(100):
        free.epoch_ended(number, epoch(1, 1.0))
        free.trial_ended(ended(number, 1.0), [0], number)
    assert (free.reason(), bool(free.final), free.stop(3)) == ("", False, None)


def test_the_time_is_up_for_this_sitting_alone(rules):
    timed = rules(timeout_seconds=0.05)
    assert timed.reason() == ""
    sleep(0.06)
    assert timed.reason() == "stopped after 0.05 seconds, as timeout_seconds says"
    assert not timed.final
    assert timed.stop(0) is None, "who is at work goes on"
    assert rules(timeout_seconds=0.05).reason() == ""


def test_patience_counts_the_trials_since_the_best(rules, ended):
    patient = rules(patience=3)
    for number, best in [(0, 0), (1, 0), (2, 2), (3, 2), (4, 2)]:
        patient.trial_ended(ended(number, 0.5), [best], number - best)
        assert patient.reason() == ""
    patient.trial_ended(ended(5, 0.4), [2, 5], 3)
    assert patient.reason() == "no trial was better than trial 2 for 3 trials"
    assert patient.final
    patient.trial_ended(ended(6, 0.9), [6], 0)
    assert patient.reason() == "no trial was better than trial 2 for 3 trials", "it is over"


def test_patience_counts_pruned_and_failed_trials_but_not_before_one_has_finished(rules, ended):
    patient = rules(patience=2)
    for number in range(5):
        patient.trial_ended(ended(number, 0.1, state="failed"), [], 0)
    assert patient.reason() == ""
    patient.trial_ended(ended(5, 0.5), [5], 0)
    patient.trial_ended(ended(7, 0.1, state="pruned"), [5], 2)
    assert patient.reason() == "no trial was better than trial 5 for 2 trials"


@pytest.mark.parametrize(("select", "reached"), [("last", ""), ("best", "trial 4 reached 0.9; ")])
def test_the_target_is_reached_by_the_epoch_that_counts(rules, ended, epoch, select, reached):
    aiming = rules(target=0.9, select=select)
    aiming.epoch_ended(4, epoch(1, 0.9))
    assert aiming.reason().startswith(reached)
    assert bool(aiming.final) == bool(reached)
    aiming.trial_ended(ended(4, 0.8, best=0.9), [4], 0)
    assert bool(aiming.final) == bool(reached)


def test_at_the_target_the_others_are_told_to_stop(rules, ended):
    aiming = rules(target=0.9)
    aiming.trial_ended(ended(3, 0.95, state="pruned"), [], 0)
    assert not aiming.final, "it did not come to its end"
    aiming.trial_ended(ended(4, 0.91234), [4], 0)
    assert aiming.reason() == "trial 4 reached 0.9123; the target was 0.9"
    assert aiming.final
    assert aiming.stop(4) is None
    assert aiming.stop(5) == Stop("pruned", "the target was reached")


@pytest.mark.slow
@searches
def test_a_search_that_makes_no_progress_ends_and_goes_on_with_more_patience(searching, tiny):
    values = {"training.epochs": 4, "training.batch_size": 20}
    rates = {"training.learning_rate": {"float": [SLOW, 0.2], "log": True}}
    runs = searching(values, parameters=rates, patience=2)
    runs.run(1)
    for factor in range(1, 6):
        runs.enqueue(training__learning_rate=factor * SLOW)
    assert reasons(runs.run(9)) == ["no trial was better than trial 0 for 2 trials"]
    assert runs.states() == ["COMPLETE"] * 3 + ["WAITING"] * 3
    patient = type(runs)(runs.folder, tiny(values, parameters=rates, patience=9))
    assert reasons(patient.run(4)) == []
    assert runs.states() == ["COMPLETE"] * 4 + ["WAITING"] * 2


SLOW = 1e-7
"""A learning rate that learns nothing, so that such trials are equally poor and the later one waits."""


@pytest.fixture
def waiting(searching, tiny):
    """A function of ``tune`` fields: a study where trial 0 has finished and trial 1 waits; its search."""

    def made(**tune):
        rates = {"training.learning_rate": {"float": [SLOW, 0.2], "log": True}}
        parameters = rates | {"training.batch_size": [2, 20]}
        values = {"training.epochs": 5, "training.batch_size": 20, "training.learning_rate": SLOW}
        search = {"pruner": "halving", "select": "best", "parameters": parameters}
        runs = searching(values, **search)
        with closing(runs.start(1)) as going:
            list(going)
        runs.enqueue(training__learning_rate=1.5 * SLOW, training__batch_size=20)
        with closing(runs.start(3)) as going:
            next(event for event in going if isinstance(event, TrialPaused))
        assert runs.states()[:2] == ["COMPLETE", "RUNNING"]
        return runs, type(runs)(runs.folder, tiny(values, **search, **tune))

    return made


def reasons(events):
    return [event.reason for event in events if isinstance(event, SearchStopped)]


@searches
def test_a_search_ends_at_its_target(waiting):
    runs, aiming = waiting(target=0.15)
    number = len(runs.states())
    aiming.enqueue(training__learning_rate=0.1, training__batch_size=20)
    aiming.enqueue(training__learning_rate=2 * SLOW, training__batch_size=2)
    (said,) = reasons(aiming.run(9, workers=2))
    good, slow = aiming.records()[number:]
    assert said.startswith(f"trial {number} reached 0.")
    assert said.endswith("; the target was 0.15")
    assert (good.state, good.epochs) == ("finished", 5), "who has reached it goes to its end"
    assert (slow.state, slow.reason) == ("pruned", "the target was reached")
    assert slow.epochs < 5
    waited = aiming.records()[1]
    assert (waited.state, waited.reason, waited.epochs) == ("pruned", "did not go on after epoch 2", 2)
    assert aiming.states() == ["COMPLETE", "PRUNED", "COMPLETE", "PRUNED"], "no more trials are started"


@pytest.mark.slow
@searches
def test_when_the_time_is_up_what_runs_ends_and_what_waits_may_go_on_another_day(waiting):
    runs, timed = waiting(timeout_seconds=5)
    number = len(runs.states())
    timed.enqueue(training__learning_rate=0.1, training__batch_size=20)
    events = []
    for event in timed.start(9):
        events.append(event)
        if isinstance(event, TrialStarted):
            sleep(5)
    assert reasons(events) == ["stopped after 5 seconds, as timeout_seconds says"]
    assert timed.states() == ["COMPLETE", "RUNNING", "COMPLETE"]
    assert timed.records()[number].epochs == 5
    assert timed.study().trials[1].user_attrs[PAUSED] == 2
    assert timed.records()[1].state == "paused"
    runs.run(3)
    assert runs.states() == ["COMPLETE", "PRUNED", "COMPLETE"]
