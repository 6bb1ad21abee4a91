"""Runs that compute in 16 bits: what they keep, across a stop, and what can be done with them."""

import numpy as np
import pytest

from dnsearch.front_door import planned_spec
from dnsearch.runs.folder import RunFolder
from dnsearch.runs.record import EpochRecord, Notice, Stop
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
  precision: mixed_float16
  ema: 0.9
"""

pytestmark = pytest.mark.xdist_group("run precision")


def trained(folder, watch=lambda event: None):
    from dnsearch.train.run import run

    return run(planned_spec(parse(SPEC.encode(), "tiny.yaml")), folder, watch)


def arrays(path):
    """What a file holds, without the history of a checkpoint, which has times in it."""
    with np.load(path) as file:
        return {name: file[name] for name in file.files if name not in {"history", "sha256"}}


@pytest.fixture(scope="module")
def finished(tensorflow_ready, tmp_path_factory):
    folder, said = RunFolder.create(tmp_path_factory.mktemp("runs"), "tiny"), []
    trained(folder, lambda event: said.append(event) if isinstance(event, Notice) else None)
    return folder, said


def test_all_that_is_kept_is_float32(finished):
    folder, _ = finished
    assert {array.dtype.name for array in arrays(folder.weights).values()} <= {"float32", "int64"}
    checkpoint = arrays(folder.checkpoint)
    assert {array.dtype.name for array in checkpoint.values()} == {"float32", "int64"}
    assert (checkpoint["loss scale"], checkpoint["good steps"]) == (2**15, 4)


def test_a_stopped_run_goes_on_as_if_nothing_had_happened(finished, tmp_path):
    folder = RunFolder.create(tmp_path, "tiny")
    stop = Stop("interrupted", "the test")
    assert trained(folder, lambda event: stop if isinstance(event, EpochRecord) else None).epochs == 1
    assert trained(folder).epochs == 2
    whole, found = arrays(finished[0].checkpoint), arrays(folder.checkpoint)
    assert whole.keys() == found.keys()
    for name, array in whole.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)


def test_a_processor_saves_no_time_and_this_is_said_once(finished):
    from dnsearch import environment

    texts = [event.text for event in finished[1]]
    expected = "\n  training.precision: mixed_float16 saves no time here"
    assert [text.partition("\n")[2] for text in texts] == ([] if environment.gpus() else [expected[1:]])


def test_it_is_evaluated_and_leaves_the_house_in_float32(finished, tmp_path):
    from dnsearch.cli.export_commands import format_of
    from dnsearch.evaluate.trained_run import evaluate_run, trained
    from dnsearch.export.exporting import TOLERANCE, export_run

    folder, _ = finished
    found = evaluate_run(folder, "validation")
    last = folder.read().last
    assert found.loss.value == pytest.approx(last.loss, rel=2**-9)
    network = trained(folder)
    assert network.model.compute_dtype == "float32"
    assert network.logits(np.zeros((1, 8, 8, 1), np.float32)).dtype == "float32"
    exported = export_run(folder, format_of("onnx"), tmp_path / "exported", force=False)
    assert exported.difference <= TOLERANCE
