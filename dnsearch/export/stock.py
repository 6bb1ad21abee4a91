"""A trained network in Keras' own layers, and the files that are written from these.

In training one layer concatenates, normalises, activates and convolves. Other programs know no such layer, so
here every node of the plan is a stock layer of its own name, after one that scales the pixels.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import keras
import numpy as np
from numpy.typing import NDArray

from dnsearch.model.activations import Tensor
from dnsearch.model.build import alone
from dnsearch.plan import graph
from dnsearch.plan.graph import NetworkPlan, Node, Operation, units

Arrays = Mapping[str, NDArray[np.float32]]
"""Kind of a weight, such as ``kernel`` → its numbers."""

BATCH_NORM = ("gamma", "beta", "moving_mean", "moving_variance")


@dataclass(frozen=True, slots=True)
class TrainedWeights:
    """All that a format is written from; pixels become ``(pixel - offset) / scale``, channel by channel."""

    plan: NetworkPlan
    weights: Mapping[str, Arrays]
    offset: tuple[float, ...]
    scale: tuple[float, ...]
    pixels: Literal["uint8", "float32"]


def weights_by_node(plan: NetworkPlan, model: keras.Model) -> dict[str, Arrays]:
    """The weights of a model that ``build`` built, by the names of the plan's nodes; perhaps none.

    A BatchNorm has those of ``BATCH_NORM``, a prelu ``slope`` (channels,), others ``kernel`` and ``bias``.
    """
    layers: dict[str, dict[str, NDArray[np.float32]]] = {}
    for weight in model.weights:
        layer, _, kind = weight.path.rpartition("/")
        layers.setdefault(layer, {})["slope" if kind == "alpha" else kind] = np.asarray(weight)
    fused = {plan.nodes[place].name: plan.nodes[unit[-1]].name for unit in units(plan) for place in unit}
    return {node.name: _own(node.operation, layers.get(fused[node.name], {})) for node in plan.nodes}


def _own(operation: Operation, layer: Arrays) -> Arrays:
    """The weights of a fused layer that belong to one of its operations."""
    if isinstance(operation, graph.Activation):
        return {"slope": layer["slope"].ravel()} if "slope" in layer else {}
    kinds = BATCH_NORM if isinstance(operation, graph.BatchNorm) else ("kernel", "bias")
    return {kind: layer[kind] for kind in kinds if kind in layer}


def stock_model(network: TrainedWeights) -> keras.Model:
    """A model from raw pixels to ``{"logits": …, "probabilities": …}``, in stock layers alone.

    From ``(batch, height, width, channels)`` to ``(batch, classes)``; a U-Net keeps height and width.
    """
    nodes = network.plan.nodes
    image = keras.Input(nodes[0].shape, dtype=network.pixels, name="images")
    factors = [1 / each for each in network.scale]
    shifts = [-each / by for each, by in zip(network.offset, network.scale, strict=True)]
    tensors: list[Tensor] = [keras.layers.Rescaling(factors, shifts, name="scaling")(image)]
    for node in nodes[1:]:
        tensors.append(_layer(node, [tensors[position] for position in node.inputs]))
    likely = keras.layers.Softmax(name="probabilities")(tensors[-1])
    model = keras.Model(image, {"logits": tensors[-1], "probabilities": likely}, name="network")
    for node in nodes[1:]:
        if arrays := network.weights[node.name]:
            for weight in model.get_layer(node.name).weights:
                kind = "slope" if weight.name == "alpha" else weight.name
                weight.assign(arrays[kind].reshape(weight.shape))
    return model


def _layer(node: Node, inputs: list[Tensor]) -> Tensor:
    """The output of a node in stock layers; all but three operations are such layers in our network too."""
    match node.operation:
        case graph.BatchNorm(momentum, epsilon):
            norm = keras.layers.BatchNormalization(momentum=momentum, epsilon=epsilon, name=node.name)
            return norm(inputs[0])
        case graph.Dropout(rate):
            return keras.layers.Dropout(rate, name=node.name)(inputs[0])
        case graph.SpaceToDepth(size):
            height, width, _ = node.shape
            cells = keras.layers.Reshape((height, size, width, size, -1), name=f"{node.name}_cells")
            joined = keras.layers.Permute((1, 3, 2, 4, 5), name=f"{node.name}_joined")
            return keras.layers.Reshape(node.shape, name=node.name)(joined(cells(inputs[0])))
        case _:
            return alone(node, inputs)


def write_saved_model(network: TrainedWeights, folder: Path) -> None:
    """Write a TensorFlow SavedModel with the signature ``serving_default`` into a folder."""
    stock_model(network).export(folder, format="tf_saved_model", verbose=False)


def write_litert(network: TrainedWeights, folder: Path) -> None:
    """Write ``model.tflite`` in float32, without quantisation, with the signature ``serving_default``."""
    stock_model(network).export(folder / "model.tflite", format="litert", verbose=False)


def write_keras_weights(network: TrainedWeights, folder: Path) -> None:
    """Write ``model.weights.h5``, and the layers that the weights belong to as ``model.json``."""
    model = stock_model(network)
    model.save_weights(folder / "model.weights.h5")
    (folder / "model.json").write_text(model.to_json(indent=2), encoding="utf-8")
