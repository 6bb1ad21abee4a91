"""What a picture tells of a plan's parts and connections."""

from dataclasses import dataclass

from dnsearch.plan.cost import cost
from dnsearch.plan.graph import Block, Convolution, Input, NetworkPlan, Node, Shape
from dnsearch.report.drawing.look import Kind
from dnsearch.report.drawing.words import link_steps, shape_words

MOST_LAYERS = 48
"""Blocks with more layers are drawn as a matrix alone; their edges would be a grey patch."""


@dataclass(frozen=True, slots=True)
class Layers:
    """A block, or a U-Net's level of plain convolutions, and what a picture says of it.

    Args:
        block: the wiring; of plain convolutions a chain.
        kind: how its edges look.
        channels: what each layer writes.
        before: shape of its input.
        after: shape of its output.
    """

    block: Block
    kind: Kind
    channels: tuple[int, ...]
    before: Shape
    after: Shape

    @property
    def count(self) -> int:
        """How many layers there are."""
        return len(self.block.reads)

    @property
    def drawn(self) -> bool:
        """Whether there are few enough layers to draw every edge."""
        return self.count <= MOST_LAYERS

    @property
    def heading(self) -> tuple[str, str]:
        """Its name, and a line on its layers."""
        least, most = min(self.channels), max(self.channels)
        channels = f"{least}" if least == most else f"{least} to {most}"
        what, edges = (
            ("convolution", "")
            if self.kind == "plain"
            else ("layer", f", {counted(self.block.edges, 'edge')}")
        )
        return title(self.block.part), f"{counted(self.count, what)} of {counted(channels, 'channel')}{edges}"


@dataclass(frozen=True, slots=True)
class Lane:
    """A connection between parts that are not neighbours, as a line with words above and below it."""

    source: str
    target: str
    kind: Kind
    words: tuple[str, str]


def title(part: str) -> str:
    """A part's name for a person.

    >>> title("transition2"), title("stem")
    ('transition 2', 'stem')
    """
    name = part.rstrip("0123456789")
    return f"{name} {part[len(name) :]}".strip()


def counted(number: int | str, thing: str) -> str:
    """A number of things.

    >>> counted(1, "layer"), counted(1584, "edge"), counted("10 to 28", "channel")
    ('1 layer', '1,584 edges', '10 to 28 channels')
    """
    shown = f"{number:,}" if isinstance(number, int) else number
    return f"{shown} {thing}" if shown == "1" else f"{shown} {thing}s"


def totals(plan: NetworkPlan) -> str:
    """Trainable parameters, multiply-adds and edges, for under the title."""
    costs, edges = cost(plan), sum(block.edges for block in plan.blocks)
    counts = [f"{costs.trainable:,} trainable parameters", f"{costs.macs:,} multiply-adds"]
    return " · ".join([*counts, *([counted(edges, "edge")] if edges else [])])


def of_part(plan: NetworkPlan, part: str) -> list[Node]:
    """The nodes of a part."""
    return [node for node in plan.nodes if node.part == part]


def entry(plan: NetworkPlan, part: str) -> Shape:
    """The shape that comes into a part; where several different ones do, what its last node reads."""
    nodes = of_part(plan, part)
    if isinstance(nodes[0].operation, Input):
        return nodes[0].shape
    read = [plan.nodes[position] for node in nodes for position in node.inputs]
    shapes = {node.shape for node in read if node.part != part}
    return shapes.pop() if len(shapes) == 1 else plan.nodes[nodes[-1].inputs[0]].shape


def all_layers(plan: NetworkPlan) -> dict[str, Layers]:
    """Part → its layers, for every dense block and every level of plain convolutions."""
    blocks = {block.part: block for block in plan.blocks}
    found = {}
    for part in plan.parts:
        ends = _layer_ends(plan, part)
        if ends:
            chain = tuple((layer,) for layer in range(len(ends)))
            block = blocks.get(part, Block(part, 0, chain, (len(ends),)))
            before = _input_shape(plan, part)
            channels = tuple(node.shape[-1] for node in ends)
            after = of_part(plan, part)[-1].shape
            found[part] = Layers(block, _kind(block, plain=part not in blocks), channels, before, after)
    return found


def lanes(plan: NetworkPlan) -> list[Lane]:
    """Every link between blocks, and what the head reads besides the last block."""
    found = [_link_lane(plan, link.source, link.target) for link in plan.links if link.kind == "cross_block"]
    return found + _head_lanes(plan)


def _kind(block: Block, *, plain: bool) -> Kind:
    dense = all(reads == tuple(range(layer)) for layer, reads in enumerate(block.reads, start=1))
    return "plain" if plain else "dense" if dense else "sparse"


def _layer_ends(plan: NetworkPlan, part: str) -> list[Node]:
    """The convolution that ends each layer of a part."""
    ends: dict[str, Node] = {}
    prefix = f"{part}_layer"
    for node in plan.nodes:
        if node.name.startswith(prefix) and isinstance(node.operation, Convolution):
            ends[node.name.removeprefix(prefix).partition("_")[0]] = node
    return list(ends.values())


def _input_shape(plan: NetworkPlan, part: str) -> Shape:
    """The shape of feature 0, which the first layer reads."""
    first = next(node for node in plan.nodes if node.name.startswith(f"{part}_layer1_"))
    return plan.nodes[first.inputs[0]].shape


def _link_lane(plan: NetworkPlan, source: str, target: str) -> Lane:
    prefix = f"links{target.removeprefix('block')}_from{source.removeprefix('block')}_"
    chain = [node for node in plan.nodes if node.name.startswith(prefix)]
    before, after = plan.nodes[chain[0].inputs[0]].shape, chain[-1].shape
    words = (link_steps(chain), f"{shape_words(before)} → {shape_words(after)}")
    return Lane(source, target, "cross_block", words)


def _head_lanes(plan: NetworkPlan) -> list[Lane]:
    """The blocks but the last one that the head reads."""
    read = [plan.nodes[position] for node in of_part(plan, "head") for position in node.inputs]
    sources = {node.part: node.shape for node in read if node.part != "head"}
    last = list(sources)[-1]
    return [
        Lane(part, "head", "head", ("read by the head", shape_words(shape)))
        for part, shape in sources.items()
        if part != last
    ]
