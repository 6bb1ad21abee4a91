"""Which columns fit the terminal, and how wide each of them is."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len

from dnsearch.board.columns import Column, arranged
from dnsearch.board.ranking import Row
from dnsearch.records.record import State

GAP = 2
WIDEST_CELL, WIDEST_NAME, NARROWEST_NAME = 20, 32, 12
FAILED = 20


@dataclass(frozen=True, slots=True)
class Strip:
    """A column with its cells written out.

    Args:
        column: which column.
        importance: 0 is always shown, the higher the sooner left out.
        heading: what stands above it, on one or two lines.
        cells: one text per row.
        narrowest: cells of the terminal that it has to have.
        width: cells that it should have.
        widest: cells that it can make use of.
    """

    column: Column
    importance: int
    heading: str
    cells: list[str]
    narrowest: int
    width: int
    widest: int


def strips(rows: Sequence[Row], columns: Sequence[str], width: int) -> tuple[list[Strip], list[str]]:
    """The most important columns that fit, from left to right, and the headings of the others.

    Args:
        rows: what will be shown.
        columns: further columns, see ``columns.arranged``.
        width: cells of the terminal. Columns of importance 0 are kept even where they do not fit.

    Raises:
        DnsearchError: an unknown column.
    """
    return _chosen(
        [_strip(importance, column, rows) for importance, column in arranged(rows, columns)], width
    )


def total_width(shown: Sequence[Strip]) -> int:
    """Cells of the terminal that the strips and the gaps between them take."""
    return sum(strip.width + GAP for strip in shown) - GAP


def _strip(importance: int, column: Column, rows: Sequence[Row]) -> Strip:
    cells = [column.cell(row) for row in rows]
    longest = max(map(cell_len, cells), default=0)
    widths = _widths(column.heading, longest, {row.record.state for row in rows})
    heading = folded(column.heading) if len(column.heading) > widths[1] else column.heading
    least = max(map(len, heading.split("\n")))
    return Strip(column, importance, heading, cells, *(max(least, width) for width in widths))


def _widths(heading: str, longest: int, states: set[State]) -> tuple[int, int, int]:
    """How wide a column has to be, should be and can be."""
    match heading:
        case "name":
            return min(longest, NARROWEST_NAME), min(longest, WIDEST_NAME), min(longest, WIDEST_NAME)
        case "state":
            word = max(map(len, states), default=0)
            # Why a run failed is worth some room; the other reasons take what is left.
            return word, max(word, min(longest, FAILED)) if "failed" in states else word, longest
        case _:
            return (min(longest, WIDEST_CELL),) * 3


def folded(heading: str) -> str:
    r"""A heading on two lines, as narrow as can be without breaking a word.

    >>> folded("layers_per_block"), folded("pooling")
    ('layers_\nper_block', 'pooling')
    """
    pieces = re.findall(r"[^_. ]+[_. ]?", heading)
    folds = [("".join(pieces[:at]).rstrip(), "".join(pieces[at:])) for at in range(1, len(pieces))]
    return "\n".join(min(folds, key=lambda fold: max(map(len, fold)))) if folds else heading


def _chosen(strips: Sequence[Strip], width: int) -> tuple[list[Strip], list[str]]:
    needed = [place for place, strip in enumerate(strips) if strip.importance == 0]
    room = width + GAP - sum(strips[place].width + GAP for place in needed)
    places = set(needed)
    for place in sorted(set(range(len(strips))) - places, key=lambda place: strips[place].importance):
        if strips[place].width + GAP <= room:
            places.add(place)
            room -= strips[place].width + GAP
    shown = _spread([strips[place] for place in sorted(places)], room)
    return shown, [strip.column.heading for place, strip in enumerate(strips) if place not in places]


def _spread(shown: Sequence[Strip], room: int) -> list[Strip]:
    """Wider or narrower: reasons take what room is left, and names give where some is missing."""
    resized = []
    for strip in reversed(shown):  # the reasons are in the last column
        width = min(max(strip.width + room, strip.narrowest), strip.widest)
        room -= width - strip.width
        resized.append(replace(strip, width=width))
    return resized[::-1]
