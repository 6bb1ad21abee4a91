"""What one run does and leaves behind."""

import json
import math
import shutil
import time
from datetime import UTC, datetime

import numpy as np
import pytest
from run_files import arrays

from dnsearch.errors import DataError, RunError, TrainingError
from dnsearch.front_door import planned_spec
from dnsearch.runs.folder import RunFolder
from dnsearch.runs.hits import read_hits
from dnsearch.runs.lock import is_locked, locked
from dnsearch.runs.record import EpochRecord, Notice, Origin, StepEnded, Stop
from dnsearch.spec.document import fingerprint, load, parse, settings

TINY = """\
version: 1
name: tiny
network: {growth_rate: 4, layers_per_block: [1, 1], dropout: 0.2}
data: {source: digits, training_examples: 100}
training:
  epochs: 3
  batch_size: 32
  learning_rate: 0.1
  optimizer: {name: sgd, weight_decay: 1e-4}
  schedule: cosine
"""
STEPS = 4  # 100 images in batches of 32, 32, 32 and 4

pytestmark = pytest.mark.xdist_group("run")  # the finished run is made once


def tiny(**values):
    """The tiny spec; ``training__epochs=1`` sets training.epochs."""
    document = parse(TINY.encode(), "tiny.yaml")
    changes = {path.replace("__", "."): value for path, value in values.items()}
    return document.with_values(changes, "the test") if changes else document


def trained(document, folder, watch=lambda event: None, origin=None):
    from dnsearch.train.run import run

    return run(planned_spec(document), folder, watch, origin)


@pytest.fixture(scope="module")
def finished(tensorflow_ready, tmp_path_factory):
    """A finished run: its folder, record, events and how long it took from outside."""
    folder, events = RunFolder.create(tmp_path_factory.mktemp("runs"), "tiny"), []
    began = time.perf_counter()
    record = trained(tiny(), folder, events.append, Origin("small", 3))
    return folder, record, events, time.perf_counter() - began


def test_the_folder_has_everything(finished):
    folder, *_ = finished
    assert sorted(entry.name for entry in folder.path.iterdir()) == [
        *("checkpoint.npz", "checkpoint.previous.npz", "epochs.jsonl", "hits.npz", "lock"),
        *("preprocessing.json", "resolved.yaml", "run.json", "spec.yaml", "weights.npz"),
    ]
    assert folder.spec.read_text(encoding="utf-8") == TINY
    again = load(str(folder.resolved)).experiment
    assert fingerprint(again) == fingerprint(tiny().experiment)
    assert not is_locked(folder.lock)
    preprocessing = json.loads(folder.preprocessing.read_bytes())
    assert preprocessing["image_shape"] == [8, 8, 1]
    assert preprocessing["class_names"] == [*"0123456789"]
    assert preprocessing["scaling"].keys() == {"offset", "scale"}


def test_the_hits_are_those_of_the_kept_weights(finished):
    """Image by image, as the network that is built again from the folder answers."""
    from dnsearch.data.sources import load as images_of
    from dnsearch.evaluate.trained_run import trained as opened

    folder, record, *_ = finished
    network, images = opened(folder), images_of(tiny().experiment.data).validation
    pixels = network.scaling.apply(images.first(len(images)))
    right = np.asarray(network.logits(pixels)).argmax(axis=1) == images.labels
    with np.load(folder.hits) as stored:
        assert (np.unpackbits(stored["last"])[: len(right)] == right).all()
    hits = read_hits(folder.hits)
    assert hits.keys() == {"last", "best"}
    for hit, metrics in ((hits["last"], record.last), (hits["best"], record.best)):
        assert (hit.right, hit.examples) == (round(metrics.accuracy * metrics.examples), metrics.examples)
        assert hit.images == images.checksum


def test_a_run_that_died_before_it_wrote_its_hits_finds_them_anew(finished, tmp_path):
    folder, *_ = finished
    again = RunFolder(tmp_path / "again")
    shutil.copytree(folder.path, again.path)
    again.hits.unlink()
    trained(tiny(), again)
    assert read_hits(again.hits)["last"] == read_hits(folder.hits)["last"]
    before = again.hits.read_bytes()
    trained(tiny(), again)
    assert again.hits.read_bytes() == before, "those that are there are kept, the test images' as well"


def test_a_run_that_was_stopped_has_no_hits(tmp_path):
    folder = RunFolder.create(tmp_path, "tiny")
    stop = Stop("interrupted", "the test")
    trained(tiny(), folder, lambda event: stop if isinstance(event, EpochRecord) else None)
    assert not folder.hits.exists()


def test_the_record(finished):
    folder, record, _, elapsed = finished
    assert folder.read() == record
    assert (record.name, record.experiment, record.state, record.reason) == ("tiny", "tiny", "finished", "")
    assert (record.study, record.trial, record.seed) == ("small", 3, 0)
    assert record.settings == json.loads(json.dumps(settings(tiny().experiment)))
    assert record.fingerprint == fingerprint(tiny().experiment)
    assert (record.epochs, record.epochs_planned, record.test) == (3, 3, None)
    assert abs((datetime.now(UTC) - datetime.fromisoformat(record.started_at)).total_seconds()) < 3600
    assert 0.5 * elapsed < record.wall_seconds <= elapsed
    assert 0 < record.first_step_seconds < record.wall_seconds
    assert record.peak_memory_bytes > 100 * 2**20
    assert {"python", "dnsearch", "tensorflow", "keras", "numpy"} == record.versions.keys()
    assert record.hardware["cores"] >= 1
    assert record.process.keys() == {"host", "pid"}


def test_parameters_are_those_of_the_weights(finished):
    folder, record, *_ = finished
    with np.load(folder.weights) as file:
        sizes = {name: file[name].size for name in file.files}
    moving = sum(size for name, size in sizes.items() if "/moving_" in name)
    assert (record.parameters.trainable, record.parameters.other) == (sum(sizes.values()) - moving, moving)


def test_the_watch_is_told_of_every_step_and_epoch(finished):
    _, _, events, _ = finished
    told = [(e.epoch, e.step, e.steps) if isinstance(e, StepEnded) else e.epoch for e in events]
    expected = []
    for epoch in (1, 2, 3):
        expected += [*((epoch, step, STEPS) for step in range(1, STEPS + 1)), epoch]
    assert told == expected


def test_the_epochs_are_written_line_by_line(finished):
    folder, record, events, _ = finished
    epochs = [event for event in events if isinstance(event, EpochRecord)]
    assert folder.epochs() == epochs
    lines = folder.epochs_file.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2, 3]
    assert [epoch.training.examples for epoch in epochs] == [100] * 3
    assert [epoch.validation.examples for epoch in epochs] == [144] * 3
    assert all(math.isfinite(epoch.training.loss) for epoch in epochs)
    assert record.images_per_second == epochs[-1].images_per_second
    assert sum(epoch.wall_seconds for epoch in epochs) < record.wall_seconds


def test_last_and_best(finished):
    _, record, events, _ = finished
    epochs = [event for event in events if isinstance(event, EpochRecord)]
    accuracies = [epoch.validation.accuracy for epoch in epochs]
    assert record.last == epochs[-1].validation
    assert record.best.accuracy == max(accuracies)
    assert record.best_epoch == accuracies.index(max(accuracies)) + 1
    assert record.best == epochs[record.best_epoch - 1].validation


def test_every_epoch_is_on_the_disk_before_the_watch_hears_of_it(tensorflow_ready, tmp_path):
    folder = RunFolder.create(tmp_path, "tiny")

    def watch(event):
        if isinstance(event, EpochRecord):
            record = folder.read()
            assert (record.state, record.epochs, record.last) == ("running", event.epoch, event.validation)
            assert folder.epochs()[-1] == event
            with np.load(folder.checkpoint) as file:
                assert file["history"].tobytes() == folder.epochs_file.read_bytes()
            assert folder.previous_checkpoint.exists() == (event.epoch > 1)
            assert folder.weights.exists()
            assert is_locked(folder.lock)

    trained(tiny(training__epochs=2), folder, watch)
    assert folder.read().state == "finished"


def test_two_runs_of_a_spec_are_the_same_bit_by_bit(finished, tmp_path):
    folder, record, *_ = finished
    other = RunFolder.create(tmp_path, "again")
    again = trained(tiny(), other)
    assert arrays(other.weights) == arrays(folder.weights)
    assert arrays(other.checkpoint) == arrays(folder.checkpoint)
    assert (again.last, again.best) == (record.last, record.best)


def test_a_run_is_its_parts_and_nothing_more(finished):
    """The same weights, bit by bit, by a loop that is written out."""
    from dnsearch.data.batches import epoch_order, training_batches
    from dnsearch.data.sources import load as load_data
    from dnsearch.model.build import build
    from dnsearch.plan.network import plan_network
    from dnsearch.train.optimizers import learning_rate
    from dnsearch.train.state import start_afresh
    from dnsearch.train.step import build_trainer

    experiment = tiny().experiment
    dataset = load_data(experiment.data)
    start_afresh(experiment.training.seed)
    trainer = build_trainer(build(plan_network(experiment.network, (8, 8, 1), 10)), experiment.training)
    step = 0
    for epoch in (1, 2, 3):
        order = epoch_order(100, experiment.training.seed, epoch)
        for images, labels in training_batches(dataset.training, dataset.scaling, 32, order):
            trainer.train(images, labels, learning_rate(experiment.training, step, STEPS))
            step += 1
    trainer.fill_model()
    weights = {weight.path: np.asarray(weight).tobytes() for weight in trainer.model.weights}
    assert weights == arrays(finished[0].weights)


def test_another_seed_is_another_run(finished, tmp_path):
    folder, *_ = finished
    other = RunFolder.create(tmp_path, "other")
    trained(tiny(training__seed=1), other)
    assert arrays(other.weights) != arrays(folder.weights)


def test_training_never_looks_at_the_test_images(tensorflow_ready, tmp_path):
    rng = np.random.default_rng(0)
    parts = {"x_train": rng.integers(0, 256, (120, 8, 8), dtype=np.uint8), "y_train": np.arange(120) % 3}
    tests = {"x_test": rng.integers(0, 256, (9, 8, 8), dtype=np.uint8), "y_test": np.zeros(9, int)}
    found = []
    for name, content in (("without", parts), ("with", {**parts, **tests})):
        np.savez(tmp_path / "images.npz", **content)
        document = tiny(data={"source": "npz", "path": str(tmp_path / "images.npz")}, training__epochs=1)
        folder = RunFolder.create(tmp_path, name)
        record = trained(document, folder)
        assert record.test is None
        found.append((arrays(folder.weights), folder.preprocessing.read_bytes(), record.last))
    assert found[0] == found[1]


@pytest.mark.parametrize("state", ["pruned", "interrupted"])
def test_the_watch_may_stop_the_run(tensorflow_ready, tmp_path, state):
    folder, events = RunFolder.create(tmp_path, "tiny"), []

    def watch(event):
        events.append(event)
        return Stop(state, "enough") if isinstance(event, EpochRecord) else None

    record = trained(tiny(), folder, watch)
    assert (record.state, record.reason, record.epochs) == (state, "enough", 1)
    assert folder.read() == record
    assert len(events) == STEPS + 1  # nothing is trained after the stop


def test_a_stop_amid_an_epoch_keeps_the_time_that_it_took(tensorflow_ready, tmp_path):
    folder = RunFolder.create(tmp_path, "tiny")
    record = trained(tiny(), folder, lambda event: Stop("interrupted", "by hand"))
    assert (record.state, record.epochs, record.last) == ("interrupted", 0, None)
    assert record.wall_seconds >= record.first_step_seconds > 0
    assert not folder.weights.exists()
    assert folder.epochs() == []


def test_early_stopping_is_a_finished_run(tensorflow_ready, tmp_path):
    rule = {"patience": 1, "minimum_delta": 1.0}
    folder = RunFolder.create(tmp_path, "tiny")
    record = trained(tiny(training__early_stopping=rule, training__epochs=9), folder)
    assert (record.state, record.epochs, record.epochs_planned) == ("finished", 2, 9)


def ruinous():
    """A decay that multiplies each weight by -99 in each step."""
    optimizer = {"name": "sgd", "weight_decay": 1.0}
    return tiny(
        training__learning_rate=100.0, training__optimizer=optimizer, training__schedule={"name": "constant"}
    )


def test_a_loss_that_is_not_finite_fails_the_run(tensorflow_ready, tmp_path):
    folder = RunFolder.create(tmp_path, "tiny")
    with pytest.raises(TrainingError) as caught:
        trained(ruinous(), folder)
    record = folder.read()
    assert (record.state, record.reason) == ("failed", str(caught.value))
    assert record.reason.startswith("the loss is nan ")
    assert f"of epoch {record.epochs + 1}" in record.reason or "validation" in record.reason
    assert "A smaller training.learning_rate (now 100)" in record.reason
    assert record.epochs == len(folder.epochs())
    assert record.wall_seconds > 0
    assert not is_locked(folder.lock)


def test_data_that_cannot_be_read_leaves_no_record(tensorflow_ready, tmp_path):
    folder = RunFolder.create(tmp_path, "tiny")
    document = tiny(data={"source": "npz", "path": str(tmp_path / "nowhere.npz")})
    with pytest.raises(DataError, match=r"nowhere\.npz\n  expected a NumPy archive"):
        trained(document, folder)
    assert not folder.record.exists()
    assert not is_locked(folder.lock)


def test_a_folder_in_use_is_refused(finished):
    folder, record, *_ = finished
    with locked(folder.lock), pytest.raises(RunError) as caught:
        trained(tiny(), folder)
    assert str(caught.value).startswith(f"{folder.path}\n  is being trained by process ")
    assert folder.read() == record


def test_images_that_are_tested_on_and_learned_from_are_named_before_the_first_step(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (30, 8, 8, 1), dtype=np.uint8)
    np.savez(tmp_path / "twice.npz", x_train=np.tile(images, (2, 1, 1, 1)), y_train=np.arange(60) % 2)
    source = {"source": "npz", "path": str(tmp_path / "twice.npz"), "training_examples": 54}
    document = tiny().with_values({"data": source}, "the test")

    def watch(event):
        assert isinstance(event, Notice)
        raise TrainingError(event.text)

    with pytest.raises(TrainingError, match=r"^\d of 6 validation images are among the training images too"):
        trained(document, RunFolder.create(tmp_path, "twice"), watch)
