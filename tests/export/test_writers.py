"""Every operation of a plan, in stock layers, ONNX and LiteRT, gives what our own layers give."""

from typing import get_args

import numpy as np
import pytest

from dnsearch.plan import graph
from dnsearch.plan.network import plan_network
from dnsearch.spec.network import UNet, example

OFFSET, SCALE = (90.0, 128.0, 140.0), (60.0, 70.0, 50.0)
STRIDED = {"channels": 8, "kernel": 7, "stride": 2, "normalize": True, "pooling": "max"}
LINKS = {"links": "all", "downsampling": "space_to_depth"}


def unet(**changes):
    fields = {"layers_per_block": (1, 1), "growth_rate": 3, "unit": "dense", "up_kernel": 3}
    return UNet.model_validate({"family": "unet", **fields, **changes})


CONVOLUTIONS = UNet.model_validate(
    {"family": "unet", "unit": "conv", "channels": (4, 6), "normalize": False, "activation": "prelu"}
)
NETWORKS = {
    "plain": (example(dropout=0.2, convolution_bias=True), (8, 8, 3)),
    "strided stem": (example(stem=STRIDED, pooling="max"), (33, 35, 3)),
    "links": (example(layers_per_block=(1, 1, 1), cross_block=LINKS, pooling="conv"), (18, 19, 3)),
    "head alone": (example(head={"activation": False}), (8, 8, 3)),
    "u": (unet(), (8, 10, 3)),
    "u of convolutions": (CONVOLUTIONS, (8, 8, 3)),
    "u of 2x2": (unet(up_kernel=2), (8, 8, 3)),
    "leaky_relu": (
        example(activation="leaky_relu", alpha={"stem": 0.1, "layers": 0.2, "transitions": 0.0, "head": 0.3}),
        (8, 8, 3),
    ),
    **{kind: (example(activation=kind), (8, 8, 3)) for kind in ("prelu", "elu", "gelu", "silu", "mish")},
}


def trained_weights(name, pixels="uint8"):
    """A network with random weights, images, and what our own model makes of them."""
    from dnsearch.export.stock import TrainedWeights, weights_by_node
    from dnsearch.model.build import build

    spec, image_shape = NETWORKS[name]
    plan = plan_network(spec, image_shape, 4)
    model = build(plan)
    rng = np.random.default_rng(0)
    for weight in model.weights:
        value = np.asarray(weight)
        positive = weight.path.endswith(("gamma", "moving_variance", "slope"))
        weight.assign(
            rng.uniform(0.5, 1.5, value.shape) if positive else value + rng.normal(0, 0.05, value.shape)
        )
    images = rng.integers(0, 256, (5, *image_shape)).astype(pixels)
    scaled = (images.astype(np.float32) - np.float32(OFFSET)) / np.float32(SCALE)
    network = TrainedWeights(plan, weights_by_node(plan, model), OFFSET, SCALE, pixels)
    return network, images, np.asarray(model(scaled, training=False))


def agree(found, logits):
    """Float32 through some layers, in another order."""
    assert found["logits"].shape == logits.shape
    largest = np.abs(logits).max()
    np.testing.assert_allclose(found["logits"], logits, rtol=0, atol=2e-5 * max(1, largest))
    odds = np.exp(found["logits"] - found["logits"].max(axis=-1, keepdims=True))
    expected = odds / odds.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(found["probabilities"], expected, rtol=0, atol=5e-6)


def test_these_networks_have_every_operation_and_activation():
    plans = [plan_network(spec, shape, 4) for spec, shape in NETWORKS.values()]
    operations = [node.operation for plan in plans for node in plan.nodes]
    assert {type(each) for each in operations} == set(get_args(graph.Operation))
    kinds = {each.kind for each in operations if isinstance(each, graph.Activation)}
    assert kinds == set(get_args(graph.ActivationKind))


@pytest.mark.parametrize("name", NETWORKS)
def test_stock_layers(tensorflow_ready, name):
    from dnsearch.export.stock import stock_model

    network, images, logits = trained_weights(name)
    model = stock_model(network)
    assert {type(layer).__module__.partition(".")[0] for layer in model.layers} == {"keras"}
    agree({name: np.asarray(found) for name, found in model(images, training=False).items()}, logits)


@pytest.mark.parametrize("name", NETWORKS)
def test_onnx(tensorflow_ready, name, tmp_path):
    from dnsearch.export.onnx import write_onnx
    from dnsearch.export.outside import outputs

    network, images, logits = trained_weights(name)
    write_onnx(network, tmp_path)
    agree(outputs("onnx", str(tmp_path), images), logits)
    agree(outputs("onnx", str(tmp_path), images[:1]), logits[:1])


def test_pixels_that_are_no_whole_numbers(tensorflow_ready, tmp_path):
    from dnsearch.export.onnx import write_onnx
    from dnsearch.export.outside import outputs
    from dnsearch.export.stock import stock_model

    network, images, logits = trained_weights("plain", "float32")
    write_onnx(network, tmp_path)
    agree(outputs("onnx", str(tmp_path), images), logits)
    model = stock_model(network)
    assert model.input.dtype == "float32"
    agree({name: np.asarray(found) for name, found in model(images).items()}, logits)


@pytest.mark.parametrize("name", [pytest.param("links", marks=pytest.mark.slow), "u"])
def test_litert(tensorflow_ready, name, tmp_path):
    """Two networks that have all but the activations, which are stock layers."""
    from dnsearch.export.outside import outputs
    from dnsearch.export.stock import write_litert

    network, images, logits = trained_weights(name)
    write_litert(network, tmp_path)
    agree(outputs("litert", str(tmp_path), images), logits)


def test_an_onnx_file_keeps_no_weight_twice(tensorflow_ready, tmp_path):
    from dnsearch.export.onnx import write_onnx

    network, *_ = trained_weights("plain")
    write_onnx(network, tmp_path)
    numbers = sum(array.size for arrays in network.weights.values() for array in arrays.values())
    assert numbers * 4 < (tmp_path / "model.onnx").stat().st_size < numbers * 4 + 20_000
