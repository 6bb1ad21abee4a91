"""Shapes of operations' outputs; the receptive field and the stride of feature maps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

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
    Operation,
    Pool,
    Shape,
    SpaceToDepth,
    TransposedConvolution,
)


def output_shape(operation: Operation, inputs: Sequence[Shape]) -> Shape:
    """Shape of the output, without the batch.

    >>> output_shape(Pool("avg", size=2, stride=2, padding=0), [(33, 33, 24)])
    (16, 16, 24)
    """
    match operation:
        case BatchNorm() | Activation() | Dropout():
            return inputs[0]
        case Convolution(filters, kernel, stride):
            return (*_swept(inputs[0], kernel, stride, operation.padding), filters)
        case Concatenate():
            return (*inputs[0][:-1], sum(shape[-1] for shape in inputs))
        case Pool(_, size, stride, padding):
            return (*_swept(inputs[0], size, stride, padding), inputs[0][-1])
        case TransposedConvolution(filters):
            return (2 * inputs[0][0], 2 * inputs[0][1], filters)
        case SpaceToDepth(size):
            height, width, channels = inputs[0]
            return (height // size, width // size, channels * size * size)
        case Crop(height, width):
            return (height, width, inputs[0][-1])
        case GlobalAverage():
            return inputs[0][-1:]
        case Classifier(classes):
            return (classes,)
        case Input(shape):
            return shape
        case _:
            assert_never(operation)


def _swept(shape: Shape, window: int, stride: int, padding: int) -> tuple[int, int]:
    height, width, _ = shape
    return steps(height, window, stride, padding), steps(width, window, stride, padding)


def steps(side: int, window: int, stride: int, padding: int) -> int:
    """How many positions a window has along a side; what does not fill a last step is left out.

    >>> steps(224, window=7, stride=2, padding=3)
    112
    """
    return (side + 2 * padding - window) // stride + 1


@dataclass(frozen=True, slots=True)
class Field:
    """What one pixel of a feature map sees; exact, since strides are only ever doubled and halved.

    Args:
        receptive_field: side, in image pixels, of the square that it depends on at most.
        stride: distance, in image pixels, between two neighbours.
    """

    receptive_field: float
    stride: float


def output_field(plan: NetworkPlan) -> Field:
    """The widest field of the plan's feature maps, and the stride of the last one.

    >>> from dnsearch.plan.network import plan_network
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
