"""The leaderboard as a table that fits the terminal.

What has no room is left out, the least telling columns first, and the caption says how many those are. Names
and reasons are shown letter by letter: rich's markup in them is not obeyed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich import box
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from dnsearch.board.columns import Column, arranged
from dnsearch.board.ranking import Row

GAP = 2
WIDEST_CELL, NARROWEST_NAME = 20, 12
WIDEST = {"name": 32, "state": 24}

STATE_STYLES = {
    "finished": "green",
    "running": "cyan",
    "pruned": "yellow",
    "interrupted": "magenta",
    "failed": "red",
}


@dataclass(frozen=True, slots=True)
class Strip:
    """A column with its cells written out.

    Args:
        column: which column.
        importance: 0 is always shown, the higher the sooner left out.
        cells: one text per row.
        width: cells of the terminal.
    """

    column: Column
    importance: int
    cells: list[str]
    width: int


def leaderboard(rows: Sequence[Row], title: str, columns: Sequence[str] = (), width: int = 100) -> Table:
    """A table of ranked runs, the best row in bold.

    Args:
        rows: what ``rank`` made.
        title: what stands above the table; empty for none.
        columns: further columns, see ``columns.arranged``.
        width: cells of the terminal; the table is no wider where that is possible at all.

    Raises:
        DnsearchError: an unknown column.
    """
    strips = [_strip(importance, column, rows) for importance, column in arranged(rows, columns)]
    shown, hidden = _fitted(strips, width)
    table = _empty_table(title, _caption(rows, hidden))
    for strip in shown:
        table.add_column(
            Text(strip.column.heading),
            justify="right" if strip.column.numeric else "left",
            width=strip.width,
            no_wrap=True,
            overflow="ellipsis",
        )
    for number, row in enumerate(rows):
        table.add_row(
            *(_cell(strip, number, row) for strip in shown), style="bold" if row.rank == 1 else None
        )
    return table


def _empty_table(title: str, caption: str) -> Table:
    return Table(
        title=Text(title, style="bold") if title else None,
        title_justify="left",
        caption=Text(caption, style="dim italic") if caption else None,
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        collapse_padding=True,
        header_style="bold",
    )


def _caption(rows: Sequence[Row], hidden: Sequence[str]) -> str:
    if not rows:
        return "No runs. Make one with: dnsearch train SPEC"
    if not hidden:
        return ""
    words = f"{hidden[0]} is" if len(hidden) == 1 else f"{len(hidden)} columns are"
    return f"{words} hidden at this width; --json shows all."


def _strip(importance: int, column: Column, rows: Sequence[Row]) -> Strip:
    cells = [column.cell(row) for row in rows]
    widest = WIDEST.get(column.heading, WIDEST_CELL)
    longest = max(map(cell_len, cells), default=0)
    return Strip(column, importance, cells, max(cell_len(column.heading), min(longest, widest)))


def _fitted(strips: Sequence[Strip], width: int) -> tuple[list[Strip], list[str]]:
    """The most important strips that fit, from left to right, and the headings of the others."""
    room = width + GAP - sum(strip.width + GAP for strip in strips if strip.importance == 0)
    places = {place for place, strip in enumerate(strips) if strip.importance == 0}
    for place in sorted(set(range(len(strips))) - places, key=lambda place: strips[place].importance):
        if strips[place].width + GAP <= room:
            places.add(place)
            room -= strips[place].width + GAP
    shown = [_resized(strips[place], room) for place in sorted(places)]
    return shown, [strip.column.heading for place, strip in enumerate(strips) if place not in places]


def _resized(strip: Strip, room: int) -> Strip:
    """A reason takes the room that is left; a name gives what is missing."""
    if strip.column.heading == "state" and room > 0:
        longest = max(map(cell_len, strip.cells), default=0)
        return replace(strip, width=max(strip.width, min(strip.width + room, longest)))
    if strip.column.heading == "name" and room < 0:
        return replace(strip, width=max(min(NARROWEST_NAME, strip.width), strip.width + room))
    return strip


def _cell(strip: Strip, number: int, row: Row) -> Text:
    text = Text(strip.cells[number])
    if strip.column.heading == "state":
        text.stylize(STATE_STYLES[row.record.state], 0, len(row.record.state))
    return text
