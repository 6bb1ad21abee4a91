"""How much of the image one output pixel sees, and how far apart output pixels are."""

from dataclasses import dataclass

from dnsearch.plan.graph import (
    Convolution,
    NetworkPlan,
    Node,
    Pool,
    SpaceToDepth,
    TransposedConvolution,
)


@dataclass(frozen=True, slots=True)
class Field:
    """What one pixel of a feature map stands for; exact, since strides are only ever doubled and halved.

    Args:
        receptive_field: side, in image pixels, of the square that it depends on at most.
        stride: distance, in image pixels, between two neighbours.
    """

    receptive_field: float
    stride: float


def output_field(plan: NetworkPlan) -> Field:
    """The widest field of the plan's feature maps, and the stride of the last one.

    >>> from dnsearch.plan.family import plan_network
    >>> from dnsearch.spec.network import example
    >>> output_field(plan_network(example(layers_per_block=(1, 1)), (8, 8, 1), 10))
    Field(receptive_field=10.0, stride=2.0)
    """
    fields: list[Field] = []
    for node in plan.nodes:
        fields.append(_field(node, [fields[position] for position in node.inputs]))
    maps = [field for node, field in zip(plan.nodes, fields, strict=True) if len(node.shape) == 3]
    return Field(max(map(_seen, maps)), maps[-1].stride)


def _seen(field: Field) -> float:
    return field.receptive_field


def _field(node: Node, inputs: list[Field]) -> Field:
    if not inputs:
        return Field(1.0, 1.0)
    widest = max(inputs, key=_seen) if len(inputs) > 1 else inputs[0]
    seen, stride = widest.receptive_field, widest.stride
    match node.operation:
        case Convolution(kernel=window, stride=step) | Pool(size=window, stride=step):
            return Field(seen + (window - 1) * stride, stride * step)
        case SpaceToDepth(size):
            return Field(seen + (size - 1) * stride, stride * size)
        case TransposedConvolution(kernel=kernel):
            return Field(seen + ((kernel + 1) // 2 - 1) * stride, stride / 2)
        case _:
            return widest
