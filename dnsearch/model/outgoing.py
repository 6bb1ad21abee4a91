"""A trained network as values: what each format that leaves the house is written from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import keras
import numpy as np
from numpy.typing import NDArray

from dnsearch.model.units import units
from dnsearch.plan import graph
from dnsearch.plan.graph import NetworkPlan, Operation

Arrays = Mapping[str, NDArray[np.float32]]
"""Kind of a weight, such as ``kernel`` → its numbers."""

BATCH_NORM = ("gamma", "beta", "moving_mean", "moving_variance")


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A trained network that is to leave the house.

    Args:
        plan: the network.
        weights: as ``weights_by_node`` gives them.
        offset: taken from each pixel, one number per channel.
        scale: what each pixel is then divided by, one number per channel.
        pixels: the type of the raw pixels.
    """

    plan: NetworkPlan
    weights: Mapping[str, Arrays]
    offset: tuple[float, ...]
    scale: tuple[float, ...]
    pixels: Literal["uint8", "float32"]


def weights_by_node(plan: NetworkPlan, model: keras.Model) -> dict[str, Arrays]:
    """The weights of a model that ``build`` built, by the names of the plan's nodes.

    Args:
        plan: the network.
        model: the same, built and filled.

    Returns:
        name of a node → its weights: ``gamma``, ``beta``, ``moving_mean`` and ``moving_variance`` of a
        BatchNorm, ``slope`` (channels,) of a prelu, ``kernel`` and maybe ``bias`` of the others. Nodes
        without weights have none.
    """
    layers: dict[str, dict[str, NDArray[np.float32]]] = {}
    for weight in model.weights:
        layer, _, kind = weight.path.rpartition("/")
        layers.setdefault(layer, {})["slope" if kind == "alpha" else kind] = np.asarray(weight)
    return {
        node.name: _own(node.operation, layers.get(unit.nodes[-1].name, {}))
        for unit in units(plan)
        for node in unit.nodes
    }


def _own(operation: Operation, layer: Arrays) -> Arrays:
    """The weights of a fused layer that belong to one of its operations."""
    match operation:
        case graph.BatchNorm():
            kinds: tuple[str, ...] = BATCH_NORM
        case graph.Activation():
            return {"slope": layer["slope"].ravel()} if "slope" in layer else {}
        case _:
            kinds = ("kernel", "bias")
    return {kind: layer[kind] for kind in kinds if kind in layer}
