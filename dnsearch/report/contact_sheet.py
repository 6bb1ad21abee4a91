"""A contact sheet: training images as the network sees them, each beside the original, on one page.

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

from dnsearch.report.drawing.marks import FONT, fitting, text_width
from dnsearch.report.units import one_line

DPI = 150
LONGEST_SIDE = 65_000  # pixels; the rasteriser refuses 2^16
MARGIN, GAP, SEAM = 0.3, 0.22, 0.045  # inches: around all, between the pairs, within a pair
SIDE = 0.92  # inches of the longer side of an image
CAPTION, LINE, HEADING = (
    0.13,
    0.125,
    0.62,
)  # inches: to the first line below a pair, per line, for the heading
SMALL, MIDDLE, LARGE = 7.5, 8.5, 13.0

Pixels = Any
"""(height, width, 3), from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Pair:
    """An image on the sheet.

    Args:
        original: before augmentation.
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
    title, subtitle = one_line(title), one_line(subtitle)
    height, width = pairs[0].seen.shape[:2]
    tall, wide = SIDE * height / max(height, width), SIDE * width / max(height, width)
    across = 2 * wide + SEAM if compared else wide
    columns = _columns(len(pairs), compared)
    step = tall + CAPTION + max(len(pair.classes) for pair in pairs) * LINE + GAP / 2
    rows = -(-len(pairs) // columns)
    least = max(text_width(title, LARGE, bold=True), text_width(subtitle, MIDDLE))
    page_width = max(columns * (across + GAP) - GAP, least) + 2 * MARGIN
    page_height = 2 * MARGIN + HEADING + rows * step - GAP / 2
    with style.context(["default", {"font.family": FONT}]):
        figure = Figure(figsize=(page_width, page_height), facecolor="white")
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0), xlim=(0, page_width), ylim=(page_height, 0))
        axes.axis("off")
        _write(axes, MARGIN, MARGIN + 0.06, title, LARGE, fontweight="bold")
        _write(axes, MARGIN, MARGIN + 0.31, subtitle, MIDDLE, color="#6B7075")
        for number, pair in enumerate(pairs):
            row, column = divmod(number, columns)
            left, top = MARGIN + column * (across + GAP), MARGIN + HEADING + row * step
            for line, (name, share) in enumerate(pair.classes):
                words = name if len(pair.classes) == 1 else f"{100 * share:.0f} % {name}"
                below = top + tall + CAPTION + line * LINE
                _write(axes, left, below, fitting(one_line(words), across, SMALL), SMALL)
            for image in (pair.original, pair.seen) if compared else (pair.seen,):
                _show(axes, image, left, top, (wide, tall))
                left += wide + SEAM
        content = BytesIO()
        figure.savefig(content, format="png", dpi=min(DPI, LONGEST_SIDE / max(page_width, page_height)))
        return content.getvalue()


def _columns(pairs: int, compared: bool) -> int:
    """As many as make a page that is wider than high and, if it can be, ends with a full row.

    >>> [_columns(pairs, compared=True) for pairs in (1, 3, 20, 24, 23)]
    [1, 3, 5, 6, 5]
    """
    square = math.sqrt(pairs / 2 if compared else pairs)
    about = min(pairs, max(4 if compared else 6, round(1.5 * square)))
    return next((columns for columns in (about, about + 1, about - 1) if pairs % max(1, columns) == 0), about)


def _show(axes: Axes, image: Pixels, left: float, top: float, size: tuple[float, float]) -> None:
    """Pixels with hard edges, and a thin frame that sets a white image apart from the page."""
    wide, tall = size
    axes.imshow(
        image,
        extent=(left, left + wide, top + tall, top),
        interpolation="nearest" if max(image.shape) * 2 < SIDE * DPI else "antialiased",
        aspect="auto",
        zorder=1,
    )
    frame = Rectangle((left, top), wide, tall, fill=False, edgecolor="#9AA1A8", linewidth=0.5, zorder=2)
    axes.add_patch(frame)


def _write(axes: Axes, left: float, middle: float, words: str, size: float, **look: Any) -> None:  # noqa: ANN401  (what matplotlib takes)
    where: dict[str, Any] = {"verticalalignment": "center_baseline", "parse_math": False, "color": "#222222"}
    axes.text(left, middle, words, fontsize=size, **(where | look))
