"""Operations and shapes in a few words, for the boxes of a picture."""

from collections.abc import Iterable, Sequence
from itertools import groupby
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
    Node,
    Operation,
    Pool,
    Shape,
    SpaceToDepth,
    TransposedConvolution,
)
from dnsearch.report.drawing.marks import text_width

ACTIVATIONS = {
    "relu": "ReLU",
    "leaky_relu": "LeakyReLU",
    "prelu": "PReLU",
    "elu": "ELU",
    "gelu": "GELU",
    "silu": "SiLU",
    "mish": "Mish",
}


def shape_words(shape: Shape) -> str:
    """A shape as it is read.

    >>> shape_words((32, 32, 24))
    '32x32x24'
    """
    return "x".join(map(str, shape))


def step_words(operation: Operation) -> str:
    """An operation in a few words.

    >>> step_words(Pool("avg", size=2, stride=2, padding=0)), step_words(Pool("max", 3, 2, 1))
    ('avg pool 2x2', 'max pool 3x3, stride 2')
    """
    match operation:
        case Input():
            return "images"
        case Convolution(kernel=kernel, stride=stride):
            return f"conv {kernel}x{kernel}" + (f", stride {stride}" if stride > 1 else "")
        case TransposedConvolution(kernel=kernel):
            return f"transposed conv {kernel}x{kernel}, stride 2"
        case BatchNorm():
            return "BN"
        case Activation(kind=kind):
            return ACTIVATIONS[kind]
        case Pool(kind, size, stride):
            return f"{kind} pool {size}x{size}" + (f", stride {stride}" if stride != size else "")
        case SpaceToDepth(size=size):
            return f"space to depth {size}x{size}"
        case Crop(height=height, width=width):
            return f"crop to {height}x{width}"
        case Dropout(rate=rate):
            return f"dropout {rate:g}"
        case Concatenate():
            return "concatenate"
        case GlobalAverage():
            return "global average"
        case Classifier():
            return "linear"
        case _:
            assert_never(operation)


def steps(nodes: Iterable[Node]) -> list[str]:
    """What nodes do, in their order and each kind of step once; BatchNorm and its activation are one step."""
    words = [step_words(node.operation) for node in nodes]
    pairs = zip(words, [*words[1:], ""], strict=True)
    joined = [
        f"BN, {after}" if word == "BN" and after in ACTIVATIONS.values() else word for word, after in pairs
    ]
    return [word for word in dict.fromkeys(joined) if word not in ACTIVATIONS.values()]


def link_steps(nodes: Sequence[Node]) -> str:
    """What a link does, in one line: without BatchNorm and activation, and repeated steps counted."""
    silent = (BatchNorm, Activation, Dropout, Concatenate)
    words = [step_words(node.operation) for node in nodes if not isinstance(node.operation, silent)]
    runs = [(word, len(list(run))) for word, run in groupby(words)]
    return " · ".join(word if count == 1 else f"{count} × ({word})" for word, count in runs)


def wrapped(words: Sequence[str], width: float) -> list[str]:
    """Steps put into lines of at most ``width`` inches, a dot between two; a step is never broken."""
    lines: list[str] = []
    for word in words:
        longer = f"{lines[-1]} · {word}" if lines else word
        if lines and text_width(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
