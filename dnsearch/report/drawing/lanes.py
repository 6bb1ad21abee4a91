"""Connections that pass over blocks: each runs in a lane above the row, with its words on it.

Lanes that leave the same block share their way up, those that arrive at the same place share their way
down; a dot marks where ways part or meet.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from dnsearch.report.drawing.facts import Lane
from dnsearch.report.drawing.look import STROKES, Kind
from dnsearch.report.drawing.marks import Circles, Lines, Mark, Point, Stroke, Text, arrow

LANE = 0.44  # inches from one lane to the next
WORDS = 0.085  # inches from a lane to the middle of its words


@dataclass(frozen=True, slots=True)
class Way:
    """A lane in its place.

    Args:
        lane: what it says.
        start: x where it leaves the row.
        end: x where it comes down.
        landing: y where it arrives, below the row's middle being positive.
        level: how many lanes lie below it.
    """

    lane: Lane
    start: float
    end: float
    landing: float
    level: int = 0


def stacked(ways: Sequence[Way]) -> list[Way]:
    """Give each way the lowest level on which it meets no other; short ones come first."""
    placed: list[Way] = []
    for way in sorted(ways, key=lambda way: (way.end - way.start, way.start)):
        taken = {other.level for other in placed if way.start < other.end and other.start < way.end}
        level = next(level for level in range(len(ways)) if level not in taken)
        placed.append(Way(way.lane, way.start, way.end, way.landing, level))
    return placed


def lanes_height(ways: Sequence[Way]) -> float:
    """Inches that the lanes take above the row."""
    return (max(way.level for way in ways) + 1) * LANE + 0.1 if ways else 0.0


def lane_marks(ways: Sequence[Way], flow: float, base: float) -> list[Mark]:
    """All lanes.

    Args:
        ways: the lanes, stacked.
        flow: y of the row's middle.
        base: y below which there are no lanes.
    """
    heights = {id(way): base - 0.22 - way.level * LANE for way in ways}
    marks: list[Mark] = []
    for way in ways:
        y = heights[id(way)]
        marks.append(Lines((((way.start, y), (way.end, y)),), STROKES[way.lane.kind]))
    for kind in dict.fromkeys(way.lane.kind for way in ways):
        own = [way for way in ways if way.lane.kind == kind]
        marks += _ways_up(own, heights, flow, kind) + _ways_down(own, heights, flow, kind)
    return marks + [mark for way in ways for mark in _words(way, ways, heights[id(way)])]


def _ways_up(ways: list[Way], heights: dict[int, float], flow: float, kind: Kind) -> list[Mark]:
    marks: list[Mark] = []
    for x in dict.fromkeys(way.start for way in ways):
        ends = sorted(heights[id(way)] for way in ways if way.start == x)
        marks.append(Lines((((x, flow), (x, ends[0])),), STROKES[kind]))
        marks.append(_dots([(x, y) for y in [*ends[1:], flow]], STROKES[kind]))
    return marks


def _ways_down(ways: list[Way], heights: dict[int, float], flow: float, kind: Kind) -> list[Mark]:
    marks: list[Mark] = []
    for x, landing in dict.fromkeys((way.end, way.landing) for way in ways):
        starts = sorted(heights[id(way)] for way in ways if way.end == x)
        marks += arrow(((x, starts[0]), (x, flow + landing)), STROKES[kind])
        marks += [_dots([(x, y) for y in starts[1:]], STROKES[kind])] if starts[1:] else []
    return marks


def _dots(at: list[Point], stroke: Stroke) -> Circles:
    return Circles(tuple(at), 0.03, stroke.colour, Stroke(stroke.colour, 0.5))


def _words(way: Way, ways: Sequence[Way], y: float) -> list[Mark]:
    """The words above and below a lane, in its widest stretch that no other lane's way crosses."""
    crossing = {x for other in ways if other.level > way.level for x in (other.start, other.end)}
    stops = sorted({way.start, way.end, *(x for x in crossing if way.start < x < way.end)})
    left, right = max(pairwise(stops), key=lambda stretch: stretch[1] - stretch[0])
    colour = STROKES[way.lane.kind].colour
    above, below = way.lane.words
    middle = (left + right) / 2
    return [Text((middle, y - WORDS), above, colour=colour), Text((middle, y + WORDS), below, colour=colour)]
