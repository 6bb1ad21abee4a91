"""The best trials trained again on fresh seeds: children that really train, on a study of three trials."""

from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from dnsearch.runs.folder import RunFolder, hits_of
from dnsearch.runs.record import Metrics, Parameters, RunRecord
from dnsearch.search.confirm import confirmed, fresh_seed, missing
from dnsearch.search.messages import TrialEnded, TrialProgressed, TrialStarted
from dnsearch.spec.document import load

pytestmark = pytest.mark.xdist_group("tune")


def names(events, kind):
    """The folders that the events of a kind are about."""
    return [
        each.record.name if kind is TrialEnded else each.job.folder.name
        for each in events
        if isinstance(each, kind)
    ]


def folders(runs):
    return sorted(path.name for path in (runs.folder / "confirm").iterdir())


def retrained(runs, name):
    return RunFolder(runs.folder / "confirm" / name)


@pytest.fixture(scope="module")
def searched(searching):
    """Three trials, the best two of them confirmed on two seeds each; then the same again."""
    runs = searching(confirm={"top": 2, "seeds": 2})
    events = runs.run(3, workers=2)
    return runs, events, runs.run(3, workers=2)


def best_two(runs):
    ranked = sorted(runs.records(), key=lambda record: (-record.last.score, record.parameters.trainable))
    return [record.name for record in ranked[:2]]


def test_the_best_trials_are_trained_again_when_the_trials_are_used_up(searched):
    runs, events, _ = searched
    wanted = [f"{name}-seed-{repetition}" for name in best_two(runs) for repetition in (1, 2)]
    assert folders(runs) == sorted(wanted)
    assert names(events, TrialStarted)[3:] == wanted
    assert sorted(names(events, TrialEnded)[3:]) == sorted(wanted)
    assert runs.states() == ["COMPLETE"] * 3, "retrainings are no trials of the study"


def test_a_retraining_is_the_trial_on_another_seed(searched):
    runs, *_ = searched
    name = best_two(runs)[0]
    original = RunFolder(runs.folder / name).read()
    again = [retrained(runs, f"{name}-seed-{repetition}").read() for repetition in (1, 2)]
    assert {record.seed for record in again}.isdisjoint({original.seed})
    assert len({record.seed for record in again}) == 2
    for record in again:
        assert (record.trial, record.study, record.confirmation) == (original.trial, "small", True)
        assert {**record.settings, "training.seed": original.seed} == original.settings
        assert (record.state, record.epochs) == ("finished", original.epochs)


def test_the_test_images_are_looked_at_for_retrainings_alone(searched):
    runs, *_ = searched
    assert all(record.test is None for record in runs.records())
    tests = [retrained(runs, name).read().test for name in folders(runs)]
    assert all(test is not None and 0 < test.accuracy <= 1 for test in tests)


def test_a_finished_retraining_keeps_its_weights_alone_and_is_not_trained_again(searched):
    runs, _, again = searched
    assert again == []
    for name in folders(runs):
        folder = retrained(runs, name)
        assert folder.weights.exists()
        assert not folder.checkpoint.exists()


def test_the_best_spec_is_that_with_the_best_mean(searched):
    runs, *_ = searched
    found = confirmed(runs.folder, "last")
    scores = {
        each.trial: [
            retrained(runs, f"trial-{each.trial:04d}-seed-{number}").read().last.score for number in (1, 2)
        ]
        for each in found
    }
    means = {trial: sum(figures) / 2 for trial, figures in scores.items()}
    assert [each.validation.value for each in found] == pytest.approx(sorted(means.values(), reverse=True))
    assert means[found[0].trial] == pytest.approx(max(means.values()))
    text = (runs.folder / "best.yaml").read_text()
    assert f"# Found:    trial-{found[0].trial:04d}" in text
    assert f"# Seeds:    2 fresh seeds: test {100 * found[0].test.value:.2f} %" in text
    assert f"; validation {100 * found[0].validation.value:.2f} %" in text
    assert load(str(runs.folder / "best.yaml")).experiment.tune is None


def test_more_seeds_and_more_trials_train_only_what_is_new(searched):
    runs, *_ = searched
    tune = runs.document.experiment.tune
    more = tune.model_copy(update={"confirm": tune.confirm.model_copy(update={"top": 3, "seeds": 3})})
    ranked = [int(name[-4:]) for name in best_two(runs)]
    ranked += sorted({0, 1, 2} - {*ranked})
    request = runs.request(3)
    request = replace(request, spec=replace(request.spec, tune=more))
    planned = [each.folder.name for each in missing(request, ranked)]
    assert planned == [
        *(f"trial-{number:04d}-seed-3" for number in ranked[:2]),
        *(f"trial-{ranked[2]:04d}-seed-{repetition}" for repetition in (1, 2, 3)),
    ]


@pytest.mark.slow
def test_a_retraining_that_was_stopped_goes_on_from_its_checkpoint(searching):
    runs = searching({"training.epochs": 6}, confirm={"top": 1, "seeds": 1})
    events, asked = [], 0
    with closing(runs.start(1, interrupts=lambda: asked)) as going:
        for event in going:
            events.append(event)
            asked = 2 * ("trial-0000-seed-1" in names(events, TrialProgressed))
    record = retrained(runs, "trial-0000-seed-1").read()
    assert (record.state, record.test) == ("interrupted", None)
    again = runs.run(1)
    first = next(event.epoch.epoch for event in again if isinstance(event, TrialProgressed))
    assert first > 1
    assert names(again, TrialEnded) == ["trial-0000-seed-1"]
    assert retrained(runs, "trial-0000-seed-1").read().test is not None


def test_asking_to_stop_begins_no_confirmation(searching):
    runs = searching(confirm={"top": 1, "seeds": 1})
    events = []
    for event in runs.start(1, interrupts=lambda: len(events)):
        events.append(event)
        if isinstance(event, TrialStarted):
            events.clear()
    assert not (runs.folder / "confirm").exists()


def test_a_retraining_that_failed_is_not_tried_again(searching):
    runs = searching(confirm={"top": 1, "seeds": 1})
    list(runs.start(1, interrupts=lambda: runs.states() == ["COMPLETE"]))
    (planned,) = missing(runs.request(1), [0])
    planned.folder.path.mkdir(parents=True)
    planned.folder.write(replace(planned.record, state="failed", reason="the loss is nan"))
    assert missing(runs.request(1), [0]) == []
    assert confirmed(runs.folder, "last") == []


@pytest.mark.slow
def test_without_test_images_there_are_no_test_figures_and_the_record_says_so(searching, tmp_path):
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 255, (60, 8, 8, 1), np.uint8), np.arange(60) % 10
    np.savez(tmp_path / "images.npz", x_train=images, y_train=labels)
    values = {
        "data.source": "npz",
        "data.path": str(tmp_path / "images.npz"),
        "data.training_examples": None,
    }
    runs = searching({**values, "training.batch_size": 20}, confirm={"top": 1, "seeds": 1})
    runs.run(1)
    record = retrained(runs, "trial-0000-seed-1").read()
    assert (record.state, record.test) == ("finished", None)
    assert record.reason.startswith("no test metrics: ")
    assert "expected test images, found none in this source" in record.reason
    assert runs.run(1) == []
    assert "# Seeds:    1 fresh seed: validation" in (runs.folder / "best.yaml").read_text()


def test_equal_means_go_to_the_smallest_network_and_then_to_the_earlier_trial(tmp_path):
    """The leaderboard has the same order: tests/report/test_ranking.py."""
    for number, parameters in ((2, 50), (10, 20), (1, 50), (3, 20)):
        for seed in (1, 2):
            name = f"trial-{number:04d}-seed-{seed}"
            figure = Metrics(0.3, 0.9, 100)
            record = RunRecord(
                name,
                "x",
                "finished",
                "",
                seed,
                {},
                Parameters(parameters, 0),
                9,
                1,
                "",
                "",
                "small",
                number,
                True,
            )
            folder = RunFolder(tmp_path / "confirm" / name)
            folder.path.mkdir(parents=True)
            folder.write(replace(record, epochs=1, last=figure, best=figure, best_epoch=1))
    assert [each.trial for each in confirmed(tmp_path, "last")] == [3, 10, 1, 2]


def test_retrainings_have_the_hits_of_validation_and_test_images(searched):
    runs, *_ = searched
    for name in folders(runs):
        record = retrained(runs, name).read()
        hits = hits_of(runs.folder, record)
        assert (hits["last"].right, hits["last"].examples) == right_of(record.last)
        assert (hits["test"].right, hits["test"].examples) == right_of(record.test)
    trials = [hits_of(runs.folder, record) for record in runs.records()]
    assert [hits["last"].right for hits in trials] == [right_of(each.last)[0] for each in runs.records()]
    assert len({hits["last"].images for hits in trials}) == 1


def right_of(metrics):
    return round(metrics.accuracy * metrics.examples), metrics.examples


def test_a_fresh_seed_is_never_the_trial_s_own():
    seeds = {fresh_seed(0, trial, repetition, 0) for trial in range(200) for repetition in range(1, 6)}
    assert len(seeds) == 1000
    assert fresh_seed(0, 7, 2, fresh_seed(0, 7, 2, 0)) != fresh_seed(0, 7, 2, 0)
    assert all(0 <= seed < 2**32 for seed in seeds)


def test_a_trial_without_a_spec_is_passed_over(searched):
    runs, *_ = searched
    assert missing(runs.request(3), [17]) == []
