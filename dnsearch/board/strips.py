"""Which columns fit the terminal, and how wide each of them is."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len

from dnsearch.board.columns import Column, arranged
from dnsearch.board.ranking import Row

GAP = 2
WIDEST_CELL, WIDEST_NAME, NARROWEST_NAME = 20, 32, 12
FAILED = 24


@dataclass(frozen=True, slots=True)
class Strip:
    """A column with its cells written out.

    Args:
        column: which column.
        importance: 0 is always shown, the higher the sooner left out.
        heading: what stands above it, on one or two lines.
        cells: one text per row.
        width: cells of the terminal.
    """

    column: Column
    importance: int
    heading: str
    cells: list[str]
    width: int


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
    wanted = min(_longest(cells), _widest(column, rows))
    heading = folded(column.heading) if len(column.heading) > wanted else column.heading
    return Strip(column, importance, heading, cells, max(wanted, *map(len, heading.split("\n"))))


def _longest(cells: Sequence[str]) -> int:
    return max(map(cell_len, cells), default=0)


def _widest(column: Column, rows: Sequence[Row]) -> int:
    match column.heading:
        case "name":
            return WIDEST_NAME
        case "state":
            # Why a run failed is worth some room; the other reasons take what is left.
            return max(
                (FAILED if row.record.state == "failed" else len(row.record.state) for row in rows), default=0
            )
        case _:
            return WIDEST_CELL


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
    shown = [_resized(strips[place], room) for place in sorted(places)]
    return shown, [strip.column.heading for place, strip in enumerate(strips) if place not in places]


def _resized(strip: Strip, room: int) -> Strip:
    """A reason takes the room that is left; a name gives what is missing."""
    match strip.column.heading:
        case "state" if room > 0:
            return replace(strip, width=max(strip.width, min(strip.width + room, _longest(strip.cells))))
        case "name" if room < 0:
            return replace(strip, width=max(min(NARROWEST_NAME, strip.width), strip.width + room))
        case _:
            return strip
