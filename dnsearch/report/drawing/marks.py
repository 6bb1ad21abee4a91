"""Text, boxes, lines and arrows on a page that is measured in inches, with y running down it.

The colours are those of Okabe and Ito (2008) and of Tol (2021) that colour-blind eyes tell apart.
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, PathPatch
from matplotlib.path import Path as Outline
from matplotlib.textpath import text_to_path

Point = tuple[float, float]
Kind = Literal["dense", "grouped", "sparse", "plain", "cross_block", "skip", "head"]

WIDTH = 6.5  # inches, of the page
MARGIN = 0.1
SMALL = 6.0  # points; nothing is written smaller
NORMAL = 6.5
LINE = 0.125  # inches from one line of text to the next
INK = "#222222"
FONT = "DejaVu Sans"


class Look(NamedTuple):
    """How a line looks; ``width`` and ``dashes`` (on, off, …; None: solid) are in points."""

    colour: str
    width: float
    dashes: tuple[float, ...] | None = None
    meaning: str = ""


FLOW = Look(INK, 1.0)
LOOKS: dict[Kind, Look] = {
    "dense": Look("#0072B2", 0.5, None, "edge of a dense block"),
    "grouped": Look("#56B4E9", 0.9, (1.6, 0.7), "edges from all features of the rows above"),
    "sparse": Look("#D55E00", 0.7, (3.2, 1.0), "edge of a sparse block, also as a number or a cell"),
    "plain": Look("#777777", 0.8, None, "convolution after convolution"),
    "cross_block": Look("#00825F", 1.2, (6.0, 1.8, 1.4, 1.8), "link between blocks"),
    "skip": Look("#882255", 1.2, (7.0, 2.0), "skip"),
    "head": Look("#8A6500", 1.2, (1.5, 1.2), "read by the head as well"),
}


def text_width(words: str, size: float = NORMAL, *, bold: bool = False) -> float:
    """How wide a line of text is, in inches."""
    font = FontProperties(family=FONT, weight="bold" if bold else "normal", size=size)
    width, _, _ = text_to_path.get_text_width_height_descent(words, font, ismath=False)
    return float(width) / 72


def fitting(words: str, width: float, size: float, *, bold: bool = False) -> str:
    """A text, shortened with an ellipsis to what fits into ``width`` inches."""
    while len(words) > 2 and text_width(words, size, bold=bold) > width:
        words = f"{words.removesuffix('…')[:-1]}…"
    return words


def wrapped(words: Sequence[str], width: float) -> list[str]:
    """Steps put into lines of at most ``width`` inches, with a dot between two; a step is never broken."""
    lines: list[str] = []
    for word in words:
        if lines and text_width(f"{lines[-1]} · {word}") <= width:
            lines[-1] += f" · {word}"
        else:
            lines.append(word)
    return lines


def label(
    axes: Axes, at: Point, words: str, size: float = NORMAL, align: str = "center", **style: str
) -> None:
    """Write one line, vertically centred on ``at``; ``style`` takes matplotlib's own text properties."""
    look: dict[str, Any] = {"color": INK, "family": FONT, "va": "center_baseline", "zorder": 6, **style}
    axes.text(*at, words, fontsize=size, ha=align, parse_math=False, **look)


def panel(axes: Axes, corner: Point, width: float, height: float, fill: str, edge: str = "#9AA1A8") -> None:
    """A rounded box, from its left upper corner."""
    style = "round,pad=0,rounding_size=0.05"
    axes.add_patch(FancyBboxPatch(corner, width, height, style, fc=fill, ec=edge, lw=0.7, zorder=1))


def route(axes: Axes, points: Sequence[Point], look: Look = FLOW, *, head: bool = True) -> None:
    """A line with corners, and an arrow head at its end."""
    style = "-|>,head_length=2.6,head_width=1.3" if head else "-"
    arrow = FancyArrowPatch(path=Outline(points), arrowstyle=style, mutation_scale=1, color=look.colour)
    arrow.set(linewidth=look.width, linestyle=(0, look.dashes), capstyle="butt", joinstyle="miter", zorder=3)
    axes.add_patch(arrow)


def curves(axes: Axes, outlines: Sequence[Outline], look: Look, gid: str = "") -> None:
    """Many curves as one patch, so that a file has one element for all of them."""
    outline = Outline.make_compound_path(*outlines)
    patch = PathPatch(outline, fc="none", ec=look.colour, lw=look.width, zorder=2)
    patch.set(linestyle=(0, look.dashes), capstyle="butt", gid=gid)
    axes.add_patch(patch)


def dot(axes: Axes, at: Point, marker: str, side: float, fill: str = INK, edge: float = 0.0) -> None:
    """A marker of matplotlib, ``side`` inches wide, with an edge of so many points."""
    axes.plot(*at, marker, markersize=72 * side, mfc=fill, mec=INK, mew=edge, zorder=4)
