"""The shape of an operation's output."""

from collections.abc import Sequence
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
