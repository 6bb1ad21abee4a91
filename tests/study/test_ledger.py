"""The study's book, without training: the epochs are made up."""

from dataclasses import replace

import optuna
import pytest
from optuna.trial import Trial

from dnsearch.errors import SpecError
from dnsearch.records.opening import opening
from dnsearch.records.record import Metrics, Parameters, Stop
from dnsearch.spec.document import fingerprint
from dnsearch.study.ledger import MAX_SITTINGS, REASON, is_base

FIVE = {"training.epochs": 5}


def finished(book, trial, accuracy, best=None, parameters=1000):
    """Close a trial as a run that finished would."""
    experiment = book.document.experiment
    counted = Parameters(parameters, 0)
    record = opening(f"trial-{trial.number:04d}", experiment, counted, 1, None)
    metrics = Metrics(1.0, accuracy, 144), Metrics(1.0, best or accuracy, 144)
    book.close(trial, replace(record, state="finished", epochs=2, last=metrics[0], best=metrics[1]))


def trained(book, epoch, accuracies):
    """A trial that has these accuracies and ends as it wants to; returns its verdicts."""
    trial = book.new()
    verdicts = [book.verdict(trial, epoch(number, each), 5) for number, each in enumerate(accuracies, 1)]
    if not any(verdicts):
        finished(book, trial, accuracies[-1])
    return trial, verdicts


def test_the_first_trial_is_the_base_spec_and_only_the_first(ledger):
    book = ledger()
    trials = [book.new() for _ in range(3)]
    assert [is_base(trial) for trial in trials] == [True, False, False]
    values = book.values(trials[0])
    assert values == {}
    assert book.spec(trials[0], values) is book.document
    assert trials[0].params == {"network.growth_rate": 4, "training.learning_rate": 0.1}


def test_a_base_that_lies_outside_the_space_is_trial_0_all_the_same(ledger):
    book = ledger(parameters={"network.growth_rate": {"int": [10, 12]}, "network.pooling": ["avg", "max"]})
    trial = book.new()
    assert book.values(trial) == {}
    assert trial.params == {"network.pooling": "avg"}


def test_the_other_trials_are_variants(ledger):
    book = ledger()
    book.new()
    trial = book.new()
    values = book.values(trial)
    document = book.spec(trial, values)
    book.note(trial, document)
    assert set(values) == {"network.growth_rate", "training.learning_rate"}
    assert document.experiment.network.growth_rate == values["network.growth_rate"]
    assert trial.user_attrs["dnsearch:fingerprint"] == fingerprint(document.experiment)


def test_values_that_do_not_fit_together_name_the_trial(ledger):
    book = ledger(parameters={"network.activation": ["relu", "leaky_relu"]})
    book.new()
    book.study.enqueue_trial({"network.activation": "leaky_relu"})
    trial = book.new()
    with pytest.raises(SpecError, match="alpha, the slope of leaky_relu, is missing") as caught:
        book.spec(trial, book.values(trial))
    assert "trial 1:1:1  network.activation" in str(caught.value)


def test_a_continued_study_does_not_propose_the_same_again(ledger):
    first = ledger(sampler="random")
    proposed = [first.values(first.new()) for _ in range(4)]
    continued = ledger(sampler="random")
    proposed += [continued.values(continued.new()) for _ in range(4)]
    rates = [values["training.learning_rate"] for values in proposed[1:]]
    assert len(set(rates)) == 7


def test_a_search_that_was_interrupted_proposes_what_one_without_a_break_does(ledger, tmp_path):
    def rates(book, count):
        return [book.values(book.new()).get("training.learning_rate") for _ in range(count)]

    without_break = rates(ledger(sampler="random"), 6)
    (tmp_path / "study.db").unlink()
    assert rates(ledger(sampler="random"), 2) + rates(ledger(sampler="random"), 4) == without_break


def test_the_twin_is_the_earliest_trial_of_the_same_settings(ledger):
    book = ledger()
    book.new()
    twins = []
    for rate in (0.05, 0.07, 0.05, 0.05):
        book.study.enqueue_trial({"network.growth_rate": 3, "training.learning_rate": rate})
        trial = book.new()
        book.note(trial, book.spec(trial, book.values(trial)))
        twins.append(book.twin(trial))
    assert twins == [None, None, 1, 1]


def test_ended_trials_are_the_finished_the_pruned_and_the_failed(ledger):
    book = ledger()
    record = opening("trial", book.document.experiment, Parameters(1000, 0), 1, None)
    finished(book, book.new(), 0.5)
    book.close(book.new(), replace(record, state="pruned", reason="behind"))
    book.close(book.new(), replace(record, state="failed", reason="the loss is nan"))
    left = book.new()
    assert book.ended() == 3
    assert [trial.state.name for trial in book.study.trials] == ["COMPLETE", "PRUNED", "FAIL", "RUNNING"]
    assert [trial.user_attrs.get(REASON) for trial in book.study.trials[1:3]] == ["behind", "the loss is nan"]
    assert [trial.number for trial in book.running()] == [left.number]


def test_a_finished_run_without_an_epoch_has_failed(ledger):
    book = ledger()
    record = opening("trial", book.document.experiment, Parameters(1000, 0), 1, None)
    book.close(book.new(), replace(record, state="finished"))
    assert book.study.trials[0].state.name == "FAIL"


@pytest.mark.parametrize(("select", "value"), [("last", 0.5), ("best", 0.75)])
def test_a_trial_is_judged_by_its_last_or_its_best_epoch(ledger, select, value):
    book = ledger(select=select)
    finished(book, book.new(), 0.5, best=0.75)
    assert book.study.trials[0].value == value


def test_select_best_reports_the_best_so_far(ledger, epoch):
    book = ledger(select="best")
    trial = book.new()
    for number, accuracy in enumerate([0.5, 0.75, 0.25], 1):
        assert book.verdict(trial, epoch(number, accuracy), 3) is None
    assert book.study.trials[0].intermediate_values == {1: 0.5, 2: 0.75, 3: 0.75}


def test_select_last_reports_what_there_is(ledger, epoch):
    book = ledger()
    trial = book.new()
    for number, accuracy in enumerate([0.5, 0.75, 0.25], 1):
        book.verdict(trial, epoch(number, accuracy), 3)
    assert book.study.trials[0].intermediate_values == {1: 0.5, 2: 0.75, 3: 0.25}


def test_halving_gives_up_who_is_behind_the_base_spec(ledger, epoch):
    book = ledger(FIVE, pruner="halving")
    assert not any(trained(book, epoch, [0.5, 0.6, 0.7, 0.8, 0.9])[1])
    trial = book.new()
    assert book.verdict(trial, epoch(1, 0.1), 5) is None
    assert book.verdict(trial, epoch(2, 0.1), 5) == Stop("pruned", "behind the other trials after epoch 2")


def test_halving_lets_the_better_one_go_on(ledger, epoch):
    book = ledger(FIVE, pruner="halving")
    trained(book, epoch, [0.5, 0.6, 0.7, 0.8, 0.8])
    assert trained(book, epoch, [0.6, 0.7, 0.8, 0.9, 0.9])[1] == [None] * 5


@pytest.mark.parametrize("pruner", ["halving", "median"])
def test_who_has_come_to_the_end_is_not_given_up(ledger, epoch, pruner):
    book = ledger({"training.epochs": 2}, pruner=pruner)
    for _ in range(5):
        trained(book, epoch, [0.8, 0.9])
    trial = book.new()
    assert book.verdict(trial, epoch(1, 0.1), 2) is None
    assert book.verdict(trial, epoch(2, 0.1), 2) is None
    assert book.verdict(book.new(), epoch(2, 0.1), 9) is not None, "one that has not would be"


def test_the_median_waits_for_four_trials_and_for_the_second_epoch(ledger, epoch):
    book = ledger(FIVE, pruner="median")
    assert not any(trained(book, epoch, [0.1] * 5)[1])
    for _ in range(3):
        assert not any(trained(book, epoch, [0.5, 0.6, 0.7, 0.8, 0.9])[1])
    trial = book.new()
    assert book.verdict(trial, epoch(1, 0.05), 5) is None
    assert book.verdict(trial, epoch(2, 0.05), 5) == Stop("pruned", "behind the other trials after epoch 2")


@pytest.mark.parametrize("pruner", ["halving", "median"])
def test_the_base_spec_is_never_pruned(ledger, epoch, pruner):
    book = ledger({"training.epochs": 9}, pruner=pruner)
    base = book.new()
    for _ in range(5):
        trained(book, epoch, [0.9] * 9)
    verdicts = [book.verdict(base, epoch(number, 0.1), 9) for number in range(1, 10)]
    assert verdicts == [None] * 9
    other = book.new()
    assert any(book.verdict(other, epoch(number, 0.1), 9) for number in range(1, 10)), "a variant would be"


def test_nobody_is_pruned_without_a_pruner(ledger, epoch):
    book = ledger(FIVE)
    for _ in range(5):
        trained(book, epoch, [0.9] * 5)
    assert not any(trained(book, epoch, [0.1] * 5)[1])


def test_a_trial_that_never_ends_an_epoch_is_given_up(ledger):
    book = ledger()
    trial = book.new()
    again = [book.sit_down(Trial(book.study, trial._trial_id)) for _ in range(MAX_SITTINGS + 1)]
    assert again == [True] * MAX_SITTINGS + [False]


def test_an_epoch_that_ended_gives_a_trial_its_chances_back(ledger, epoch):
    book = ledger()
    trial = book.new()
    for number in range(1, 2 * MAX_SITTINGS):
        (taken_up,) = book.running()
        assert book.sit_down(taken_up)
        book.verdict(taken_up, epoch(number, 0.5), 9)
    assert trial.number == 0


def test_the_best_is_the_most_accurate_and_then_the_smallest(ledger):
    book = ledger()
    assert book.best() is None
    for accuracy, parameters in [(0.5, 1000), (0.7, 900), (0.7, 800), (0.7, 800)]:
        finished(book, book.new(), accuracy, parameters=parameters)
    assert book.best() == 2


def test_nothing_is_said_by_optuna_itself(ledger, epoch, capfd):
    book = ledger()
    trained(book, epoch, [0.5, 0.6])
    trained(book, epoch, [0.5, 0.6])
    assert optuna.logging.get_verbosity() == optuna.logging.ERROR
    assert capfd.readouterr() == ("", "")
