"""Pictures of numbers and images: a confusion matrix, and a contact sheet of training images."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from matplotlib import style
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from dnsearch.evaluate.metrics import Counts
from dnsearch.report.drawing.marks import LINE, fitting, label, text_width
from dnsearch.report.units import one_line, shortened
from dnsearch.runs.atomic import atomic_write

MATRIX_DPI = 160
CELL, FINEST_CELL = 0.42, 0.13  # inches; the finest is for more classes than MOST_NUMBERED
MOST_NUMBERED = 25  # classes; the cells of more have no numbers
LONGEST_COUNT = 99_999  # where a cell has more, percents of the rows are written: counts would not fit
LONGEST_NAME = 24


def draw_confusion(counts: Counts, names: Sequence[str], title: str, path: Path) -> None:
    """Draw a confusion matrix, (classes, classes), into a PNG file; equal arguments give equal bytes."""
    content = BytesIO()
    with style.context("default"):
        _figure(counts, names, title).savefig(content, format="png", dpi=MATRIX_DPI, bbox_inches="tight")
    atomic_write(path, content.getvalue())


def _figure(counts: Counts, names: Sequence[str], title: str) -> Figure:
    numbered = len(names) <= MOST_NUMBERED
    side = max(3.0, len(names) * (CELL if numbered else FINEST_CELL))
    figure = Figure(figsize=(side, side), facecolor="white")
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    # Shares of the row, so that classes with few images show as clearly as others.
    shares = counts / counts.sum(axis=1, keepdims=True).clip(1)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    # A dollar sign would start a formula.
    shown = [shortened(one_line(name), LONGEST_NAME).replace("$", r"\$") for name in names]
    size = 9 if numbered else 6
    axes.set_xticks(range(len(names)), shown, fontsize=size, rotation=90 if max(map(len, shown)) > 2 else 0)
    axes.set_yticks(range(len(names)), shown, fontsize=size)
    axes.set_xlabel("predicted", fontsize=10)
    axes.set_ylabel("shown", fontsize=10)
    axes.tick_params(length=0)
    axes.set_title(one_line(title), fontsize=11, loc="left", pad=10)
    if numbered:
        long, digits = counts.max() > LONGEST_COUNT, 9 if counts.max() < 1000 else 7
        for row, column in zip(*counts.nonzero(), strict=True):
            share = shares[row, column]
            text = f"{100 * share:.1f} %" if long else f"{counts[row, column]}"
            colour = "white" if share > 0.5 else "#222222"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=digits)
    bar = figure.add_axes((1.03, 0.0, min(0.04, 0.15 / side), 1.0))
    figure.colorbar(image, cax=bar).set_label("share of the row", fontsize=9)
    bar.tick_params(labelsize=8)
    return figure


DPI = 150
LONGEST_SIDE = 65_000  # pixels; the rasteriser refuses 2^16
MARGIN, GAP, SEAM = 0.3, 0.22, 0.045  # inches: around all, between the pairs, within a pair
SIDE = 0.92  # inches of the longer side of an image
CAPTION, HEADING = 0.13, 0.62  # inches: to the first line below a pair, for the heading
SMALL, MIDDLE, LARGE = 7.5, 8.5, 13.0

Pixels = Any  # (height, width, 3), from 0 to 1


@dataclass(frozen=True, slots=True)
class Pair:
    """An image before augmentation and as the network sees it; its classes, the largest share first."""

    original: Pixels
    seen: Pixels
    classes: tuple[tuple[str, float], ...]


def contact_sheet(title: str, subtitle: str, pairs: Sequence[Pair], *, compared: bool) -> bytes:
    """A PNG of images of one size, beside their originals if ``compared``; equal images: equal bytes."""
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
    with style.context("default"):
        figure = Figure(figsize=(page_width, page_height), facecolor="white")
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0), xlim=(0, page_width), ylim=(page_height, 0))
        axes.axis("off")
        label(axes, (MARGIN, MARGIN + 0.06), title, LARGE, "left", weight="bold")
        label(axes, (MARGIN, MARGIN + 0.31), subtitle, MIDDLE, "left", color="#6B7075")
        for number, pair in enumerate(pairs):
            row, column = divmod(number, columns)
            left, top = MARGIN + column * (across + GAP), MARGIN + HEADING + row * step
            for line, (name, share) in enumerate(pair.classes):
                words = name if len(pair.classes) == 1 else f"{100 * share:.0f} % {name}"
                below = left, top + tall + CAPTION + line * LINE
                label(axes, below, fitting(one_line(words), across, SMALL), SMALL, "left")
            for image in (pair.original, pair.seen) if compared else (pair.seen,):
                smooth = "nearest" if max(image.shape) * 2 < SIDE * DPI else "antialiased"
                extent = left, left + wide, top + tall, top
                axes.imshow(image, extent=extent, interpolation=smooth, aspect="auto", zorder=1)
                # A thin frame sets a white image apart from the page.
                frame = Rectangle((left, top), wide, tall, fill=False, ec="#9AA1A8", lw=0.5, zorder=2)
                axes.add_patch(frame)
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
