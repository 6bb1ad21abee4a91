"""What a network needs in memory, and what else is known of it before it is built.

Plain training keeps, for the backward pass, the output of every operation but activations and dropout, which
work in place: for each pre-activated convolution the joined features, the normalised ones and the
convolution's own. With ``memory: recompute`` (Pleiss et al., 2017, arXiv 1707.06990) joined and normalised
features that a convolution right behind them reads are not kept; they are computed again.
"""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from math import prod

from dnsearch.plan.cost import Cost, cost, part_costs
from dnsearch.plan.graph import (
    Activation,
    BatchNorm,
    Concatenate,
    Convolution,
    Dropout,
    NetworkPlan,
    Node,
    Shape,
)
from dnsearch.plan.shapes import output_field

FLOAT_BYTES = 4
IN_PLACE = (Activation, Dropout)
OVERWRITING = (*IN_PLACE, BatchNorm)
"""What can put its output where its input was: one number in, one number out."""

START_BYTES, NODE_BYTES = 28_000_000, 300_000
"""What a first training step takes whatever the network, and for each node of its plan."""
COPIES = 9
"""How many numbers there are per parameter, beside the optimizer's."""
GRADIENTS = 2.75
"""What is alive beside the numbers kept, as a share of the inference peak."""


def kept_plain(plan: NetworkPlan) -> list[int]:
    """For each node the numbers that plain training keeps of it for the backward pass, for one image."""
    return [0 if isinstance(node.operation, IN_PLACE) else prod(node.shape) for node in plan.nodes]


def kept_recomputing(plan: NetworkPlan) -> list[int]:
    """The same for training with ``memory: recompute``."""
    recomputed = recomputed_nodes(plan)
    return [0 if node in recomputed else elements for node, elements in enumerate(kept_plain(plan))]


def recomputed_nodes(plan: NetworkPlan) -> set[int]:
    """Positions of joined and normalised features that recomputing training computes again.

    They start from a concatenation that only they read and end at a convolution.
    """
    readers = Counter(chain.from_iterable(node.inputs for node in plan.nodes))
    found: set[int] = set()
    for position, node in enumerate(plan.nodes):
        if isinstance(node.operation, BatchNorm) and _joins_and_convolves(plan, position, readers):
            found |= {position, node.inputs[0]}
    return found


def _joins_and_convolves(plan: NetworkPlan, norm: int, readers: Counter[int]) -> bool:
    """Whether a BatchNorm reads a concatenation alone and leads to a convolution through an activation."""
    joined = plan.nodes[norm].inputs[0]
    if not isinstance(plan.nodes[joined].operation, Concatenate) or readers[joined] > 1:
        return False
    behind = plan.nodes[norm + 1 : norm + 3]
    kinds = [type(node.operation) for node in behind]
    return kinds == [Activation, Convolution] and [node.inputs for node in behind] == [(norm,), (norm + 1,)]


def inference_peak(plan: NetworkPlan) -> int:
    """The most numbers alive at once for one image: freed after their last reader, activations in place."""
    sizes = [prod(node.shape) for node in plan.nodes]
    last_reader = {position: number for number, node in enumerate(plan.nodes) for position in node.inputs}
    freed = [0] * len(sizes)
    for position, number in last_reader.items():
        freed[number] += sizes[position]
    alive = peak = 0
    for number, node in enumerate(plan.nodes):
        if not _overwrites(number, node, last_reader):
            peak = max(peak, alive + sizes[number])
        alive += sizes[number] - freed[number]
    return peak


def _overwrites(number: int, node: Node, last_reader: dict[int, int]) -> bool:
    """Whether an operation can put its output where its input was."""
    return isinstance(node.operation, OVERWRITING) and last_reader[node.inputs[0]] == number


def training_bytes(nodes: int, parameters: int, kept: int, peak: int, batch_size: int, slots: int) -> int:
    """The most that a process grows by while it trains in float32 on a processor.

    What is kept for the backward pass is exact. What comes on top (the graph, copies of the parameters, the
    gradients of the features at hand) was fitted to eighteen trainings of 0.06 to 3.2 GB, plain and with
    recomputing, and the sum is within 11 % of what they took (``tests/benchmarks/memory.json``).

    Args:
        nodes: nodes of the plan.
        parameters: all its parameters.
        kept: numbers kept for the backward pass, for one image.
        peak: the inference peak, for one image.
        batch_size: images that are worked through at once.
        slots: numbers that the optimizer keeps per trainable parameter; SGD with momentum 1, Adam 2.
    """
    numbers = kept * batch_size + round(GRADIENTS * peak) * batch_size
    numbers += parameters * (COPIES + slots)
    return START_BYTES + NODE_BYTES * nodes + FLOAT_BYTES * numbers


@dataclass(frozen=True)
class Summary:
    """The totals of a network, each worked out when it is asked for: a space is measured by a few of them.

    Args:
        plan: the network.
        batch_size: images that are worked through at once.
        slots: numbers that the optimizer keeps per trainable parameter.

    >>> from dnsearch.plan.densenet import densenet
    >>> from dnsearch.spec.network import example
    >>> Summary(densenet(example(), (8, 8, 1), classes=10), batch_size=64, slots=1).layers
    6
    """

    plan: NetworkPlan
    batch_size: int
    slots: int

    @cached_property
    def cost(self) -> Cost:
        """Parameters, multiply-adds and output elements."""
        return cost(self.plan)

    @property
    def edges(self) -> int:
        """Features that the layers of all dense blocks read, together."""
        return sum(block.edges for block in self.plan.blocks)

    @property
    def layers(self) -> int:
        """Layers of all dense blocks."""
        return sum(len(block.reads) for block in self.plan.blocks)

    @property
    def receptive_field(self) -> int:
        """Side, in image pixels, of the square that one output pixel can see."""
        return int(output_field(self.plan).receptive_field)

    @property
    def output_stride(self) -> float:
        """Distance, in image pixels, between two pixels of the last feature map."""
        return output_field(self.plan).stride

    @property
    def weights_bytes(self) -> int:
        """All parameters, in float32."""
        return FLOAT_BYTES * self.cost.parameters

    @property
    def optimizer_bytes(self) -> int:
        """What the optimizer keeps, in float32."""
        return FLOAT_BYTES * self.cost.trainable * self.slots

    @cached_property
    def inference_peak_bytes(self) -> int:
        """Activations alive at once for one image, in float32."""
        return FLOAT_BYTES * inference_peak(self.plan)

    @cached_property
    def training_memory_bytes(self) -> int:
        """What a process grows by while it trains, plain."""
        return self._training(kept_plain(self.plan))

    @cached_property
    def recompute_memory_bytes(self) -> int:
        """The same where joined features are computed again."""
        return self._training(kept_recomputing(self.plan))

    def _training(self, kept: list[int]) -> int:
        nodes, peak = len(kept), self.inference_peak_bytes // FLOAT_BYTES
        return training_bytes(nodes, self.cost.parameters, sum(kept), peak, self.batch_size, self.slots)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a network: the stem, a block or level, a transition, the head.

    Args:
        name: what the part is called.
        shape: shape of its output.
        layers: layers, where it is a dense block.
        edges: features that those layers read, together.
        cost: what its nodes cost.
        kept: numbers that plain training keeps of it for one image.
    """

    name: str
    shape: Shape
    layers: int
    edges: int
    cost: Cost
    kept: int


def parts(plan: NetworkPlan) -> list[Part]:
    """The parts of a plan, in the order of the network."""
    blocks = {block.part: block for block in plan.blocks}
    shapes = {node.part: node.shape for node in plan.nodes}
    kept = dict.fromkeys(shapes, 0)
    for node, elements in zip(plan.nodes, kept_plain(plan), strict=True):
        kept[node.part] += elements
    return [
        Part(
            name=name,
            shape=shapes[name],
            layers=len(blocks[name].reads) if name in blocks else 0,
            edges=blocks[name].edges if name in blocks else 0,
            cost=cost,
            kept=kept[name],
        )
        for name, cost in part_costs(plan).items()
    ]
