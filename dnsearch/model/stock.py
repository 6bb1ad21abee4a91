"""A trained network in Keras' own layers, from raw pixels to probabilities.

Training has one layer for concatenation, BatchNorm, activation and convolution. Others know no such layer,
so here every node of the plan is a stock layer of its own name, and the scaling of the pixels is the first.
"""

from collections.abc import Sequence
from typing import Any

import keras

from dnsearch.model.build import alone
from dnsearch.model.outgoing import Arrays, Outgoing
from dnsearch.plan import graph
from dnsearch.plan.graph import Node

Tensor = Any


def stock_model(network: Outgoing) -> keras.Model:
    """A model from raw pixels to ``{"logits": …, "probabilities": …}``, in stock layers alone.

    The input has shape ``(batch, height, width, channels)``, each output ``(batch, classes)`` or, for a
    U-Net, ``(batch, height, width, classes)``.
    """
    nodes = network.plan.nodes
    image = keras.Input(nodes[0].shape, dtype=network.pixels, name="images")
    tensors: list[Tensor] = [_scaled(image, network.offset, network.scale)]
    for node in nodes[1:]:
        tensors.append(_layer(node, [tensors[position] for position in node.inputs]))
    likely = keras.layers.Softmax(name="probabilities")(tensors[-1])
    model = keras.Model(image, {"logits": tensors[-1], "probabilities": likely}, name="network")
    for node in nodes[1:]:
        if arrays := network.weights[node.name]:
            _fill(model.get_layer(node.name), arrays)
    return model


def _scaled(image: Tensor, offset: Sequence[float], scale: Sequence[float]) -> Tensor:
    factors = [1 / each for each in scale]
    shifts = [-each / by for each, by in zip(offset, scale, strict=True)]
    return keras.layers.Rescaling(factors, shifts, name="scaling")(image)


def _layer(node: Node, inputs: list[Tensor]) -> Tensor:
    match node.operation:
        case graph.BatchNorm(momentum, epsilon):
            layer = keras.layers.BatchNormalization(momentum=momentum, epsilon=epsilon, name=node.name)
            return layer(inputs[0])
        case graph.SpaceToDepth(size):
            return _space_to_depth(node, size, inputs[0])
        case _:
            return alone(node, inputs)


def _space_to_depth(node: Node, size: int, images: Tensor) -> Tensor:
    height, width, _ = node.shape
    cells = keras.layers.Reshape((height, size, width, size, -1), name=f"{node.name}_cells")(images)
    joined = keras.layers.Permute((1, 3, 2, 4, 5), name=f"{node.name}_joined")(cells)
    return keras.layers.Reshape(node.shape, name=node.name)(joined)


def _fill(layer: keras.layers.Layer, arrays: Arrays) -> None:
    for weight in layer.weights:
        kind = "slope" if weight.name == "alpha" else weight.name
        weight.assign(arrays[kind].reshape(weight.shape))
