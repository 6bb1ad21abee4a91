"""The study's book, without training: the epochs are made up."""

from dataclasses import replace

import optuna
import pytest
from optuna.trial import Trial

from dnsearch.runs.record import Metrics, Parameters, Stop, opening
from dnsearch.spec.document import fingerprint
from dnsearch.study.book.ledger import MAX_SITTINGS, REASON, is_base

FIVE = {"training.epochs": 5}


def asked(book, parameters=1000, macs=5000):
    """A new trial, with what its network costs."""
    trial = book.new()
    costs = {"parameters": parameters, "macs": macs, "training_memory_bytes": 7000}
    book.note(trial, book.document, costs)
    return trial


def finished(book, trial, accuracy, best=None):
    """Close a trial as a run that finished would."""
    experiment = book.document.experiment
    record = opening(f"trial-{trial.number:04d}", experiment, Parameters(1000, 0), 1, None)
    metrics = Metrics(1.0, accuracy, 144), Metrics(1.0, best or accuracy, 144)
    book.close(trial, replace(record, state="finished", epochs=2, last=metrics[0], best=metrics[1]))


def trained(book, epoch, accuracies):
    """A trial that has these accuracies and ends as it wants to; returns its verdicts."""
    trial = asked(book)
    verdicts = [book.verdict(trial, epoch(number, each), 5) for number, each in enumerate(accuracies, 1)]
    if not any(verdicts):
        finished(book, trial, accuracies[-1])
    return trial, verdicts


def test_the_first_trial_is_the_base_spec_and_only_the_first(ledger):
    book = ledger()
    trials = [book.new() for _ in range(3)]
    assert [is_base(trial) for trial in trials] == [True, False, False]
    assert book.choice(trials[0]).values == {}
    assert trials[0].params == {"network.growth_rate": 4, "training.learning_rate": 0.1}


def test_a_base_that_lies_outside_the_space_is_trial_0_all_the_same(ledger):
    book = ledger(parameters={"network.growth_rate": {"int": [10, 12]}, "network.pooling": ["avg", "max"]})
    trial = book.new()
    assert book.choice(trial).values == {}
    assert trial.params == {"network.pooling": "avg"}


def test_the_other_trials_are_variants(ledger):
    book = ledger()
    book.new()
    trial = book.new()
    values = book.choice(trial).values
    document = book.document.with_values(values, "trial 1")
    book.note(trial, document, {})
    assert set(values) == {"network.growth_rate", "training.learning_rate"}
    assert document.experiment.network.growth_rate == values["network.growth_rate"]
    assert trial.user_attrs["dnsearch:fingerprint"] == fingerprint(document.experiment)


def test_a_continued_study_does_not_propose_the_same_again(ledger):
    first = ledger(sampler="random")
    proposed = [first.choice(first.new()).values for _ in range(4)]
    continued = ledger(sampler="random")
    proposed += [continued.choice(continued.new()).values for _ in range(4)]
    rates = [values["training.learning_rate"] for values in proposed[1:]]
    assert len(set(rates)) == 7


def test_a_search_that_was_interrupted_proposes_what_one_without_a_break_does(ledger, tmp_path):
    def rates(book, count):
        return [book.choice(book.new()).values.get("training.learning_rate") for _ in range(count)]

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
        book.note(trial, book.document.with_values(book.choice(trial).values, "trial"), {})
        twins.append(book.twin(trial))
    assert twins == [None, None, 1, 1]


def test_ended_trials_are_the_finished_the_pruned_and_the_failed(ledger):
    book = ledger()
    record = opening("trial", book.document.experiment, Parameters(1000, 0), 1, None)
    finished(book, asked(book), 0.5)
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
    finished(book, asked(book), 0.5, best=0.75)
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


def paused(book, epoch, accuracies):
    """A trial that comes to a rung and has to wait there."""
    trial = asked(book)
    for number, each in enumerate(accuracies, 1):
        verdict = book.verdict(trial, epoch(number, each), 5)
    assert verdict == Stop("paused", f"waits after epoch {len(accuracies)}")
    record = opening("trial", book.document.experiment, Parameters(1000, 0), 1, None)
    book.close(trial, replace(record, state="paused", reason=verdict.reason, epochs=len(accuracies)))
    return trial


def test_who_is_not_among_the_best_third_waits_at_its_rung(ledger, epoch):
    book = ledger(FIVE, pruner="halving")
    assert not any(trained(book, epoch, [0.5, 0.6, 0.7, 0.8, 0.9])[1])
    waiting = paused(book, epoch, [0.9, 0.1])
    assert [trial.number for trial in book.paused()] == [waiting.number]
    assert book.running() == []
    assert book.ended() == 1
    assert book.goes_on(waiting.number)
    assert book.promoted(lambda trial: False) is None


def test_who_waits_goes_on_when_enough_worse_ones_have_come(ledger, epoch):
    book = ledger(FIVE, pruner="halving")
    trained(book, epoch, [0.1, 0.7, 0.7, 0.8, 0.9])
    good = paused(book, epoch, [0.5, 0.6])
    for _ in range(4):
        assert book.promoted(lambda trial: False) is None
        paused(book, epoch, [0.5, 0.2])
    assert book.promoted(lambda trial: True) is None, "somebody still has it"
    assert book.promoted(lambda trial: False).number == good.number
    assert [trial.number for trial in book.running()] == [good.number]
    assert book.promoted(lambda trial: False) is None
    assert book.verdict(book.trial(book.running()[0]), epoch(3, 0.1), 5) is None
    assert book.study.trials[good.number].intermediate_values == {1: 0.5, 2: 0.6, 3: 0.1}


def test_the_best_third_goes_on_without_waiting(ledger, epoch):
    book = ledger(FIVE, pruner="halving")
    trained(book, epoch, [0.1, 0.1, 0.7, 0.8, 0.9])
    paused(book, epoch, [0.5, 0.05])
    assert trained(book, epoch, [0.6, 0.7, 0.8, 0.9, 0.9])[1] == [None] * 5


def test_hyperband_lets_some_trials_skip_the_rung(ledger, epoch):
    book = ledger(FIVE, pruner="hyperband")
    for _ in range(3):
        trained(book, epoch, [0.9] * 5)
    assert [trained(book, epoch, [0.1] * 5)[1] for _ in range(2)] == [[None] * 5] * 2
    assert paused(book, epoch, [0.1, 0.1]).number == 5


def test_of_several_objectives_the_best_of_its_size_goes_on(ledger, epoch):
    book = ledger(FIVE, pruner="halving", objectives=["validation", "parameters"])
    large, small, poor = asked(book), asked(book, parameters=100), asked(book)
    assert book.verdict(large, epoch(2, 0.9), 5) is None
    assert book.verdict(small, epoch(2, 0.5), 5) is None
    assert book.verdict(poor, epoch(2, 0.5), 5).state == "paused"
    assert book.study.trials[1].user_attrs["dnsearch:epochs"] == {"2": 0.5}
    finished(book, large, 0.9)
    finished(book, small, 0.6)
    assert [trial.values for trial in book.study.best_trials] == [[0.9, 1000.0], [0.6, 100.0]]
    assert book.ranked() == [0, 1]


@pytest.mark.parametrize("pruner", ["halving", "median"])
def test_who_has_come_to_the_end_is_not_given_up(ledger, epoch, pruner):
    book = ledger({"training.epochs": 2}, pruner=pruner)
    for _ in range(5):
        trained(book, epoch, [0.8, 0.9, 0.9][: 2 if pruner == "median" else 3])
    trial = asked(book)
    assert book.verdict(trial, epoch(1, 0.1), 2) is None
    assert book.verdict(trial, epoch(2, 0.1), 2) is None
    other = asked(book)
    assert any(book.verdict(other, epoch(number, 0.1), 9) for number in (2, 3)), "one that has not would be"


def test_the_median_waits_for_four_trials_and_for_the_second_epoch(ledger, epoch):
    book = ledger(FIVE, pruner="median")
    assert not any(trained(book, epoch, [0.1] * 5)[1])
    for _ in range(3):
        assert not any(trained(book, epoch, [0.5, 0.6, 0.7, 0.8, 0.9])[1])
    trial = asked(book)
    assert book.verdict(trial, epoch(1, 0.05), 5) is None
    assert book.verdict(trial, epoch(2, 0.05), 5) == Stop("pruned", "below the median after epoch 2")


@pytest.mark.parametrize("pruner", ["halving", "median"])
def test_the_base_spec_is_never_pruned(ledger, epoch, pruner):
    book = ledger({"training.epochs": 9}, pruner=pruner)
    base = asked(book)
    for _ in range(5):
        trained(book, epoch, [0.9] * 9)
    verdicts = [book.verdict(base, epoch(number, 0.1), 9) for number in range(1, 10)]
    assert verdicts == [None] * 9
    other = asked(book)
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
        (left,) = book.running()
        taken_up = book.trial(left)
        assert book.sit_down(taken_up)
        book.verdict(taken_up, epoch(number, 0.5), 9)
    assert trial.number == 0


def test_the_best_is_the_most_accurate_and_then_the_smallest(ledger):
    book = ledger()
    assert book.best() is None
    for accuracy, parameters in [(0.5, 1000), (0.7, 900), (0.7, 800), (0.7, 800)]:
        finished(book, asked(book, parameters), accuracy)
    assert book.best() == 2


def test_nothing_is_said_by_optuna_itself(ledger, epoch, capfd):
    book = ledger()
    trained(book, epoch, [0.5, 0.6])
    trained(book, epoch, [0.5, 0.6])
    assert optuna.logging.get_verbosity() == optuna.logging.ERROR
    assert capfd.readouterr() == ("", "")
