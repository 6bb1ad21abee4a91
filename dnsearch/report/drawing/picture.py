"""A network as a picture: one page of a paper's width, as high as the network needs, as PNG, SVG or PDF."""

from io import BytesIO
from pathlib import Path
from typing import Any

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from dnsearch.errors import Problem, SpecError
from dnsearch.plan.graph import NetworkPlan
from dnsearch.report.drawing import marks
from dnsearch.report.drawing.block_picture import UNREAD, draw_matrices, rows
from dnsearch.report.drawing.marks import INK, LOOKS, MARGIN, WIDTH, label
from dnsearch.report.drawing.network_pictures import SIDE, draw_densenet, draw_unet
from dnsearch.report.drawing.picture_facts import Layers, all_layers, lanes, totals
from dnsearch.report.units import one_line

DPI = 200
LONGEST_SIDE = 65_000  # pixels; the rasteriser refuses 2^16
SETTINGS: dict[str, Any] = {"svg.hashsalt": "dnsearch", "svg.fonttype": "path", "pdf.fonttype": 42}
METADATA: dict[str, dict[str, None]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}


def draw(plan: NetworkPlan, heading: str, path: Path) -> None:
    """Draw a network into a file; the same plan and heading give the same bytes.

    Args:
        plan: the network.
        heading: the first line of the picture.
        path: the file, which ends in ``.png``, ``.svg`` or ``.pdf``; an existing one is replaced.

    Raises:
        SpecError: the file has another ending, or cannot be written.
    """
    kind = path.suffix.lower().removeprefix(".")
    if kind not in METADATA:
        found = path.suffix or "no ending"
        hint = "The ending chooses the format: svg and pdf stay sharp at every size, png is read everywhere."
        raise SpecError([Problem(str(path), "a file that ends in .png, .svg or .pdf", found, hint)])
    with style.context(["default", SETTINGS]):
        figure = network_figure(plan, heading)
        content = BytesIO()
        dpi = min(DPI, LONGEST_SIDE / figure.get_size_inches()[1])
        figure.savefig(content, format=kind, dpi=dpi, metadata=METADATA[kind])
    write_picture(path, content.getvalue())


def write_picture(path: Path, content: bytes) -> None:
    """Put a picture into a file; an existing one is replaced.

    Raises:
        SpecError: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        problem = Problem(str(path), f"expected a place that can be written to: {error.strerror}")
        raise SpecError([problem]) from None


def network_figure(plan: NetworkPlan, heading: str) -> Figure:
    """The page: heading, legend, network, and a matrix for each wiring that is not dense."""
    figure = Figure(figsize=(WIDTH, 1.0), facecolor="white")
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.axis("off")
    blocks = all_layers(plan)
    shown = marks.fitting(one_line(heading), WIDTH - 3 * MARGIN, 9.5, bold=True)
    label(axes, (MARGIN, 0.17), shown, 9.5, "left", weight="bold")
    label(axes, (MARGIN, 0.35), totals(plan), 7.0, "left")
    bottom = _legend(axes, plan, blocks, 0.5)
    unet = "bottleneck" in plan.parts
    bottom = (draw_unet if unet else draw_densenet)(axes, plan, bottom + 0.1)
    bottom = draw_matrices(axes, list(blocks.values()), bottom + 0.1) + MARGIN
    figure.set_size_inches(WIDTH, bottom)
    axes.set(xlim=(0, WIDTH), ylim=(bottom, 0))
    return figure


def _legend(axes: Axes, plan: NetworkPlan, blocks: dict[str, Layers], top: float) -> float:
    """What lines, shapes and cells mean, of those that occur; returns where it ends."""
    x, y = MARGIN, top + 0.06
    for sample, words in _entries(plan, blocks):
        wide = 0.34 + marks.text_width(words)
        if x > MARGIN and x + wide > WIDTH - MARGIN:
            x, y = MARGIN, y + 0.14
        _sample(axes, sample, x, y)
        label(axes, (x + 0.34, y), words, align="left")
        x += wide + 0.18
    return y + 0.08


def _entries(plan: NetworkPlan, blocks: dict[str, Layers]) -> list[tuple[str, str]]:
    width = SIDE if "bottleneck" in plan.parts else WIDTH - 2 * MARGIN
    found: set[str] = {layers.kind for layers in blocks.values()} | {lane.kind for lane in lanes(plan)}
    found |= {link.kind for link in plan.links}
    folded = any(len(rows(layers, width)) > 1 for layers in blocks.values() if layers.kind == "dense")
    found |= {"grouped"} if folded else set()
    hollow = any(len(set(layers.block.output) - {0}) < layers.depth for layers in blocks.values())
    varying = any(layers.varying for layers in blocks.values())
    entries = [
        (True, INK, "layer in the block's output"),
        (hollow, "white", "layer not in the block's output"),
        (varying, "+n", "channels that a layer adds"),
        ("sparse" in found, UNREAD, "not read or not in the output"),
    ]
    lines = [(kind, look.meaning) for kind, look in LOOKS.items() if kind in found]
    return [*lines, *((sample, words) for occurs, sample, words in entries if occurs)]


def _sample(axes: Axes, sample: str, x: float, y: float) -> None:
    look = next((look for kind, look in LOOKS.items() if kind == sample), None)
    if look:
        marks.route(axes, [(x, y), (x + 0.29, y)], look, head=sample != "plain")
    elif sample == "+n":
        label(axes, (x + 0.22, y), sample, marks.SMALL)
    elif sample == UNREAD:
        marks.outlines(axes, [marks.square(x + 0.17, y - 0.05, 0.1)], UNREAD, None)
    else:
        axes.add_patch(Circle((x + 0.22, y), 0.055, fc=sample, ec=INK, lw=0.8, zorder=4))
