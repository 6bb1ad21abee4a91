"""The fused backward pass: right, and the same to the last bit whatever is kept."""

import numpy as np
import pytest

from dnsearch.plan.graph import Activation
from dnsearch.plan.network import plan_network
from dnsearch.spec.network import UNet, example

NETWORKS = {
    "relu": example(),
    "leaky": example(activation="leaky_relu", alpha={"layers": 0.2, "transitions": 0.05}),
    "prelu": example(activation="prelu"),
    "gelu, bias": example(activation="gelu", convolution_bias=True),
    "strided links": example(
        cross_block={"links": "all", "downsampling": "conv3x3"}, layers_per_block=(2, 2)
    ),
    "dropout": example(dropout=0.3),
    "unet": UNet(family="unet", growth_rate=4, layers_per_block=(2, 2)),
}


@pytest.fixture
def one_step(tensorflow_ready):
    """Train one step; returns every weight of the network after it."""
    from dnsearch.model.build import build
    from dnsearch.spec.document import load
    from dnsearch.train.state import start_afresh
    from dnsearch.train.step import build_trainer

    training = load("starter").experiment.training
    rng = np.random.default_rng(0)
    images = rng.normal(size=(12, 8, 8, 3)).astype("float32")

    def step(spec, recompute):
        plan = plan_network(spec, (8, 8, 3), 10)
        shape = (12, 8, 8) if isinstance(spec, UNet) else (12,)
        start_afresh(0)
        trainer = build_trainer(build(plan, recompute=recompute), training)
        trainer.train(images, rng_labels(shape), 0.05)
        trainer.fill_model()
        return [np.asarray(weight) for weight in trainer.model.weights]

    return step


def rng_labels(shape):
    return np.random.default_rng(1).integers(0, 10, shape).astype("int32")


@pytest.mark.parametrize("name", NETWORKS)
def test_recomputing_changes_no_bit(one_step, name):
    plain, recompute = (one_step(NETWORKS[name], recompute) for recompute in (False, True))
    for a, b in zip(plain, recompute, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("kind", ["relu", "leaky_relu", "prelu", "elu", "gelu", "silu", "mish"])
def test_gradients_pass_back_as_tensorflow_s_own(tensorflow_ready, kind):
    import tensorflow as tf

    from dnsearch.model.activations import activated, passed_back

    activation = Activation(kind, 0.2 if kind == "leaky_relu" else 0.0)
    rng = np.random.default_rng(0)
    before, upstream = (tf.constant(rng.normal(size=(3, 4, 4, 5)).astype("float32")) for _ in range(2))
    slope = tf.constant([0.1, 0.2, 0.3, 0.0, -0.5]) if kind == "prelu" else None
    inputs = [before] if slope is None else [before, slope]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        after = activated(before, activation, slope)
    expected = tape.gradient(after, inputs, output_gradients=upstream)
    for ours, theirs in zip(passed_back(upstream, activation, before, after, slope), expected, strict=True):
        np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), rtol=1e-6, atol=1e-6)
