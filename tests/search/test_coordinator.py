"""The coordinator with an executor whose trainings are made up: nodes that are lost, and kills in between."""

from collections import Counter
from contextlib import closing
from dataclasses import replace

import pytest

from dnsearch.runs.folder import RunFolder
from dnsearch.runs.record import EpochRecord, Metrics, with_epoch
from dnsearch.search.coordinator import search
from dnsearch.search.messages import (
    Executor,
    Job,
    RunFailed,
    RunLost,
    TrialEnded,
    TrialPaused,
    TrialRestarted,
    TrialRetried,
    TrialStarted,
)
from dnsearch.search.pruning import rungs
from dnsearch.spec.document import resolved_yaml

EPOCHS, RUNG = 9, 3
SLOW = {"training.epochs": EPOCHS, "training.batch_size": 20}


class MadeUp(Executor):
    """Trainings whose scores follow from trial and epoch alone; files come home at rungs and at the end.

    Args:
        scores: trial → the score of all its epochs.
        faults: (trial, epoch) → what happens in place of its end, so many times.
    """

    def __init__(self, scores, faults=()):
        self.scores, self.faults = scores, dict(faults)
        self.trained, self.answers, self._running = Counter(), {}, {}

    def start(self, job: Job) -> Job:
        self._running[job.folder] = job, self._training(job)
        return job

    def poll(self):
        return [
            (job, training.send(self.answers.pop(job.folder, None)))
            for job, training in list(self._running.values())
        ]

    def answer(self, job, stop):
        self.answers[job.folder] = stop

    def end(self, folder):
        del self._running[folder]

    def close(self):
        self._running.clear()

    def _training(self, job):
        folder, trial = RunFolder(job.folder), job.origin.trial
        record, history = folder.read(), folder.epochs()
        for number in range(len(history) + 1, EPOCHS + 1):
            fault, times = self.faults.get((trial, number), (None, 0))
            if times:
                self.faults[trial, number] = fault, times - 1
                yield fault
            self.trained[trial, number] += 1
            metrics = Metrics(1.0, self.scores[trial], 144)
            history.append(EpochRecord(number, 0.1, metrics, metrics, 1.0, 100.0))
            record = with_epoch(record, history[-1], float(number), 0)
            if number in rungs(EPOCHS):
                folder.write_spec(job.planned.document.text, resolved_yaml(job.planned.experiment))
                folder.write_epochs(history)
                folder.write(record)
            stop = yield history[-1]
            after = self.faults.pop((trial, "after"), None) if number == RUNG else None
            if after is not None:
                yield after
            if stop is not None:
                folder.write_epochs(history)
                yield replace(record, state=stop.state, reason=stop.reason)
        folder.write_epochs(history)
        yield replace(record, state="finished")


@pytest.fixture
def run(searching):
    """Searches four trials, one after another, on made-up trainings; the second is poorer than the first."""

    def made(faults=(), scores=(0.5, 0.4, 0.3, 0.2), trials=2, **tune):
        runs = searching(SLOW, **({"pruner": "halving", "sampler": "random"} | tune))
        executor = MadeUp(scores, faults)
        return runs, executor, list(search(runs.request(trials), lambda: 0, executor))

    return made


def test_a_trial_whose_node_is_lost_starts_again_from_what_came_home(run):
    runs, executor, events = run({(0, 6): (RunLost("its node was lost"), 2)})
    restarts = [event for event in events if isinstance(event, TrialRestarted)]
    assert [(each.job.origin.trial, each.reason, each.epoch) for each in restarts] == [
        (0, "its node was lost", RUNG)
    ] * 2
    assert runs.states() == ["COMPLETE", "PRUNED"]
    assert [executor.trained[0, epoch] for epoch in range(1, 10)] == [1, 1, 1, 3, 3, 1, 1, 1, 1]
    (first, _) = runs.study().trials
    assert first.intermediate_values == dict.fromkeys(range(1, 10), 0.5), "each epoch is reported once"
    assert [epoch.epoch for epoch in runs.trial(0).epochs()] == list(range(1, 10))


def test_a_trial_that_is_lost_again_and_again_has_failed(run):
    runs, _, events = run({(0, 2): (RunLost("its node was lost"), 9)}, trials=1)
    assert sum(isinstance(event, TrialRestarted) for event in events) == 4
    (ended,) = [event.record for event in events if isinstance(event, TrialEnded)]
    assert (ended.state, ended.reason) == (
        "failed",
        "its node or process was lost 5 times; at last: its node was lost",
    )
    assert runs.states() == ["FAIL"]


def test_a_trial_that_is_lost_on_its_way_to_a_pause_waits_and_is_not_trained_on(run):
    runs, executor, events = run({(1, "after"): RunLost("its node was lost")})
    assert not any(isinstance(event, TrialRestarted) for event in events)
    (paused,) = [event.record for event in events if isinstance(event, TrialPaused)]
    assert (paused.trial, paused.epochs, paused.reason) == (1, RUNG, f"waits after epoch {RUNG}")
    assert executor.trained[1, RUNG + 1] == 0
    assert runs.records()[1].reason == f"did not go on after epoch {RUNG}"


def test_a_promoted_trial_that_is_lost_goes_on(run):
    lost = {(1, RUNG + 1): (RunLost("its node was lost"), 1)}
    runs, executor, events = run(lost, scores=(0.1, 0.05, 0.02, 0.01, 0.0, 0.0, 0.0), trials=7)
    promoted = [event.job.origin.trial for event in events if isinstance(event, TrialStarted)].count(1)
    assert promoted == 2, "it waited, and went on when enough worse ones had come"
    assert [event.job.origin.trial for event in events if isinstance(event, TrialRestarted)] == [1]
    assert runs.records()[1].epochs == EPOCHS
    assert executor.trained[1, RUNG] == 1


def test_out_of_memory_is_tried_once_more_in_parts_and_then_failed(run):
    runs, _, events = run({(0, 1): (RunFailed("out of memory", memory=True), 9)}, trials=1)
    assert [event.parts for event in events if isinstance(event, TrialRetried)] == [2]
    assert runs.records()[0].reason == "out of memory"


def test_epochs_that_a_dead_coordinator_did_not_report_are_reported_before_the_trial_goes_on(run):
    """It died after the files of the rung had come home and before the score was in the store."""
    runs, _, _ = run(trials=1)
    runs.study().enqueue_trial({"network.growth_rate": 3, "training.learning_rate": 0.05})
    going = search(runs.request(2), lambda: 0, executor := MadeUp((0.5, 0.4)))
    next(event for event in going if isinstance(event, TrialStarted))
    folder, metrics = runs.trial(1), Metrics(1.0, 0.4, 144)
    epochs = [EpochRecord(number, 0.1, metrics, metrics, 1.0, 100.0) for number in range(1, RUNG + 1)]
    folder.write_epochs(epochs)
    going.close()
    assert runs.study().trials[1].intermediate_values == {}
    events = list(search(runs.request(2), lambda: 0, executor))
    (paused,) = [event.record for event in events if isinstance(event, TrialPaused)]
    assert (paused.epochs, paused.last, paused.wall_seconds) == (RUNG, metrics, RUNG * 1.0)
    assert runs.study().trials[1].intermediate_values == dict.fromkeys(range(1, RUNG + 1), 0.4)
    assert executor.trained == Counter(), "nothing was trained for it"


def test_a_best_spec_that_a_killed_search_did_not_write_is_written_by_the_next(run):
    runs, executor, _ = run(trials=1)
    (runs.folder / "best.yaml").unlink()
    assert list(search(runs.request(1), lambda: 0, executor)) == []
    assert "trial-0000" in (runs.folder / "best.yaml").read_text()


def test_a_trial_that_ended_every_search_in_its_first_epoch_is_given_up(searching):
    runs = searching(SLOW)
    for _ in range(3):
        with closing(search(runs.request(1), lambda: 0, MadeUp((0.5,)))) as going:
            next(going)
    (ended,) = search(runs.request(1), lambda: 0, MadeUp((0.5,)))
    expected = "the search ended 3 times while this trial was in its first epoch"
    assert (ended.record.state, ended.record.reason) == ("failed", expected)
    assert runs.states() == ["FAIL"]
