"""What a picture is made of: a handful of marks, in inches, with y running down the page.

Layout makes lists of these values and never touches a figure, so that a test can ask whether two texts
overlap; painting (``draw_paint``) turns each mark into ink and decides nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Literal

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

Point = tuple[float, float]
Cubic = tuple[Point, Point, Point, Point]

SMALL = 7.0  # points; nothing is written smaller
INK = "#222222"
GROUND = "#F4F6F8"
FONT = "DejaVu Sans"
POINTS_PER_INCH = 72.0


@dataclass(frozen=True, slots=True)
class Stroke:
    """How a line looks; ``width`` and ``dashes`` (on, off, …; none: solid) are in points."""

    colour: str
    width: float
    dashes: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Text:
    """A line of text, placed by its middle or by its left or right end; halfway between top and bottom."""

    at: Point
    words: str
    size: float = SMALL
    bold: bool = False
    colour: str = INK
    align: Literal["left", "center", "right"] = "center"

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom."""
        width, height = text_width(self.words, self.size, bold=self.bold), self.size * 1.1 / POINTS_PER_INCH
        x, y = self.at
        left = x - {"left": 0.0, "center": 0.5, "right": 1.0}[self.align] * width
        return left, y - height / 2, left + width, y + height / 2


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines with corners."""

    paths: tuple[tuple[Point, ...], ...]
    stroke: Stroke


@dataclass(frozen=True, slots=True)
class Arcs:
    """Cubic curves: start, two points of control, end."""

    curves: tuple[Cubic, ...]
    stroke: Stroke


@dataclass(frozen=True, slots=True)
class Polygons:
    """Closed shapes with corners; ``fill`` or ``stroke`` may be missing."""

    outlines: tuple[tuple[Point, ...], ...]
    fill: str | None
    stroke: Stroke | None = None


@dataclass(frozen=True, slots=True)
class Circles:
    """Circles of one size."""

    centres: tuple[Point, ...]
    radius: float
    fill: str
    stroke: Stroke


Mark = Text | Lines | Arcs | Polygons | Circles


@dataclass(frozen=True, slots=True)
class Sketch:
    """Marks, and the size of the sheet from (0, 0) that they lie on."""

    marks: tuple[Mark, ...]
    width: float
    height: float


@lru_cache(maxsize=4096)
def text_width(words: str, size: float = SMALL, *, bold: bool = False) -> float:
    """How wide a line of text is, in inches.

    >>> 0.1 < text_width("128") < 0.3
    True
    """
    font = FontProperties(family=FONT, weight="bold" if bold else "normal", size=size)
    width, _, _ = text_to_path.get_text_width_height_descent(words, font, ismath=False)
    return float(width) / POINTS_PER_INCH


def rectangle(left: float, top: float, right: float, bottom: float) -> tuple[Point, ...]:
    """The corners of a rectangle."""
    return ((left, top), (right, top), (right, bottom), (left, bottom))


def square(centre: Point, side: float) -> tuple[Point, ...]:
    """The corners of a square."""
    (x, y), half = centre, side / 2
    return rectangle(x - half, y - half, x + half, y + half)


def arrow(path: tuple[Point, ...], stroke: Stroke) -> list[Mark]:
    """A line with corners and a head at its end; its last stretch must be level or upright."""
    (before_x, before_y), (x, y) = path[-2:]
    way = (_sign(x - before_x), _sign(y - before_y))
    size = 0.045 + 0.018 * stroke.width
    neck = (x - way[0] * size * 0.8, y - way[1] * size * 0.8)
    return [Lines(((*path[:-1], neck),), stroke), Polygons((arrow_head((x, y), way, size),), stroke.colour)]


def arrow_head(tip: Point, way: Point, size: float) -> tuple[Point, ...]:
    """A triangle whose tip points ``way``, a direction of length 1."""
    (x, y), (along, down) = tip, way
    back_x, back_y, half = x - along * size, y - down * size, size * 0.42
    return (tip, (back_x - down * half, back_y + along * half), (back_x + down * half, back_y - along * half))


def points(mark: Mark) -> Iterable[Point]:
    """Points between which a mark lies."""
    match mark:
        case Text(box=(left, top, right, bottom)):
            return (left, top), (right, bottom)
        case Lines(paths=groups) | Arcs(curves=groups) | Polygons(outlines=groups):
            return chain.from_iterable(groups)
        case Circles(centres, radius):
            return [(x + way * radius, y + way * radius) for x, y in centres for way in (-1, 1)]


def _sign(number: float) -> float:
    return float((number > 1e-9) - (number < -1e-9))
