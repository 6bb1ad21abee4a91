"""Marks become ink: the only place that draws with matplotlib, on a figure of its own, without a window."""

from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from typing import Any, assert_never

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline
from matplotlib.transforms import Affine2D, Transform

from dnsearch.report.drawing.marks import (
    FONT,
    Arcs,
    Circles,
    Lines,
    Mark,
    Point,
    Polygons,
    Sketch,
    Stroke,
    Text,
)

DPI = 160
MOST_PIXELS = 60_000_000  # a larger picture gets fewer dots per inch
LONGEST_SIDE = 65_000  # pixels; the rasteriser refuses 2^16
SETTINGS: dict[str, Any] = {"svg.hashsalt": "dnsearch", "svg.fonttype": "path", "font.family": FONT}


@dataclass(frozen=True, slots=True)
class Placed:
    """A sketch on the page, moved right and down."""

    sketch: Sketch
    right: float
    down: float


def painted(sketches: Iterable[Placed], width: float, height: float, kind: str) -> bytes:
    """The content of a picture file; the same sketches give the same bytes.

    Args:
        sketches: what lies on the page.
        width: of the page, in inches.
        height: of the page, in inches.
        kind: ``svg`` or ``png``.
    """
    with style.context(["default", SETTINGS]):
        figure = Figure(figsize=(width, height), facecolor="white")
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        axes.set_xlim(0, width)
        axes.set_ylim(height, 0)
        axes.axis("off")
        for placed in sketches:
            move = Affine2D().translate(placed.right, placed.down) + axes.transData
            for mark in placed.sketch.marks:
                _paint(axes, mark, move)
        return _content(figure, kind)


def _content(figure: Figure, kind: str) -> bytes:
    content = BytesIO()
    if kind == "svg":
        figure.savefig(content, format="svg", metadata={"Date": None})
    else:
        figure.savefig(content, format="png", dpi=_dots_per_inch(*figure.get_size_inches()))
    return content.getvalue()


def _dots_per_inch(width: float, height: float) -> float:
    """As many as keep the picture below the most pixels.

    >>> _dots_per_inch(12.0, 5.0), 20 < _dots_per_inch(300.0, 300.0) < 30
    (160.0, True)
    """
    return float(min(DPI, (MOST_PIXELS / (width * height)) ** 0.5, LONGEST_SIDE / max(width, height)))


def _paint(axes: Axes, mark: Mark, move: Transform) -> None:
    match mark:
        case Text():
            _write(axes, mark, move)
        case Lines(paths, stroke):
            _ink(axes, [_straight(path) for path in paths], None, stroke, move)
        case Arcs(curves, stroke):
            codes = [Outline.MOVETO, Outline.CURVE4, Outline.CURVE4, Outline.CURVE4]
            _ink(axes, [Outline(curve, codes) for curve in curves], None, stroke, move)
        case Polygons(outlines, fill, stroke):
            _ink(
                axes,
                [_straight((*outline, outline[0]), closed=True) for outline in outlines],
                fill,
                stroke,
                move,
            )
        case Circles(centres, radius, fill, stroke):
            _ink(axes, [Outline.circle(centre, radius) for centre in centres], fill, stroke, move)
        case _:
            assert_never(mark)


def _straight(points: tuple[Point, ...], *, closed: bool = False) -> Outline:
    codes = [Outline.MOVETO, *[Outline.LINETO] * (len(points) - 1)]
    return Outline(points, [*codes[:-1], Outline.CLOSEPOLY] if closed else codes)


def _ink(
    axes: Axes, outlines: list[Outline], fill: str | None, stroke: Stroke | None, move: Transform
) -> None:
    """All outlines as one patch: one element in the file, however many edges a block has."""
    dashes = (0.0, stroke.dashes) if stroke and stroke.dashes else "solid"
    width = stroke.width if stroke else 0.0
    patch = PathPatch(
        Outline.make_compound_path(*outlines),
        facecolor=fill or "none",
        edgecolor=stroke.colour if stroke else "none",
        linewidth=width,
        linestyle=dashes,
        capstyle="butt",
        joinstyle="round",
        transform=move,
        zorder=1,
        clip_on=False,
    )
    axes.add_artist(patch)


def _write(axes: Axes, text: Text, move: Transform) -> None:
    axes.text(
        *text.at,
        text.words,
        transform=move,
        fontsize=text.size,
        fontweight="bold" if text.bold else "normal",
        color=text.colour,
        horizontalalignment=text.align,
        verticalalignment="center_baseline",
        parse_math=False,
        zorder=1,
    )
