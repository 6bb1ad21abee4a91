"""What a plan costs, exactly: parameters, multiply-adds, output elements.

Multiply-adds count convolutions and the classifier only, as the papers do; biases, normalisation,
activations and poolings are left out.
"""

from collections.abc import Iterable
from math import prod
from typing import NamedTuple, assert_never

from dnsearch.plan.graph import (
    Activation,
    BatchNorm,
    Classifier,
    Concatenate,
    Convolution,
    Crop,
    Dropout,
    GlobalAverage,
    Input,
    NetworkPlan,
    Node,
    Pool,
    SpaceToDepth,
    TransposedConvolution,
)


class Cost(NamedTuple):
    """The cost of a node, a part or a whole network, for one image.

    A named tuple, since a space is measured by millions of them; a frozen dataclass takes thrice as long.

    Args:
        trainable: trainable parameters.
        other: parameters that are not trained: BatchNorm's moving statistics.
        macs: multiply-adds of convolutions and classifier.
        output_elements: numbers that the nodes put out, all together.
    """

    trainable: int
    other: int
    macs: int
    output_elements: int

    @property
    def parameters(self) -> int:
        """All parameters, as Keras counts them."""
        return self.trainable + self.other


def node_cost(plan: NetworkPlan, node: Node) -> Cost:
    """The cost of one node of the plan."""
    elements = prod(node.shape)
    match node.operation:
        case BatchNorm():
            channels = node.shape[-1]
            return Cost(2 * channels, 2 * channels, 0, elements)
        case Convolution(filters, kernel, _, bias):
            height, width, _ = node.shape
            weights = kernel * kernel * plan.nodes[node.inputs[0]].shape[-1] * filters
            return Cost(weights + bias * filters, 0, height * width * weights, elements)
        case TransposedConvolution(filters, kernel, bias):
            height, width, channels = plan.nodes[node.inputs[0]].shape
            weights = kernel * kernel * channels * filters
            return Cost(weights + bias * filters, 0, height * width * weights, elements)
        case Classifier(classes):
            weights = plan.nodes[node.inputs[0]].shape[-1] * classes
            return Cost(weights + classes, 0, weights, elements)
        case Activation(kind="prelu"):
            return Cost(node.shape[-1], 0, 0, elements)
        case (
            Input()
            | Activation()
            | Pool()
            | SpaceToDepth()
            | Crop()
            | Dropout()
            | Concatenate()
            | GlobalAverage()
        ):
            return Cost(0, 0, 0, elements)
        case _:
            assert_never(node.operation)


def cost(plan: NetworkPlan) -> Cost:
    """The cost of the whole network.

    >>> from dnsearch.plan.densenet import densenet
    >>> from dnsearch.spec.document import load
    >>> cost(densenet(load("article").experiment.network, (32, 32, 3), 10)).parameters
    504052
    """
    return total(node_cost(plan, node) for node in plan.nodes)


def part_costs(plan: NetworkPlan) -> dict[str, Cost]:
    """Part → its cost, in the order of the network."""
    nodes: dict[str, list[Cost]] = {part: [] for part in plan.parts}
    for node in plan.nodes:
        nodes[node.part].append(node_cost(plan, node))
    return {part: total(costs) for part, costs in nodes.items()}


def total(costs: Iterable[Cost]) -> Cost:
    """The sum of costs.

    >>> total([Cost(1, 2, 3, 4), Cost(10, 20, 30, 40)])
    Cost(trainable=11, other=22, macs=33, output_elements=44)
    """
    return Cost(*map(sum, zip(*costs, strict=True)))
