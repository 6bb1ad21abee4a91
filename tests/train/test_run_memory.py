"""``training.memory``: what is chosen, that it is said and written down, and that the run is the same."""

import numpy as np
import pytest

from dnsearch import environment
from dnsearch.front_door import planned_spec
from dnsearch.plan.limits import recomputes
from dnsearch.plan.network import plan_network
from dnsearch.runs.folder import RunFolder
from dnsearch.runs.record import Notice
from dnsearch.spec.document import parse

SPEC = """\
version: 1
name: tiny
network: {growth_rate: 4, layers_per_block: [3], dropout: 0.2}
data: {source: digits, training_examples: 64}
training: {epochs: 1, batch_size: 32, learning_rate: 0.1, memory: MEMORY}
"""


def document(memory):
    return parse(SPEC.replace("MEMORY", memory).encode(), "tiny.yaml")


@pytest.fixture
def trained(tensorflow_ready, tmp_path):
    from dnsearch.train.run import run

    def train(memory):
        folder, notices = RunFolder.create(tmp_path, memory), []
        watch = lambda event: notices.append(event.text) if isinstance(event, Notice) else None  # noqa: E731  (short)
        record = run(planned_spec(document(memory)), folder, watch)
        with np.load(folder.weights) as file:
            return record, {name: file[name] for name in file.files}, notices

    return train


def test_recomputing_gives_the_same_weights_to_the_last_bit(trained):
    (plain, weights, _), (recompute, others, notices) = trained("plain"), trained("recompute")
    assert (plain.memory, recompute.memory, notices) == ("plain", "recompute", [])
    for name, array in weights.items():
        np.testing.assert_array_equal(array, others[name])


def test_auto_saves_where_plain_would_not_fit_and_says_so(trained, monkeypatch):
    assert trained("auto")[0].memory == "plain"
    monkeypatch.setattr(environment, "free_memory_bytes", lambda: 30_000_000)
    record, _, notices = trained("auto")
    assert record.memory == "recompute"
    assert notices == ["training.memory: recompute; plain would not fit into the 30,000,000 bytes free"]


@pytest.mark.parametrize(("memory", "saves"), [("plain", False), ("recompute", True), ("auto", True)])
def test_what_is_asked_for_is_done(memory, saves):
    experiment = document(memory).experiment
    plan = plan_network(experiment.network, (8, 8, 1), 10)
    assert recomputes(experiment, plan, free_bytes=1) is saves
    assert recomputes(experiment, plan, free_bytes=10**12) is (memory == "recompute")
