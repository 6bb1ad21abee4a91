"""One block: its features in a row, an arc for every edge, and what it puts out gathered below.

Feature 0, the block's input, is a square; layer l is a circle, filled if the block puts it out. Arcs run
from left to right: they leave a feature on its right shoulder and arrive on a layer's left one.
"""

from dataclasses import dataclass

from dnsearch.report.drawing.facts import MOST_LAYERS, Layers
from dnsearch.report.drawing.look import BORDER, FLOW, GATHERED, OUTLINE, STROKES
from dnsearch.report.drawing.marks import (
    GROUND,
    INK,
    Arcs,
    Circles,
    Cubic,
    Lines,
    Mark,
    Point,
    Polygons,
    Stroke,
    Text,
    arrow,
    arrow_head,
    rectangle,
    square,
    text_width,
)
from dnsearch.report.drawing.matrix import ROW_LABELS
from dnsearch.report.drawing.words import shape_words

HEADING = 0.46  # inches for a block's name and the line below it
GATHERING = 0.16  # from the features down to the line that gathers the output
MARGIN = 0.14
TITLE = 9.0  # points, of a block's name
OUT = 0.26  # width of the box that stands for the output
SHOULDER = 0.4  # share of a feature's radius by which arcs leave and arrive beside its middle
NOT_DRAWN = f"more than {MOST_LAYERS} layers: edges in the matrix alone"


@dataclass(frozen=True, slots=True)
class Frame:
    """The measures of a block, in inches.

    Args:
        width: from its left to its right border.
        above: from the row of features up to its border.
        below: from the row of features down to its border.
        pitch: from one feature to the next.
        radius: of a feature.
        first: from the left border to the middle of feature 0.
        out: from the left border to the middle of the output.
    """

    width: float
    above: float
    below: float
    pitch: float
    radius: float
    first: float
    out: float

    @property
    def enter(self) -> float:
        """From the left border to where the flow arrives: feature 0, or the border where it isn't drawn."""
        return self.first - self.radius if self.radius else 0.0

    @property
    def leave(self) -> float:
        """From the left border to where the flow goes on."""
        return self.out + OUT / 2 if self.radius else self.width


def measured(layers: Layers) -> Frame:
    """How large a block is drawn; more layers stand closer."""
    pitch = _pitch(layers.count)
    radius = max(0.085, 0.3 * pitch) if layers.drawn else 0.0
    span = (layers.count + 1) * pitch + (0.08 if layers.drawn else -pitch)
    natural = ROW_LABELS + MARGIN + span + (0.14 + MARGIN if layers.drawn else pitch)
    name, line = layers.heading
    words = [line, shapes(layers), *([] if layers.drawn else [NOT_DRAWN])]
    wanted = max(text_width(name, TITLE, bold=True), *map(text_width, words)) + 2 * MARGIN
    width = max(natural, wanted)
    first = ROW_LABELS + MARGIN + (width - natural) / 2
    if not layers.drawn:
        return Frame(width, HEADING + 0.12, 0.24, pitch, radius, first, width)
    return Frame(
        width, _arcs_height(layers, pitch) + radius + HEADING, 0.47, pitch, radius, first, first + span
    )


def shapes(layers: Layers) -> str:
    """A block's shapes, from its input to its output."""
    return f"{shape_words(layers.before)} → {shape_words(layers.after)}"


def block_marks(layers: Layers, left: float, flow: float) -> list[Mark]:
    """A block whose row of features lies at the height ``flow`` and whose left border lies at ``left``."""
    frame = measured(layers)
    top, bottom = flow - frame.above, flow + frame.below
    border = Polygons((rectangle(left, top, left + frame.width, bottom),), GROUND, BORDER)
    middle = left + frame.width / 2
    name, line = layers.heading
    words: list[Mark] = [
        Text((middle, top + 0.14), name, TITLE, bold=True),
        Text((middle, top + 0.31), line),
    ]
    if not layers.drawn:
        return [border, *words, Text((middle, flow), NOT_DRAWN)]
    features = tuple((left + frame.first + i * frame.pitch, flow) for i in range(layers.count + 1))
    out = (left + frame.out, flow)
    edges = _edges(layers, features, frame)
    return [
        border,
        *words,
        *_gathered(layers, features, out, frame),
        *edges,
        *_features(layers, features, frame),
    ]


def _pitch(count: int) -> float:
    """Inches from one feature to the next.

    >>> _pitch(3), _pitch(16), _pitch(41)
    (0.36, 0.26, 0.21)
    """
    if count > MOST_LAYERS:
        return max(0.016, 8 / count)
    return 0.36 if count <= 6 else 0.26 if count <= 20 else 0.21


def _arcs_height(layers: Layers, pitch: float) -> float:
    longest = max(layer - min(reads) for layer, reads in enumerate(layers.block.reads, start=1))
    return _rise(longest * pitch)


def _rise(span: float) -> float:
    """How high an arc goes: flatter than a half circle, so that long blocks stay low."""
    return 0.4 * float(span**0.8)


def _edges(layers: Layers, features: tuple[Point, ...], frame: Frame) -> list[Mark]:
    """An arc for every edge, and one arrow head for all that arrive at a layer."""
    full = STROKES[layers.kind]
    stroke = Stroke(full.colour, full.width * _thinner(layers.count), full.dashes)
    curves = [
        _arc(features[feature], features[layer], frame.radius)
        for layer, reads in enumerate(layers.block.reads, start=1)
        for feature in reads
    ]
    tips = {curve[3] for curve in curves}
    heads = tuple(arrow_head(tip, (0.0, 1.0), 0.42 * frame.radius + 0.02) for tip in sorted(tips))
    return [Arcs(tuple(curves), stroke), Polygons(heads, full.colour)]


def _thinner(count: int) -> float:
    """Share of the full width that lines have, so that many of them do not run into one patch.

    >>> _thinner(3), _thinner(16), _thinner(41)
    (1.0, 0.8, 0.45)
    """
    return 1.0 if count <= 6 else 0.8 if count <= 20 else 0.45


def _arc(start: Point, end: Point, radius: float) -> Cubic:
    (x, y), (end_x, _) = start, end
    shoulder, top = SHOULDER * radius, y - radius * (1 - SHOULDER**2) ** 0.5
    control = top - _rise(end_x - x) / 0.75  # a cubic rises to three quarters of its controls
    return (
        (x + shoulder, top),
        (x + shoulder, control),
        (end_x - shoulder, control),
        (end_x - shoulder, top),
    )


def _features(layers: Layers, features: tuple[Point, ...], frame: Frame) -> list[Mark]:
    put_out = set(layers.block.output)
    filled = tuple(at for number, at in enumerate(features) if number and number in put_out)
    hollow = tuple(at for number, at in enumerate(features) if number and number not in put_out)
    marks: list[Mark] = [
        Polygons((square(features[0], 2 * frame.radius),), INK if 0 in put_out else "white", OUTLINE)
    ]
    marks += [Circles(filled, frame.radius, INK, OUTLINE)] if filled else []
    marks += [Circles(hollow, frame.radius, "white", OUTLINE)] if hollow else []
    return marks + [
        Text(at, str(number), colour="white" if number in put_out else INK)
        for number, at in enumerate(features)
    ]


def _gathered(layers: Layers, features: tuple[Point, ...], out: Point, frame: Frame) -> list[Mark]:
    """A line from each feature that the block puts out, down to one line that leads to the output."""
    line = out[1] + frame.radius + GATHERING
    starts = [features[number] for number in layers.block.output]
    lines = tuple(((x, y + frame.radius), (x, line)) for x, y in starts)
    edge = out[1] + frame.radius
    main = arrow(((starts[0][0], line), (out[0], line), (out[0], edge)), GATHERED)
    box = Polygons(
        (rectangle(out[0] - OUT / 2, out[1] - frame.radius, out[0] + OUT / 2, edge),), "white", FLOW
    )
    return [Lines(lines, GATHERED), *main, box, Text(out, "out", bold=True)]
