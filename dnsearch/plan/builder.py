"""Growing a plan node by node; shapes are worked out on the way."""

from collections.abc import Sequence

from dnsearch.plan.graph import Concatenate, NetworkPlan, Node, Operation
from dnsearch.plan.shapes import output_shape


class Builder:
    """A plan in the making. Nodes are named by their positions, the numbers that ``add`` returns."""

    def __init__(self) -> None:
        self._nodes: list[Node] = []

    def add(self, part: str, name: str, operation: Operation, *inputs: int) -> int:
        """Append one operation; returns its position."""
        shape = output_shape(operation, [self._nodes[position].shape for position in inputs])
        self._nodes.append(Node(name, part, operation, inputs, shape))
        return len(self._nodes) - 1

    def join(self, part: str, name: str, inputs: Sequence[int]) -> int:
        """Concatenate features; a single one is left as it is."""
        return inputs[0] if len(inputs) == 1 else self.add(part, name, Concatenate(), *inputs)

    def chain(self, part: str, name: str, operations: Sequence[tuple[str, Operation]], start: int) -> int:
        """Append operations one after the other; each is given a suffix of the name."""
        for suffix, operation in operations:
            start = self.add(part, f"{name}_{suffix}", operation, start)
        return start

    def shape(self, position: int) -> tuple[int, ...]:
        """Shape of a node's output."""
        return self._nodes[position].shape

    def finished(self) -> NetworkPlan:
        """The plan."""
        return NetworkPlan(tuple(self._nodes))
