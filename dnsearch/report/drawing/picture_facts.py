"""What a picture tells of a plan: its parts, its blocks, its connections, each in a few words."""

import re
from collections.abc import Iterable
from itertools import groupby, pairwise
from typing import NamedTuple, assert_never

from dnsearch.plan import graph
from dnsearch.plan.graph import Block, NetworkPlan, Node, Operation, Shape
from dnsearch.report import units
from dnsearch.report.drawing.marks import Kind

ACTIVATIONS = {"relu": "ReLU", "leaky_relu": "LeakyReLU", "prelu": "PReLU", "elu": "ELU"}
ACTIVATIONS |= {"gelu": "GELU", "silu": "SiLU", "mish": "Mish"}


def change(before: Shape, after: Shape) -> str:
    """From one shape to another, or the one that stays."""
    return units.shape(after) if before == after else f"{units.shape(before)} → {units.shape(after)}"


def step_words(operation: Operation) -> str:
    """An operation in a few words.

    >>> step_words(graph.Pool("avg", size=2, stride=2, padding=0)), step_words(graph.Pool("max", 3, 2, 1))
    ('avg pool 2x2', 'max pool 3x3, stride 2')
    """
    match operation:
        case graph.Input():
            return "images"
        case graph.Convolution(kernel=kernel, stride=stride):
            return f"conv {kernel}x{kernel}" + (f", stride {stride}" if stride > 1 else "")
        case graph.TransposedConvolution(kernel=kernel):
            return f"transposed conv {kernel}x{kernel}, stride 2"
        case graph.BatchNorm():
            return "BN"
        case graph.Activation(kind=kind):
            return ACTIVATIONS[kind]
        case graph.Pool(kind, size, stride):
            return f"{kind} pool {size}x{size}" + (f", stride {stride}" if stride != size else "")
        case graph.SpaceToDepth(size=size):
            return f"space to depth {size}x{size}"
        case graph.Crop(height=height, width=width):
            return f"crop to {height}x{width}"
        case graph.Dropout(rate=rate):
            return f"dropout {rate:g}"
        case graph.Concatenate():
            return "concatenate"
        case graph.GlobalAverage():
            return "global average"
        case graph.Classifier():
            return "linear"
        case _:
            assert_never(operation)


def steps(nodes: Iterable[Node]) -> list[str]:
    """What nodes do, in order, each kind of step once; BatchNorm and its activation are one step."""
    words = [step_words(node.operation) for node in nodes if node.inputs]
    known = ACTIVATIONS.values()
    pairs = pairwise([*words, ""])
    joined = [f"BN, {after}" if word == "BN" and after in known else word for word, after in pairs]
    return [word for word in dict.fromkeys(joined) if word not in known]


class Layers(NamedTuple):
    """A block or a U-Net's level of plain convolutions, a chain; ``channels`` are those of each layer."""

    block: Block
    kind: Kind
    channels: tuple[int, ...]
    before: Shape
    after: Shape

    @property
    def depth(self) -> int:
        """The number of layers."""
        return len(self.block.reads)

    @property
    def varying(self) -> bool:
        """Whether its layers write different numbers of channels."""
        return len(set(self.channels)) > 1

    @property
    def summary(self) -> str:
        """A line on its layers."""
        least, most = min(self.channels), max(self.channels)
        channels = units.counted(least, "channel") if least == most else f"{least} to {most} channels"
        if self.kind == "plain":
            return f"{units.counted(self.depth, 'convolution')} of {channels}"
        edges = f"{'dense, ' if self.kind == 'dense' else ''}{units.counted(self.block.edges, 'edge')}"
        return f"{units.counted(self.depth, 'layer')} of {channels}, {edges}"


class Lane(NamedTuple):
    """A connection between parts that are not neighbours, and in words what it does and its shapes."""

    source: str
    target: str
    kind: Kind
    words: tuple[str, ...]


def title(part: str) -> str:
    """A part's name for a person, such as "transition 2"."""
    return re.sub(r"(\d+)$", r" \1", part)


def of_part(plan: NetworkPlan, part: str) -> list[Node]:
    """The nodes of a part."""
    return [node for node in plan.nodes if node.part == part]


def entry(plan: NetworkPlan, part: str) -> Shape:
    """The shape that comes into a part; where several different ones do, what its last node reads."""
    nodes = of_part(plan, part)
    read = [plan.nodes[position] for node in nodes for position in node.inputs] or nodes
    shapes = {node.shape for node in read if node.part != part or not node.inputs}
    return shapes.pop() if len(shapes) == 1 else read[-1].shape


def all_layers(plan: NetworkPlan) -> dict[str, Layers]:
    """Part → its layers, for every dense block and every level of plain convolutions."""
    blocks, found = {block.part: block for block in plan.blocks}, {}
    for part in plan.parts:
        nodes, block = of_part(plan, part), blocks.get(part)
        layers = [node for node in nodes if node.name.startswith(f"{part}_layer")]
        convolutions = [node for node in layers if isinstance(node.operation, graph.Convolution)]
        ends = {node.name.removeprefix(f"{part}_").partition("_")[0]: node for node in convolutions}.values()
        if not ends:
            continue
        chain = Block(part, 0, tuple((layer,) for layer in range(len(ends))), (len(ends),))
        dense = block and all(len(reads) == layer for layer, reads in enumerate(block.reads, start=1))
        kind: Kind = "dense" if dense else "sparse" if block else "plain"
        channels, before = tuple(node.shape[-1] for node in ends), plan.nodes[layers[0].inputs[0]].shape
        found[part] = Layers(block or chain, kind, channels, before, nodes[-1].shape)
    return found


def lanes(plan: NetworkPlan) -> list[Lane]:
    """Every link between blocks, and the blocks but the last one that the head reads."""
    found = [_link_lane(plan, link.source, link.target) for link in plan.links if link.kind == "cross_block"]
    read = [plan.nodes[position] for node in of_part(plan, "head") for position in node.inputs]
    sources = {node.part: node.shape for node in read if node.part != "head"}
    words = {part: ("read by the head", units.shape(shape)) for part, shape in sources.items()}
    return found + [Lane(part, "head", "head", each) for part, each in words.items()][:-1]


def _link_lane(plan: NetworkPlan, source: str, target: str) -> Lane:
    """A link without its BatchNorms and activations, and with repeated steps counted."""
    prefix = f"links{target.removeprefix('block')}_from{source.removeprefix('block')}_"
    chain = [node for node in plan.nodes if node.name.startswith(prefix)]
    shapes = change(plan.nodes[chain[0].inputs[0]].shape, chain[-1].shape)
    silent = (graph.BatchNorm, graph.Activation, graph.Dropout, graph.Concatenate)
    words = groupby(step_words(node.operation) for node in chain if not isinstance(node.operation, silent))
    runs = [(word, len(list(run))) for word, run in words]
    done = [word if count == 1 else f"{count} × ({word})" for word, count in runs]
    return Lane(source, target, "cross_block", (*done, shapes))
