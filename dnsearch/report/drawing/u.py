"""A U-Net: down on the left, the bottleneck below, up on the right, skips straight across.

The matrices stand outside of the U, each beside its block; the bottleneck's lies below it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from dnsearch.plan.graph import NetworkPlan, TransposedConvolution
from dnsearch.report.drawing.block import block_marks, measured, shapes
from dnsearch.report.drawing.boxes import Box, box_marks, flat_box_of
from dnsearch.report.drawing.facts import Layers, all_layers, of_part
from dnsearch.report.drawing.look import FLOW, STROKES
from dnsearch.report.drawing.marks import Mark, Sketch, Text, arrow, text_width
from dnsearch.report.drawing.matrix import ROW_LABELS, matrix_height, matrix_marks
from dnsearch.report.drawing.words import shape_words, step_words

PITCH = 0.2  # inches, of a matrix beside its block
GAP = 0.24  # inches that an arrow from a box to a block is long
CLOSE = 0.06  # inches from the words under a block to the box below
BESIDE = 0.24  # inches between a block and its matrix
SHAPES = 0.22  # inches for the words under a block
DOWN = 0.27  # inches from a left block's right border to the way down
UP = 0.5  # inches from a right block's left border to the way up


@dataclass(frozen=True, slots=True)
class Level:
    """One level above the bottleneck.

    Args:
        down: the block on the left.
        up: the block on the right.
        halving: the box below the left block.
        doubling: the box below the right block.
    """

    down: Layers
    up: Layers
    halving: Box
    doubling: Box

    @property
    def above(self) -> float:
        """Inches from the skip up to the upper borders."""
        return max(measured(self.down).above, measured(self.up).above)

    @property
    def below(self) -> float:
        """Inches from the skip down to the end of what belongs to the blocks."""
        borders = max(measured(self.down).below, measured(self.up).below) + SHAPES
        matrices = max(_matrix_height(self.down), _matrix_height(self.up)) - self.above
        return max(borders, matrices)

    @property
    def boxes(self) -> float:
        """Inches that the boxes are high."""
        return max(self.halving.height, self.doubling.height)

    @property
    def height(self) -> float:
        """Inches from its upper end to that of the next level."""
        return self.above + self.below + CLOSE + self.boxes + GAP


@dataclass(frozen=True, slots=True)
class Columns:
    """Where the U stands: the right end of its left side, and the left end of its right side."""

    left: float
    right: float


def u_shape(plan: NetworkPlan) -> Sketch:
    """The picture of a U-Net."""
    layers = all_layers(plan)
    levels = _levels(plan, layers)
    columns = _columns(levels, layers["bottleneck"])
    stem, head = flat_box_of(plan, "stem"), flat_box_of(plan, "head")
    top = max(stem.height, head.height) + GAP
    marks = [*_ends(stem, head, levels[0], columns, top)]
    for number, level in enumerate(levels):
        marks += _level_marks(level, columns, top)
        lower = top + level.height
        if number + 1 < len(levels):
            marks += _vertical(level, levels[number + 1], columns, top, lower)
        top = lower
    last, bottom = _bottom_marks(levels[-1], layers["bottleneck"], columns, top)
    return Sketch(tuple(marks + last), columns.right + max(map(_right_side, levels)), bottom)


def _levels(plan: NetworkPlan, layers: dict[str, Layers]) -> list[Level]:
    names = [part.removeprefix("down") for part in plan.parts if part.startswith("down")]
    return [
        Level(
            layers[f"down{name}"],
            layers[f"up{name}"],
            flat_box_of(plan, f"transition{name}", "below"),
            _doubling(plan, f"up{name}"),
        )
        for name in names
    ]


def _doubling(plan: NetworkPlan, part: str) -> Box:
    node = next(node for node in of_part(plan, part) if isinstance(node.operation, TransposedConvolution))
    change = f"{shape_words(plan.nodes[node.inputs[0]].shape)} → {shape_words(node.shape)}"
    return Box(step_words(node.operation), (change,), (), "below")


def _matrix_height(layers: Layers) -> float:
    return 0.0 if layers.kind == "plain" else matrix_height(layers, _matrix_pitch(layers))


def _matrix_pitch(layers: Layers) -> float:
    return min(PITCH, measured(layers).pitch)


def _matrix_side(layers: Layers) -> float:
    """Inches that a matrix takes beside its block."""
    if layers.kind == "plain":
        return 0.0
    return BESIDE + ROW_LABELS + (layers.count + 1) * _matrix_pitch(layers)


def _left_side(level: Level) -> float:
    block = measured(level.down).width + _matrix_side(level.down)
    return max(block, level.halving.width / 2 + DOWN)


def _right_side(level: Level) -> float:
    words = UP + 0.1 + text_width(shapes(level.up))
    block = measured(level.up).width + _matrix_side(level.up)
    return max(block, words, level.doubling.width / 2 + UP)


def _columns(levels: Sequence[Level], bottleneck: Layers) -> Columns:
    left = max(map(_left_side, levels))
    boxes = max(level.halving.width / 2 - DOWN + level.doubling.width / 2 - UP for level in levels)
    skip = max(text_width(shape_words(level.down.after)) for level in levels)
    middle = max(measured(bottleneck).width + 0.8, boxes + 0.4, skip + 0.8)
    return Columns(left, left + middle)


def _ends(stem: Box, head: Box, first: Level, columns: Columns, top: float) -> list[Mark]:
    """Stem and head above the U, with their arrows."""
    left, right = columns.left - DOWN, columns.right + UP
    flow = top + first.above
    base = top - GAP
    return [
        *arrow(((left, base), (left, flow - measured(first.down).above)), FLOW),
        *arrow(((right, flow - measured(first.up).above), (right, base)), FLOW),
        *box_marks(stem, (left, base - stem.height / 2)),
        *box_marks(head, (right, base - head.height / 2)),
    ]


def _level_marks(level: Level, columns: Columns, top: float) -> list[Mark]:
    """Both blocks with shapes and matrices, the skip, and the boxes below with the arrows between."""
    flow = top + level.above
    down, up = measured(level.down), measured(level.up)
    left = columns.left - down.width
    words = (columns.left + columns.right) / 2, flow - 0.09
    skip = STROKES["skip"]
    marks = [
        *block_marks(level.down, left, flow),
        *block_marks(level.up, columns.right, flow),
        Text((left, flow + down.below + 0.11), shapes(level.down), align="left"),
        Text((columns.right + UP + 0.1, flow + up.below + 0.11), shapes(level.up), align="left"),
        *arrow(((left + down.leave, flow), (columns.right + up.enter, flow)), skip),
        Text(words, shape_words(level.down.after), colour=skip.colour),
        *_boxes(level, columns, top),
    ]
    if level.down.kind != "plain":
        pitch = _matrix_pitch(level.down)
        first = left - BESIDE - (level.down.count + 0.5) * pitch
        marks += matrix_marks(level.down, first, flow - down.above, pitch)
        pitch = _matrix_pitch(level.up)
        first = columns.right + up.width + BESIDE + ROW_LABELS + 0.5 * pitch
        marks += matrix_marks(level.up, first, flow - up.above, pitch)
    return marks


def _boxes(level: Level, columns: Columns, top: float) -> list[Mark]:
    """The boxes below the blocks, and the arrows between them and these blocks."""
    left, right = columns.left - DOWN, columns.right + UP
    flow = top + level.above
    upper = flow + level.below + CLOSE
    below_down, below_up = flow + measured(level.down).below, flow + measured(level.up).below
    return [
        *arrow(((left, below_down), (left, upper)), FLOW),
        *arrow(((right, upper), (right, below_up)), FLOW),
        *box_marks(level.halving, (left, upper + level.halving.height / 2)),
        *box_marks(level.doubling, (right, upper + level.doubling.height / 2)),
    ]


def _vertical(level: Level, following: Level, columns: Columns, top: float, lower: float) -> list[Mark]:
    """The arrows between the boxes and the blocks below them."""
    left, right = columns.left - DOWN, columns.right + UP
    upper = top + level.above + level.below + CLOSE
    flow = lower + following.above
    return [
        *arrow(((left, upper + level.halving.height), (left, flow - measured(following.down).above)), FLOW),
        *arrow(((right, flow - measured(following.up).above), (right, upper + level.doubling.height)), FLOW),
    ]


def _bottom_marks(level: Level, bottleneck: Layers, columns: Columns, top: float) -> tuple[list[Mark], float]:
    """The bottleneck, with the arrows that lead to it and on from it; and where all ends."""
    frame = measured(bottleneck)
    left = (columns.left + columns.right - frame.width) / 2
    flow, upper = top + frame.above, top - level.boxes - GAP
    start, end = columns.left - DOWN, columns.right + UP
    marks = [
        *block_marks(bottleneck, left, flow),
        *arrow(((start, upper + level.halving.height), (start, flow), (left + frame.enter, flow)), FLOW),
        *arrow(((left + frame.leave, flow), (end, flow), (end, upper + level.doubling.height)), FLOW),
        Text((left + frame.width / 2, flow + frame.below + 0.11), shapes(bottleneck)),
    ]
    bottom = flow + frame.below + SHAPES
    if bottleneck.kind != "plain":
        marks += matrix_marks(bottleneck, left + frame.first, bottom + 0.1, frame.pitch)
        bottom += 0.1 + matrix_height(bottleneck, frame.pitch)
    return marks, bottom
