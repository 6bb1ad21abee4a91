"""Labelled boxes for what is not a block: stem, transitions, head; narrower where the image gets smaller."""

from dataclasses import dataclass
from typing import Literal

from dnsearch.plan.graph import NetworkPlan
from dnsearch.report.drawing.facts import entry, of_part, title
from dnsearch.report.drawing.look import BORDER
from dnsearch.report.drawing.marks import Mark, Point, Polygons, Text, text_width
from dnsearch.report.drawing.words import shape_words, steps, wrapped

LINE = 0.145  # inches from one line of text to the next
SLANT = 0.11
WRAP = 3.0  # inches that a line of several steps may fill
FILL = "#FBF3DC"

Narrowing = Literal["none", "right", "below"]


@dataclass(frozen=True, slots=True)
class Box:
    """A box before it is placed.

    Args:
        name: its heading.
        lines: what happens in it.
        below: its shapes, written under it.
        narrowing: on which side it is narrower, that of the smaller image.
        least_width: inches.
    """

    name: str
    lines: tuple[str, ...]
    below: tuple[str, ...]
    narrowing: Narrowing = "none"
    least_width: float = 0.0

    @property
    def width(self) -> float:
        """Inches, the slanted sides included."""
        lines = [text_width(self.name, bold=True), *map(text_width, self.lines)]
        slanted = 2 * SLANT if self.narrowing == "below" else 0.0
        return max(max(lines) + 0.24 + slanted, *map(text_width, self.below), self.least_width, 0.8)

    @property
    def height(self) -> float:
        """Inches, without the words below."""
        return (1 + len(self.lines)) * LINE + 0.2 + (SLANT if self.narrowing == "right" else 0.0)

    @property
    def below_height(self) -> float:
        """Inches that the words below take."""
        return len(self.below) * LINE + 0.05 if self.below else 0.0


def box_of(plan: NetworkPlan, part: str, narrowing: Narrowing = "none", least_width: float = 0.0) -> Box:
    """The box of a part that lies in a row: a line for each step, its shapes below it.

    Args:
        plan: the network.
        part: the part.
        narrowing: on which side it is narrower.
        least_width: inches.
    """
    before, after = _shapes(plan, part)
    below = (after,) if before == after else (before, f"→ {after}")
    return Box(title(part), tuple(steps(of_part(plan, part))), below, narrowing, least_width)


def flat_box_of(plan: NetworkPlan, part: str, narrowing: Narrowing = "none") -> Box:
    """The box of a part that arrows enter from above or below: wide, with its shapes inside."""
    before, after = _shapes(plan, part)
    shapes = after if before == after else f"{before} → {after}"
    return Box(title(part), (*wrapped(steps(of_part(plan, part)), WRAP), shapes), (), narrowing)


def _shapes(plan: NetworkPlan, part: str) -> tuple[str, str]:
    return shape_words(entry(plan, part)), shape_words(of_part(plan, part)[-1].shape)


def box_marks(box: Box, centre: Point) -> list[Mark]:
    """A box around its middle, with its words."""
    x, y = centre
    top = y - (1 + len(box.lines)) * LINE / 2 + LINE / 2
    words: list[Mark] = [Text((x, top), box.name, bold=True)]
    words += [Text((x, top + number * LINE), line) for number, line in enumerate(box.lines, start=1)]
    bottom = y + box.height / 2 + 0.05
    words += [Text((x, bottom + (i + 0.5) * LINE), line) for i, line in enumerate(box.below)]
    return [Polygons((_outline(box, centre),), FILL, BORDER), *words]


def _outline(box: Box, centre: Point) -> tuple[Point, ...]:
    (x, y), wide, high = centre, box.width / 2, box.height / 2
    right = SLANT if box.narrowing == "right" else 0.0
    below = SLANT if box.narrowing == "below" else 0.0
    return (
        (x - wide, y - high),
        (x + wide, y - high + right),
        (x + wide - below, y + high - right),
        (x - wide + below, y + high),
    )
