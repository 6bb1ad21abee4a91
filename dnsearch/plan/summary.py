"""Everything that is known of a network before it is built."""

from dataclasses import dataclass

from dnsearch.plan.cost import Cost, cost
from dnsearch.plan.geometry import output_field
from dnsearch.plan.graph import NetworkPlan
from dnsearch.plan.memory import FLOAT_BYTES, memory, training_bytes


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
        training_memory_bytes: one training step, plain.
        saving_memory_bytes: one training step that computes joined features again.
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


def summarize(plan: NetworkPlan, batch_size: int, slots: int) -> Summary:
    """The totals of a plan, trained with some batch size and optimizer.

    Args:
        plan: the network.
        batch_size: images per step.
        slots: numbers that the optimizer keeps per trainable parameter.
    """
    costs, kept, field = cost(plan), memory(plan), output_field(plan)
    return Summary(
        cost=costs,
        edges=sum(block.edges for block in plan.blocks),
        layers=sum(len(block.reads) for block in plan.blocks),
        receptive_field=int(field.receptive_field),
        output_stride=float(field.stride),
        weights_bytes=FLOAT_BYTES * costs.parameters,
        optimizer_bytes=FLOAT_BYTES * costs.trainable * slots,
        inference_peak_bytes=FLOAT_BYTES * kept.inference_peak,
        training_memory_bytes=training_bytes(kept.kept_plain, costs, batch_size, slots),
        saving_memory_bytes=training_bytes(kept.kept_saving, costs, batch_size, slots),
    )
