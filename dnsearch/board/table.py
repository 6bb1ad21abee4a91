"""The leaderboard as a table that fits the terminal.

What has no room is left out, the least telling columns first, and the caption says how much that is. Names
and reasons are shown letter by letter: rich's markup in them is not obeyed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from dnsearch.board.ranking import Row
from dnsearch.board.strips import Strip, strips, total_width

SHORTEST_REASON = 10

STATE_STYLES = {
    "finished": Style(color="green"),
    "running": Style(color="cyan"),
    "paused": Style(color="blue"),
    "pruned": Style(color="yellow"),
    "interrupted": Style(color="magenta"),
    "failed": Style(color="red"),
}


@dataclass(frozen=True, slots=True)
class Cell:
    """A text that has the width of its column already; rich's own Text takes three times as long to draw.

    Args:
        text: what is written.
        style: how the first ``styled`` characters look.
        styled: how many those are.
    """

    text: str
    style: Style
    styled: int

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Segment(self.text[: self.styled], self.style)
        yield Segment(self.text[self.styled :])


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
    shown, hidden = strips(rows, columns, width)
    table = _empty_table(title, _caption(rows, hidden, total_width(shown)))
    for place, strip in enumerate(shown):
        # The box gives one cell of the gap between two columns; the other one is here.
        lead = " " if place else ""
        heading = _heading(strip, lead)
        table.add_column(heading, width=strip.width + len(lead), no_wrap=True, vertical="bottom")
    for number, row in enumerate(rows):
        cells = [_cell(strip, strip.cells[number], row) for strip in shown]
        table.add_row(cells[0], *map(_after_gap, cells[1:]), style=_row_style(row))
    return table


def _row_style(row: Row) -> str:
    """The best stands out, and whoever did not finish stands back."""
    return "bold" if row.rank == 1 else "" if row.record.state == "finished" else "dim"


def _cell(strip: Strip, text: str, row: Row) -> Cell:
    if strip.column.heading != "state":
        return Cell(fitted(text, strip.width, strip.column.numeric), Style.null(), 0)
    state = row.record.state
    room_for_reason = strip.width >= len(state) + SHORTEST_REASON or cell_len(text) <= strip.width
    shown = fitted(text if room_for_reason else state, strip.width, numeric=False)
    return Cell(shown, STATE_STYLES[state], len(state))


def _heading(strip: Strip, lead: str) -> Text:
    lines = [lead + line for line in strip.heading.split("\n")]
    return Text("\n".join(lines), justify="right" if strip.column.numeric else "left")


def _after_gap(cell: Cell) -> Cell:
    return Cell(f" {cell.text}", cell.style, cell.styled + 1)


def fitted(text: str, width: int, numeric: bool) -> str:
    """A text made as wide as its column, with an ellipsis where it was wider.

    >>> fitted("12", 4, numeric=True), fitted("a long name", 7, numeric=False)
    ('  12', 'a long…')
    """
    missing = width - cell_len(text)
    if missing < 0:
        return set_cell_size(f"{set_cell_size(text, width - 1).rstrip()}…", width)
    return f"{' ' * missing}{text}" if numeric else f"{text}{' ' * missing}"


def _empty_table(title: str, caption: str) -> Table:
    return Table(
        title=Text(title, style="bold") if title else None,
        title_justify="left",
        caption=Text(caption, style="dim italic") if caption else None,
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        padding=0,
        header_style="bold",
    )


def _caption(rows: Sequence[Row], hidden: Sequence[str], width: int) -> str:
    if not rows:
        return "No runs. Make one with: dnsearch train SPEC"
    if not hidden:
        return ""
    number = f"{len(hidden)} column{'s' if len(hidden) > 1 else ''} hidden at this width"
    named = f"{number} ({', '.join(hidden)}); --json shows all."
    return named if len(named) <= width else f"{number}; --json shows all."
