"""The two shapes of a picture: a DenseNet from top to bottom; a U-Net down on the left and up on the right.

Arrows enter a block at feature 0 and leave it at its output.
"""

from matplotlib.axes import Axes

from dnsearch.plan.graph import NetworkPlan, TransposedConvolution
from dnsearch.report.drawing import marks
from dnsearch.report.drawing import picture_facts as facts
from dnsearch.report.drawing.block_picture import Ports, block_width, draw_block
from dnsearch.report.drawing.marks import INK, LINE, LOOKS, MARGIN, WIDTH, Area, Point, label, route

GAP = 0.2  # inches that an arrow from one part to the next is long
SPINE = 0.13  # inches from a block's left or right border to the arrow that runs beside its features
LANE = 0.11  # inches from one link's way down to the next
APART = 0.56  # inches between the two sides of a U-Net
SIDE = (WIDTH - 2 * MARGIN - APART) / 2  # inches that each of them is wide


def draw_densenet(axes: Axes, plan: NetworkPlan, top: float) -> float:
    """Draw a DenseNet below ``top``; returns where it ends.

    Each source of links has one way down, right of the blocks; each link is a box in front of what it joins.
    """
    blocks, links = facts.all_layers(plan), facts.lanes(plan)
    ways = list(dict.fromkeys((link.source, link.kind) for link in links))
    width = WIDTH - 2 * MARGIN - LANE * len(ways)
    spine = MARGIN + SPINE
    at = _image(axes, plan, top)
    outs: dict[str, Point] = {}
    for part in plan.parts:
        for link in links:
            if link.target == part:
                way = MARGIN + width - 0.02 + LANE * (ways.index((link.source, link.kind)) + 1)
                at = _link(axes, link, (outs[link.source], way), at, MARGIN + width - 0.15)
        if part in blocks:
            ports = draw_block(axes, blocks[part], MARGIN, at[1] + GAP, width)
            route(axes, [*_to_spine(at), (spine, ports.entry[1]), ports.entry])
            at, outs[part] = (ports.out[0], ports.area.bottom), ports.out
            route(axes, [(ports.out[0], ports.out[1] + 0.095), at], head=False)
        elif not part.startswith("links"):
            lines = _lines(plan, part, width)
            area = Area(MARGIN, at[1] + GAP, MARGIN + width, at[1] + GAP + 0.2 + LINE * len(lines))
            route(axes, [at, (at[0], area.top)])
            _text_box(axes, area, facts.title(part), lines)
            at = spine, area.bottom
    route(axes, [at, (at[0], at[1] + GAP)])
    label(axes, (at[0] - 0.05, at[1] + GAP + 0.07), f"{plan.nodes[-1].shape[0]} logits", align="left")
    return at[1] + GAP + 0.2


def _image(axes: Axes, plan: NetworkPlan, top: float) -> Point:
    words = f"images {facts.shape_words(plan.nodes[0].shape)}"
    label(axes, (MARGIN + SPINE - 0.05, top + 0.06), words, align="left")
    return MARGIN + SPINE, top + 0.13


def _to_spine(at: Point) -> list[Point]:
    """From below a part to the arrow that runs beside the features on the left."""
    bends = [(at[0], at[1] + 0.08), (MARGIN + SPINE, at[1] + 0.08)]
    return [at] if abs(at[0] - MARGIN - SPINE) < 0.01 else [at, *bends]


def _lines(plan: NetworkPlan, part: str, width: float) -> list[str]:
    """What a part does and its shapes, in lines of at most ``width`` inches."""
    nodes = facts.of_part(plan, part)
    return marks.wrapped(
        [*facts.steps(nodes), facts.change(facts.entry(plan, part), nodes[-1].shape)], width - 0.2
    )


def _text_box(axes: Axes, area: Area, name: str, lines: list[str]) -> None:
    marks.panel(axes, area, "#FBF3DC")
    for number, line in enumerate([name, *lines]):
        at = ((area.left + area.right) / 2, area.top + 0.1 + number * LINE)
        label(axes, at, line, weight="normal" if number else "bold")


def _join(axes: Axes, at: Point) -> None:
    marks.outlines(axes, [marks.square(at[0] - 0.03, at[1] - 0.03, 0.06)], INK, None)


def _link(axes: Axes, link: facts.Lane, source: tuple[Point, float], at: Point, right: float) -> Point:
    """A link from a block's output down its way, through the box of its operations, to the spine."""
    look, spine = LOOKS[link.kind], MARGIN + SPINE
    out, way = source
    words = f"{facts.title(link.source)} → {facts.title(link.target)}: {link.words[0]}"
    lines = marks.wrapped([words, *link.words[1:]], right - 1)
    top = _to_spine(at)[-1][1] + 0.1
    area = Area(right - max(map(marks.text_width, lines)) - 0.2, top, right, top + 0.09 + LINE * len(lines))
    marks.panel(axes, area, "white", look.colour)
    for number, line in enumerate(lines):
        label(axes, ((area.left + right) / 2, top + 0.108 + number * LINE), line, color=look.colour)
    middle = (top + area.bottom) / 2
    level = out[1] + (0.05 if link.kind == "head" else -0.05)
    route(axes, [(out[0] + 0.12, level), (way, level), (way, middle), (right, middle)], look)
    route(axes, [(area.left, middle), (spine + 0.03, middle)], look)
    _join(axes, (spine, middle))
    route(axes, [*_to_spine(at), (spine, area.bottom)], head=False)
    return spine, area.bottom


def draw_unet(axes: Axes, plan: NetworkPlan, top: float) -> float:
    """Draw a U-Net below ``top``; returns where it ends."""
    blocks = facts.all_layers(plan)
    start, down_x, up_x = WIDTH - MARGIN - SIDE, MARGIN + SPINE, WIDTH - MARGIN - SPINE
    image = _image(axes, plan, top)
    mask = f"mask logits {facts.shape_words(plan.nodes[-1].shape)}"
    label(axes, (up_x + 0.05, top + 0.06), mask, align="right")
    stem, head = _lines(plan, "stem", SIDE), _lines(plan, "head", SIDE)
    top = image[1] + GAP
    y = top + 0.2 + LINE * max(len(stem), len(head))
    route(axes, [(up_x, top), (up_x, image[1])])
    _text_box(axes, Area(start, top, start + SIDE, y), "head", head)
    down_at = image
    if "stem" in {plan.nodes[node.inputs[0]].part for node in plan.nodes if node.inputs}:
        route(axes, [image, (down_x, top)])
        _text_box(axes, Area(MARGIN, top, MARGIN + SIDE, y), "stem", stem)
        down_at = down_x, y
    for name in [part.removeprefix("down") for part in plan.parts if part.startswith("down")]:
        down = draw_block(axes, blocks[f"down{name}"], MARGIN, y + GAP, SIDE)
        up = draw_block(axes, blocks[f"up{name}"], start, y + GAP, SIDE)
        route(axes, [down_at, (down_x, down.entry[1]), down.entry])
        route(axes, [(up.out[0] + 0.12, up.out[1]), (up_x, up.out[1]), (up_x, y)])
        _skip(axes, facts.shape_words(blocks[f"down{name}"].after), down, up)
        y = _between(axes, plan, name, (down, up))
        down_at = down_x, y
    width = block_width(blocks["bottleneck"], WIDTH - 2 * MARGIN - 1.2)
    bottom = draw_block(axes, blocks["bottleneck"], (WIDTH - width) / 2, y + GAP, width)
    route(axes, [down_at, (down_x, bottom.entry[1]), bottom.entry])
    route(axes, [(bottom.out[0] + 0.12, bottom.out[1]), (up_x, bottom.out[1]), (up_x, y)])
    return bottom.area.bottom


def _skip(axes: Axes, words: str, down: Ports, up: Ports) -> None:
    """From the output on the left, across, to where it joins the features that come from below."""
    look, middle, end = LOOKS["skip"], WIDTH / 2, (up.area.left + SPINE, up.entry[1])
    across = [(middle, down.out[1]), (middle, end[1]), (end[0] - 0.03, end[1])]
    route(axes, [(down.out[0] + 0.12, down.out[1]), *across], look)
    label(axes, (middle, end[1] - 0.08), words, marks.SMALL, color=look.colour)
    _join(axes, end)


def _between(axes: Axes, plan: NetworkPlan, name: str, level: tuple[Ports, Ports]) -> float:
    """The boxes below a level: down-sampling left, up-sampling right; returns where they end."""
    down, up = level
    lower = _lines(plan, f"transition{name}", SIDE)
    nodes = facts.of_part(plan, f"up{name}")
    node = next(node for node in nodes if isinstance(node.operation, TransposedConvolution))
    source = plan.nodes[node.inputs[0]]
    new = ["of the new features"] if source.part == node.part else []
    change = facts.change(source.shape, node.shape)
    upper = marks.wrapped([*new, facts.step_words(node.operation), change], SIDE - 0.2)
    top = max(down.area.bottom, up.area.bottom) + GAP
    bottom = top + 0.2 + LINE * max(len(lower), len(upper))
    route(axes, [(down.out[0], down.out[1] + 0.095), (down.out[0], top)])
    _text_box(axes, Area(down.area.left, top, down.area.right, bottom), f"down-sampling {name}", lower)
    _text_box(axes, Area(up.area.left, top, up.area.right, bottom), f"up-sampling {name}", upper)
    join = up.area.left + SPINE
    route(axes, [(join, top), (join, up.entry[1]), up.entry])
    return bottom
