"""The shape of an operation's output."""

from collections.abc import Sequence
from typing import assert_never

from dnsearch.plan.graph import (
    BatchNorm,
    Classifier,
    Concatenate,
    Convolution,
    Dropout,
    GlobalAverage,
    Input,
    LeakyRelu,
    Operation,
    Pool,
    Shape,
)


def output_shape(operation: Operation, inputs: Sequence[Shape]) -> Shape:
    """Shape of the output, without the batch.

    >>> output_shape(Pool("avg", size=2, stride=2, padding=0), [(33, 33, 24)])
    (16, 16, 24)
    """
    match operation:
        case Input(shape):
            return shape
        case Convolution(filters, kernel, stride):
            height, width, _ = inputs[0]
            pad = kernel // 2
            return (steps(height, kernel, stride, pad), steps(width, kernel, stride, pad), filters)
        case Pool(_, size, stride, padding):
            height, width, channels = inputs[0]
            return (steps(height, size, stride, padding), steps(width, size, stride, padding), channels)
        case Concatenate():
            height, width, _ = inputs[0]
            return (height, width, sum(shape[-1] for shape in inputs))
        case GlobalAverage():
            return inputs[0][-1:]
        case Classifier(classes):
            return (classes,)
        case BatchNorm() | LeakyRelu() | Dropout():
            return inputs[0]
        case _:
            assert_never(operation)


def steps(side: int, window: int, stride: int, padding: int) -> int:
    """How many positions a window has along a side; what does not fill a last step is left out.

    >>> steps(224, window=7, stride=2, padding=3)
    112
    """
    return (side + 2 * padding - window) // stride + 1
