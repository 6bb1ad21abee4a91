"""A run that was stopped or killed, at whatever moment, ends as if nothing had happened."""

import signal
import time
from dataclasses import replace

import numpy as np
import pytest
from run_files import after_epoch, arrays, without_time

from dnsearch.errors import RunError, SpecError
from dnsearch.front_door import planned_spec
from dnsearch.runs.folder import RunFolder
from dnsearch.runs.record import Metrics, Notice, Origin, Stop
from dnsearch.runs.scan import scan
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

KILLED = {
    "between the spec and the spec with its defaults": ("rename resolved.yaml", 1),
    "in the first epoch": ("step", 2),
    "inside the first checkpoint": ("inside checkpoint.npz", 1),
    "before the first checkpoint is on the disk": ("sync checkpoint.npz", 1),
    "between the first checkpoint and its line": ("renamed checkpoint.npz", 1),
    "in the second epoch": ("step", STEPS + 3),
    "inside the second checkpoint": ("inside checkpoint.npz", 2),
    "between the second checkpoint and its name": ("rename checkpoint.npz", 2),
    "inside the second line": ("inside epochs.jsonl", 2),
    "inside the second weights": ("inside weights.npz", 2),
    "between the old checkpoint's new name and the third": ("renamed checkpoint.previous.npz", 2),
    "between the last line and the last weights": ("rename weights.npz", 3),
    "inside the last epoch's record": ("inside run.json", 5),
    "before the last word": ("rename run.json", 6),
}
"""When → what is to happen for the n-th time; see ``killed_trainer.py``."""


def document(**values):
    found = parse(SPEC.encode(), "tiny.yaml")
    changes = {path.replace("__", "."): value for path, value in values.items()}
    return found.with_values(changes, "the test") if changes else found


def trained(folder, watch=lambda event: None, found=None, origin=None):
    from dnsearch.train.run import run

    return run(planned_spec(found or document()), folder, watch, origin)


@pytest.fixture(scope="module")
def whole(tensorflow_ready, tmp_path_factory):
    """The run that nobody interrupted."""
    folder = RunFolder.create(tmp_path_factory.mktemp("whole"), "tiny")
    trained(folder)
    return folder


@pytest.fixture(scope="module")
def left_behind(whole, in_children, tmp_path_factory):
    """What dead trainers left: moment → folder. The last folder was finished by a new process instead."""
    root = tmp_path_factory.mktemp("killed")
    spec = root / "tiny.yaml"
    spec.write_text(SPEC, encoding="utf-8")
    folders = {moment: RunFolder.create(root, "tiny") for moment in [*KILLED, "resumed"]}
    trained(folders["resumed"], after_epoch(1))
    jobs = [[str(spec), str(folders[moment].path), *how] for moment, how in KILLED.items()]
    *killed, resumed = in_children(*jobs, [str(spec), str(folders["resumed"].path), "", 0])
    torn = [signal.SIGXFSZ if how.startswith("inside") else signal.SIGKILL for how, _ in KILLED.values()]
    assert ([each.signal for each in killed], resumed.signal) == (torn, 0)
    return folders


def check_as_whole(folder, whole):
    """Weights, optimizer, random generators, epochs and figures, as they are without an interruption."""
    assert arrays(folder.weights) == arrays(whole.weights)
    assert arrays(folder.checkpoint) == arrays(whole.checkpoint)
    assert arrays(folder.previous_checkpoint) == arrays(whole.previous_checkpoint)
    assert without_time(folder.epochs()) == without_time(whole.epochs())
    assert folder.epochs_file.read_bytes().count(b"\n") == 3
    found, expected = folder.read(), whole.read()
    assert (found.state, found.reason, found.epochs) == ("finished", "", 3)
    assert (found.last, found.best, found.best_epoch) == (expected.last, expected.best, expected.best_epoch)
    assert found.fingerprint == expected.fingerprint
    assert folder.resolved.read_bytes() == whole.resolved.read_bytes()
    assert [path.name for path in folder.path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.slow
@pytest.mark.parametrize("moment", KILLED)
def test_killed_and_gone_on_with(left_behind, whole, moment):
    folder = left_behind[moment]
    if folder.record.exists():  # a dead trainer is no longer running, whatever its record says
        assert [record.state for record in scan([folder.path]).records] == ["interrupted"]
    trained(folder)
    check_as_whole(folder, whole)


def test_killed_once_and_gone_on_with(in_children, whole, tmp_path):
    spec, folder = tmp_path / "tiny.yaml", RunFolder.create(tmp_path, "tiny")
    spec.write_text(SPEC, encoding="utf-8")
    when = KILLED["between the old checkpoint's new name and the third"]
    (ended,) = in_children([str(spec), str(folder.path), *when])
    assert ended.signal == signal.SIGKILL
    trained(folder)
    check_as_whole(folder, whole)


@pytest.mark.slow
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


def refused(folder, epochs=2):
    """What a resume says; its record says it too and keeps what is known, and nothing is deleted."""
    before = {entry.name for entry in folder.path.iterdir()}
    with pytest.raises(RunError) as caught:
        trained(folder)
    record = folder.read()
    assert (record.state, record.reason, record.epochs) == ("failed", str(caught.value), epochs)
    assert record.last is not None
    assert {entry.name for entry in folder.path.iterdir()} == before
    return record.reason


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return "expected a file of saved arrays, found File is not a zip file"


def flipped(path):
    content = bytearray(path.read_bytes())
    with np.load(path) as file:
        kernel = file["weights"].tobytes()
    content[content.index(kernel)] ^= 1
    path.write_bytes(content)
    return "expected a file of saved arrays, found Bad CRC-32 for file 'weights.npy'"


def unreadable(path):
    path.write_bytes(path.read_bytes().replace(b"\x93NUMPY", b"\x13NUMPY", 1))
    found = r"b'\x93NUMPY', got b'\x13NUMPY'"
    return f"expected a file of saved arrays, found the magic string is not correct; expected {found}"


def changed(path):
    with np.load(path) as file:
        arrays = {**file, "weights": file["weights"] + 1}
    np.savez(path, **arrays)
    return "expected content that fits its sha256, found other content"


MEND = "  The file was damaged; restore it from a copy, or train again."


@pytest.mark.parametrize(
    ("damaged", "sittings"),
    [
        (flipped, 2),
        (unreadable, 1),
        *(pytest.param(how, 1, marks=pytest.mark.slow) for how in (cut, flipped, changed)),
        *(pytest.param(how, 2, marks=pytest.mark.slow) for how in (cut, changed)),
    ],
)
def test_a_damaged_checkpoint_falls_back_to_the_older_one_and_says_so(
    tensorflow_ready, whole, tmp_path, damaged, sittings
):
    folder, events = RunFolder.create(tmp_path, "tiny"), []
    trained(folder, after_epoch(2))
    why, bad = damaged(folder.checkpoint), folder.checkpoint.read_bytes()

    def watch(event):
        events.append(event)
        return Stop("interrupted", "by hand") if sittings == 2 and len(events) == 2 else None

    trained(folder, watch)
    assert events[0] == Notice(
        f"{folder.checkpoint}\n  {why}\n{MEND}\n  It is kept as checkpoint.damaged.npz; the run goes on "
        "from checkpoint.previous.npz, after epoch 1."
    )
    assert (events[1].epoch, events[1].step) == (2, 1)
    assert folder.damaged_checkpoint.read_bytes() == bad
    if sittings == 2:  # the folder is in step with the older checkpoint
        assert (folder.read().epochs, len(folder.epochs())) == (1, 1)
        trained(folder, lambda event: pytest.fail() if isinstance(event, Notice) else None)
    check_as_whole(folder, whole)


def test_two_damaged_checkpoints_are_refused_until_one_is_mended(tensorflow_ready, whole, tmp_path):
    folder = RunFolder.create(tmp_path, "tiny")
    trained(folder, after_epoch(2))
    content = folder.previous_checkpoint.read_bytes()
    first, second = cut(folder.checkpoint), changed(folder.previous_checkpoint)
    assert refused(folder) == (
        f"{folder.checkpoint}\n  {first}\n{MEND}\n\n{folder.previous_checkpoint}\n  {second}\n{MEND}\n\n"
        f"{folder.path}\n  there is no good checkpoint to go on from\n"
        f"  Nothing was deleted. Start it anew with: dnsearch train {folder.resolved}"
    )
    folder.previous_checkpoint.write_bytes(content)
    trained(folder)
    check_as_whole(folder, whole)


def test_checkpoints_that_are_gone_are_missed(tensorflow_ready, tmp_path):
    folder = RunFolder.create(tmp_path, "tiny")
    trained(folder, after_epoch(2))
    folder.checkpoint.unlink()
    folder.previous_checkpoint.unlink()
    assert refused(folder) == (
        f"{folder.path}\n  expected a good checkpoint to go on from, found none after 2 epochs\n"
        f"  Nothing was deleted. Start it anew with: dnsearch train {folder.resolved}"
    )


def test_epochs_and_weights_are_made_of_the_checkpoint(tensorflow_ready, whole, tmp_path):
    folder = RunFolder.create(tmp_path, "tiny")
    trained(folder, after_epoch(2))
    weights = arrays(folder.weights)
    folder.epochs_file.write_bytes(b"{}\n")
    folder.weights.write_bytes(b"no weights")
    (folder.path / ".weights.npz.4711-00c0ffee.tmp").write_bytes(b"half")
    trained(folder, lambda event: Stop("interrupted", "at once"))
    assert (len(folder.epochs()), folder.read().epochs, arrays(folder.weights)) == (2, 2, weights)
    trained(folder)
    check_as_whole(folder, whole)


@pytest.mark.slow
def test_deterministic_runs_are_the_same_in_every_process(in_children, tmp_path):
    """With dropout and two threads; one of three is killed amid its second epoch and gone on with."""
    spec = tmp_path / "tiny.yaml"
    spec.write_text(SPEC.replace("epochs: 3", "epochs: 3\n  deterministic: true"), encoding="utf-8")
    folders = [RunFolder.create(tmp_path, "tiny") for _ in range(3)]
    jobs = [[str(spec), str(folder.path), "", 0] for folder in folders]
    killed = [str(spec), str(folders[0].path), "step", STEPS + 2]
    ended = in_children(killed, *jobs, threads=2)
    assert [each.signal for each in ended] == [signal.SIGKILL, 0, 0, 0]
    first, second, third = (arrays(folder.checkpoint) for folder in folders)
    assert first == second == third
    assert folders[0].read().settings["training.deterministic"] is True


def test_a_network_that_does_not_fit_the_data_is_refused_before_anything_is_written(
    tensorflow_ready, tmp_path
):
    folder = RunFolder.create(tmp_path, "tiny")
    with pytest.raises(SpecError):
        trained(folder, found=document(network__layers_per_block=[1] * 6))  # 8x8 pixels halve 3 times
    assert [entry.name for entry in folder.path.iterdir()] == []
