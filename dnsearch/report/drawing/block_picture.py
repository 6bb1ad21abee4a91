"""One block: its features in rows, an arc for every edge, and the matrix of a wiring that is not dense.

Feature 0, the block's input, is a square; layer l is a circle, filled if the block puts it out. A block too
long for one row is folded: rows of a dense one then begin with a lozenge for all features of the rows above;
of another one, the features of other rows that a layer reads are listed below it, each by its number.
"""

import math
from itertools import groupby
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.path import Path as Outline

from dnsearch.report.drawing import marks
from dnsearch.report.drawing.marks import INK, LOOKS, SMALL, Point, label
from dnsearch.report.drawing.picture_facts import Layers, change, title

UNREAD = "#DDE1E5"
LEFT, RIGHT = 0.3, 0.15  # inches beside the features, for the arrows that come in and go out
RADIUS = 0.095  # of a feature
HEADING = 0.3
TEXT = 0.22  # from the borders to the words of a heading
LISTED = 0.1  # per number listed below a layer
CELL = 0.115  # of a matrix


class Ports(NamedTuple):
    """Where arrows reach a block: the left of feature 0 and the middle of the output; where it ends."""

    entry: Point
    out: Point
    bottom: float


def rows(layers: Layers, width: float) -> list[range]:
    """The features of each row; the last one has room for the output, a folded one for the rows above."""
    features, places = layers.depth + 1, int((width - LEFT - RIGHT) / _pitch(layers))
    count = 1 if features + 1 <= places else -(-features // (places - 2))
    size = -(-features // count)
    return [range(first, min(first + size, features)) for first in range(0, features, size)]


def draw_block(axes: Axes, layers: Layers, left: float, top: float, width: float) -> Ports:
    """Draw a block; returns where arrows reach it."""
    found, pitch, part = rows(layers, width), _pitch(layers), layers.block.part
    height = HEADING + sum(_row_height(layers, row) for row in found) + 0.06
    marks.panel(axes, (left, top), width, height, "#F4F6F8")
    label(axes, (left + TEXT, top + 0.1), title(part), 7.5, "left", weight="bold")
    label(axes, (left + width - TEXT, top + 0.1), change(layers.before, layers.after), align="right")
    label(axes, (left + TEXT, top + 0.1 + marks.LINE), layers.summary, align="left")
    places: dict[int, Point] = {}
    first = left + LEFT + RADIUS + (pitch if len(found) > 1 and layers.kind == "dense" else 0.0)
    y = top + HEADING
    for row in found:
        middle = y + _arcs_height(layers, row) + RADIUS
        places |= {feature: (first + number * pitch, middle) for number, feature in enumerate(row)}
        _draw_arcs(axes, layers, row, places)
        for feature in row:
            _draw_feature(axes, layers, row, feature, places[feature])
        y += _row_height(layers, row)
    x, y = places[layers.depth][0] + pitch + 0.03, places[layers.depth][1]
    marks.panel(axes, (x - 0.12, y - RADIUS), 0.24, 2 * RADIUS, "white", INK)
    label(axes, (x, y), "out", SMALL, weight="bold")
    return Ports((places[0][0] - RADIUS, places[0][1]), (x, y), top + height)


def _pitch(layers: Layers) -> float:
    """Inches from one feature to the next: enough for what is written below them."""
    below = marks.text_width(f"+{max(layers.channels)}", SMALL) + 0.04 if layers.varying else 0.0
    return max(0.3 if layers.kind == "sparse" else 0.26, below)


def _row_height(layers: Layers, row: range) -> float:
    below = max(len(_listed(layers, row, layer)) for layer in row) + layers.varying
    return _arcs_height(layers, row) + 2 * RADIUS + 0.08 + below * LISTED


def _arcs_height(layers: Layers, row: range) -> float:
    grouped = len(row) if row[0] and layers.kind == "dense" else 1
    return _rise(max([grouped, *(layer - read for read, layer in _arcs(layers, row))])) + 0.06


def _rise(span: float) -> float:
    """How high an arc over ``span`` places goes, in inches: flatter than a half circle."""
    return 0.13 * float(span**0.6)


def _arcs(layers: Layers, row: range) -> list[tuple[int, int]]:
    return [(read, layer) for layer in row if layer for read in layers.block.reads[layer - 1] if read in row]


def _listed(layers: Layers, row: range, layer: int) -> list[str]:
    """The features of other rows that a layer of a block that is not dense reads; runs as ranges."""
    if layers.kind == "dense" or not layer:
        return []
    found = enumerate(feature for feature in layers.block.reads[layer - 1] if feature not in row)
    runs = [[feature for _, feature in run] for _, run in groupby(found, key=lambda pair: pair[1] - pair[0])]
    ranges = [[f"{run[0]}–{run[-1]}"] if len(run) > 2 and run[-1] < 100 else map(str, run) for run in runs]
    return [word for words in ranges for word in words]


def _draw_arcs(axes: Axes, layers: Layers, row: range, places: dict[int, Point]) -> None:
    look, arcs = LOOKS[layers.kind], _arcs(layers, row)
    read = {layer for _, layer in arcs}
    if arcs:
        outlines = [_arc(places[start], places[end]) for start, end in arcs]
        marks.curves(axes, outlines, look, f"edges of {layers.block.part} from {row[0]}")
    if row[0] and layers.kind == "dense":
        read.add(row[0])
        grouped, (x, y) = LOOKS["grouped"], (places[row[0]][0] - 0.32, places[row[0]][1])
        marks.curves(axes, [_arc((x, y), places[layer]) for layer in row], grouped)
        marks.panel(axes, (x - 0.18, y - 0.08), 0.36, 0.16, "white", grouped.colour)
        label(axes, (x, y), f"0–{row[0] - 1}", SMALL)
    tips = [(x - 0.4 * RADIUS, y - 0.9 * RADIUS - 0.03) for x, y in map(places.__getitem__, sorted(read))]
    axes.plot(*zip(*tips, strict=True) if tips else ((), ()), "v", color=look.colour, markersize=3.6, mew=0)


def _arc(start: Point, end: Point) -> Outline:
    left, right, top = start[0] + 0.4 * RADIUS, end[0] - 0.4 * RADIUS, start[1] - 0.9 * RADIUS
    control = top - _rise((end[0] - start[0]) / 0.27) / 0.75  # a cubic rises to 3/4 of its controls
    points = [(left, top), (left, control), (right, control), (right, top)]
    return Outline(points, [Outline.MOVETO, Outline.CURVE4, Outline.CURVE4, Outline.CURVE4])


def _draw_feature(axes: Axes, layers: Layers, row: range, feature: int, at: Point) -> None:
    x, y = at
    inside = feature in layers.block.output
    marks.dot(axes, at, "o" if feature else "s", 2 * RADIUS, INK if inside else "white", 0.8)
    label(axes, at, str(feature), SMALL, color="white" if inside else INK)
    y += RADIUS + 0.06
    if feature and layers.varying:
        label(axes, (x, y), f"+{layers.channels[feature - 1]}", SMALL)
        y += LISTED
    for number, word in enumerate(_listed(layers, row, feature)):
        style = {"color": LOOKS[layers.kind].colour, "gid": f"{layers.block.part} layer {feature}"}
        label(axes, (x, y + number * LISTED), word, SMALL, **style)


def draw_matrices(axes: Axes, blocks: list[Layers], top: float) -> float:
    """A matrix for each distinct wiring that is not dense; returns where the last one ends."""
    wirings: dict[tuple[object, ...], list[Layers]] = {}
    for layers in blocks:
        if layers.kind == "sparse":
            wirings.setdefault((layers.block.reads, layers.block.output), []).append(layers)
    if not wirings:
        return top
    label(axes, (marks.MARGIN, top + 0.08), "which features (columns) each layer (row) reads", align="left")
    x, y, lowest, most = marks.MARGIN, top + 0.2, top, marks.WIDTH - 2 * marks.MARGIN
    for same in wirings.values():
        side = min(CELL, (most - 0.4) / (same[0].depth + 1))
        parts = ", ".join(title(each.block.part) for each in same)
        names = marks.fitting(parts, most, marks.NORMAL, bold=True)
        width = max(0.4 + (same[0].depth + 1) * side, marks.text_width(names, bold=True))
        if x > marks.MARGIN and x + width > marks.MARGIN + most:
            x, y = marks.MARGIN, lowest + 0.12
        label(axes, (x, y + 0.08), names, align="left", weight="bold")
        lowest = max(lowest, _draw_matrix(axes, same[0], (x + 0.3, y + 0.33), side))
        x += width + 0.3
    return lowest


def _draw_matrix(axes: Axes, layers: Layers, corner: Point, side: float) -> float:
    """A row per layer, then one for the output, a column per feature; returns where it ends."""
    (left, top), count, block = corner, layers.depth, layers.block
    step = 1 if count < 10 else next(step for step in (2, 5, 10, 20, 50, 100, 1000) if step * side >= 0.22)
    for feature in range(0, count + 1, step):
        label(axes, (left + (feature + 0.5) * side, top - 0.08), str(feature), SMALL)
    for layer in range(step, count + 1, step):
        label(axes, (left - 0.05, top + (layer - 0.5) * side), str(layer), SMALL, "right")
    label(axes, (left - 0.05, top + (count + 1.5) * side), "out", SMALL, "right", weight="bold")
    cells = [[int(feature in read) for feature in range(layer)] for layer, read in enumerate(block.reads, 1)]
    output = [2 * (feature in block.output) for feature in range(count + 1)]
    table = [line + [math.nan] * (count + 1 - len(line)) for line in [*cells, [], output]]
    x, y = ([start + side * line for line in range(count + 3)] for start in corner)
    colours = ListedColormap([UNREAD, LOOKS["sparse"].colour, INK])
    mesh = axes.pcolormesh(x[:-1], y, table, cmap=colours, vmin=0, vmax=2)
    mesh.set(edgecolor="white", linewidth=9 * side, gid=f"matrix of {block.part}")
    return top + (count + 2) * side
