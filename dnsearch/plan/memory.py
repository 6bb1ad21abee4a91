"""What a network needs in memory, and what else is known of it before it is built.

Plain training keeps, for the backward pass, the output of every operation but activations and dropout, which
work in place: for each pre-activated convolution the joined features, the normalised ones and the
convolution's own. With ``memory: recompute`` (Pleiss et al., 2017, arXiv 1707.06990) joined and normalised
features that a convolution right behind them reads are not kept; they are computed again.
"""

from dataclasses import dataclass
from functools import cached_property
from math import prod

from dnsearch.plan.cost import Cost, cost, node_cost, output_field, total
from dnsearch.plan.graph import PREACTIVATION, Activation, BatchNorm, Dropout, NetworkPlan, Node, Shape, units

FLOAT_BYTES = 4


def kept_of(node: Node) -> int:
    """The numbers that plain training keeps of a node for the backward pass, for one image."""
    return 0 if isinstance(node.operation, (Activation, Dropout)) else prod(node.shape)


def kept_plain(plan: NetworkPlan) -> int:
    """The sum over all nodes."""
    return sum(map(kept_of, plan.nodes))


def kept_recomputing(plan: NetworkPlan) -> int:
    """The same for training with ``memory: recompute``."""
    return kept_plain(plan) - sum(kept_of(plan.nodes[position]) for position in recomputed_nodes(plan))


def recomputed_nodes(plan: NetworkPlan) -> set[int]:
    """Positions of the joined and normalised features that recomputing training computes again."""
    whole = [unit for unit in units(plan) if len(unit) == 1 + len(PREACTIVATION)]
    return {position for unit in whole for position in unit[:2]}


def inference_peak(plan: NetworkPlan) -> int:
    """The most numbers alive at once for one image: freed after their last reader, activations in place."""
    sizes = [prod(node.shape) for node in plan.nodes]
    last_reader = {position: number for number, node in enumerate(plan.nodes) for position in node.inputs}
    freed = [0] * len(sizes)
    for position, number in last_reader.items():
        freed[number] += sizes[position]
    alive = peak = 0
    for number, node in enumerate(plan.nodes):
        one_to_one = isinstance(node.operation, (Activation, Dropout, BatchNorm))
        if not (one_to_one and last_reader[node.inputs[0]] == number):  # else it overwrites its input
            peak = max(peak, alive + sizes[number])
        alive += sizes[number] - freed[number]
    return peak


@dataclass(frozen=True, repr=False)
class Summary:
    """The totals of a network, each worked out when it is asked for: a space is measured by a few of them.

    Args:
        plan: the network.
        batch_size: images that are worked through at once.
        slots: numbers that the optimizer keeps per trainable parameter.
    """

    plan: NetworkPlan
    batch_size: int
    slots: int

    def __repr__(self) -> str:
        parameters, macs, memory = self.cost.parameters, self.cost.macs, self.training_memory_bytes
        return f"Summary({parameters=:,}, {macs=:,}, training_memory_bytes={memory:,})"

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

    def _training(self, kept: int) -> int:
        """The most that a process grows by while it trains in float32 on a processor.

        The numbers kept for the backward pass are exact. What comes on top (the graph, copies of the
        parameters, the gradients of the features at hand) was fitted to eighteen trainings of 0.06 to 3.2 GB,
        plain and recomputing; the sum is within 11 % of what they took (``tests/benchmarks/memory.json``).
        """
        gradients = round(2.75 * self.inference_peak_bytes / FLOAT_BYTES)
        numbers = self.batch_size * (kept + gradients) + self.cost.parameters * (9 + self.slots)
        return 28_000_000 + 300_000 * len(self.plan.nodes) + FLOAT_BYTES * numbers


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a network: the stem, a block or level, a transition, the head."""

    name: str
    shape: Shape  # of its output
    layers: int  # 0 where it is no dense block
    edges: int  # features that those layers read, together
    cost: Cost
    kept: int  # numbers that plain training keeps of it for one image


def parts(plan: NetworkPlan) -> list[Part]:
    """The parts of a plan, in the order of the network."""
    wiring = {block.part: (len(block.reads), block.edges) for block in plan.blocks}
    found = []
    for name in plan.parts:
        nodes = [node for node in plan.nodes if node.part == name]
        costs, kept = total(node_cost(plan, node) for node in nodes), sum(map(kept_of, nodes))
        found.append(Part(name, nodes[-1].shape, *wiring.get(name, (0, 0)), costs, kept))
    return found
