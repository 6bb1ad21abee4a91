"""Which columns fit the terminal, and how wide each of them is.

The leaderboard as a table that fits the terminal.

What has no room is left out, the least telling columns first, and the caption says how much that is. Names
and reasons are shown letter by letter: rich's markup in them is not obeyed.

A study as a whole: its trials in a table, and below it what the table's rows do not tell.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from rich import box
from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from dnsearch.report.columns import Column, arranged
from dnsearch.report.ranking import Row
from dnsearch.report.settings import headings
from dnsearch.report.units import one_line, shortened
from dnsearch.runs.record import State
from dnsearch.runs.study_record import StudyRecord

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


MOST_REASONS, LONGEST_REASON = 3, 100
STATES = ("finished", "pruned", "paused", "failed", "running")


def study_board(
    rows: Sequence[Row], study: StudyRecord, columns: Sequence[str] = (), width: int = 100
) -> Group:
    """The leaderboard of a study, and the facts about it.

    Args:
        rows: what ``rank_trials`` made.
        study: the study.
        columns: further columns, see ``columns.arranged``.
        width: cells of the terminal.

    Raises:
        DnsearchError: an unknown column.
    """
    table = leaderboard(rows, f"study {one_line(study.name)}", columns, width)
    return Group(table, Text("\n".join(facts(study, rows)), style="dim"))


def facts(study: StudyRecord, rows: Sequence[Row]) -> list[str]:
    r"""One line of text per fact.

    >>> study = StudyRecord("a", trials={"finished": 4, "pruned": 6}, proposals=12, infeasible={"macs": 2},
    ...     infeasible_proposals=2, epochs_trained=30, epochs_saved=10, importances_missing="too few trials")
    >>> print("\n".join(facts(study, [])))
    trials: 4 finished, 6 pruned (searching)
    proposals: 10 of 12 feasible (83 %); infeasible: macs 2
    epochs: 30 trained, 10 saved by stopping early (25 %)
    importance: too few trials
    """
    return [*_counts(study), *_failures(rows), *_importances(study), *_legend(study, rows)]


def _counts(study: StudyRecord) -> Iterator[str]:
    states = ", ".join(f"{study.trials[state]} {state}" for state in STATES if study.trials.get(state))
    state = "" if study.state == "ended" else f" ({study.state})"
    yield f"trials: {states or 'none yet'}{state}"
    if study.infeasible_proposals:
        feasible = study.proposals - study.infeasible_proposals
        broken = ", ".join(f"{one_line(name)} {count}" for name, count in study.infeasible.items())
        share = 100 * feasible / study.proposals
        yield f"proposals: {feasible} of {study.proposals} feasible ({share:.0f} %); infeasible: {broken}"
    if study.epochs_saved:
        share = 100 * study.epochs_saved / (study.epochs_trained + study.epochs_saved)
        saved = f"{study.epochs_saved:,} saved by stopping early ({share:.0f} %)"
        yield f"epochs: {study.epochs_trained:,} trained, {saved}"
    elif study.epochs_trained:
        yield f"epochs: {study.epochs_trained:,} trained"


def _failures(rows: Sequence[Row]) -> Iterator[str]:
    """Why trials failed, the most frequent reasons first; a narrow table has no room for them."""
    failed = [row.record for row in rows if row.record.state == "failed"]
    reasons = Counter(one_line(record.reason) for record in failed if record.reason).most_common()
    for reason, count in reasons[:MOST_REASONS]:
        yield f"failed: {count} x {shortened(reason, LONGEST_REASON)}"
    if len(reasons) > MOST_REASONS:
        yield f"failed: {sum(count for _, count in reasons[MOST_REASONS:])} for other reasons"


def _importances(study: StudyRecord) -> Iterator[str]:
    names = headings(study.importances)
    shares = ", ".join(f"{one_line(names[path])} {share:.2f}" for path, share in study.importances.items())
    if told := shares or one_line(study.importances_missing):
        yield f"importance: {told}"


def _legend(study: StudyRecord, rows: Sequence[Row]) -> Iterator[str]:
    """What the signs in the table mean, as far as they are there."""
    standings = [row.standing for row in rows if row.standing is not None]
    if any(standing.confirmations for standing in standings):
        yield "±: of the mean over fresh seeds (Student); else of the images alone (Wilson)"
    if any(standing.tied for standing in standings):
        yield "= #1: the 95 % interval of the difference to the first holds 0"
    if any(standing.front for standing in standings):
        yield f"◆: no other finished trial is better in all of {', '.join(study.objectives)}"
