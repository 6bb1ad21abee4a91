"""A network as pure data: operations, and nodes that say what each operation reads.

Shapes are ``(height, width, channels)`` or, after the global average, ``(channels,)``; the batch is left
out. A new operation is one frozen class here, one ``case`` in ``shapes.py`` and ``cost.py`` and one in the
model room; the type checker asks for them.
"""

from dataclasses import dataclass
from typing import Literal

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Input:
    """The images."""

    shape: Shape


@dataclass(frozen=True, slots=True)
class Convolution:
    """A square convolution with ``kernel // 2`` zeros around the image.

    Args:
        filters: output channels.
        kernel: side of the kernel, odd.
        stride: step in both directions.
        bias: whether each filter has a bias.
        initializer: how the kernel starts, as in the spec.
    """

    filters: int
    kernel: int
    stride: int
    bias: bool
    initializer: str


@dataclass(frozen=True, slots=True)
class BatchNorm:
    """Batch normalisation; ``momentum`` is the share of the old moving statistics kept."""

    momentum: float
    epsilon: float


@dataclass(frozen=True, slots=True)
class LeakyRelu:
    """x where positive, ``alpha`` x elsewhere; 0 is ReLU."""

    alpha: float


@dataclass(frozen=True, slots=True)
class Pool:
    """Average or maximum over a square window, with ``padding`` ignored cells on each side."""

    kind: Literal["avg", "max"]
    size: int
    stride: int
    padding: int


@dataclass(frozen=True, slots=True)
class Dropout:
    """Sets a share of the activations to zero in training and scales up the rest."""

    rate: float


@dataclass(frozen=True, slots=True)
class Concatenate:
    """Joins features of one size along the channels, in the order of its inputs."""


@dataclass(frozen=True, slots=True)
class GlobalAverage:
    """The mean of each channel over the image."""


@dataclass(frozen=True, slots=True)
class Classifier:
    """A linear layer with bias: one logit per class."""

    classes: int


Operation = (
    Input | Convolution | BatchNorm | LeakyRelu | Pool | Dropout | Concatenate | GlobalAverage | Classifier
)


@dataclass(frozen=True, slots=True)
class Node:
    """One operation in its place.

    Args:
        name: unique, such as ``block1_layer2_growth_conv``.
        part: the part of the network that it belongs to: ``stem``, ``block1``, ``transition1``, ``head``.
        operation: what it does.
        inputs: positions of the nodes that it reads.
        shape: shape of its output.
    """

    name: str
    part: str
    operation: Operation
    inputs: tuple[int, ...]
    shape: Shape


@dataclass(frozen=True, slots=True)
class NetworkPlan:
    """Nodes in an order in which each comes after what it reads; the last one is the output."""

    nodes: tuple[Node, ...]

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts in the order in which they are met."""
        return tuple(dict.fromkeys(node.part for node in self.nodes))
