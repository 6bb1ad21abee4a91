"""The connectivity matrix of a block: a row per layer, a column per feature, a last row for the output."""

from dnsearch.report.drawing.facts import Layers
from dnsearch.report.drawing.look import STROKES
from dnsearch.report.drawing.marks import INK, Mark, Point, Polygons, Text, rectangle

HEAD = 0.32  # inches above the first row: words and column numbers
ROW_LABELS = 0.36  # inches left of the first column
OUTPUT_GAP = 0.06
UNREAD = "#E7EAED"
LABEL_ROOM = 0.2  # inches that a number needs
FULL_CELLS = 48  # larger blocks join their cells into strips, which keeps files small


def matrix_height(layers: Layers, pitch: float) -> float:
    """Inches from the words on top to the end of the last row."""
    return HEAD + (layers.count + 1) * pitch + OUTPUT_GAP


def matrix_marks(layers: Layers, first: float, top: float, pitch: float) -> list[Mark]:
    """The matrix, with column 0 centred at ``first``.

    Args:
        layers: the block.
        first: x of column 0.
        top: y of the upper end.
        pitch: side of a cell with its gap.
    """
    corner = (first - pitch / 2, top + HEAD)
    read, unread = _cells(layers)
    marks: list[Mark] = []
    for cells, fill in (
        ([cell for cell in unread if cell[0] < layers.count], UNREAD),
        ([cell for cell in unread if cell[0] == layers.count], UNREAD),
        ([cell for cell in read if cell[0] < layers.count], STROKES[layers.kind].colour),
        ([cell for cell in read if cell[0] == layers.count], INK),
    ):
        if cells:
            marks.append(Polygons(tuple(_outline(cell, layers, corner, pitch) for cell in cells), fill))
    return [*marks, *_labels(layers, corner, pitch)]


Cell = tuple[int, int, int]
"""Row, first column, and the column after the last."""


def _cells(layers: Layers) -> tuple[list[Cell], list[Cell]]:
    """What is read, and what could be and is not; of large blocks as strips."""
    read: list[Cell] = []
    unread: list[Cell] = []
    for row, features in enumerate([*layers.block.reads, layers.block.output]):
        chosen = set(features)
        for column in range(row + 1):
            (read if column in chosen else unread).append((row, column, column + 1))
    if layers.count <= FULL_CELLS:
        return read, unread
    return _strips(read), _strips(unread)


def _strips(cells: list[Cell]) -> list[Cell]:
    """Neighbours in a row joined.

    >>> _strips([(3, 0, 1), (3, 1, 2), (3, 3, 4), (4, 4, 5)])
    [(3, 0, 2), (3, 3, 4), (4, 4, 5)]
    """
    joined: list[Cell] = []
    for row, start, end in cells:
        if joined and joined[-1][0] == row and joined[-1][2] == start:
            joined[-1] = (row, joined[-1][1], end)
        else:
            joined.append((row, start, end))
    return joined


def _outline(cell: Cell, layers: Layers, corner: Point, pitch: float) -> tuple[Point, ...]:
    (row, start, end), (left, top) = cell, corner
    gap = 0.09 * pitch
    y = top + row * pitch + (OUTPUT_GAP if row == layers.count else 0.0)
    return rectangle(left + start * pitch + gap, y + gap, left + end * pitch - gap, y + pitch - gap)


def _labels(layers: Layers, corner: Point, pitch: float) -> list[Mark]:
    (left, top), count = corner, layers.count
    step = max(1, -int(-LABEL_ROOM // pitch))
    end = left - 0.06
    numbers: list[Mark] = [
        Text((left + (column + 0.5) * pitch, top - 0.07), str(column)) for column in range(0, count + 1, step)
    ]
    numbers += [
        Text((end, top + (row - 0.5) * pitch), str(row), align="right")
        for row in range(step if step > 1 else 1, count + 1, step)
    ]
    below = top + (count + 0.5) * pitch + OUTPUT_GAP
    return [
        *numbers,
        Text((end, max(below, top + 0.1 + OUTPUT_GAP)), "out", bold=True, align="right"),
        Text((end, top - 0.07), "layer", colour="#5A6067", align="right"),
        Text((left, top - 0.22), "reads feature", colour="#5A6067", align="left"),
    ]
