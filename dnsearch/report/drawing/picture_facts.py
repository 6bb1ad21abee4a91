"""What a picture tells of a plan: its parts, its blocks, its connections, each in a few words."""

from collections.abc import Iterable
from itertools import groupby, pairwise
from typing import NamedTuple, assert_never

from dnsearch.plan import graph
from dnsearch.plan.cost import cost
from dnsearch.plan.graph import Block, NetworkPlan, Node, Operation, Shape
from dnsearch.report.drawing.marks import Kind

ACTIVATIONS = {"relu": "ReLU", "leaky_relu": "LeakyReLU", "prelu": "PReLU", "elu": "ELU"}
ACTIVATIONS |= {"gelu": "GELU", "silu": "SiLU", "mish": "Mish"}


def shape_words(shape: Shape) -> str:
    """A shape as it is read: 32x32x24."""
    return "x".join(map(str, shape))


def change(before: Shape, after: Shape) -> str:
    """From one shape to another, or the one that stays."""
    return shape_words(after) if before == after else f"{shape_words(before)} → {shape_words(after)}"


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
    """What nodes do, in their order and each kind of step once; BatchNorm and its activation are one step."""
    words = [step_words(node.operation) for node in nodes if node.inputs]
    joined = [
        f"BN, {after}" if word == "BN" and after in ACTIVATIONS.values() else word
        for word, after in pairwise([*words, ""])
    ]
    return [word for word in dict.fromkeys(joined) if word not in ACTIVATIONS.values()]


class Layers(NamedTuple):
    """A block, or a U-Net's level of plain convolutions, and what a picture says of it.

    ``block`` is the wiring, of plain convolutions a chain; ``channels`` are those that each layer writes.
    """

    block: Block
    kind: Kind
    channels: tuple[int, ...]
    before: Shape
    after: Shape

    @property
    def shapes(self) -> str:
        """From its input's shape to its output's."""
        return change(self.before, self.after)

    @property
    def depth(self) -> int:
        """How many layers there are."""
        return len(self.block.reads)

    @property
    def varying(self) -> bool:
        """Whether its layers write different numbers of channels."""
        return len(set(self.channels)) > 1

    @property
    def summary(self) -> str:
        """A line on its layers."""
        least, most = min(self.channels), max(self.channels)
        channels = counted(f"{least}" if least == most else f"{least} to {most}", "channel")
        if self.kind == "plain":
            return f"{counted(self.depth, 'convolution')} of {channels}"
        wiring = "dense, " if self.kind == "dense" else ""
        return f"{counted(self.depth, 'layer')} of {channels}, {wiring}{counted(self.block.edges, 'edge')}"


class Lane(NamedTuple):
    """A connection between parts that are not neighbours, and in words what it does and its shapes."""

    source: str
    target: str
    kind: Kind
    words: tuple[str, ...]


def title(part: str) -> str:
    """A part's name for a person, such as "transition 2"."""
    name = part.rstrip("0123456789")
    return f"{name} {part[len(name) :]}".strip()


def counted(number: int | str, thing: str) -> str:
    """A number of things: 1 layer, 1,584 edges, 10 to 28 channels."""
    shown = f"{number:,}" if isinstance(number, int) else number
    return f"{shown} {thing}" if shown == "1" else f"{shown} {thing}s"


def totals(plan: NetworkPlan) -> str:
    """Trainable parameters, multiply-adds and edges, for below the title."""
    costs, edges = cost(plan), sum(block.edges for block in plan.blocks)
    counts = [f"{costs.trainable:,} trainable parameters", f"{costs.macs:,} multiply-adds"]
    return " · ".join([*counts, *([counted(edges, "edge")] if edges else [])])


def of_part(plan: NetworkPlan, part: str) -> list[Node]:
    """The nodes of a part."""
    return [node for node in plan.nodes if node.part == part]


def entry(plan: NetworkPlan, part: str) -> Shape:
    """The shape that comes into a part; where several different ones do, what its last node reads."""
    nodes = of_part(plan, part)
    if isinstance(nodes[0].operation, graph.Input):
        return nodes[0].shape
    read = [plan.nodes[position] for node in nodes for position in node.inputs]
    shapes = {node.shape for node in read if node.part != part}
    return shapes.pop() if len(shapes) == 1 else plan.nodes[nodes[-1].inputs[0]].shape


def all_layers(plan: NetworkPlan) -> dict[str, Layers]:
    """Part → its layers, for every dense block and every level of plain convolutions."""
    blocks = {block.part: block for block in plan.blocks}
    return {part: _layers(plan, part, blocks.get(part)) for part in plan.parts if _layer_ends(plan, part)}


def _layers(plan: NetworkPlan, part: str, block: Block | None) -> Layers:
    nodes, ends = of_part(plan, part), _layer_ends(plan, part)
    first = next(node for node in nodes if node.name.startswith(f"{part}_layer1_"))
    before = plan.nodes[first.inputs[0]].shape
    channels = tuple(node.shape[-1] for node in ends)
    if block is None:
        chain = Block(part, 0, tuple((layer,) for layer in range(len(ends))), (len(ends),))
        return Layers(chain, "plain", channels, before, nodes[-1].shape)
    dense = all(len(reads) == layer for layer, reads in enumerate(block.reads, start=1))
    return Layers(block, "dense" if dense else "sparse", channels, before, nodes[-1].shape)


def _layer_ends(plan: NetworkPlan, part: str) -> list[Node]:
    """The convolution that ends each layer of a part."""
    prefix = f"{part}_layer"
    found = (node for node in plan.nodes if node.name.startswith(prefix))
    convolutions = (node for node in found if isinstance(node.operation, graph.Convolution))
    return list({node.name.removeprefix(prefix).partition("_")[0]: node for node in convolutions}.values())


def lanes(plan: NetworkPlan) -> list[Lane]:
    """Every link between blocks, and the blocks but the last one that the head reads."""
    found = [_link_lane(plan, link.source, link.target) for link in plan.links if link.kind == "cross_block"]
    read = [plan.nodes[position] for node in of_part(plan, "head") for position in node.inputs]
    sources = {node.part: node.shape for node in read if node.part != "head"}
    heads = [
        Lane(part, "head", "head", ("read by the head", shape_words(shape)))
        for part, shape in sources.items()
    ]
    return found + heads[:-1]


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
