"""What tells two experiments apart, and what of an experiment is written down."""

import json
import os
import re
import subprocess
import sys
from typing import Any

import pytest

from dnsearch.spec.document import Document, fingerprint, load, parse, resolved_yaml, settings
from dnsearch.spec.optimization import Adam
from dnsearch.spec.tree import plain
from dnsearch.spec.yaml import read, written


def of(text: str) -> Document:
    return parse(text.encode(), "a.yaml")


# Settings


def test_settings_of_a_small_spec(minimal: str) -> None:
    found = settings(of(minimal).experiment)
    assert {path.partition(".")[0] for path in found} == {"network", "data", "training"}
    assert found["network.growth_rate"] == 12
    assert found["network.layers_per_block"] == [2, 2]
    assert found["network.stem.kernel"] == 3
    assert found["network.alpha"] is None
    assert found["data.source"] == "digits"
    assert found["training.optimizer.name"] == "sgd"
    assert found["training.optimizer.momentum"] == 0.9
    assert found["training.schedule.name"] == "constant"
    assert not [path for path, value in found.items() if isinstance(value, dict)]
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_settings_name_defaults_and_given_values_alike(minimal: str) -> None:
    given = of(f"{minimal}  batch_size: 64\n  optimizer: sgd\n").experiment
    assert settings(given) == settings(of(minimal).experiment)


# Fingerprint


def test_fingerprint_is_short() -> None:
    assert re.fullmatch("[0-9a-f]{16}", fingerprint(load("article").experiment))


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_fingerprint_is_the_same_in_every_process(hash_seed: str) -> None:
    asked = "from dnsearch.spec.document import *; print(fingerprint(load('article').experiment), end='')"
    told = subprocess.run(
        [sys.executable, "-c", asked],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert told == fingerprint(load("article").experiment)


CHANGES = [
    *("network.growth_rate=13", "network.layers_per_block=[2, 3]", "network.bottleneck_width=null"),
    *("network.compression=0.6", "network.pooling=max", "network.dropout=0.1", "network.dropout_after=every"),
    *("network.convolution_bias=true", "network.batch_norm.momentum=0.8", "network.initializer=he_normal"),
    *(
        "network.stem.channels=23",
        "network.stem.kernel=5",
        "network.stem.stride=2",
        "network.stem.pooling=max",
    ),
    *("network.stem.normalize=true", "network.head.activation=false", "data.source=cifar10"),
    *("data.validation_fraction=0.2", "data.training_examples=100", "data.split_seed=1"),
    *("data.normalize=unit", "data.classes=10", "data.image_shape=[8, 8, 1]", "training.epochs=3"),
    *("training.batch_size=32", "training.learning_rate=0.2", "training.optimizer=adam"),
    *(
        "training.schedule=cosine",
        "training.warmup_epochs=1",
        "training.label_smoothing=0.1",
        "training.seed=1",
    ),
    *("training.early_stopping={patience: 2}", "network={activation: leaky_relu, alpha: 0.1}"),
]


@pytest.fixture
def spec(minimal: str, tmp_path: Any) -> str:
    file = tmp_path / "small.yaml"
    file.write_text(minimal, encoding="utf-8")
    return str(file)


@pytest.mark.parametrize("change", CHANGES)
def test_fingerprint_differs_with_every_setting(change: str, spec: str) -> None:
    assert fingerprint(load(spec, [change]).experiment) != fingerprint(load(spec).experiment)


def test_all_fingerprints_differ(spec: str) -> None:
    found = {fingerprint(load(spec, [change]).experiment) for change in CHANGES}
    assert len(found) == len(CHANGES)


@pytest.mark.parametrize(
    "change",
    [
        *("name=other", "tune={parameters: {network.growth_rate: [8, 12]}}", "expect={parameters: 1}"),
        *("training.learning_rate=1e-1", "training.warmup_epochs=0", "network.compression=5.0e-1"),
        *("training.optimizer={name: sgd}", "network.stem={kernel: 3}", "network.alpha=null"),
    ],
)
def test_fingerprint_is_the_same_without_a_difference_to_the_run(change: str, spec: str) -> None:
    assert fingerprint(load(spec, [change]).experiment) == fingerprint(load(spec).experiment)


def test_fingerprint_does_not_depend_on_order(minimal: str) -> None:
    network, rest = minimal.split("data:\n")
    version, network = network.split("\n", 1)
    turned = f"data:\n{rest}{version}\n{network}"
    assert turned != minimal
    assert fingerprint(of(turned).experiment) == fingerprint(of(minimal).experiment)


# --set and a trial's values


def test_set_values_win_in_order(spec: str) -> None:
    slope = ["network.alpha.stem=0.2", "network.activation=leaky_relu"]
    changed = load(spec, ["training.epochs=3", "training.epochs=4", *slope]).experiment
    assert changed.training.epochs == 4
    assert changed.network.alpha
    assert changed.network.alpha.model_dump() == {"stem": 0.2, "layers": 0, "transitions": 0, "head": 0}


@pytest.mark.parametrize("turned", [False, True])
def test_set_values_of_another_kind_need_no_order(turned: bool, spec: str) -> None:
    texts = ["data.source=npz", "data.path=x", "training.optimizer=adam", "training.optimizer.beta_1=0.5"]
    changed = load(spec, reversed(texts) if turned else texts).experiment
    assert changed.data.path == "x"
    assert changed.training.optimizer == Adam(name="adam", beta_1=0.5)


@pytest.mark.parametrize("turned", [False, True])
def test_values_of_a_trial_need_no_order(turned: bool, spec: str) -> None:
    values = [("training.optimizer", "adam"), ("training.optimizer.beta_1", 0.5)]
    changed = load(spec).with_values(dict(reversed(values) if turned else values), "trial 1").experiment
    assert changed.training.optimizer == Adam(name="adam", beta_1=0.5)


def test_set_values_are_yaml(spec: str) -> None:
    changed = load(
        spec,
        [
            "network.layers_per_block=[1, 2]",
            "network.bottleneck_width=",
            "data.path='1e3'",
            "data.source=npz",
        ],
    ).experiment
    assert changed.network.layers_per_block == (1, 2)
    assert changed.network.bottleneck_width is None
    assert changed.data.path == "1e3"


def test_set_values_put_expectations_aside() -> None:
    assert load("article").experiment.expect
    assert load("article", ["training.epochs=3"]).experiment.expect is None


def test_the_text_stays_as_it_was_written(spec: str, minimal: str) -> None:
    assert load(spec, ["training.epochs=3"]).text == minimal


def test_a_name_is_the_files_unless_it_is_given(spec: str, minimal: str) -> None:
    assert load(spec).experiment.name == "small"
    assert load(spec, ["name=other"]).experiment.name == "other"
    assert of(f"name: given\n{minimal}").experiment.name == "given"


def test_values_of_a_trial(spec: str) -> None:
    document = load(spec)
    values = {"network.growth_rate": 24, "training.optimizer": "adam", "network.layers_per_block": (3, 3)}
    changed = document.with_values(values, "trial 3").experiment
    assert changed.network.growth_rate == 24
    assert changed.network.layers_per_block == (3, 3)
    assert changed.training.optimizer.name == "adam"
    assert document.experiment == load(spec).experiment
    assert document.with_values({}, "trial 4").experiment == document.experiment


def test_values_of_a_trial_put_expectations_aside() -> None:
    assert load("article").with_values({"training.epochs": 3}, "trial 1").experiment.expect is None


# Written out


def test_written_out_in_full(spec: str) -> None:
    text = resolved_yaml(load(spec).experiment)
    assert text.startswith("version: 1\nname: small\nnetwork:\n  family: densenet\n  growth_rate: 12\n")
    assert "\n  batch_norm:\n    momentum: 0.9\n    epsilon: 1.0e-05\n" in text
    assert "\n  optimizer:\n    name: sgd\n    momentum: 0.9\n" in text
    assert "extends" not in text
    assert "expect" not in text


TRICKY = [
    "1e3",
    "0o17",
    "0x1f",
    "012",
    "09",
    "1_000",
    "true",
    "on",
    "null",
    "~",
    ".inf",
    "a: b",
    "#",
    "- a",
    "é θ",
]


@pytest.mark.parametrize("path", [*TRICKY, "x" * 300, "a b " * 60 + "c", "'", '"', "a\nb", " a ", "%x", "*a"])
def test_paths_come_back_as_they_were(path: str, spec: str) -> None:
    document = load(spec).with_values({"data.source": "npz", "data.path": path}, "test")
    again = of(resolved_yaml(document.experiment)).experiment
    assert again == document.experiment
    assert again.data.path == path


def test_searches_come_back_as_they_were(minimal: str) -> None:
    search = """\
tune:
  parameters:
    network.growth_rate: {int: [4, 24], step: 4}
    network.bottleneck_width: [null, 2, 4]
    network.convolution_bias: [true, false]
    network.layers_per_block: [[2, 2], [2, 2], [4]]
    training.learning_rate: {float: [1e-4, 1], log: true}
    training.optimizer: [sgd, {name: adam, epsilon: 1e-3}]
  trials: 3
"""
    experiment = of(minimal + search).experiment
    text = resolved_yaml(experiment)
    assert of(text).experiment == experiment
    assert "&" not in text


@pytest.mark.parametrize(
    "value", [*TRICKY, 1, 1.0, 1e-9, 1e22, -0.5, True, None, [], {}, [[1], [1]], {"1e3": "1e3"}]
)
def test_written_values_are_read_back(value: object) -> None:
    def listed(found: object) -> object:
        return [listed(item) for item in found] if isinstance(found, tuple) else found

    shared = [value, value]
    found = plain(read(written({"a": value, "b": shared}).encode(), "a.yaml"))
    assert listed(found["a"]) == value
    assert type(listed(found["a"])) is type(value)
    assert listed(found["b"]) == shared
