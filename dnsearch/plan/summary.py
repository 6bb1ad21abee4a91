"""Everything that is known of a network before it is built."""

from dataclasses import dataclass

from dnsearch.plan.cost import Cost, cost, part_costs
from dnsearch.plan.geometry import output_field
from dnsearch.plan.graph import NetworkPlan, Shape
from dnsearch.plan.memory import FLOAT_BYTES, kept_plain, memory, training_bytes


@dataclass(frozen=True, slots=True)
class Summary:
    """The totals of a network.

    Args:
        cost: parameters, multiply-adds and output elements.
        edges: features that the layers of all dense blocks read, together.
        layers: layers of all dense blocks.
        receptive_field: side, in image pixels, of the square that one output pixel can see.
        output_stride: distance, in image pixels, between two pixels of the last feature map.
        weights_bytes: all parameters, in float32.
        optimizer_bytes: what the optimizer keeps, in float32.
        inference_peak_bytes: activations alive at once for one image, in float32.
        training_memory_bytes: what a process grows by while it trains, plain.
        saving_memory_bytes: the same where joined features are computed again.
    """

    cost: Cost
    edges: int
    layers: int
    receptive_field: int
    output_stride: float
    weights_bytes: int
    optimizer_bytes: int
    inference_peak_bytes: int
    training_memory_bytes: int
    saving_memory_bytes: int


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


def summarize(plan: NetworkPlan, batch_size: int, slots: int) -> Summary:
    """The totals of a plan, trained with some batch size and optimizer.

    Args:
        plan: the network.
        batch_size: images that are worked through at once.
        slots: numbers that the optimizer keeps per trainable parameter.
    """
    costs, kept, field = cost(plan), memory(plan), output_field(plan)
    plain, saving = (
        training_bytes(len(plan.nodes), costs.parameters, numbers, kept.inference_peak, batch_size, slots)
        for numbers in (kept.kept_plain, kept.kept_saving)
    )
    return Summary(
        cost=costs,
        edges=sum(block.edges for block in plan.blocks),
        layers=sum(len(block.reads) for block in plan.blocks),
        receptive_field=int(field.receptive_field),
        output_stride=float(field.stride),
        weights_bytes=FLOAT_BYTES * costs.parameters,
        optimizer_bytes=FLOAT_BYTES * costs.trainable * slots,
        inference_peak_bytes=FLOAT_BYTES * kept.inference_peak,
        training_memory_bytes=plain,
        saving_memory_bytes=saving,
    )
