"""Which nodes of a plan become one Keras layer.

A DenseNet repeats concatenation → BatchNorm → activation → convolution. As one layer, the four cost a
quarter of the tracing and use TensorFlow's fused batch normalisation. A unit is such a run of nodes in
which each is read by the next one alone; every other node is a unit of its own.
"""

from collections import Counter
from dataclasses import dataclass

from dnsearch.plan.graph import Activation, BatchNorm, Concatenate, Convolution, NetworkPlan, Node


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

    >>> from dnsearch.plan.family import plan_network
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
