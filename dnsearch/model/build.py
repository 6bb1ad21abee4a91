"""From a plan to a functional ``keras.Model``: one layer per unit."""

import contextlib
from collections.abc import Iterator
from typing import Any, assert_never

import keras

from dnsearch.model.layers import NormalizedConvolution, SpaceToDepth, initializer
from dnsearch.model.units import Unit, units
from dnsearch.plan import graph
from dnsearch.plan.graph import NetworkPlan, Node, Shape

Tensor = Any


def build(
    plan: NetworkPlan, name: str = "network", saving: bool = False, precision: str = "float32"
) -> keras.Model:
    """A model from images to logits.

    The input has shape ``(batch, height, width, channels)``, the output ``(batch, classes)`` or, for a U-Net,
    ``(batch, height, width, classes)``.

    Args:
        plan: the network.
        name: the model's name.
        saving: whether training computes joined and activated features again in the backward pass; the
            results are the same to the last bit.
        precision: Keras' name for what the layers compute in: float32, mixed_bfloat16 or mixed_float16. The
            weights are float32 whatever it is; the output is not.

    >>> from dnsearch.plan.family import plan_network
    >>> from dnsearch.spec.network import example
    >>> build(plan_network(example(), (8, 8, 1), classes=10)).output_shape
    (None, 10)
    """
    tensors: dict[int, Tensor] = {}
    with _computing_in(precision):
        for unit in units(plan):
            inputs = [tensors[position] for position in unit.inputs]
            tensors[unit.output] = _applied(unit, inputs, saving)
        return keras.Model(tensors[0], tensors[len(plan.nodes) - 1], name=name)


@contextlib.contextmanager
def _computing_in(precision: str) -> Iterator[None]:
    """Layers take their dtype policy from a global one when they are made, and keep it."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _applied(unit: Unit, inputs: list[Tensor], saving: bool) -> Tensor:
    """The unit's output; a unit with a BatchNorm is one fused layer."""
    operations = {type(node.operation): node.operation for node in unit.nodes}
    norm = operations.get(graph.BatchNorm)
    if not isinstance(norm, graph.BatchNorm):
        return alone(unit.nodes[0], inputs)
    activation, convolution = operations.get(graph.Activation), operations.get(graph.Convolution)
    layer = NormalizedConvolution(
        norm,
        activation if isinstance(activation, graph.Activation) else None,
        convolution if isinstance(convolution, graph.Convolution) else None,
        name=unit.nodes[-1].name,
        saving=saving and len(inputs) > 1,
    )
    return layer(inputs if len(inputs) > 1 else inputs[0])


def alone(node: Node, inputs: list[Tensor]) -> Tensor:
    """The output of one node as a layer of its own."""
    match node.operation:
        case graph.Input(shape):
            return keras.Input(shape, name=node.name)
        case graph.Concatenate():
            return keras.layers.Concatenate(name=node.name)(inputs)
        case graph.Convolution() as convolution:
            return _convolution(convolution, node.name, inputs[0])
        case graph.TransposedConvolution() as convolution:
            return _transposed(convolution, node.name, inputs[0])
        case graph.BatchNorm() as norm:
            return NormalizedConvolution(norm, None, None, name=node.name)(inputs[0])
        case graph.Activation() as activation:
            return _activation(activation, node.name)(inputs[0])
        case graph.Pool() as pool:
            return _pool(pool, node.name, inputs[0])
        case graph.SpaceToDepth(size):
            return SpaceToDepth(size, name=node.name)(inputs[0])
        case graph.Crop():
            return _crop(node.shape, node.name, inputs[0])
        case graph.Dropout(rate):
            return keras.layers.Dropout(rate, name=node.name)(inputs[0])
        case graph.GlobalAverage():
            return keras.layers.GlobalAveragePooling2D(name=node.name)(inputs[0])
        case graph.Classifier(classes):
            return keras.layers.Dense(classes, name=node.name)(inputs[0])
        case _:
            assert_never(node.operation)


def _convolution(convolution: graph.Convolution, name: str, images: Tensor) -> Tensor:
    """A convolution with the same zeros on both sides, which Keras' "same" gives for stride 1 alone."""
    same = convolution.stride == 1 and convolution.kernel % 2 == 1
    if convolution.padding and not same:
        images = keras.layers.ZeroPadding2D(convolution.padding, name=f"{name}_pad")(images)
    layer = keras.layers.Conv2D(
        convolution.filters,
        convolution.kernel,
        strides=convolution.stride,
        padding="same" if same else "valid",
        use_bias=convolution.bias,
        kernel_initializer=initializer(convolution.initializer),
        name=name,
    )
    return layer(images)


def _transposed(convolution: graph.TransposedConvolution, name: str, images: Tensor) -> Tensor:
    layer = keras.layers.Conv2DTranspose(
        convolution.filters,
        convolution.kernel,
        strides=2,
        padding="same",
        use_bias=convolution.bias,
        kernel_initializer=initializer(convolution.initializer),
        name=name,
    )
    return layer(images)


def _activation(activation: graph.Activation, name: str) -> keras.layers.Layer:
    match activation.kind:
        case "leaky_relu":
            return keras.layers.LeakyReLU(activation.slope, name=name)
        case "prelu":
            start = keras.initializers.Constant(activation.slope)
            return keras.layers.PReLU(start, shared_axes=[1, 2], name=name)
        case kind:
            return keras.layers.Activation(kind, name=name)


def _pool(pool: graph.Pool, name: str, images: Tensor) -> Tensor:
    if pool.kind == "avg":
        return keras.layers.AveragePooling2D(pool.size, pool.stride, name=name)(images)
    if pool.padding:  # zeros, as in keras.applications: the same as no padding behind a ReLU
        images = keras.layers.ZeroPadding2D(pool.padding, name=f"{name}_pad")(images)
    return keras.layers.MaxPooling2D(pool.size, pool.stride, name=name)(images)


def _crop(shape: Shape, name: str, images: Tensor) -> Tensor:
    height, width, _ = shape
    rows, columns = images.shape[1] - height, images.shape[2] - width
    return keras.layers.Cropping2D(((0, rows), (0, columns)), name=name)(images)
