"""Growing a plan node by node; shapes are worked out on the way."""

from collections.abc import Sequence

from dnsearch.plan.graph import Block, Concatenate, Link, NetworkPlan, Node, Operation, Shape
from dnsearch.plan.shapes import output_shape

Named = tuple[str, Operation]
"""An operation and the last part of its node's name."""


class Builder:
    """A plan in the making. Nodes are named by their positions, the numbers that ``add`` returns."""

    def __init__(self) -> None:
        self._nodes: list[Node] = []
        self._blocks: list[Block] = []
        self._links: list[Link] = []

    def add(self, part: str, name: str, operation: Operation, *inputs: int) -> int:
        """Append one operation; returns its position."""
        nodes = self._nodes
        shape = output_shape(operation, [nodes[position].shape for position in inputs])
        nodes.append(Node(name, part, operation, inputs, shape))
        return len(nodes) - 1

    def join(self, part: str, name: str, inputs: Sequence[int]) -> int:
        """Concatenate features; a single one is left as it is."""
        return inputs[0] if len(inputs) == 1 else self.add(part, name, Concatenate(), *inputs)

    def chain(self, part: str, name: str, operations: Sequence[Named], start: int) -> int:
        """Append operations one after the other; each is given a suffix of the name."""
        for suffix, operation in operations:
            start = self.add(part, f"{name}_{suffix}", operation, start)
        return start

    def note_block(self, block: Block) -> None:
        """Keep how a block is connected."""
        self._blocks.append(block)

    def note_link(self, link: Link) -> None:
        """Keep a connection between parts."""
        self._links.append(link)

    def shape(self, position: int) -> Shape:
        """Shape of a node's output."""
        return self._nodes[position].shape

    def finished(self) -> NetworkPlan:
        """The plan."""
        return NetworkPlan(tuple(self._nodes), tuple(self._blocks), tuple(self._links))
