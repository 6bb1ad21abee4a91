"""A classifying network: stem, blocks and transitions from left to right, links in lanes above them.

Below each block lies its connectivity matrix, a column under each feature.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from dnsearch.plan.graph import NetworkPlan
from dnsearch.report.drawing.block import block_marks, measured, shapes
from dnsearch.report.drawing.boxes import Box, Narrowing, box_marks, box_of
from dnsearch.report.drawing.facts import Lane, Layers, all_layers, lanes
from dnsearch.report.drawing.lanes import Way, lane_marks, lanes_height, stacked
from dnsearch.report.drawing.look import FLOW
from dnsearch.report.drawing.marks import Circles, Lines, Mark, Sketch, Text, arrow, text_width
from dnsearch.report.drawing.matrix import matrix_height, matrix_marks

GAP = 0.46  # inches between two pieces
JOIN = 0.065  # radius of the circle where links join a block's input
APART = 0.07  # half the distance between two kinds of links that leave one block
SHAPES = 0.25  # inches for the words under a block
ABOVE_MATRIX = 0.22


@dataclass(frozen=True, slots=True)
class Piece:
    """A part in its place; the flow runs through all parts at one height.

    Args:
        part: its name.
        content: a block, or a box.
        left: x of its left border.
        width: inches.
        enter: x where the flow arrives.
        leave: x where the flow goes on.
        above: inches above the flow.
        below: inches below the flow, with the words under it.
    """

    part: str
    content: Layers | Box
    left: float
    width: float
    enter: float
    leave: float
    above: float
    below: float

    @property
    def right(self) -> float:
        """Where its right border lies."""
        return self.left + self.width


def row(plan: NetworkPlan) -> Sketch:
    """The picture of a network without a U."""
    layers, links = all_layers(plan), lanes(plan)
    pieces = _placed(plan, layers, links)
    ways = stacked([_way(lane, pieces) for lane in links])
    flow = lanes_height(ways) + max(piece.above for piece in pieces)
    top = flow + max(piece.below for piece in pieces) + ABOVE_MATRIX
    marks = [mark for piece in pieces for mark in _piece_marks(piece, flow)]
    marks += [*_flow(pieces, links, flow), *lane_marks(ways, flow, lanes_height(ways))]
    matrices, bottom = _matrices(pieces, top)
    marks += matrices
    return Sketch(tuple(marks), pieces[-1].right, bottom)


def _placed(plan: NetworkPlan, layers: dict[str, Layers], links: Sequence[Lane]) -> list[Piece]:
    pieces: list[Piece] = []
    left = 0.0
    for part in (part for part in plan.parts if not part.startswith("links")):
        if part in layers:
            pieces.append(_block_piece(layers[part], left))
        else:
            pieces.append(_box_piece(plan, part, left, _room(part, links)))
        left = pieces[-1].right + GAP
    return pieces


def _block_piece(layers: Layers, left: float) -> Piece:
    frame = measured(layers)
    enter, leave = left + frame.enter, left + frame.leave
    below = frame.below + SHAPES
    return Piece(layers.block.part, layers, left, frame.width, enter, leave, frame.above, below)


def _box_piece(plan: NetworkPlan, part: str, left: float, least_width: float) -> Piece:
    narrowing: Narrowing = "right" if part.startswith("transition") else "none"
    box = box_of(plan, part, narrowing, least_width=least_width)
    half, right = box.height / 2, left + box.width
    return Piece(part, box, left, box.width, left, right, half, half + box.below_height)


def _room(part: str, links: Sequence[Lane]) -> float:
    """Inches that a transition must be wide so that the words of a link over it alone find room."""
    number = part.removeprefix("transition")
    if not number.isdigit():
        return 0.0
    ends = (f"block{number}", f"block{int(number) + 1}")
    over = [link for link in links if (link.source, link.target) == ends]
    return max((text_width(words) for link in over for words in link.words), default=0.0) - GAP + 0.3


def _way(lane: Lane, pieces: Sequence[Piece]) -> Way:
    places = {piece.part: piece for piece in pieces}
    source, target = places[lane.source], places[lane.target]
    start = source.right + GAP / 2 + (APART if lane.kind == "head" else -APART)
    if lane.kind == "head":
        return Way(lane, start, target.left + target.width / 2, -target.above)
    return Way(lane, start, target.left - GAP / 2, -JOIN)


def _flow(pieces: Sequence[Piece], links: Sequence[Lane], flow: float) -> list[Mark]:
    """Arrows from piece to piece, and a circle with a cross where links join."""
    marks: list[Mark] = []
    joined = {link.target for link in links if link.kind == "cross_block"}
    for before, after in pairwise(pieces):
        marks += arrow(((before.leave, flow), (after.enter, flow)), FLOW)
        if after.part in joined:
            x, arm = after.left - GAP / 2, 0.6 * JOIN
            marks.append(Circles(((x, flow),), JOIN, "white", FLOW))
            marks.append(
                Lines((((x - arm, flow), (x + arm, flow)), ((x, flow - arm), (x, flow + arm))), FLOW)
            )
    return marks


def _piece_marks(piece: Piece, flow: float) -> list[Mark]:
    match piece.content:
        case Layers() as layers:
            words = Text((piece.left + piece.width / 2, flow + piece.below - SHAPES + 0.11), shapes(layers))
            return [*block_marks(layers, piece.left, flow), words]
        case Box() as box:
            return box_marks(box, (piece.left + piece.width / 2, flow))


def _matrices(pieces: Sequence[Piece], top: float) -> tuple[list[Mark], float]:
    """The matrix of every block, and where the tallest one ends."""
    marks: list[Mark] = []
    bottom = top
    for piece in pieces:
        if isinstance(piece.content, Layers):
            frame = measured(piece.content)
            marks += matrix_marks(piece.content, piece.left + frame.first, top, frame.pitch)
            bottom = max(bottom, top + matrix_height(piece.content, frame.pitch))
    return marks, bottom
