"""The leaderboard as a table that fits the terminal, what is reported below it, and the live view.

The least important columns without room are left out. Rich's markup in names and reasons is not obeyed.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.cells import cell_len, set_cell_size
from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from dnsearch.report import units
from dnsearch.report.columns import Column, arranged
from dnsearch.report.ranking import Row
from dnsearch.report.study_facts import NEXT, compare_command, effect_lines, facts
from dnsearch.report.units import counted, one_line
from dnsearch.runs.record import State, StudyRecord

GAP = 2  # cells between columns
NO_LIMIT = 100_000  # cells of a pipe's line
WIDEST_CELL, WIDEST_NAME, NARROWEST_NAME = 20, 32, 12
FAILED, SHORTEST_REASON = 20, 10

STATE_STYLES: dict[State, str] = {"finished": "green", "running": "cyan", "paused": "blue"}
STATE_STYLES |= {"pruned": "yellow", "interrupted": "magenta", "failed": "red"}


@dataclass(frozen=True, slots=True)
class Strip:
    """A column: heading on one or two lines, a text per row; the least, usual and greatest width."""

    column: Column
    heading: str
    cells: list[str]
    narrowest: int
    width: int
    widest: int


def leaderboard(
    rows: Sequence[Row],
    title: str,
    columns: Sequence[str] = (),
    width: int | None = 100,
    effects: Iterable[str] = (),
) -> Group:
    """A table of ranked runs, the best row in bold, no wider than ``width`` where that is possible at all.

    None: as wide as it is. ``effects`` are the paths of searched settings, that with the largest effect
    first. A line parts the trials that are confirmed from the others.
    """
    shown, hidden = strips(arranged(rows, columns, effects), rows, width)
    heads = [strip.heading.split("\n") for strip in shown]
    height = max(map(len, heads))
    total = sum(strip.width + GAP for strip in shown) - GAP
    return Group(
        *([Text(title, "bold")] if title else []),
        *(
            Text(_joined([head[at] if at >= 0 else "" for head, at in places], shown), "bold", no_wrap=True)
            for places in ([(head, line + len(head) - height) for head in heads] for line in range(height))
        ),
        rule := Text("─" * total, no_wrap=True),
        *_lines(rows, shown, rule),
        *([Text(caption, "dim italic")] if (caption := _caption(rows, hidden, total)) else []),
    )


def _lines(rows: Sequence[Row], shown: Sequence[Strip], rule: Text) -> Iterator[Text]:
    confirmed = [bool(row.record.study and row.standing and row.standing.seeds) for row in rows]
    for place, row in enumerate(rows):
        if place and confirmed[place - 1] and not confirmed[place]:
            yield rule
        yield _line(row, [strip.cells[place] for strip in shown], shown)


def _line(row: Row, cells: list[str], shown: Sequence[Strip]) -> Text:
    """A run's row; rich's own table takes ten times as long for thousands of them."""
    state, room = row.record.state, shown[-1].width
    style = "bold" if row.rank == 1 else "" if state == "finished" else "dim"
    if shown[-1].heading != "state":
        return Text(_joined(cells, shown), style, no_wrap=True)
    if room < len(state) + SHORTEST_REASON and cell_len(cells[-1]) > room:
        cells[-1] = state
    line = Text(_joined(cells, shown), style, no_wrap=True)
    begin = len(line) - len(fitted(cells[-1], room, numeric=False))
    line.stylize(STATE_STYLES[state], begin, begin + len(state))
    return line


def _joined(cells: Sequence[str], shown: Sequence[Strip]) -> str:
    pairs = zip(cells, shown, strict=True)
    return (" " * GAP).join(fitted(cell, strip.width, numeric=strip.column.numeric) for cell, strip in pairs)


def fitted(text: str, width: int, *, numeric: bool) -> str:
    """A text as wide as its column, with an ellipsis where it was wider.

    >>> fitted("12", 4, numeric=True), fitted("a long name", 7, numeric=False)
    ('  12', 'a long…')
    """
    missing = width - cell_len(text)
    if missing < 0:
        return set_cell_size(f"{set_cell_size(text, width - 1).rstrip()}…", width)
    return f"{' ' * missing}{text}" if numeric else f"{text}{' ' * missing}"


def _caption(rows: Sequence[Row], hidden: Sequence[str], width: int) -> str:
    if not rows:
        return "No runs. Make one with: dnsearch train SPEC"
    number = f"{counted(len(hidden), 'column')} hidden at this width"
    named = f"{number} ({', '.join(hidden)}); --json shows all."
    return (named if len(named) <= width else f"{number}; --json shows all.") if hidden else ""


def strips(
    columns: Sequence[Column], rows: Sequence[Row], width: int | None
) -> tuple[list[Strip], list[str]]:
    """Left to right, those of importance 0 and the most important that fit; the headings of the others."""
    every = [_strip(column, rows) for column in columns]
    if width is None:
        return [replace(strip, width=max(strip.width, *map(cell_len, strip.cells), 0)) for strip in every], []
    room, places = width + GAP, set()
    for place, strip in sorted(enumerate(every), key=lambda pair: pair[1].column.importance):
        if strip.column.importance == 0 or strip.width + GAP <= room:
            places.add(place)
            room -= strip.width + GAP
    shown = []
    # The last column, the reasons, takes what room is left; names give way where some is missing.
    for place in sorted(places, reverse=True):
        strip = every[place]
        resized = min(max(strip.width + room, strip.narrowest), strip.widest)
        room -= resized - strip.width
        shown.append(replace(strip, width=resized))
    return shown[::-1], [strip.column.heading for place, strip in enumerate(every) if place not in places]


def _strip(column: Column, rows: Sequence[Row]) -> Strip:
    cells = [column.cell(row) for row in rows]
    longest = max(map(cell_len, cells), default=0)
    usual = min(longest, WIDEST_CELL)
    widths = usual, usual, usual
    if column.heading == "name":
        widths = min(longest, NARROWEST_NAME), min(longest, WIDEST_NAME), min(longest, WIDEST_NAME)
    elif column.heading == "state":
        states = [row.record.state for row in rows]
        word = max(map(len, states), default=0)
        # Why a run failed is worth some room; the other reasons take what is left.
        widths = word, max(word, min(longest, FAILED)) if "failed" in states else word, longest
    heading = folded(column.heading) if len(column.heading) > widths[1] else [column.heading]
    least = max(map(len, heading))
    return Strip(column, "\n".join(heading), cells, *(max(least, width) for width in widths))


def folded(heading: str) -> list[str]:
    """A heading on two lines, as narrow as can be without breaking a word.

    >>> folded("layers_per_block"), folded("pooling")
    (['layers_', 'per_block'], ['pooling'])
    """
    pieces = re.findall(r"[^_. ]+[_. ]?", heading)
    folds = [["".join(pieces[:at]).rstrip(), "".join(pieces[at:])] for at in range(1, len(pieces))]
    return min(folds, key=lambda fold: max(map(len, fold)), default=[heading])


def study_board(
    rows: Sequence[Row],
    study: StudyRecord,
    columns: Sequence[str] = (),
    width: int | None = 100,
    folder: Path | None = None,
) -> Group:
    """The leaderboard of a study and, below it, the facts about it; see ``leaderboard`` and ``facts``."""
    parts: list[RenderableType] = [
        leaderboard(rows, f"study {one_line(study.name)}, exploratory", columns, width, study.effects),
        Text("\n".join(facts(study, rows)), style="dim"),
    ]
    if lines := effect_lines(study):
        parts.append(Text("\n".join(lines), no_wrap=True))
    room = NO_LIMIT if width is None else width - 2
    if folder is not None and (command := compare_command(rows, folder, room)):
        parts += [Text(NEXT, style="dim"), Text(f"  {command}", overflow="fold")]
    return Group(*parts)


Running = tuple[str, int, int, float | None]
"""A running trial: name, epochs done, epochs planned, last validation accuracy or, of a U-Net, mean IoU."""

TABLE_FRAME = 5  # lines of a leaderboard around its rows: title, two of headings, rule, caption


def live(
    rows: Sequence[Row],
    running: Sequence[Running],
    done: int,
    total: int,
    elapsed_seconds: float,
    height: int = 24,
    width: int = 100,
) -> Group:
    """A running study in at most ``height`` lines if possible; ``rows`` are the trials that ended."""
    bars = min(len(running), max(1, (height - TABLE_FRAME - 3) // 2))
    left = height - TABLE_FRAME - 3 - bars - (len(running) > bars)
    parts: list[RenderableType] = []
    if rows:
        parts += [leaderboard(rows[: max(1, left)], "Best so far", width=width), Text()]
    if running:
        parts.append(_at_work(running[:bars], width))
    if len(running) > bars:
        parts.append(Text(f"… and {len(running) - bars} more at work", style="dim"))
    words = [f"{done}/{total} trials", f"{units.duration(elapsed_seconds)} so far"]
    if done and elapsed_seconds > 0:
        remaining = elapsed_seconds / done * max(0, total - done)
        words.append(f"{3600 * done / elapsed_seconds:,.0f} trials an hour")
        words.append(f"about {units.duration(remaining)} to go" if remaining else "all done")
    return Group(*parts, Text("  ·  ".join(words), style="bold", no_wrap=True, overflow="ellipsis"))


def _at_work(running: Sequence[Running], width: int) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True, overflow="ellipsis", max_width=max(12, width // 3))
    grid.add_column(width=20)
    for _ in range(2):
        grid.add_column(justify="right", no_wrap=True)
    for name, epoch, planned, score in running:
        bar = ProgressBar(total=max(1, planned), completed=epoch, width=20)
        grid.add_row(Text(units.one_line(name)), bar, f"epoch {epoch}/{planned}", units.percent(score))
    return grid
