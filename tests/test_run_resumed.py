"""A run that was stopped or killed, at whatever moment, ends as if nothing had happened."""

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

from dnsearch.errors import RunError, SpecError
from dnsearch.records.record import EpochRecord, Metrics, Origin, Stop
from dnsearch.records.scan import scan
from dnsearch.records.store import RunFolder
from dnsearch.spec.document import parse

SPEC = """\
version: 1
name: tiny
network: {growth_rate: 4, layers_per_block: [1], bottleneck_width: null, dropout: 0.2}
data: {source: digits, training_examples: 100}
training:
  epochs: 3
  batch_size: 32
  learning_rate: 0.1
  schedule: cosine
  augmentation: {crop: 1, cutout: 2, mixup: 0.4, cutmix: 1.0, rand_augment: {operations: 1}}
"""
STEPS = 4

pytestmark = pytest.mark.xdist_group("run resumed")  # the trainers are started once

TRAINER = '''
"""Trains each of the jobs in a process of its own, which kills itself at the moment that the job names."""

import json, os, signal, sys
from pathlib import Path

from dnsearch import runtime

runtime.prepare_tensorflow(threads=1)

from dnsearch.records.record import StepEnded
from dnsearch.records.store import RunFolder
from dnsearch.run import run
from dnsearch.spec.document import load


def train(spec, folder, kind, moment):
    def at(name):
        """Die when this has happened so often."""
        seen.append(name)
        if seen.count(name) == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(event):
        if isinstance(event, StepEnded):
            at("step")

    def hook(event, arguments):
        if event == "os.rename" and Path(os.fsdecode(arguments[1])).name == kind:
            at(kind)

    seen = []
    sys.addaudithook(hook)
    run(load(spec), RunFolder(Path(folder)), watch if kind == "step" else lambda event: None)


for job in json.loads(sys.argv[1]):
    child = os.fork()
    if not child:
        train(*job)
        os._exit(0)
    print(os.waitpid(child, 0)[1], flush=True)
'''

KILLED = {
    "between the spec and the spec with its defaults": ("resolved.yaml", 1),
    "in the first epoch": ("step", 2),
    "between the first weights and the first checkpoint": ("checkpoint.npz", 1),
    "in the second epoch": ("step", STEPS + 3),
    "between weights and their checkpoint": ("checkpoint.npz", 2),
    "between a checkpoint and its record": ("run.json", 3),
    "between the last line and the last weights": ("weights.npz", 3),
    "between the last checkpoint and its record": ("run.json", 4),
    "before the last word": ("run.json", 5),
}
"""When → which step, or which file is about to get its new content for the n-th time."""


def document(**values):
    found = parse(SPEC.encode(), "tiny.yaml")
    changes = {path.replace("__", "."): value for path, value in values.items()}
    return found.with_values(changes, "the test") if changes else found


def trained(folder, watch=lambda event: None, found=None, origin=None):
    from dnsearch.run import run

    return run(found or document(), folder, watch, origin)


def after_epoch(number):
    """A watch that stops the run there."""

    def watch(event):
        ended = isinstance(event, EpochRecord) and event.epoch == number
        return Stop("interrupted", "by hand") if ended else None

    return watch


def arrays(path):
    with np.load(path) as file:
        return {name: file[name].tobytes() for name in file.files}


def without_time(epochs):
    return [replace(epoch, wall_seconds=0.0, images_per_second=0.0) for epoch in epochs]


@pytest.fixture(scope="module")
def whole(tensorflow_ready, tmp_path_factory):
    """The run that nobody interrupted."""
    folder = RunFolder.create(tmp_path_factory.mktemp("whole"), "tiny")
    trained(folder)
    return folder


@pytest.fixture(scope="module")
def left_behind(whole, tmp_path_factory):
    """What dead trainers left: moment → folder. The last folder was finished by a new process instead."""
    root = tmp_path_factory.mktemp("killed")
    spec = root / "tiny.yaml"
    spec.write_text(SPEC, encoding="utf-8")
    folders = {moment: RunFolder.create(root, "tiny") for moment in [*KILLED, "resumed"]}
    trained(folders["resumed"], after_epoch(1))
    jobs = [
        [str(spec), str(folders[moment].path), *how] for moment, how in {**KILLED, "resumed": ("", 0)}.items()
    ]
    command = [sys.executable, "-c", TRAINER, json.dumps(jobs)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.split() == [*[str(int(signal.SIGKILL))] * len(KILLED), "0"], done.stderr
    return folders


def check_as_whole(folder, whole):
    """Weights, optimizer, random generators, epochs and figures, as they are without an interruption."""
    assert arrays(folder.weights) == arrays(whole.weights)
    assert arrays(folder.checkpoint) == arrays(whole.checkpoint)
    assert without_time(folder.epochs()) == without_time(whole.epochs())
    assert folder.epochs_file.read_bytes().count(b"\n") == 3
    found, expected = folder.read(), whole.read()
    assert (found.state, found.reason, found.epochs) == ("finished", "", 3)
    assert (found.last, found.best, found.best_epoch) == (expected.last, expected.best, expected.best_epoch)
    assert found.fingerprint == expected.fingerprint
    assert folder.resolved.read_bytes() == whole.resolved.read_bytes()


@pytest.mark.parametrize("moment", KILLED)
def test_killed_and_gone_on_with(left_behind, whole, moment):
    folder = left_behind[moment]
    if folder.record.exists():  # a dead trainer is no longer running, whatever its record says
        assert [record.state for record in scan([folder.path]).records] == ["interrupted"]
    trained(folder)
    check_as_whole(folder, whole)


def test_stopped_and_gone_on_with_in_a_new_process(left_behind, whole):
    check_as_whole(left_behind["resumed"], whole)


def test_half_a_line_is_no_epoch(tensorflow_ready, whole, tmp_path):
    folder = RunFolder.create(tmp_path, "tiny")
    trained(folder, after_epoch(2))
    with folder.epochs_file.open("ab") as file:
        file.write(b'{"epoch": 3, "learning_ra')
    trained(folder)
    check_as_whole(folder, whole)


def test_stopped_amid_an_epoch_the_epoch_is_done_again(tensorflow_ready, whole, tmp_path):
    folder, steps = RunFolder.create(tmp_path, "tiny"), []

    def watch(event):
        steps.append(event)
        return Stop("interrupted", "by hand") if len(steps) == STEPS + 3 else None

    assert trained(folder, watch).epochs == 1
    events = []
    trained(folder, events.append)
    assert (events[0].epoch, events[0].step) == (2, 1)
    check_as_whole(folder, whole)


def test_wall_seconds_add_up_over_the_sittings(tensorflow_ready, tmp_path):
    folder, spent = RunFolder.create(tmp_path, "tiny"), 0.0
    sittings = [lambda event: Stop("interrupted", "at once"), after_epoch(1), lambda event: None]
    starts, firsts = [], []
    for watch in sittings:
        began = time.perf_counter()
        record = trained(folder, watch)
        elapsed = time.perf_counter() - began
        assert 0.5 * elapsed < record.wall_seconds - spent <= elapsed
        spent = record.wall_seconds
        starts.append(record.started_at)
        firsts.append(record.first_step_seconds)
    assert len(set(starts)) == len(set(firsts)) == 1  # those of the first sitting stay


def test_a_finished_run_stays_as_it_is(tensorflow_ready, whole):
    weights, before = arrays(whole.weights), whole.read()
    events = []
    record = trained(whole, events.append)
    assert events == []
    assert record.wall_seconds >= before.wall_seconds
    assert replace(record, wall_seconds=0.0) == replace(before, wall_seconds=0.0)
    assert arrays(whole.weights) == weights


def test_early_stopping_counts_over_a_resume(tensorflow_ready, tmp_path):
    found = document(training__early_stopping={"patience": 2, "minimum_delta": 1.0}, training__epochs=9)
    folder = RunFolder.create(tmp_path, "tiny")
    trained(folder, after_epoch(2), found)
    assert trained(folder, found=found).epochs == 3


def test_a_trial_stays_its_study_s_and_new_epochs_make_its_test_figures_void(tensorflow_ready, tmp_path):
    folder, figures = RunFolder.create(tmp_path, "trial-0003"), Metrics(1.0, 0.5, 359)
    folder.write(replace(trained(folder, after_epoch(2), origin=Origin("small", 3)), test=figures))
    assert trained(folder, lambda event: Stop("interrupted", "at once")).test == figures
    record = trained(folder)
    assert (record.study, record.trial, record.test) == ("small", 3, None)


@pytest.mark.parametrize("epochs", [0, 1])
def test_a_changed_spec_is_refused_and_nothing_is_touched(tensorflow_ready, tmp_path, epochs):
    folder = RunFolder.create(tmp_path, "tiny")
    stop = after_epoch(1) if epochs else (lambda event: Stop("interrupted", "at once"))
    trained(folder, stop)
    before = {entry.name: entry.read_bytes() for entry in folder.path.iterdir() if entry.name != "lock"}
    with pytest.raises(RunError) as caught:
        trained(folder, found=document(training__learning_rate=0.2, data__normalize="unit"))
    assert str(caught.value) == (
        f"{folder.path}\n"
        "  expected the settings that the run was started with, but its spec has changed\n"
        "  Start a new run with dnsearch train."
    )
    after = {entry.name: entry.read_bytes() for entry in folder.path.iterdir() if entry.name != "lock"}
    assert after == before
    assert folder.read().epochs == epochs


def refused(folder):
    """What a resume says; its record says it too and keeps what is known."""
    with pytest.raises(RunError) as caught:
        trained(folder)
    record = folder.read()
    assert (record.state, record.reason, record.epochs) == ("failed", str(caught.value), 2)
    assert record.last is not None
    return record.reason


def test_a_damaged_folder_is_refused_until_it_is_mended(tensorflow_ready, tmp_path):
    folder = RunFolder.create(tmp_path, "tiny")
    trained(folder, after_epoch(2))
    checkpoint, epochs = folder.checkpoint.read_bytes(), folder.epochs_file.read_bytes()

    folder.checkpoint.write_bytes(checkpoint[: len(checkpoint) // 2])
    assert refused(folder) == (
        f"{folder.checkpoint}\n"
        "  expected a file of saved arrays, found File is not a zip file\n"
        "  The file was damaged; restore it from a copy, or train again."
    )
    folder.checkpoint.write_bytes(checkpoint)

    folder.epochs_file.write_bytes(epochs.splitlines(keepends=True)[1])
    assert refused(folder) == (
        f"{folder.epochs_file}\n"
        "  expected the 2 epochs that checkpoint.npz was taken after, found 1\n"
        "  Restore the file from a copy, or start a new run with dnsearch train."
    )
    folder.epochs_file.write_bytes(epochs)

    assert trained(folder).state == "finished"


def test_a_network_that_does_not_fit_the_data_is_refused_before_anything_is_written(
    tensorflow_ready, tmp_path
):
    folder = RunFolder.create(tmp_path, "tiny")
    with pytest.raises(SpecError):
        trained(folder, found=document(network__layers_per_block=[1] * 6))  # 8x8 pixels halve 3 times
    assert [entry.name for entry in folder.path.iterdir()] == ["lock"]
