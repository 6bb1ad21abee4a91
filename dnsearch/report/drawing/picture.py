"""A network as a picture: one page of a paper's width, as high as the network needs, as PNG, SVG or PDF.

A DenseNet runs from top to bottom; a U-Net down on the left and up on the right.
"""

import math
from io import BytesIO
from pathlib import Path
from typing import Any

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dnsearch.errors import Problem, SpecError
from dnsearch.plan.cost import cost
from dnsearch.plan.graph import NetworkPlan, TransposedConvolution
from dnsearch.report import units
from dnsearch.report.drawing import marks
from dnsearch.report.drawing import picture_facts as facts
from dnsearch.report.drawing.block_picture import UNREAD, Ports, draw_block, draw_matrices, rows
from dnsearch.report.drawing.marks import FONT, INK, LINE, LOOKS, MARGIN, NORMAL, WIDTH, Point, label, route
from dnsearch.report.drawing.picture_facts import Layers

DPI = 200
LONGEST_SIDE = 65_000  # pixels; the rasteriser refuses 2^16
SETTINGS: dict[str, Any] = {"svg.hashsalt": "dnsearch", "svg.fonttype": "path", "pdf.fonttype": 42}
LEGEND: dict[str, Any] = {"loc": "lower left", "ncols": 2, "prop": {"family": FONT, "size": NORMAL}}
LEGEND |= {"frameon": False, "borderpad": 0, "borderaxespad": 0, "handlelength": 3.2}
METADATA: dict[str, dict[str, None]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}
GAP = 0.2  # inches that an arrow from one part to the next is long
SPINE = 0.13  # inches from a block's left or right border to the arrow that runs beside its features
LANE = 0.11  # inches from one link's way down to the next
APART = 0.68  # inches between the two sides of a U-Net
SIDE = (WIDTH - 2 * MARGIN - APART) / 2  # inches that each of them is wide
UP = WIDTH - MARGIN - SIDE  # where the right one begins


def draw(plan: NetworkPlan, heading: str, path: Path) -> None:
    """Draw a network into a PNG, SVG or PDF file (else a SpecError); equal arguments give equal bytes."""
    kind = path.suffix.lower().removeprefix(".")
    if kind not in METADATA:
        hint = "The ending chooses the format: svg and pdf stay sharp at every size, png is read everywhere."
        raise SpecError(
            [Problem(str(path), "a file that ends in .png, .svg or .pdf", path.suffix or "no ending", hint)]
        )
    with style.context(["default", SETTINGS]):
        figure = network_figure(plan, heading)
        content = BytesIO()
        dpi = min(DPI, LONGEST_SIDE / figure.get_size_inches()[1])
        figure.savefig(content, format=kind, dpi=dpi, metadata=METADATA[kind])
    write_picture(path, content.getvalue())


def write_picture(path: Path, content: bytes) -> None:
    """Put a picture into a file; an existing one is replaced; a SpecError if it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        expected = f"expected a place that can be written to: {error.strerror}"
        raise SpecError([Problem(str(path), expected)]) from None


def network_figure(plan: NetworkPlan, heading: str) -> Figure:
    """The page: heading, legend, network, and a matrix for each wiring that is not dense."""
    figure = Figure(figsize=(WIDTH, 1.0), facecolor="white")
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.axis("off")
    blocks = facts.all_layers(plan)
    label(axes, (MARGIN + SPINE - 0.05, 0.0), f"images {units.shape(plan.nodes[0].shape)}", align="left")
    draw_network = _unet if "bottleneck" in blocks else _densenet
    bottom = draw_network(axes, plan, blocks, (MARGIN + SPINE, 0.07))
    bottom = draw_matrices(axes, list(blocks.values()), bottom + 0.1) + MARGIN
    top = -_legend(axes) - 0.32
    shown = marks.fitting(units.one_line(heading), WIDTH - 3 * MARGIN, 9.5, bold=True)
    label(axes, (MARGIN, top - 0.18), shown, 9.5, "left", weight="bold")
    costs, edges = cost(plan), sum(block.edges for block in plan.blocks)
    totals = f"{costs.trainable:,} trainable parameters · {costs.macs:,} multiply-adds"
    totals += f" · {units.counted(edges, 'edge')}" if edges else ""
    label(axes, (MARGIN, top), totals, 7.0, "left")
    figure.set_size_inches(WIDTH, bottom - top + 0.35)
    axes.set(xlim=(0, WIDTH), ylim=(bottom, top - 0.35))
    return figure


def _legend(axes: Axes) -> float:
    """What lines, shapes and cells of the drawing below y = 0 mean; returns how high it is."""
    colours = {to_hex(patch.get_edgecolor()).upper() for patch in axes.patches}
    shown = [look for look in LOOKS.values() if look.colour in colours]
    samples = [Line2D([], [], c=of.colour, lw=of.width, ls=(0, of.dashes), label=of.meaning) for of in shown]
    samples.append(_sample("o", INK, "layer in the block's output"))
    if any((line.get_marker(), line.get_markerfacecolor()) == ("o", "white") for line in axes.lines):
        samples.append(_sample("o", "white", "layer not in the block's output"))
    if any(text.get_text().startswith("+") for text in axes.texts):
        samples.append(_sample("$+n$", INK, "channels that a layer adds"))
    if axes.collections:
        samples.append(_sample("s", UNREAD, "not read or not in the output"))
    axes.legend(handles=samples, bbox_to_anchor=(MARGIN, -0.18), bbox_transform=axes.transData, **LEGEND)
    return 0.14 * math.ceil(len(samples) / 2)


def _sample(marker: str, fill: str, words: str) -> Line2D:
    edge = INK if marker == "o" else "none"
    return Line2D([], [], ls="none", marker=marker, ms=8, mfc=fill, mec=edge, mew=0.8, label=words)


def _densenet(axes: Axes, plan: NetworkPlan, blocks: dict[str, Layers], at: Point) -> float:
    """Draw a DenseNet below its images; returns where it ends. Links run down right of the blocks."""
    links = facts.lanes(plan)
    ways = list(dict.fromkeys((link.source, link.kind) for link in links))
    width = WIDTH - 2 * MARGIN - LANE * len(ways)
    spine = MARGIN + SPINE
    outs: dict[str, Point] = {}
    for part in plan.parts:
        for link in links:
            if link.target == part:
                way = MARGIN + width - 0.02 + LANE * (ways.index((link.source, link.kind)) + 1)
                at = _link(axes, link, (outs[link.source], way), at, MARGIN + width - 0.15)
        if part in blocks:
            ports = draw_block(axes, blocks[part], MARGIN, at[1] + GAP, width)
            route(axes, [*_to_spine(at), (spine, ports.entry[1]), ports.entry])
            at, outs[part] = (ports.out[0], ports.bottom), ports.out
            route(axes, [(ports.out[0], ports.out[1] + 0.095), at], head=False)
        elif not part.startswith("links"):
            top = at[1] + GAP
            bottom = _text_box(axes, (MARGIN, top, width), facts.title(part), _lines(plan, part, width))
            route(axes, [at, (at[0], top)])
            at = spine, bottom
    route(axes, [at, (at[0], at[1] + GAP)])
    label(axes, (at[0] - 0.05, at[1] + GAP + 0.07), f"{plan.nodes[-1].shape[0]} logits", align="left")
    return at[1] + GAP + 0.2


def _to_spine(at: Point) -> list[Point]:
    bends = [(at[0], at[1] + 0.08), (MARGIN + SPINE, at[1] + 0.08)]
    return [at] if abs(at[0] - MARGIN - SPINE) < 0.01 else [at, *bends]


def _lines(plan: NetworkPlan, part: str, width: float) -> list[str]:
    """What a part does and its shapes, in lines of at most ``width`` inches."""
    nodes = facts.of_part(plan, part)
    shapes = facts.change(facts.entry(plan, part), nodes[-1].shape)
    return marks.wrapped([*facts.steps(nodes), shapes], width - 0.2)


def _text_box(axes: Axes, place: tuple[float, ...], name: str, lines: list[str], least: int = 1) -> float:
    """A box at (left, top, width) with room for at least so many lines; returns where it ends."""
    left, top, width = place
    bottom = top + 0.2 + LINE * max(least, len(lines))
    marks.panel(axes, (left, top), width, bottom - top, "#FBF3DC")
    label(axes, (left + width / 2, top + 0.1), name, weight="bold")
    for number, line in enumerate(lines, start=1):
        label(axes, (left + width / 2, top + 0.1 + number * LINE), line)
    return bottom


def _link(axes: Axes, link: facts.Lane, source: tuple[Point, float], at: Point, right: float) -> Point:
    """A link from a block's output down its way, through the box of its operations, to the spine."""
    look, spine = LOOKS[link.kind], MARGIN + SPINE
    out, way = source
    words = f"{facts.title(link.source)} → {facts.title(link.target)}: {link.words[0]}"
    lines = marks.wrapped([words, *link.words[1:]], right - 1)
    top = _to_spine(at)[-1][1] + 0.1
    width, height = max(map(marks.text_width, lines)) + 0.2, 0.09 + LINE * len(lines)
    marks.panel(axes, (right - width, top), width, height, "white", look.colour)
    for number, line in enumerate(lines):
        label(axes, (right - width / 2, top + 0.108 + number * LINE), line, color=look.colour)
    middle = top + height / 2
    level = out[1] + (0.05 if link.kind == "head" else -0.05)
    route(axes, [(out[0] + 0.12, level), (way, level), (way, middle), (right, middle)], look)
    route(axes, [(right - width, middle), (spine + 0.03, middle)], look)
    marks.dot(axes, (spine, middle), "s", 0.06)
    route(axes, [*_to_spine(at), (spine, top + height)], head=False)
    return spine, top + height


def _unet(axes: Axes, plan: NetworkPlan, blocks: dict[str, Layers], at: Point) -> float:
    """Draw a U-Net below its images; returns where it ends."""
    down_x, up_x, top, skip = at[0], WIDTH - at[0], at[1] + GAP, LOOKS["skip"]
    mask = f"mask logits {units.shape(plan.nodes[-1].shape)}"
    label(axes, (up_x + 0.05, at[1] - 0.07), mask, align="right")
    stem, head = _lines(plan, "stem", SIDE), _lines(plan, "head", SIDE)
    y = _text_box(axes, (UP, top, SIDE), "head", head, len(stem))
    route(axes, [(up_x, top), (up_x, at[1])])
    if len(facts.of_part(plan, "stem")) > 1:  # plain convolutions begin at the images
        _text_box(axes, (MARGIN, top, SIDE), "stem", stem, len(head))
        route(axes, [at, (down_x, top)])
        at = down_x, y
    for name in [part.removeprefix("down") for part in blocks if part.startswith("down")]:
        down = draw_block(axes, blocks[f"down{name}"], MARGIN, y + GAP, SIDE)
        up = draw_block(axes, blocks[f"up{name}"], UP, y + GAP, SIDE)
        route(axes, [at, (down_x, down.entry[1]), down.entry])
        route(axes, [(up.out[0] + 0.12, up.out[1]), (up_x, up.out[1]), (up_x, y)])
        join = UP + SPINE, up.entry[1]
        across = [(WIDTH / 2, down.out[1]), (WIDTH / 2, join[1]), (join[0] - 0.03, join[1])]
        route(axes, [(down.out[0] + 0.12, down.out[1]), *across], skip)
        shape = units.shape(blocks[f"down{name}"].after)
        label(axes, (WIDTH / 2, join[1] - 0.08), shape, marks.SMALL, color=skip.colour)
        marks.dot(axes, join, "s", 0.06)
        y = _between(axes, plan, name, (down, up))
        at = down_x, y
    width = SIDE if len(rows(blocks["bottleneck"], SIDE)) == 1 else WIDTH - 2 * MARGIN - 1.2
    bottom = draw_block(axes, blocks["bottleneck"], (WIDTH - width) / 2, y + GAP, width)
    route(axes, [at, (down_x, bottom.entry[1]), bottom.entry])
    route(axes, [(bottom.out[0] + 0.12, bottom.out[1]), (up_x, bottom.out[1]), (up_x, y)])
    return bottom.bottom


def _between(axes: Axes, plan: NetworkPlan, name: str, level: tuple[Ports, Ports]) -> float:
    """The boxes below a level: down-sampling left, up-sampling right; returns where they end."""
    down, up = level
    nodes = facts.of_part(plan, f"up{name}")
    node = next(node for node in nodes if isinstance(node.operation, TransposedConvolution))
    source = plan.nodes[node.inputs[0]]
    words = [facts.step_words(node.operation), facts.change(source.shape, node.shape)]
    upper = marks.wrapped(["of the new features"] * (source.part == node.part) + words, SIDE - 0.2)
    lower = _lines(plan, f"transition{name}", SIDE)
    top = max(down.bottom, up.bottom) + GAP
    bottom = _text_box(axes, (MARGIN, top, SIDE), f"down-sampling {name}", lower, len(upper))
    _text_box(axes, (UP, top, SIDE), f"up-sampling {name}", upper, len(lower))
    route(axes, [(down.out[0], down.out[1] + 0.095), (down.out[0], top)])
    route(axes, [(UP + SPINE, top), (UP + SPINE, up.entry[1]), up.entry])
    return bottom
