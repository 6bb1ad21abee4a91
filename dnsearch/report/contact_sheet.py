"""A contact sheet: training images as the network sees them, each beside what it was, on one page.

The sheet is one figure with one pair of axes in inches; every image is an extent in it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from dnsearch.report.drawing.marks import FONT, INK, fitting, text_width
from dnsearch.report.units import one_line

DPI = 150
LONGEST_SIDE = 65_000  # pixels; the rasteriser refuses 2^16
MARGIN, GAP, SEAM = 0.3, 0.22, 0.045  # inches: around all, between the pairs, within a pair
SIDE = 0.92  # inches of the longer side of an image
CAPTION, LINE, HEADING = (
    0.13,
    0.125,
    0.62,
)  # inches: down to the first line below a pair, per line, for the heading
SMALL, MIDDLE, LARGE = 7.5, 8.5, 13.0
FAINT = "#6B7075"

Pixels = Any
"""(height, width, 3), from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Pair:
    """An image on the sheet.

    Args:
        original: as it was.
        seen: as the network sees it; the same image where nothing is augmented.
        classes: names and shares, the largest share first.
    """

    original: Pixels
    seen: Pixels
    classes: tuple[tuple[str, float], ...]


def contact_sheet(title: str, subtitle: str, pairs: Sequence[Pair], *, compared: bool) -> bytes:
    """A PNG; the same images give the same bytes.

    Args:
        title: the heading.
        subtitle: how the images were made, below it.
        pairs: at least one, all of one size.
        compared: whether the originals are shown, left of what became of them.
    """
    height, width = pairs[0].seen.shape[:2]
    tall, wide = SIDE * height / max(height, width), SIDE * width / max(height, width)
    across = 2 * wide + SEAM if compared else wide
    columns = _columns(len(pairs), compared)
    lines = max(len(pair.classes) for pair in pairs)
    step = tall + CAPTION + lines * LINE + GAP / 2
    rows = -(-len(pairs) // columns)
    least = max(text_width(title, LARGE, bold=True), text_width(subtitle, MIDDLE))
    page = (
        max(columns * (across + GAP) - GAP, least) + 2 * MARGIN,
        2 * MARGIN + HEADING + rows * step - GAP / 2,
    )
    with style.context(["default", {"font.family": FONT}]):
        figure = Figure(figsize=page, facecolor="white")
        axes = _page(figure, page)
        _write(axes, MARGIN, MARGIN + 0.06, one_line(title), LARGE, bold=True)
        _write(axes, MARGIN, MARGIN + 0.31, one_line(subtitle), MIDDLE, colour=FAINT)
        for number, pair in enumerate(pairs):
            row, column = divmod(number, columns)
            left, top = MARGIN + column * (across + GAP), MARGIN + HEADING + row * step
            for image in (pair.original, pair.seen) if compared else (pair.seen,):
                _show(axes, image, left, top, (wide, tall))
                left += wide + SEAM
            _caption(axes, left - SEAM - across, top + tall + CAPTION, across, pair.classes)
        return _png(figure)


def _columns(pairs: int, compared: bool) -> int:
    """As many as make a page that is wider than high and, if it can be, ends with a full row.

    >>> [_columns(pairs, compared=True) for pairs in (1, 3, 20, 24, 23)]
    [1, 3, 5, 6, 5]
    """
    square = math.sqrt(pairs / 2 if compared else pairs)
    about = min(pairs, max(4 if compared else 6, round(1.5 * square)))
    return next((columns for columns in (about, about + 1, about - 1) if pairs % max(1, columns) == 0), about)


def _page(figure: Figure, size: tuple[float, float]) -> Axes:
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_xlim(0, size[0])
    axes.set_ylim(size[1], 0)
    axes.axis("off")
    return axes


def _show(axes: Axes, image: Pixels, left: float, top: float, size: tuple[float, float]) -> None:
    """Pixels with hard edges, and a thin frame, so that a white image does not melt into the page."""
    wide, tall = size
    axes.imshow(
        image,
        extent=(left, left + wide, top + tall, top),
        interpolation="nearest" if max(image.shape) * 2 < SIDE * DPI else "antialiased",
        aspect="auto",
        zorder=1,
    )
    axes.add_patch(
        Rectangle((left, top), wide, tall, fill=False, edgecolor="#9AA1A8", linewidth=0.5, zorder=2)
    )


def _caption(
    axes: Axes, left: float, top: float, width: float, classes: tuple[tuple[str, float], ...]
) -> None:
    """The class; where there are several, each with its share."""
    for number, (name, share) in enumerate(classes):
        words = name if len(classes) == 1 else f"{100 * share:.0f} % {name}"
        _write(axes, left, top + number * LINE, fitting(one_line(words), width, SMALL), SMALL)


def _write(
    axes: Axes, left: float, middle: float, words: str, size: float, *, bold: bool = False, colour: str = INK
) -> None:
    axes.text(
        left,
        middle,
        words,
        fontsize=size,
        fontweight="bold" if bold else "normal",
        color=colour,
        verticalalignment="center_baseline",
        parse_math=False,
    )


def _png(figure: Figure) -> bytes:
    content = BytesIO()
    longest = max(figure.get_size_inches())
    figure.savefig(content, format="png", dpi=min(DPI, LONGEST_SIDE / longest))
    return content.getvalue()
