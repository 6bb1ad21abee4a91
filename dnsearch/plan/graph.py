"""A network as pure data: operations, and nodes that say what each operation reads.

Shapes are ``(height, width, channels)`` or, after the global average, ``(channels,)``; the batch is left
out. A new operation is one frozen class here and one ``case`` each in ``cost.py``, ``model/build.py`` and
``export/onnx.py``; the type checker asks for them.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Literal, NamedTuple

from dnsearch.errors import Problem, SpecError
from dnsearch.spec.network import ActivationKind
from dnsearch.spec.network.connectivity import PoolKind

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Input:
    """The images."""

    shape: Shape


@dataclass(frozen=True, slots=True)
class Convolution:
    """A convolution of ``kernel`` x ``kernel`` pixels, which start as the spec's ``initializer`` says."""

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
    """An activation; ``slope`` is leaky_relu's, or where prelu's trained slopes start; 0 for the others."""

    kind: ActivationKind
    slope: float


@dataclass(frozen=True, slots=True)
class Pool:
    """What a square window holds, as one number; with ``padding`` zeros on each side (maximum only)."""

    kind: PoolKind
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


Spatial = Convolution | TransposedConvolution | Pool | SpaceToDepth | Crop
Operation = Input | Spatial | BatchNorm | Activation | Dropout | Concatenate | GlobalAverage | Classifier


class Node(NamedTuple):
    """One operation in its place; a named tuple, since a search plans millions of them."""

    name: str  # unique, such as block1_layer2_growth_conv
    part: str  # of the network: stem, block1, transition1, head
    operation: Operation
    inputs: tuple[int, ...]  # positions of the nodes that it reads
    shape: Shape  # of its output


@dataclass(frozen=True, slots=True)
class Block:
    """How the layers of a block are connected. Feature 0 is the block's input, layer l writes feature l."""

    part: str
    level: int  # how often the image has been halved since the stem
    reads: tuple[tuple[int, ...], ...]  # for each layer the features that it reads
    output: tuple[int, ...]  # the features that the block puts out

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
    """Nodes in an order in which each comes after what it reads; the last one is the output."""

    nodes: tuple[Node, ...]
    blocks: tuple[Block, ...]
    links: tuple[Link, ...]

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts in the order in which they are met."""
        return tuple(dict.fromkeys(node.part for node in self.nodes))


PREACTIVATION: dict[type, type] = {Concatenate: BatchNorm, BatchNorm: Activation, Activation: Convolution}
"""What follows what in the order that DenseNets repeat."""


def units(plan: NetworkPlan) -> list[range]:
    """The positions of nodes that one layer can compute: runs in which each is read by the next one alone.

    A run of several begins at a concatenation or a BatchNorm and goes on as in ``PREACTIVATION``.
    """
    readers = Counter(position for node in plan.nodes for position in node.inputs)
    found: list[range] = []
    for position, node in enumerate(plan.nodes):
        before = position - 1
        if (
            node.inputs == (before,)
            and readers[before] == 1
            and type(node.operation) is PREACTIVATION.get(type(plan.nodes[before].operation))
            and not isinstance(plan.nodes[found[-1].start].operation, Activation)
        ):
            found[-1] = range(found[-1].start, position + 1)
        else:
            found.append(range(position, position + 1))
    return found


def refuse(field: str, expected: str, found: str = "", hint: str = "") -> SpecError:
    """An error that names a field of the ``network`` section."""
    return SpecError([Problem(f"network.{field}", expected, found, hint)])
