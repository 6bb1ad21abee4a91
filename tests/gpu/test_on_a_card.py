"""What only a graphics card can show: the same bits twice, 16 bits, XLA, memory, speed, several cards."""

import json
import runpy
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from dnsearch.runs.folder import RunFolder

PROGRAM = [sys.executable, "-c", "from dnsearch.cli.main import main; main()"]
SPEC = """\
version: 1
name: tiny
network: {growth_rate: 4, layers_per_block: [2, 2], dropout: 0.2}
data: {source: digits, training_examples: 200}
training: {epochs: 2, batch_size: 64, learning_rate: 0.05}
"""
BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "stock_keras.py"
BATCH, STEPS = 64, 30

pytestmark = [pytest.mark.xdist_group("a graphics card"), pytest.mark.usefixtures("cards")]


@pytest.fixture
def trained(tmp_path):
    """A function: settings of a training → the folder of a run in a process of its own, and what it said."""
    (tmp_path / "tiny.yaml").write_text(SPEC, encoding="utf-8")

    def run(*settings):
        chosen = [part for each in settings for part in ("--set", f"training.{each}")]
        command = [*PROGRAM, "train", "tiny.yaml", "--runs", "runs", *chosen]
        ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False)
        assert ran.returncode == 0, ran.stderr
        newest = max((tmp_path / "runs").iterdir(), key=lambda path: path.stat().st_mtime_ns)
        return RunFolder(newest), ran.stderr

    return run


def bytes_of(path):
    with np.load(path) as file:
        return {name: file[name].tobytes() for name in file.files}


def test_the_card_is_named(trained, cards):
    import tensorflow as tf

    folder, said = trained()
    name = tf.config.experimental.get_device_details(cards[0])["device_name"]
    assert folder.read().hardware["gpus"][0] == name
    assert f"trained on {name}" in said


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_deterministic_twice_gives_the_same_bits(trained, precision):
    first, second = (trained("deterministic=true", f"precision={precision}")[0] for _ in range(2))
    assert bytes_of(first.weights) == bytes_of(second.weights)


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("xla", ["on", "off"])
def test_16_bits_learn_as_32_do(trained, precision, xla):
    exact = trained("xla=off")[0].read().last
    found = trained(f"precision={precision}", f"xla={xla}")[0].read().last
    assert found.loss == pytest.approx(exact.loss, rel=0.1)


def test_all_cards(trained, cards):
    """With one card: that this is said."""
    _, said = trained("devices=all")
    if len(cards) == 1:
        assert "one GPU found; training.devices: all is the same as one here" in said
    else:
        assert f"trained on {len(cards)} × " in said


def test_memory_grows_with_what_is_used(cards):
    import tensorflow as tf

    assert all(tf.config.experimental.get_memory_growth(card) for card in cards)
    tf.random.normal((1000, 1000))
    assert tf.config.experimental.get_memory_info("GPU:0")["peak"] < 2**30


def test_faster_than_stock_keras_with_xla(cards):
    """The article's network, batch 64, in float32: at least 1.3 times the images per second."""
    import keras

    from dnsearch.model.build import build
    from dnsearch.plan.network import plan_network
    from dnsearch.spec.document import load
    from dnsearch.train.step import build_trainer

    rng = np.random.default_rng(0)
    images = rng.random((BATCH, 32, 32, 3), np.float32)
    labels = rng.integers(0, 10, BATCH).astype(np.int32)
    stock = runpy.run_path(str(BENCHMARK))
    theirs = stock["network"]()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    theirs.compile(stock["optimizer"]("sgd"), loss, jit_compile=True)
    experiment = load("article").experiment
    training = experiment.training
    model = build(plan_network(experiment.network, (32, 32, 3), 10))
    ours = build_trainer(model, training, devices=("GPU:0",))
    slow = seconds(lambda: theirs.train_on_batch(images, labels))
    fast = seconds(lambda: float(ours.train(images, labels, 0.1)[0]))
    sys.stderr.write(json.dumps({"stock": BATCH / slow, "dnsearch": BATCH / fast}) + "\n")
    assert slow / fast >= 1.3


def seconds(step):
    """The median time of a step, once it is compiled."""
    found = []
    for _ in range(STEPS):
        began = time.perf_counter()
        step()
        found.append(time.perf_counter() - began)
    return statistics.median(found[3:])
