"""One block: its features in rows, an arc for every edge, and the matrix of a wiring that is not dense.

Feature 0, the block's input, is a square; layer l is a circle, filled if the block puts it out. Arcs run from
left to right. A block that is too long for one row is folded:

- dense: each further row begins with a lozenge for all features of the rows above, which each layer reads;
- not dense: the features of other rows that a layer reads are listed below it, each by its number.
"""

from itertools import groupby
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.patches import Circle, Rectangle
from matplotlib.path import Path as Outline

from dnsearch.report.drawing import marks
from dnsearch.report.drawing.marks import INK, LOOKS, SMALL, Area, Point, label
from dnsearch.report.drawing.picture_facts import Layers, title

UNREAD = "#DDE1E5"
LEFT, RIGHT = 0.3, 0.15  # inches beside the features, for the arrows that come in and go out
RADIUS = 0.095  # of a feature
HEADING = 0.3
TEXT = 0.22  # from the borders to the words of a heading
LISTED = 0.1  # per number listed below a layer
CELL = 0.115  # of a matrix


class Ports(NamedTuple):
    """Where arrows reach a block: the left of feature 0, the middle of the output, and the block's area."""

    entry: Point
    out: Point
    area: Area


def rows(layers: Layers, width: float) -> list[range]:
    """The features of each row of a block that is ``width`` inches wide.

    The last row also has a place for the output, and each row of a folded block one for the rows above.
    """
    features, places = layers.depth + 1, int((width - LEFT - RIGHT) / _pitch(layers))
    count = 1 if features + 1 <= places else -(-features // (places - 2))
    size = -(-features // count)
    return [range(first, min(first + size, features)) for first in range(0, features, size)]


def block_width(layers: Layers, most: float) -> float:
    """Inches that a block needs, at most ``most``."""
    found = rows(layers, most)
    features = LEFT + RIGHT + (len(found[0]) + min(2, len(found))) * _pitch(layers)
    name = marks.text_width(title(layers.block.part), 7.5, bold=True)
    words = max(marks.text_width(layers.shapes) + name + 0.25, marks.text_width(layers.summary))
    return min(most, max(features, words + 2 * TEXT))


def draw_block(axes: Axes, layers: Layers, left: float, top: float, width: float) -> Ports:
    """Draw a block and return where arrows reach it."""
    found, pitch, part = rows(layers, width), _pitch(layers), layers.block.part
    area = Area(
        left, top, left + width, top + HEADING + sum(_row_height(layers, row) for row in found) + 0.06
    )
    marks.panel(axes, area, "#F4F6F8")
    label(axes, (left + TEXT, top + 0.1), title(part), 7.5, "left", weight="bold")
    label(axes, (area.right - TEXT, top + 0.1), layers.shapes, align="right")
    label(axes, (left + TEXT, top + 0.1 + marks.LINE), layers.summary, align="left")
    places: dict[int, Point] = {}
    first = left + LEFT + RADIUS + (pitch if len(found) > 1 and layers.kind == "dense" else 0.0)
    y = top + HEADING
    for row in found:
        middle = y + _arcs_height(layers, row) + RADIUS
        places |= {feature: (first + number * pitch, middle) for number, feature in enumerate(row)}
        _draw_row(axes, layers, row, places)
        y += _row_height(layers, row)
    x, y = places[layers.depth][0] + pitch + 0.03, places[layers.depth][1]
    marks.panel(axes, Area(x - 0.12, y - RADIUS, x + 0.12, y + RADIUS), "white", INK)
    label(axes, (x, y), "out", SMALL, weight="bold")
    return Ports((places[0][0] - RADIUS, places[0][1]), (x, y), area)


def _listed(layers: Layers, row: range, layer: int) -> list[str]:
    """The features of other rows that a layer of a block that is not dense reads; runs as ranges."""
    if layers.kind == "dense" or not layer:
        return []
    found = enumerate(feature for feature in layers.block.reads[layer - 1] if feature not in row)
    runs = [[feature for _, feature in run] for _, run in groupby(found, key=lambda pair: pair[1] - pair[0])]
    ranges = [[f"{run[0]}–{run[-1]}"] if len(run) > 2 and run[-1] < 100 else map(str, run) for run in runs]
    return [word for words in ranges for word in words]


def _arcs(layers: Layers, row: range) -> list[tuple[int, int]]:
    return [(read, layer) for layer in row if layer for read in layers.block.reads[layer - 1] if read in row]


def _pitch(layers: Layers) -> float:
    """Inches from one feature to the next: enough for what is written below them."""
    below = marks.text_width(f"+{max(layers.channels)}", SMALL) + 0.04 if layers.varying else 0.0
    return max(0.3 if layers.kind == "sparse" else 0.26, below)


def _rise(span: float) -> float:
    """How high an arc over ``span`` places goes, in inches: flatter than a half circle."""
    return 0.13 * float(span**0.6)


def _arcs_height(layers: Layers, row: range) -> float:
    grouped = len(row) if row[0] and layers.kind == "dense" else 1
    return _rise(max([grouped, *(layer - read for read, layer in _arcs(layers, row))])) + 0.06


def _row_height(layers: Layers, row: range) -> float:
    below = max(len(_listed(layers, row, layer)) for layer in row) + layers.varying
    return _arcs_height(layers, row) + 2 * RADIUS + 0.08 + below * LISTED


def _draw_row(axes: Axes, layers: Layers, row: range, places: dict[int, Point]) -> None:
    arcs, look, part = _arcs(layers, row), LOOKS[layers.kind], layers.block.part
    curves = [_arc(places[read], places[layer]) for read, layer in arcs]
    marks.outlines(axes, curves, "none", look, f"edges of {part} from {row[0]}")
    read = {layer for _, layer in arcs}
    if row[0] and layers.kind == "dense":
        read.add(row[0])
        x, y = places[row[0]][0] - 0.32, places[row[0]][1]
        grouped = LOOKS["grouped"]
        marks.outlines(axes, [_arc((x, y), places[layer]) for layer in row], "none", grouped)
        marks.panel(axes, Area(x - 0.18, y - 0.08, x + 0.18, y + 0.08), "white", grouped.colour)
        label(axes, (x, y), f"0–{row[0] - 1}", SMALL)
    marks.outlines(axes, [_head(places[layer]) for layer in sorted(read)], look.colour, None)
    for feature in row:
        at, inside = places[feature], feature in layers.block.output
        fill, corner = INK if inside else "white", (at[0] - RADIUS, at[1] - RADIUS)
        shape = Circle(at, RADIUS) if feature else Rectangle(corner, 2 * RADIUS, 2 * RADIUS)
        shape.set(facecolor=fill, edgecolor=INK, linewidth=0.8, zorder=4)
        axes.add_patch(shape)
        label(axes, at, str(feature), SMALL, color="white" if inside else INK)
        added = [f"+{layers.channels[feature - 1]}"] if feature and layers.varying else []
        listed, y = _listed(layers, row, feature), at[1] + RADIUS + 0.06
        for number, word in enumerate([*added, *listed]):
            style = {} if word in added else {"color": look.colour, "gid": f"{part} layer {feature}"}
            label(axes, (at[0], y + number * LISTED), word, SMALL, **style)


def _arc(start: Point, end: Point) -> Outline:
    left, right, top = start[0] + 0.4 * RADIUS, end[0] - 0.4 * RADIUS, start[1] - 0.9 * RADIUS
    control = top - _rise((end[0] - start[0]) / 0.27) / 0.75  # a cubic rises to 3/4 of its controls
    points = [(left, top), (left, control), (right, control), (right, top)]
    return Outline(points, [Outline.MOVETO, Outline.CURVE4, Outline.CURVE4, Outline.CURVE4])


def _head(at: Point) -> Outline:
    x, y = at[0] - 0.4 * RADIUS, at[1] - 0.9 * RADIUS
    return Outline([(x, y), (x - 0.025, y - 0.06), (x + 0.025, y - 0.06), (x, y)], closed=True)


def draw_matrices(axes: Axes, blocks: list[Layers], top: float) -> float:
    """A matrix for each distinct wiring that is not dense; returns where the last one ends."""
    wirings: dict[tuple[object, ...], list[Layers]] = {}
    for layers in blocks:
        if layers.kind == "sparse":
            wirings.setdefault((layers.block.reads, layers.block.output), []).append(layers)
    x, y, lowest = marks.MARGIN, top, top
    for same in wirings.values():
        side = min(CELL, (marks.WIDTH - 2 * marks.MARGIN - 0.4) / (same[0].depth + 1))
        names = f"{', '.join(title(each.block.part) for each in same)}: which layer reads which feature"
        width = max(0.4 + (same[0].depth + 1) * side, marks.text_width(names))
        if x > marks.MARGIN and x + width > marks.WIDTH - marks.MARGIN:
            x, y = marks.MARGIN, lowest + 0.12
        label(axes, (x, y + 0.08), names, align="left")
        lowest = max(lowest, _draw_matrix(axes, same[0], (x + 0.3, y + 0.33), side))
        x += width + 0.3
    return lowest


def _draw_matrix(axes: Axes, layers: Layers, corner: Point, side: float) -> float:
    (left, top), count, block = corner, layers.depth, layers.block
    step = 1 if count < 10 else next(step for step in (2, 5, 10, 20, 50, 100, 1000) if step * side >= 0.22)
    for feature in range(0, count + 1, step):
        label(axes, (left + (feature + 0.5) * side, top - 0.08), str(feature), SMALL)
    for layer in range(step, count + 1, step):
        label(axes, (left - 0.05, top + (layer - 0.5) * side), str(layer), SMALL, "right")
    cells: dict[str, list[Outline]] = {LOOKS["sparse"].colour: [], UNREAD: [], INK: []}
    bottom = top + count * side + 0.06
    for feature in range(count + 1):
        x = left + feature * side
        for layer in range(feature + 1, count + 1):
            colour = LOOKS["sparse"].colour if feature in block.reads[layer - 1] else UNREAD
            cells[colour].append(marks.square(x, top + (layer - 1) * side, 0.86 * side))
        cells[INK if feature in block.output else UNREAD].append(marks.square(x, bottom, 0.86 * side))
    for colour, found in cells.items():
        marks.outlines(axes, found, colour, None, f"matrix of {block.part} {colour}")
    label(axes, (left - 0.05, bottom + 0.5 * side), "out", SMALL, "right", weight="bold")
    return bottom + max(side, 0.1)
