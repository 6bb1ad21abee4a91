"""Which nodes of a plan become one Keras layer.

A DenseNet repeats concatenation → BatchNorm → activation → convolution. As one layer, the four cost a
quarter of the tracing and use TensorFlow's fused batch normalisation. A unit is such a run of nodes in
which each is read by the next one alone; every other node is a unit of its own.

From a plan to a functional ``keras.Model``: one layer per unit.
"""

import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, assert_never

import keras

from dnsearch.model.layers import NormalizedConvolution, SpaceToDepth, initializer
from dnsearch.plan import graph
from dnsearch.plan.graph import Activation, BatchNorm, Concatenate, Convolution, NetworkPlan, Node, Shape


@dataclass(frozen=True, slots=True)
class Unit:
    """Nodes that become one layer.

    Args:
        nodes: at least one, in the order of the plan.
        inputs: positions of the nodes that the unit reads.
        output: position of its last node.
    """

    nodes: tuple[Node, ...]
    inputs: tuple[int, ...]
    output: int


def units(plan: NetworkPlan) -> tuple[Unit, ...]:
    """The plan cut into units, in an order in which each comes after what it reads.

    >>> from dnsearch.plan.network import plan_network
    >>> from dnsearch.spec.network import example
    >>> plan = plan_network(example(), (8, 8, 1), classes=10)
    >>> len(plan.nodes), len(units(plan))
    (56, 21)
    """
    readers = Counter(position for node in plan.nodes for position in node.inputs)
    found = []
    position = 0
    while position < len(plan.nodes):
        length = _unit_length(plan, position, readers)
        nodes = plan.nodes[position : position + length]
        found.append(Unit(nodes, nodes[0].inputs, position + length - 1))
        position += length
    return tuple(found)


def _unit_length(plan: NetworkPlan, start: int, readers: Counter[int]) -> int:
    """How many nodes from ``start`` on make one unit."""
    pattern: list[type] = [Concatenate, BatchNorm, Activation, Convolution]
    if isinstance(plan.nodes[start].operation, BatchNorm):
        pattern = pattern[1:]
    if not isinstance(plan.nodes[start].operation, pattern[0]):
        return 1
    length = 1
    for kind in pattern[1:]:
        position = start + length
        follows = position < len(plan.nodes) and plan.nodes[position].inputs == (position - 1,)
        if not follows or readers[position - 1] > 1:
            break
        if not isinstance(plan.nodes[position].operation, kind):
            break
        length += 1
    return length


Tensor = Any


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

    >>> from dnsearch.plan.network import plan_network
    >>> from dnsearch.spec.network import example
    >>> build(plan_network(example(), (8, 8, 1), classes=10)).output_shape
    (None, 10)
    """
    tensors: dict[int, Tensor] = {}
    with _computing_in(precision):
        for unit in units(plan):
            inputs = [tensors[position] for position in unit.inputs]
            tensors[unit.output] = _applied(unit, inputs, recompute)
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


def _applied(unit: Unit, inputs: list[Tensor], recompute: bool) -> Tensor:
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
        recompute=recompute and len(inputs) > 1,
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
