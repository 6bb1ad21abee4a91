"""A process that has compiled a network's steps trains other runs with them, bit by bit as a new one does."""

import numpy as np
import pytest
from run_files import after_epoch, arrays, without_time

from dnsearch.front_door import planned_spec
from dnsearch.runs.folder import RunFolder
from dnsearch.spec.document import parse
from dnsearch.train import progressive

TINY = """\
version: 1
name: tiny
network: {growth_rate: 4, layers_per_block: [1, 1], dropout: 0.2}
data: {source: digits, training_examples: 100}
training: {epochs: 2, batch_size: 32, learning_rate: 0.1}
"""
VARIANTS = {
    "plain": {},
    "adam": {
        "training.optimizer": {"name": "adamw"},
        "training.ema": {"decay": 0.9},
        "training.class_weights": {"3": 2.0},
    },
    "mixed": {"training.augmentation": {"mixup": 0.5}, "training.label_smoothing": 0.1},
    "muon": {"training.optimizer": {"name": "muon"}},
    "float16": {"training.precision": "mixed_float16", "training.memory": "recompute"},
}
OTHER_NUMBERS = {
    "plain": {"training.optimizer": {"name": "sgd", "momentum": 0.8}, "network.dropout": 0.4},
    "adam": {
        "training.optimizer": {"name": "adamw", "weight_decay": 0.1},
        "training.ema": {"decay": 0.5},
        "training.class_weights": {"3": 0.5, "4": 1.5},
    },
    "mixed": {"training.label_smoothing": 0.3},
    "muon": {"training.optimizer": {"name": "muon", "momentum": 0.8, "weight_decay": 0.2}},
    "float16": {"network.dropout": 0.1},
}
"""What a compiled step is given, so that runs that differ in it share one."""
LATER = {"training.seed": 5, "data.split_seed": 3, "training.learning_rate": 0.05, "training.epochs": 3}


@pytest.fixture
def run(tensorflow_ready, tmp_path, monkeypatch):
    """Trains in a folder of its own: as a new process would, which has compiled nothing, or in a warm one."""
    monkeypatch.setattr(progressive, "_kept", [])

    def train(values, name, *, warm=True, watch=lambda event: None):
        from dnsearch.train.run import run

        if not warm:
            progressive._kept.clear()
        folder = RunFolder(tmp_path / name)
        folder.path.mkdir(exist_ok=True)
        run(planned_spec(parse(TINY.encode(), "tiny.yaml").with_values(values, "the test")), folder, watch)
        return folder

    return train


def same(one, other):
    assert without_time(one.epochs()) == without_time(other.epochs())
    for file in ("weights", "checkpoint"):
        left, right = arrays(getattr(one, file)), arrays(getattr(other, file))
        assert left.keys() == right.keys()
        assert [name for name in left if left[name] != right[name] and name != "run.json"] == [], file


@pytest.mark.parametrize(
    "variant", ["adam", *(pytest.param(each, marks=pytest.mark.slow) for each in VARIANTS if each != "adam")]
)
def test_a_later_run_is_the_same_as_in_a_new_process(run, variant):
    run(VARIANTS[variant], "first")
    assert len(progressive._kept) == 1
    later = {**VARIANTS[variant], **LATER, **OTHER_NUMBERS[variant]}
    warm = run(later, "warm")
    assert len(progressive._kept) == 1, "it has compiled nothing"
    same(warm, run(later, "cold", warm=False))


@pytest.mark.slow
def test_a_run_that_goes_on_in_a_warm_process(run):
    begun = run(LATER, "resumed", watch=after_epoch(1))
    run({}, "between")
    run(LATER, "resumed")
    same(begun, run(LATER, "cold", warm=False))


@pytest.mark.slow
@pytest.mark.parametrize(
    "values",
    [
        {"network.pooling": "max"},
        {"network.alpha": 0.1, "network.activation": "leaky_relu"},
        {"training.optimizer": {"name": "sgd", "momentum": 0}},
        {"network.dropout": 0},
        {"training.label_smoothing": 0.1},
        {"training.clip_norm": 1.0},
    ],
)
def test_what_was_compiled_for_other_settings_is_not_used(run, values):
    run({}, "first")
    warm = run(values, "warm")
    assert len(progressive._kept) == 2
    same(warm, run(values, "cold", warm=False))


def test_large_networks_do_not_pile_up(run, monkeypatch):
    monkeypatch.setattr(progressive, "MOST_KEPT", 1)
    for pooling in ("avg", "max"):
        run({"network.pooling": pooling}, pooling)
    assert len(progressive._kept) == 1
    assert np.all(np.isfinite(progressive._kept[0].trainer.state.weights.value))
