"""With ``select: best`` the weights and hits that are kept are those of the epoch that judges the run."""

import numpy as np
import pytest
from run_files import arrays

from dnsearch.front_door import planned_spec
from dnsearch.runs.folder import RunFolder
from dnsearch.runs.hits import read_hits
from dnsearch.runs.record import EpochRecord, Metrics, Stop
from dnsearch.spec.document import parse
from dnsearch.train import checkpoint, loop

SPEC = b"""\
version: 1
name: wavering
network: {growth_rate: 4, layers_per_block: [1, 1]}
data: {source: digits, training_examples: 100}
training: {epochs: 4, batch_size: 50, learning_rate: 0.1}
tune: {select: best, parameters: {network.growth_rate: [4]}}
"""
SCORES = (0.3, 0.9, 0.5, 0.4)
BEST = 2

pytestmark = pytest.mark.xdist_group("run")


def trained(folder, *, stop_after=4, select=b"best"):
    """Train with made-up scores; returns the weights after each epoch."""
    from dnsearch.train.run import run

    weights, judge = {}, loop.judge

    def made_up(*judged):
        return Metrics(1.0, SCORES[len(folder.epochs())], 144), judge(*judged)[1]

    def watch(event):
        if isinstance(event, EpochRecord):
            weights[event.epoch] = arrays(folder.weights)
            return Stop("interrupted", "for the test") if event.epoch == stop_after < 4 else None
        return None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "judge", made_up)
        run(planned_spec(parse(SPEC.replace(b"best", select), "wavering.yaml")), folder, watch)
    return weights


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name, array in found.items():
        np.testing.assert_array_equal(array, expected[name], name)


@pytest.fixture(scope="module")
def folder_of_last(tensorflow_ready, tmp_path_factory):
    return RunFolder.create(tmp_path_factory.mktemp("runs"), "wavering")


@pytest.fixture(scope="module")
def last(folder_of_last):
    """The weights after each epoch."""
    return trained(folder_of_last, select=b"last")


def test_the_best_epoch_s_weights_are_kept(last, folder_of_last, tmp_path):
    folder = RunFolder.create(tmp_path, "wavering")
    trained(folder)
    assert read_hits(folder.hits) == read_hits(folder_of_last.hits)
    record = folder.read()
    assert (record.best_epoch, record.best.score, record.last.score) == (BEST, 0.9, 0.4)
    assert_same(arrays(folder.weights), last[BEST])
    assert not np.array_equal(last[BEST]["stem_conv/kernel"], last[4]["stem_conv/kernel"])


@pytest.mark.parametrize("epoch", [BEST, BEST + 1])
def test_they_outlive_a_break_to_the_last_bit(last, folder_of_last, tmp_path, epoch):
    folder = RunFolder.create(tmp_path, "wavering")
    trained(folder, stop_after=epoch)
    trained(folder)
    assert read_hits(folder.hits)["best"] == read_hits(folder_of_last.hits)["best"]
    assert_same(arrays(folder.weights), last[BEST])


def test_a_process_that_dies_before_it_saved_them_leaves_them_in_the_checkpoint(last, tmp_path, monkeypatch):
    folder, save = RunFolder.create(tmp_path, "wavering"), checkpoint.save_weights

    def dies(model, path):
        if len(folder.epochs()) == BEST:
            raise KeyboardInterrupt
        save(model, path)

    monkeypatch.setattr(checkpoint, "save_weights", dies)
    with pytest.raises(KeyboardInterrupt):
        trained(folder)
    monkeypatch.setattr(checkpoint, "save_weights", save)
    trained(folder)
    assert_same(arrays(folder.weights), last[BEST])
