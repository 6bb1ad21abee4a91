"""Whole searches, with children that really train; each takes a few seconds."""

import os
import signal
from contextlib import closing

import numpy as np
import psutil
import pytest

from dnsearch import environment
from dnsearch.errors import StudyError
from dnsearch.front_door import planned_spec, train
from dnsearch.runs.folder import RunFolder
from dnsearch.runs.lock import is_locked
from dnsearch.runs.scan import scan
from dnsearch.search import coordinator
from dnsearch.search.messages import ProposalRefused, SearchStopped, TrialEnded, TrialProgressed, TrialStarted

pytestmark = pytest.mark.xdist_group("tune")


def kinds(events, kind):
    """The numbers of the trials that the events of a kind are about."""
    return [
        each.record.trial if kind is TrialEnded else each.job.origin.trial
        for each in events
        if isinstance(each, kind)
    ]


def learned(folder):
    """What the epochs of a run say, but for their time, and its weights."""
    with np.load(folder.weights) as weights:
        arrays = {name: weights[name].tobytes() for name in weights.files}
    return [(epoch.training, epoch.validation) for epoch in folder.epochs()], arrays


def snapshot(folder):
    """Every file with its time, but for what a reader of the database may touch."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("study.db"))
    return {path: path.stat().st_mtime_ns for path in files if path.name not in {"lock", "study.json"}}


@pytest.fixture(scope="module")
def searched(searching):
    """Four trials, two at once; the same again; and one more."""
    runs = searching()
    events = runs.run(4, workers=2)
    before = snapshot(runs.folder)
    again = runs.run(4, workers=2)
    after = snapshot(runs.folder)
    proposed = [trial.params for trial in runs.study().trials]
    more = runs.run(5)
    return runs, events, (before, again, after, proposed), more


def test_trial_0_is_the_unmodified_base_spec(searched):
    runs, *_ = searched
    base = runs.records()[0]
    assert base.settings["network.growth_rate"] == 4
    assert base.settings["training.learning_rate"] == 0.1
    assert (base.state, base.epochs) == ("finished", 2)
    assert runs.trial(0).spec.read_text() == runs.document.text
    assert runs.study().trials[0].params == {"network.growth_rate": 4, "training.learning_rate": 0.1}


def test_every_trial_is_started_told_of_and_ended(searched):
    _, events, *_ = searched
    assert sorted(kinds(events, TrialStarted)) == [0, 1, 2, 3]
    assert sorted(kinds(events, TrialProgressed)) == [0, 0, 1, 1, 2, 2, 3, 3]
    assert sorted(kinds(events, TrialEnded)) == [0, 1, 2, 3]
    assert [type(event) for event in events[:2]] == [TrialStarted, TrialStarted], "two at once"


def test_what_the_study_and_the_folders_say_is_the_same(searched):
    runs, *_ = searched
    records = runs.records()
    assert runs.states() == ["COMPLETE"] * 5
    assert [record.last.accuracy for record in records] == [trial.value for trial in runs.study().trials]
    assert [record.trial for record in records] == [0, 1, 2, 3, 4]
    assert {record.study for record in records} == {"small"}
    assert [len(runs.trial(number).epochs()) for number in range(5)] == [2] * 5
    assert not scan([runs.folder]).unreadable


def test_the_number_of_trials_is_a_total(searched):
    _, _, (before, again, after, _), more = searched
    assert again == []
    assert before == after, "nothing is written when there is nothing to do"
    assert kinds(more, TrialEnded) == [4]


def test_a_continued_search_proposes_something_new(searched):
    runs, _, (*_, proposed), _ = searched
    assert runs.study().trials[4].params not in proposed


def test_a_training_has_the_same_epochs_alone_and_beside_others(searched, searching, tmp_path):
    """Sums are rounded differently with another number of threads."""
    beside, events, *_ = searched
    alone = searching()
    alone.run(1, workers=1)
    run = train(alone.document, runs=tmp_path)
    assert learned(RunFolder(run.path)) == learned(alone.trial(0)) == learned(beside.trial(0))
    threads = {event.job.threads for event in events if isinstance(event, TrialStarted)}
    assert threads == {beside.trial(0).read().hardware["threads"]} == {environment.threads()}


def test_the_best_spec_is_the_best_trial_s_and_passes_the_check(searched):
    runs, *_ = searched
    best = max(runs.records(), key=lambda record: (record.last.accuracy, -record.parameters.trainable))
    text = (runs.folder / "best.yaml").read_text()
    found = planned_spec(str(runs.folder / "best.yaml"), ())
    document, costs = found.written, found.summary.cost
    assert f"# Found:    {best.name}, 2 epochs" in text
    assert document.experiment.network.growth_rate == best.settings["network.growth_rate"]
    assert costs.trainable == best.parameters.trainable == document.experiment.expect.parameters


def test_no_child_is_left(searched):
    me = psutil.Process()
    training = [
        child for child in me.children(recursive=True) if child.cmdline() and "dnsearch" in child.cmdline()
    ]
    assert training == []


def test_a_search_ends_when_all_configurations_were_tried_each_once(searching):
    runs = searching(parameters={"network.pooling": ["avg", "max"]}, confirm={"top": 1, "seeds": 1})
    events = runs.run(6, workers=2)
    records = runs.records()
    assert sorted(record.settings["network.pooling"] for record in records) == ["avg", "max"]
    assert events.count(SearchStopped("all 2 configurations tried")) == 1
    assert sorted(each.name for each in (runs.folder / "confirm").iterdir())[0].endswith("-seed-1")
    assert runs.run(6) == [SearchStopped("all 2 configurations tried")], "nothing else is left to do"


@pytest.mark.slow
def test_a_copy_of_a_trial_at_work_is_no_trial_and_leaves_its_place_to_others(searching):
    runs = searching()
    runs.run(1)
    for rate in (0.05, 0.05, 0.07):
        runs.enqueue(network__growth_rate=3, training__learning_rate=rate)
    events = runs.run(3, workers=2)
    assert kinds(events, TrialStarted) == [1, 3]
    assert sorted(kinds(events, TrialEnded)) == [1, 3]
    assert not runs.trial(2).path.exists()


@pytest.mark.parametrize(
    ("pruner", "epochs", "good", "why"),
    [
        ("halving", 5, 0, "did not go on after epoch 2"),
        pytest.param("median", 3, 3, "below the median after epoch 2", marks=pytest.mark.slow),
    ],
)
def test_a_poor_trial_is_pruned_and_saves_its_epochs(searching, pruner, epochs, good, why):
    rates = {"training.learning_rate": {"float": [1e-7, 0.2], "log": True}}
    runs = searching({"training.epochs": epochs, "training.batch_size": 20}, pruner=pruner, parameters=rates)
    runs.run(1)
    for rate in [0.1, 0.12, 0.14][:good]:
        runs.enqueue(training__learning_rate=rate + 0.01)
    runs.enqueue(training__learning_rate=1e-7)
    events = runs.run(good + 2)
    bad = runs.records()[-1]
    assert runs.states() == ["COMPLETE"] * (good + 1) + ["PRUNED"]
    assert (bad.state, bad.epochs, bad.reason) == ("pruned", 2, why)
    assert kinds(events, TrialProgressed).count(bad.trial) == 2
    assert len(runs.trial(bad.trial).epochs()) == 2
    assert f"trial-{bad.trial:04d}" not in (runs.folder / "best.yaml").read_text()


DIVERGING = {"name": "sgd", "weight_decay": 0.5}


@pytest.fixture(scope="module")
def failing(searching):
    """A study where two of four trials fail, two proposals are infeasible, and one copies a failed trial."""
    runs = searching(
        parameters={
            "network.activation": ["relu", "leaky_relu"],
            "network.layers_per_block": [[1, 1], [1, 1, 1, 1, 1]],
            "training.learning_rate": {"float": [0.01, 100.0], "log": True},
            "training.optimizer": ["sgd", DIVERGING],
        }
    )
    runs.run(1)
    usual = {
        "network__activation": "relu",
        "network__layers_per_block": "[1, 1]",
        "training__learning_rate": 0.05,
        "training__optimizer": "sgd",
    }
    diverging = '{"name": "sgd", "weight_decay": 0.5}'
    runs.enqueue(**usual | {"network__activation": "leaky_relu"})
    runs.enqueue(**usual | {"network__layers_per_block": "[1, 1, 1, 1, 1]"})
    runs.enqueue(**usual | {"training__learning_rate": 100.0, "training__optimizer": diverging})
    runs.enqueue(**usual | {"training__learning_rate": 0.06})
    runs.enqueue(**usual | {"training__learning_rate": 100.0, "training__optimizer": diverging})
    runs.enqueue(**usual)
    events = []
    with closing(runs.start(4)) as going:
        for event in going:
            events.append(event)
            if isinstance(event, TrialProgressed) and event.job.origin.trial == 4:
                os.kill(runs.trial(4).read().process["pid"], signal.SIGKILL)
    return runs, events


def test_a_study_goes_on_after_failures(failing):
    runs, events = failing
    assert runs.states() == ["COMPLETE", "PRUNED", "PRUNED", "FAIL", "FAIL", "FAIL", "COMPLETE"]
    assert [record.state for record in runs.records()[1:3]] == ["failed"] * 2
    assert kinds(events, TrialEnded) == [3, 4, 6]
    assert kinds(events, TrialStarted) == [3, 4, 6], "what cannot be built needs no child"
    assert runs.study().trials[5].user_attrs["dnsearch:dropped"] == "same settings as trial 3"


def test_what_cannot_be_built_is_no_trial(failing):
    runs, events = failing
    refused = [event.reasons["spec"] for event in events if isinstance(event, ProposalRefused)]
    assert "alpha, the slope of leaky_relu, is missing" in refused[0]
    assert "network.layers_per_block" in refused[1]
    assert [path.name for path in sorted(runs.folder.glob("trial-*"))] == [
        f"trial-{number:04d}" for number in (0, 3, 4, 6)
    ]


@pytest.mark.parametrize(
    ("trial", "expected"),
    [
        (3, "nothing more can be learned"),
        (4, "the child process was killed by signal 9"),
    ],
)
def test_a_failure_says_why(failing, trial, expected):
    runs, _ = failing
    assert expected in runs.trial(trial).read().reason
    assert expected in runs.study().trials[trial].user_attrs["dnsearch:reason"]


def test_a_killed_trial_keeps_the_epoch_that_had_ended(failing):
    runs, _ = failing
    record = runs.trial(4).read()
    assert (record.state, record.epochs) == ("failed", 1)
    assert record.last is not None


def test_failed_trials_are_ended_trials(failing):
    runs, _ = failing
    assert runs.run(4) == []


def test_a_space_without_a_feasible_network_ends_the_search(searching, monkeypatch):
    monkeypatch.setattr(coordinator, "MAX_IN_A_ROW", 30)
    runs = searching(sampler="random", constraints={"parameters": 100})
    with pytest.raises(StudyError) as caught:
        runs.run(1)
    said = str(caught.value)
    assert said.startswith(
        "study small\n  a feasible proposal among the last 30; they were refused by: parameters 30\n"
    )
    assert "Loosen parameters or narrow the parameters (the last reason: " in said
    assert "dnsearch space SPEC shows which share of the space is feasible." in said
    assert runs.states() == ["PRUNED"] * 30
    assert not list(runs.folder.glob("trial-*"))


def test_a_trial_that_takes_too_long(searching):
    runs = searching({"training.epochs": 100_000}, trial_timeout_seconds=2.5)
    (ended,) = [event for event in runs.run(1) if isinstance(event, TrialEnded)]
    assert ended.record.state == "failed"
    assert ended.record.reason == "took longer than 2.5 seconds"
    assert ended.record.epochs == len(runs.trial(0).epochs()), "what had ended by then is kept"
    assert not is_locked(runs.trial(0).lock)
    assert runs.states() == ["FAIL"]
    assert not (runs.folder / "best.yaml").exists()


def test_asking_twice_to_stop_ends_the_children_and_the_next_search_takes_the_trials_up(searching):
    runs = searching({"training.epochs": 30})
    asked = 0
    events = []
    with closing(runs.start(2, workers=2, interrupts=lambda: asked)) as going:
        for event in going:
            events.append(event)
            pids = {runs.trial(number).read().process.get("pid") for number in kinds(events, TrialProgressed)}
            asked = 2 if len(pids) == 2 else 0
    assert runs.states() == ["RUNNING", "RUNNING"]
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert [record.state for record in scan([runs.folder]).records] == ["interrupted", "interrupted"]
    again = runs.run(2, workers=2)
    assert sorted(kinds(again, TrialStarted)) == [0, 1]
    assert runs.states() == ["COMPLETE", "COMPLETE"]
    for number in (0, 1):
        assert [epoch.epoch for epoch in runs.trial(number).epochs()] == list(range(1, 31))
    first = next(event.epoch.epoch for event in again if isinstance(event, TrialProgressed))
    assert first > 1, "a trial goes on where its checkpoint stands"


@pytest.mark.slow
def test_asking_once_to_stop_lets_the_running_trials_end(searching):
    runs = searching()
    events = []
    for event in runs.start(6, workers=2, interrupts=lambda: len(kinds(events, TrialProgressed)) > 0):
        events.append(event)
    assert sorted(kinds(events, TrialEnded)) == [0, 1]
    assert runs.states() == ["COMPLETE", "COMPLETE"]


@pytest.mark.slow
def test_a_smaller_total_takes_nothing_up(searching):
    runs = searching({"training.epochs": 100_000})
    with closing(runs.start(2, workers=2)) as going:
        next(going), next(going)
    assert runs.states() == ["RUNNING", "RUNNING"]
    with closing(runs.start(1)) as going:
        assert next(going).job.origin.trial == 0


def test_a_run_s_folder_is_no_study_s(searching):
    runs = searching()
    runs.folder.mkdir()
    (runs.folder / "run.json").write_text("{}")
    with pytest.raises(StudyError) as caught:
        runs.run(1)
    expected = (
        "expected the folder of a study, found that of a run\n  Give the study another name: --study NAME"
    )
    assert str(caught.value) == f"{runs.folder}\n  {expected}"


@pytest.mark.slow
def test_what_a_killed_child_was_writing_is_removed(searching):
    runs = searching({"training.epochs": 100_000})
    with closing(runs.start(1)) as going:
        for event in going:
            if isinstance(event, TrialProgressed) and event.epoch.epoch == 1:
                half = runs.trial(0).path / ".checkpoint.npz.1-abcdef12.tmp"
                half.write_bytes(b"half")
                os.kill(runs.trial(0).read().process["pid"], signal.SIGKILL)
    assert runs.trial(0).read().state == "failed"
    assert not half.exists()
