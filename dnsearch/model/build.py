"""From a plan to a functional ``keras.Model``: one layer per unit."""

from typing import Any, assert_never

import keras

from dnsearch.model.layers import NormalizedConvolution, initializer
from dnsearch.model.units import Unit, units
from dnsearch.plan.graph import (
    BatchNorm,
    Classifier,
    Concatenate,
    Convolution,
    Dropout,
    GlobalAverage,
    Input,
    LeakyRelu,
    NetworkPlan,
    Node,
    Pool,
)

Tensor = Any


def build(plan: NetworkPlan, name: str = "network") -> keras.Model:
    """A model from ``(batch, height, width, channels)`` images to ``(batch, classes)`` logits.

    >>> from dnsearch.plan.family import plan_network
    >>> from dnsearch.spec.network import example
    >>> build(plan_network(example(), (8, 8, 1), classes=10)).output_shape
    (None, 10)
    """
    tensors: dict[int, Tensor] = {}
    for unit in units(plan):
        inputs = [tensors[position] for position in unit.inputs]
        tensors[unit.output] = _applied(unit, inputs)
    return keras.Model(tensors[0], tensors[len(plan.nodes) - 1], name=name)


def _applied(unit: Unit, inputs: list[Tensor]) -> Tensor:
    """The unit's output; a unit with a BatchNorm is one fused layer."""
    operations = {type(node.operation): node.operation for node in unit.nodes}
    norm = operations.get(BatchNorm)
    if not isinstance(norm, BatchNorm):
        return _alone(unit.nodes[0], inputs)
    activation, convolution = operations.get(LeakyRelu), operations.get(Convolution)
    layer = NormalizedConvolution(
        norm,
        activation if isinstance(activation, LeakyRelu) else None,
        convolution if isinstance(convolution, Convolution) else None,
        name=unit.nodes[-1].name,
    )
    return layer(inputs if len(inputs) > 1 else inputs[0])


def _alone(node: Node, inputs: list[Tensor]) -> Tensor:
    match node.operation:
        case Input(shape):
            return keras.Input(shape, name=node.name)
        case Concatenate():
            return keras.layers.Concatenate(name=node.name)(inputs)
        case Convolution() as convolution:
            return _convolution(convolution, node.name, inputs[0])
        case LeakyRelu(alpha):
            return keras.layers.LeakyReLU(alpha, name=node.name)(inputs[0])
        case Pool() as pool:
            return _pool(pool, node.name, inputs[0])
        case Dropout(rate):
            return keras.layers.Dropout(rate, name=node.name)(inputs[0])
        case GlobalAverage():
            return keras.layers.GlobalAveragePooling2D(name=node.name)(inputs[0])
        case Classifier(classes):
            return keras.layers.Dense(classes, name=node.name)(inputs[0])
        case BatchNorm():
            return NormalizedConvolution(node.operation, None, None, name=node.name)(inputs[0])
        case _:
            assert_never(node.operation)


def _convolution(convolution: Convolution, name: str, images: Tensor) -> Tensor:
    """A convolution with the same zeros on both sides, which Keras' "same" gives for stride 1 alone."""
    if convolution.stride > 1:
        images = keras.layers.ZeroPadding2D(convolution.kernel // 2, name=f"{name}_pad")(images)
    layer = keras.layers.Conv2D(
        convolution.filters,
        convolution.kernel,
        strides=convolution.stride,
        padding="same" if convolution.stride == 1 else "valid",
        use_bias=convolution.bias,
        kernel_initializer=initializer(convolution.initializer),
        name=name,
    )
    return layer(images)


def _pool(pool: Pool, name: str, images: Tensor) -> Tensor:
    if pool.kind == "avg":
        return keras.layers.AveragePooling2D(pool.size, pool.stride, name=name)(images)
    if pool.padding:
        images = keras.layers.ZeroPadding2D(pool.padding, name=f"{name}_pad")(images)
    return keras.layers.MaxPooling2D(pool.size, pool.stride, name=name)(images)
