"""A step that XLA has compiled does the same, and who decides whether it does."""

import numpy as np
import pytest

CARD = ("GPU:0",)


@pytest.mark.parametrize(
    ("fields", "on_a_card", "on_the_processor"),
    [
        ({}, True, False),
        ({"xla": "on"}, True, True),
        ({"xla": "off"}, False, False),
        ({"deterministic": True}, False, False),
    ],
)
def test_who_gets_xla(training, fields, on_a_card, on_the_processor):
    from dnsearch.train.devices import uses_xla

    section = training(**fields)
    assert (uses_xla(section, CARD), uses_xla(section, ())) == (on_a_card, on_the_processor)


@pytest.mark.parametrize(
    ("fields", "tolerance"),
    [
        ({"accumulate": 2, "ema": {"decay": 0.9}}, 1e-5),
        pytest.param({"precision": "mixed_float16"}, 2e-2, marks=pytest.mark.slow),
    ],
)
def test_the_compiled_step_does_the_same(tensorflow_ready, training, fields, tolerance):
    """Two batch sizes, each compiled by itself; the parts of the smaller one differ in size.

    Without dropout, for which XLA draws other numbers; and with less rounding in between, so that 16 bits are
    not the same ones.
    """
    from dnsearch.model.build import build
    from dnsearch.plan.network import plan_network
    from dnsearch.spec.network import example
    from dnsearch.train.state import start_afresh
    from dnsearch.train.step import build_trainer

    images = np.random.default_rng(0).normal(size=(12, 8, 8, 1)).astype(np.float32)
    labels = (np.arange(12) % 10).astype(np.int32)
    losses, states = [], []
    for xla in ("off", "on"):
        start_afresh(0)
        section = training(xla=xla, **fields)
        spec = example(growth_rate=4, layers_per_block=(1,), activation="gelu")
        model = build(plan_network(spec, (8, 8, 1), classes=10), precision=section.precision)
        trainer = build_trainer(model, section)
        losses.append([float(trainer.train(images[:count], labels[:count], 0.1)[0]) for count in (12, 5)])
        graph = trainer.train.get_concrete_function().graph.as_graph_def()
        assert ("_XlaMustCompile" in str(graph)) == (xla == "on")
        states.append({name: np.asarray(value) for name, value in trainer.variables.items()})
    np.testing.assert_allclose(losses[1], losses[0], rtol=tolerance)
    for name, value in states[0].items():
        off = np.linalg.norm(states[1][name] - value)
        assert off <= tolerance * np.linalg.norm(value), name
