"""Everything that is known of a network before it is built."""

from dataclasses import dataclass
from functools import cached_property

from dnsearch.plan.cost import Cost, cost, part_costs
from dnsearch.plan.graph import NetworkPlan, Shape
from dnsearch.plan.memory import FLOAT_BYTES, inference_peak, kept_plain, kept_recomputing, training_bytes
from dnsearch.plan.shapes import output_field


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
