"""A network as pure data: operations, and nodes that say what each operation reads.

Shapes are ``(height, width, channels)`` or, after the global average, ``(channels,)``; the batch is left
out. A new operation is one frozen class here, one ``case`` in ``shapes.py`` and ``cost.py`` and one in the
model room; the type checker asks for them.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from dnsearch.errors import Problem, SpecError

Shape = tuple[int, ...]
ActivationKind = Literal["relu", "leaky_relu", "prelu", "elu", "gelu", "silu", "mish"]


@dataclass(frozen=True, slots=True)
class Input:
    """The images."""

    shape: Shape


@dataclass(frozen=True, slots=True)
class Convolution:
    """A square convolution.

    Args:
        filters: output channels.
        kernel: side of the kernel.
        stride: step in both directions.
        bias: whether each filter has a bias.
        initializer: how the kernel starts, as in the spec.
    """

    filters: int
    kernel: int
    stride: int
    bias: bool
    initializer: str

    @property
    def padding(self) -> int:
        """Zeros on each side of the image: half the kernel where it is odd, none where it is even."""
        return self.kernel // 2 if self.kernel % 2 else 0


@dataclass(frozen=True, slots=True)
class TransposedConvolution:
    """A square transposed convolution of stride 2: the output has twice the sides of the input."""

    filters: int
    kernel: int
    bias: bool
    initializer: str


@dataclass(frozen=True, slots=True)
class BatchNorm:
    """Batch normalisation; ``momentum`` is the share of the old moving statistics kept."""

    momentum: float
    epsilon: float


@dataclass(frozen=True, slots=True)
class Activation:
    """An activation, element by element.

    Args:
        kind: as in the spec. prelu has a trainable slope per channel.
        slope: of leaky_relu; where prelu starts; 0 for the others.
    """

    kind: ActivationKind
    slope: float


@dataclass(frozen=True, slots=True)
class Pool:
    """Average or maximum over a square window, with ``padding`` zeros on each side (maximum only)."""

    kind: Literal["avg", "max"]
    size: int
    stride: int
    padding: int


@dataclass(frozen=True, slots=True)
class SpaceToDepth:
    """Each square cell of ``size`` x ``size`` pixels becomes one pixel with ``size``² times the channels."""

    size: int


@dataclass(frozen=True, slots=True)
class Crop:
    """The first ``height`` rows and ``width`` columns."""

    height: int
    width: int


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
    Input
    | Convolution
    | TransposedConvolution
    | BatchNorm
    | Activation
    | Pool
    | SpaceToDepth
    | Crop
    | Dropout
    | Concatenate
    | GlobalAverage
    | Classifier
)


class Node(NamedTuple):
    """One operation in its place; a named tuple for the same reason as a cost.

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
class Block:
    """How the layers of a block are connected. Feature 0 is the block's input, layer l writes feature l.

    Args:
        part: the part that the block is.
        level: how often the image has been halved before it, from the stem's output on.
        reads: for each layer the features that it reads.
        output: the features that the block puts out.
    """

    part: str
    level: int
    reads: tuple[tuple[int, ...], ...]
    output: tuple[int, ...]

    @property
    def edges(self) -> int:
        """How many features all layers read together."""
        return sum(map(len, self.reads))


@dataclass(frozen=True, slots=True)
class Link:
    """A connection between two parts that are not neighbours: a cross-block link, or a U-Net's skip."""

    source: str
    target: str
    kind: Literal["cross_block", "skip"]


@dataclass(frozen=True, slots=True)
class NetworkPlan:
    """Nodes in an order in which each comes after what it reads; the last one is the output.

    Args:
        nodes: the operations.
        blocks: how the dense blocks are connected.
        links: connections between parts that are not neighbours.
    """

    nodes: tuple[Node, ...]
    blocks: tuple[Block, ...]
    links: tuple[Link, ...]

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts in the order in which they are met."""
        return tuple(dict.fromkeys(node.part for node in self.nodes))


def refuse(field: str, expected: str, found: str = "", hint: str = "") -> SpecError:
    """An error that names a field of the ``network`` section."""
    return SpecError([Problem(f"network.{field}", expected, found, hint)])
