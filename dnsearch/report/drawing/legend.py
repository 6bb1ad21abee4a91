"""What colours, lines and shapes of a picture mean; of all that there is, only what occurs."""

from collections.abc import Callable
from functools import partial

from dnsearch.plan.graph import NetworkPlan
from dnsearch.report.drawing.facts import Layers, lanes
from dnsearch.report.drawing.look import GATHERED, OUTLINE, STROKES, WORDS, Kind
from dnsearch.report.drawing.marks import (
    INK,
    Circles,
    Lines,
    Mark,
    Point,
    Polygons,
    Sketch,
    Text,
    square,
    text_width,
)
from dnsearch.report.drawing.matrix import UNREAD

SAMPLE = 0.46  # inches, of a piece of line
SPACE = 0.08  # between a sample and its words
APART = 0.3  # between two entries
LINE = 0.2

Entry = tuple[float, Callable[[Point], list[Mark]], str]
"""A sample's width, what draws it from its left end on, and the words beside it."""


def legend(plan: NetworkPlan, layers: dict[str, Layers], width: float) -> Sketch:
    """The legend of a plan's picture, in lines of at most ``width`` inches."""
    marks: list[Mark] = []
    x, y = 0.0, LINE / 2
    for sample, draw, words in _entries(plan, layers):
        wide = sample + SPACE + text_width(words)
        if x and x + wide > width:
            x, y = 0.0, y + LINE
        marks += draw((x, y))
        marks.append(Text((x + sample + SPACE, y), words, align="left"))
        x += wide + APART
    return Sketch(tuple(marks), width, y + LINE / 2)


def kinds(plan: NetworkPlan, layers: dict[str, Layers]) -> list[Kind]:
    """The kinds of connections that occur."""
    found = {block.kind for block in layers.values() if block.drawn} | {lane.kind for lane in lanes(plan)}
    found |= {"skip"} if any(link.kind == "skip" for link in plan.links) else set()
    return [kind for kind in STROKES if kind in found]


def _entries(plan: NetworkPlan, layers: dict[str, Layers]) -> list[Entry]:
    entries: list[Entry] = [(SAMPLE, partial(_line, kind), WORDS[kind]) for kind in kinds(plan, layers)]
    return entries + _features(layers) + _cells(plan, layers)


def _features(layers: dict[str, Layers]) -> list[Entry]:
    drawn = [block for block in layers.values() if block.drawn]
    hollow = any(len(set(block.block.output) - {0}) < block.count for block in drawn)
    if not drawn:
        return []
    gathered = any(len(block.block.output) > 1 for block in drawn)
    put_out = all(0 in block.block.output for block in drawn)
    entries: list[Entry] = [
        (0.16, partial(_square, INK if put_out else "white"), "the block's input"),
        (0.16, partial(_circle, INK), "layer whose output the block puts out"),
    ]
    entries += [(0.16, partial(_circle, "white"), "layer whose output stays inside")] if hollow else []
    return entries + ([(0.3, _gather, "concatenated into the block's output")] if gathered else [])


def _cells(plan: NetworkPlan, layers: dict[str, Layers]) -> list[Entry]:
    if not plan.blocks:
        return []
    colours = [STROKES[kind].colour for kind in ("dense", "sparse") if _has(layers, kind)]
    unread = any(
        len(reads) < layer for block in plan.blocks for layer, reads in enumerate(block.reads, start=1)
    )
    unread = unread or any(len(block.output) <= len(block.reads) for block in plan.blocks)
    entries: list[Entry] = [(0.16 * len(colours), partial(_swatches, colours), "layer reads feature")]
    entries += [(0.16, partial(_swatches, [UNREAD]), "does not")] if unread else []
    return [*entries, (0.16, partial(_swatches, [INK]), "block puts out feature")]


def _has(layers: dict[str, Layers], kind: Kind) -> bool:
    return any(block.kind == kind for block in layers.values())


def _line(kind: Kind, at: Point) -> list[Mark]:
    return [Lines((((at[0], at[1]), (at[0] + SAMPLE, at[1])),), STROKES[kind])]


def _square(fill: str, at: Point) -> list[Mark]:
    return [Polygons((square((at[0] + 0.08, at[1]), 0.13),), fill, OUTLINE)]


def _circle(fill: str, at: Point) -> list[Mark]:
    return [Circles(((at[0] + 0.08, at[1]),), 0.07, fill, OUTLINE)]


def _gather(at: Point) -> list[Mark]:
    (x, y), low = at, at[1] + 0.05
    ticks = tuple(((x + step, y - 0.06), (x + step, low)) for step in (0.03, 0.12, 0.21))
    return [Lines((*ticks, ((x + 0.03, low), (x + 0.3, low))), GATHERED)]


def _swatches(colours: list[str], at: Point) -> list[Mark]:
    return [
        Polygons((square((at[0] + 0.08 + 0.16 * number, at[1]), 0.13),), colour)
        for number, colour in enumerate(colours)
    ]
