"""From a plan to a functional ``keras.Model``.

A DenseNet repeats concatenation → BatchNorm → activation → convolution. As one layer, the four cost a
quarter of the tracing and use TensorFlow's fused batch normalisation; so each of the plan's ``units`` is one
layer.
"""

from collections.abc import Sequence
from typing import Any, assert_never

import keras

from dnsearch.model.activations import Tensor
from dnsearch.model.layers import Dropout, NormalizedConvolution, SpaceToDepth, initializer
from dnsearch.plan import graph
from dnsearch.plan.graph import NetworkPlan, Node, units


def build(
    plan: NetworkPlan, name: str = "network", recompute: bool = False, precision: str = "float32"
) -> keras.Model:
    """A model from images to logits.

    The input has shape ``(batch, height, width, channels)``, the output ``(batch, classes)`` or, for a U-Net,
    ``(batch, height, width, classes)``.

    Args:
        plan: the network.
        name: the model's name.
        recompute: whether training computes joined and activated features again in the backward pass; the
            results are the same to the last bit.
        precision: Keras' name for what the layers compute in: float32, mixed_bfloat16 or mixed_float16. The
            weights are float32 whatever it is; the output is not.
    """
    tensors: dict[int, Tensor] = {}
    # Layers take their dtype policy from a global one when they are made, and keep it.
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        for unit in units(plan):
            nodes = plan.nodes[unit.start : unit.stop]
            inputs = [tensors[position] for position in nodes[0].inputs]
            tensors[unit[-1]] = _applied(nodes, inputs, recompute)
        return keras.Model(tensors[0], tensors[len(plan.nodes) - 1], name=name)
    finally:
        keras.config.set_dtype_policy(before)


def _applied(nodes: Sequence[Node], inputs: list[Tensor], recompute: bool) -> Tensor:
    """The output of a unit; one with a BatchNorm is a fused layer."""
    operations: dict[type, Any] = {type(node.operation): node.operation for node in nodes}
    if graph.BatchNorm not in operations:
        return alone(nodes[0], inputs)
    norm, several = operations[graph.BatchNorm], len(inputs) > 1
    activation, convolution = operations.get(graph.Activation), operations.get(graph.Convolution)
    layer = NormalizedConvolution(norm, activation, convolution, recompute and several, name=nodes[-1].name)
    return layer(inputs if several else inputs[0])


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
            options = {"strides": 2, "padding": "same", "name": node.name, **_kernel(convolution)}
            return keras.layers.Conv2DTranspose(convolution.filters, convolution.kernel, **options)(inputs[0])
        case graph.BatchNorm() as norm:
            return NormalizedConvolution(norm, None, None, name=node.name)(inputs[0])
        case graph.Activation() as activation:
            return _activation(activation, node.name)(inputs[0])
        case graph.Pool() as pool:
            return _pool(pool, node.name, inputs[0])
        case graph.SpaceToDepth(size):
            return SpaceToDepth(size, name=node.name)(inputs[0])
        case graph.Crop():
            height, width, _ = node.shape
            rows, columns = inputs[0].shape[1] - height, inputs[0].shape[2] - width
            return keras.layers.Cropping2D(((0, rows), (0, columns)), name=node.name)(inputs[0])
        case graph.Dropout(rate):
            return Dropout(rate, name=node.name)(inputs[0])
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
    padding = "same" if same else "valid"
    options = {"strides": convolution.stride, "padding": padding, "name": name, **_kernel(convolution)}
    return keras.layers.Conv2D(convolution.filters, convolution.kernel, **options)(images)


def _kernel(convolution: graph.Convolution | graph.TransposedConvolution) -> dict[str, Any]:
    return {"use_bias": convolution.bias, "kernel_initializer": initializer(convolution.initializer)}


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
    if pool.padding:  # zeros, as in keras.applications: the same as no padding behind a ReLU
        images = keras.layers.ZeroPadding2D(pool.padding, name=f"{name}_pad")(images)
    match pool.kind:
        case "avg":
            return keras.layers.AveragePooling2D(pool.size, pool.stride, name=name)(images)
        case "max":
            return keras.layers.MaxPooling2D(pool.size, pool.stride, name=name)(images)
        case _:
            assert_never(pool.kind)
