"""Layers that compute in 16 bits: how far they are from float32, and what stays float32."""

import numpy as np
import pytest

MIXED = {"mixed_bfloat16": 2**-8, "mixed_float16": 2**-11}
"""Precision → the relative error of one rounding."""
KINKS = 3
"""How many square roots of a rounding a gradient may be off behind activations with a kink (see below)."""


@pytest.fixture(scope="module")
def batch():
    return (
        np.random.default_rng(0).normal(size=(16, 8, 8, 1)).astype(np.float32),
        (np.arange(16) % 10).astype(np.int32),
    )


@pytest.fixture(scope="module")
def trained(tensorflow_ready, training, batch):
    """A function: precision and fields of a training → the loss of a step, the trainer."""
    from dnsearch.model.build import build
    from dnsearch.plan.network import plan_network
    from dnsearch.spec.network import example
    from dnsearch.train.state import start_afresh
    from dnsearch.train.step import build_trainer

    def run(precision, activation="relu", **fields):
        start_afresh(0)
        spec = example(growth_rate=4, layers_per_block=(2, 2), activation=activation)
        section = training(precision=precision, **fields)
        model = build(plan_network(spec, (8, 8, 1), classes=10), precision=precision)
        trainer = build_trainer(model, section)
        return float(trainer.train(*batch, 0.1)[0]), trainer

    return run


def difference(found, exact, name):
    """Relative, of two trainers' vectors."""
    here, there = (np.asarray(each.variables[name]) for each in (found, exact))
    return np.linalg.norm(here - there) / np.linalg.norm(there)


@pytest.mark.parametrize("precision", MIXED)
@pytest.mark.parametrize(
    "activation",
    ["relu", *(pytest.param(name, marks=pytest.mark.slow) for name in ("prelu", "gelu"))],
)
def test_losses_and_gradients_are_near_those_of_float32(trained, precision, activation):
    """The loss and the moving statistics are within one rounding; the gradient, ten layers deep, within ten.

    Where an activation has a kink, a rounding can bring a feature to its other side, and then the gradient
    through it is another one altogether: few features, but each with all of its gradient.
    """
    (loss, exact), (found, mixed) = trained("float32", activation), trained(precision, activation)
    rounding = MIXED[precision]
    assert found != loss
    assert found == pytest.approx(loss, rel=rounding)
    assert difference(mixed, exact, "statistics") < rounding
    allowed = 10 * rounding if activation == "gelu" else KINKS * np.sqrt(rounding)
    assert 0 < difference(mixed, exact, "momentum") < allowed


@pytest.mark.parametrize("precision", MIXED)
def test_what_is_kept_is_float32_and_what_is_computed_is_not(trained, batch, precision):
    from dnsearch.train.step import evaluator

    _, trainer = trained(precision)
    trainer.fill_model()
    assert {variable.dtype for variable in trainer.model.weights} == {"float32"}
    assert trainer.model(batch[0]).dtype == precision.removeprefix("mixed_")
    assert evaluator(trainer.model)(batch[0]).dtype == "float32"


def test_a_policy_does_not_outlive_the_network(trained):
    import keras

    trained("mixed_float16")
    assert keras.config.dtype_policy().name == "float32"


def test_only_float16_needs_a_scaled_loss(trained):
    _, half = trained("mixed_float16")
    _, brain = trained("mixed_bfloat16")
    assert half.variables.keys() - brain.variables.keys() == {"loss scale", "good steps"}
    assert int(half.variables["good steps"]) == 1


def test_an_overflow_leaves_weights_and_averages_alone(trained, batch):
    _, trainer = trained("mixed_float16", ema={"decay": 0.9}, clip_norm=1.0)
    trainer.variables["loss scale"].assign(2.0**24)
    before = {name: np.asarray(value) for name, value in trainer.variables.items()}
    loss, _ = trainer.train(*batch, 0.1)
    assert np.isfinite(float(loss))
    changed = {name for name, old in before.items() if not np.array_equal(old, trainer.variables[name])}
    assert changed == {"loss scale", "good steps", "statistics"}


def test_accumulated_gradients_are_scaled_once(trained):
    loss, exact = trained("float32", "gelu", accumulate=2)
    found, mixed = trained("mixed_float16", "gelu", accumulate=2)
    assert found == pytest.approx(loss, rel=MIXED["mixed_float16"])
    assert difference(mixed, exact, "momentum") < 10 * MIXED["mixed_float16"]
