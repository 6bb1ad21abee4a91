"""A confusion matrix as a picture."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dnsearch.evaluate.bootstrap import Floats
from dnsearch.evaluate.metrics import Counts
from dnsearch.report.units import one_line, shortened
from dnsearch.runs.atomic import atomic_write

DPI = 160
CELL, FINEST_CELL = 0.42, 0.13
"""Inches; the finest is for more classes than ``MOST_NUMBERED``, whose cells have no numbers."""
MOST_NUMBERED = 25
LONGEST_COUNT = 99_999
"""Where a cell has more, percents of the rows are written: counts would not fit."""
LONGEST_NAME = 24


def draw_confusion(counts: Counts, names: Sequence[str], title: str, path: Path) -> None:
    """Draw a confusion matrix, (classes, classes), into a PNG file; equal arguments give equal bytes.

    A cell's colour is its share of its row, so that classes with few images show as clearly as others.

    Raises:
        RunError: the file cannot be written.
    """
    content = BytesIO()
    with style.context("default"):
        _figure(counts, names, title).savefig(content, format="png", dpi=DPI, bbox_inches="tight")
    atomic_write(path, content.getvalue())


def _figure(counts: Counts, names: Sequence[str], title: str) -> Figure:
    classes = len(names)
    numbered = classes <= MOST_NUMBERED
    side = max(3.0, classes * (CELL if numbered else FINEST_CELL))
    figure = Figure(figsize=(side, side), facecolor="white")
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    shares = counts / counts.sum(axis=1, keepdims=True).clip(1)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    _label(axes, [shortened(one_line(name), LONGEST_NAME) for name in names], 9 if numbered else 6)
    axes.set_title(one_line(title), fontsize=11, loc="left", pad=10)
    if numbered:
        _number(axes, counts, shares)
    bar = figure.add_axes((1.03, 0.0, min(0.04, 0.15 / side), 1.0))
    figure.colorbar(image, cax=bar).set_label("share of the row", fontsize=9)
    bar.tick_params(labelsize=8)
    return figure


def _label(axes: Axes, names: Sequence[str], size: int) -> None:
    plain = [name.replace("$", r"\$") for name in names]  # a dollar sign would start a formula
    axes.set_xticks(range(len(names)), plain, fontsize=size, rotation=90 if max(map(len, names)) > 2 else 0)
    axes.set_yticks(range(len(names)), plain, fontsize=size)
    axes.set_xlabel("predicted", fontsize=10)
    axes.set_ylabel("shown", fontsize=10)
    axes.tick_params(length=0)


def _number(axes: Axes, counts: Counts, shares: Floats) -> None:
    """Write the counts into the cells, or percents for long ones, white on dark cells."""
    long = counts.max() > LONGEST_COUNT
    size = 9 if counts.max() < 1000 else 7
    for row, column in zip(*counts.nonzero(), strict=True):
        share = shares[row, column]
        text = f"{100 * share:.1f} %" if long else f"{counts[row, column]}"
        colour = "white" if share > 0.5 else "#222222"
        axes.text(column, row, text, ha="center", va="center", fontsize=size, color=colour)
