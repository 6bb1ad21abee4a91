"""Runs with averaged weights, frozen parts, class weights: what they keep, also across a stop."""

import json

import pytest
from run_files import arrays

from dnsearch.errors import SpecError
from dnsearch.front_door import planned_spec
from dnsearch.runs.folder import RunFolder
from dnsearch.runs.record import EpochRecord, Stop
from dnsearch.spec.document import parse

SPEC = """\
version: 1
name: tiny
network: {growth_rate: 4, layers_per_block: [1, 1], dropout: 0.2}
data: {source: digits, training_examples: 100}
training:
  epochs: 2
  batch_size: 50
  learning_rate: 0.01
  optimizer: adamw
  accumulate: 3
  clip_norm: 1.0
  ema: 0.9
"""

pytestmark = pytest.mark.xdist_group("run recipes")


def trained(folder, watch=lambda event: None, **values):
    from dnsearch.train.run import run

    document = parse(SPEC.encode(), "tiny.yaml")
    changes = {f"training.{path}": value for path, value in values.items()}
    return run(
        planned_spec(document.with_values(changes, "the test") if changes else document), folder, watch
    )


@pytest.fixture(scope="module")
def finished(tensorflow_ready, tmp_path_factory):
    folder = RunFolder.create(tmp_path_factory.mktemp("runs"), "tiny")
    return folder, trained(folder)


def test_what_is_kept_is_what_was_validated(finished):
    from dnsearch.data.batches import evaluation_batches
    from dnsearch.data.sources import load
    from dnsearch.model.build import build
    from dnsearch.plan.network import plan_network
    from dnsearch.train.checkpoint import load_weights
    from dnsearch.train.step import evaluate, evaluator

    folder, record = finished
    experiment = parse(SPEC.encode(), "tiny.yaml").experiment
    dataset = load(experiment.data)
    model = build(plan_network(experiment.network, (8, 8, 1), 10))
    load_weights(model, folder.weights)
    found = evaluate(evaluator(model), evaluation_batches(dataset.validation, dataset.scaling, 50))
    assert found.accuracy == record.last.accuracy
    assert found.loss == pytest.approx(record.last.loss, rel=1e-5)


def test_a_stopped_run_goes_on_as_if_nothing_had_happened(finished, tmp_path):
    folder = RunFolder.create(tmp_path, "tiny")
    stop = Stop("interrupted", "the test")
    assert trained(folder, lambda event: stop if isinstance(event, EpochRecord) else None).epochs == 1
    assert trained(folder).epochs == 2
    assert arrays(folder.checkpoint) == arrays(finished[0].checkpoint)
    assert arrays(folder.weights) == arrays(finished[0].weights)


def test_frozen_parts_are_the_other_run_s(finished, tmp_path):
    source, folder = finished[0], RunFolder.create(tmp_path, "tuned")
    frozen = ("stem", "block1", "transition1")
    trained(folder, start_from=str(source.path), freeze=frozen, epochs=1)
    before, after = arrays(source.weights), arrays(folder.weights)
    assert {name for name in after if before[name] == after[name]} == {
        name for name in after if name.startswith(frozen)
    }


def test_class_weights_change_the_training(finished, tmp_path):
    folder = RunFolder.create(tmp_path, "weighted")
    trained(folder, class_weights={"3": 5.0}, epochs=1)
    first = json.loads(finished[0].epochs_file.read_text(encoding="utf-8").splitlines()[0])
    weighted = json.loads(folder.epochs_file.read_text(encoding="utf-8").splitlines()[0])
    assert weighted["training"] != first["training"]


def test_weights_of_a_class_that_there_is_not(tensorflow_ready, tmp_path):
    folder = RunFolder.create(tmp_path, "wrong")
    with pytest.raises(SpecError, match="a class's name or its number from 0 to 9, found cow"):
        trained(folder, class_weights={"cow": 5.0})
    assert folder.read().state == "failed"
    assert "training.class_weights.cow" in folder.read().reason
