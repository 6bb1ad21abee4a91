"""A batch shared out to two devices: two logical processors, in a process of their own."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dnsearch.runs.folder import RunFolder

PROGRAM = Path(__file__).with_name("two_devices.py")

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("two devices")]


def on_two_devices(*arguments):
    command = [sys.executable, str(PROGRAM), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert "MirroredStrategy" not in done.stderr  # it likes to talk
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def apart():
    """How far a step on two devices is from another one: case → vector → largest difference."""
    return on_two_devices("steps")


def test_without_batch_norm_it_is_the_step_of_one_device(apart):
    assert all(difference < 1e-6 for difference in apart["without BatchNorm"].values())


def test_with_it_the_weights_are_those_of_two_parts(apart):
    """To the last bit; the parts' statistics move one after the other, the devices' side by side."""
    differences = apart["parts"]
    assert differences.pop("statistics") > 0
    assert differences.pop("average statistics") > 0
    assert differences
    assert set(differences.values()) == {0.0}


def test_the_statistics_are_the_mean_of_the_devices(apart):
    assert apart["mean of the statistics"] < 1e-6


def test_16_bits_and_xla_are_near(apart):
    assert 0 < apart["16 bits and XLA"]["weights"] < 0.02


def test_dropout_is_the_same_again_and_another_one_on_each_device(apart):
    assert set(apart["the same dropout"].values()) == {0.0}
    assert apart["dropout by itself"]["weights"] > 0


def test_what_is_frozen_does_not_move_at_all(apart):
    assert apart["frozen"] == 0.0


def test_a_run_on_two_devices_is_evaluated_and_goes_on_as_if_nothing_had_happened(tensorflow_ready, tmp_path):
    """99 images in batches of 32: the last 3 are too few for two devices, and left out."""
    from dnsearch.evaluate.trained_run import evaluate_run

    whole, stopped = (RunFolder.create(tmp_path, name) for name in ("whole", "stopped"))
    assert on_two_devices("run", whole.path, 2)["said"] == []
    assert on_two_devices("run", stopped.path, 1)["state"] == "interrupted"
    assert on_two_devices("run", stopped.path, 2)["state"] == "finished"
    assert [epoch.training.examples for epoch in whole.epochs()] == [96, 96]
    for name in ("weights", "statistics", "counters", "average weights"):
        with np.load(whole.checkpoint) as one, np.load(stopped.checkpoint) as other:
            np.testing.assert_array_equal(one[name], other[name], err_msg=name)
    found = evaluate_run(whole, "validation")
    assert found.accuracy.value == pytest.approx(whole.read().last.accuracy)
