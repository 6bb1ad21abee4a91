"""A training that begins with fewer and smaller images, and ends as if nothing had interrupted it."""

import signal
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from run_files import after_epoch, arrays, without_time

from dnsearch.front_door import planned_spec
from dnsearch.runs.folder import RunFolder
from dnsearch.runs.record import StepEnded
from dnsearch.spec.document import parse

SPEC = """\
version: 1
name: tiny
network: {growth_rate: 4, layers_per_block: [1, 1], bottleneck_width: null, dropout: 0.2}
data: {source: digits, training_examples: 100}
training:
  epochs: 5
  batch_size: 32
  learning_rate: 0.1
  schedule: one_cycle
  augmentation: {crop: 2, cutout: 3, mixup: 0.4}
  progressive:
    - {epochs: 1, examples: 0.3, image_size: [5, 4]}
    - {epochs: 2, examples: 0.5, image_size: [5, 4]}
    - {epochs: 3, examples: 0.5, image_size: [7, 7]}
"""
EXAMPLES, STEPS = [30, 50, 50, 100, 100], [1, 2, 2, 4, 4]

pytestmark = pytest.mark.xdist_group("run progressive")  # the trainers are started once

KILLED = {
    "between the checkpoint and the line of a stretch's last epoch": ("renamed checkpoint.npz", 2),
    "before a stretch's last checkpoint has its name": ("rename checkpoint.npz", 2),
    "in the first step of the next stretch": ("step", sum(STEPS[:2]) + 1),
    "inside the weights that a change of the size writes again": ("inside weights.npz", 3),
    "between the last small epoch and its record": ("renamed checkpoint.npz", 3),
    "in the first whole epoch": ("step", sum(STEPS[:3]) + 2),
}
"""When → what is to happen for the n-th time; see ``killed_trainer.py``."""


def trained(folder, watch=lambda event: None, text=SPEC):
    from dnsearch.train.run import run

    return run(planned_spec(parse(text.encode(), "tiny.yaml")), folder, watch)


def check_as_whole(folder, whole):
    assert arrays(folder.weights) == arrays(whole.weights)
    assert arrays(folder.checkpoint) == arrays(whole.checkpoint)
    assert arrays(folder.previous_checkpoint) == arrays(whole.previous_checkpoint)
    assert without_time(folder.epochs()) == without_time(whole.epochs())
    found, expected = folder.read(), whole.read()
    assert (found.state, found.epochs, found.last, found.best) == (
        "finished",
        5,
        expected.last,
        expected.best,
    )


@pytest.fixture(scope="module")
def uninterrupted(tensorflow_ready, tmp_path_factory):
    """The run that nobody interrupted, and what it told."""
    folder, events = RunFolder.create(tmp_path_factory.mktemp("whole"), "tiny"), []
    trained(folder, events.append)
    return folder, events


@pytest.fixture(scope="module")
def left_behind(in_children, tmp_path_factory):
    """What dead trainers left: moment → folder."""
    root = tmp_path_factory.mktemp("killed")
    spec = root / "tiny.yaml"
    spec.write_text(SPEC, encoding="utf-8")
    folders = {moment: RunFolder.create(root, "tiny") for moment in KILLED}
    ended = in_children(*([str(spec), str(folders[moment].path), *how] for moment, how in KILLED.items()))
    torn = [signal.SIGXFSZ if how.startswith("inside") else signal.SIGKILL for how, _ in KILLED.values()]
    assert [each.signal for each in ended] == torn
    return folders


def test_early_epochs_have_fewer_images_and_steps(uninterrupted):
    folder, events = uninterrupted
    epochs = folder.epochs()
    assert [epoch.training.examples for epoch in epochs] == EXAMPLES
    assert {epoch.validation.examples for epoch in epochs} == {144}
    told = [(event.epoch, event.step, event.steps) for event in events if isinstance(event, StepEnded)]
    expected = [(epoch, step, steps) for epoch, steps in enumerate(STEPS, 1) for step in range(1, steps + 1)]
    assert told == expected
    assert epochs[-1].learning_rate == 0.0, "the cycle ends with the last step"


def test_the_network_that_is_kept_is_the_one_for_whole_images(uninterrupted):
    from dnsearch.evaluate.trained_run import evaluate_run

    folder, _ = uninterrupted
    found, last = evaluate_run(folder, "validation"), folder.epochs()[-1].validation
    assert found.accuracy.value == pytest.approx(last.accuracy)
    assert found.loss.value == pytest.approx(last.loss, rel=1e-5)


def test_early_epochs_validate_on_small_images(uninterrupted):
    """The weights after the first epoch, asked about images averaged down, say what the record says."""
    from dnsearch.data.batches import evaluation_batches
    from dnsearch.data.sources import load
    from dnsearch.model.build import build
    from dnsearch.plan.network import plan_network
    from dnsearch.train.checkpoint import load_weights
    from dnsearch.train.step import evaluate, evaluator

    whole, _ = uninterrupted
    folder = RunFolder.create(whole.path.parent, "stopped")
    trained(folder, after_epoch(1))
    experiment = parse(SPEC.encode(), "tiny.yaml").experiment
    small = load(experiment.data).at((5, 4))
    model = build(plan_network(experiment.network, (5, 4, 1), 10))
    load_weights(model, folder.weights)
    found = evaluate(evaluator(model), evaluation_batches(small.validation, small.scaling, 32))
    assert found == folder.epochs()[0].validation == whole.epochs()[0].validation


@pytest.mark.slow
@pytest.mark.parametrize("moment", KILLED)
def test_killed_and_gone_on_with(uninterrupted, left_behind, moment):
    whole, _ = uninterrupted
    folder = left_behind[moment]
    trained(folder)
    check_as_whole(folder, whole)


@pytest.mark.slow
@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_stopped_and_gone_on_with(uninterrupted, tmp_path, epoch):
    whole, _ = uninterrupted
    folder = RunFolder.create(tmp_path, "tiny")
    assert trained(folder, after_epoch(epoch)).epochs == epoch
    events = []
    trained(folder, events.append)
    assert (events[0].epoch, events[0].step) == (epoch + 1, 1)
    check_as_whole(folder, whole)


def test_a_damaged_checkpoint_falls_back_into_the_stretch_before(uninterrupted, tmp_path):
    whole, _ = uninterrupted
    folder, events = RunFolder.create(tmp_path, "tiny"), []
    trained(folder, after_epoch(3))
    folder.checkpoint.write_bytes(b"torn")
    trained(folder, events.append)
    notice, first, *_ = events
    assert "the run goes on from checkpoint.previous.npz, after epoch 2" in notice.text
    assert (first.epoch, first.step, first.steps) == (3, 1, 2)
    check_as_whole(folder, whole)


def test_a_finished_run_stays_as_it_is(uninterrupted):
    whole, _ = uninterrupted
    weights, before, events = arrays(whole.weights), whole.read(), []
    record = trained(whole, events.append)
    assert events == []
    assert replace(record, wall_seconds=0.0) == replace(before, wall_seconds=0.0)
    assert arrays(whole.weights) == weights


def test_a_u_net_begins_with_fewer_scenes(tensorflow_ready, tmp_path):
    spec = """\
version: 1
name: scenes
network: {family: unet, growth_rate: 2, layers_per_block: [1, 1]}
data: {source: scenes, training_examples: 12}
training: {epochs: 2, batch_size: 6, learning_rate: 0.01, progressive: [{epochs: 1, examples: 0.5}]}
"""
    folder = RunFolder.create(tmp_path, "scenes")
    assert trained(folder, text=spec).state == "finished"
    assert [epoch.training.examples for epoch in folder.epochs()] == [6 * 32 * 32, 12 * 32 * 32]


def test_image_files_are_read_at_a_smaller_size(tensorflow_ready, tmp_path, monkeypatch):
    """And make no difference to what is learned, whether they are held in memory or not."""
    from dnsearch.data import dataset

    rng = np.random.default_rng(0)
    for name in ("day", "night"):
        (tmp_path / "photographs" / name).mkdir(parents=True)
        for number in range(20):
            pixels = rng.integers(0, 256, (*rng.integers(9, 30, 2), 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photographs" / name / f"{number:02d}.png")
    spec = f"""\
version: 1
name: photographs
network: {{growth_rate: 2, layers_per_block: [1, 1]}}
data: {{source: folder, path: {tmp_path / "photographs"}, image_shape: [9, 8, 3]}}
training: {{epochs: 2, batch_size: 18, learning_rate: 0.1, progressive: [{{epochs: 1, image_size: [5, 7]}}]}}
"""
    held, streamed = (RunFolder.create(tmp_path, "run") for _ in range(2))
    trained(held, text=spec)
    monkeypatch.setattr(dataset, "MEMORY_SHARE", 0)
    trained(streamed, text=spec)
    assert without_time(streamed.epochs()) == without_time(held.epochs())
    assert arrays(streamed.weights) == arrays(held.weights)
