"""Which runs a leaderboard is of, and how it goes out: a table, JSON, CSV or Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from rich.console import RenderableType

from dnsearch.board import formats
from dnsearch.board.ranking import Row, Select, rank
from dnsearch.board.study import facts, study_board
from dnsearch.board.table import leaderboard as table
from dnsearch.board.trials import rank_trials
from dnsearch.cli import console
from dnsearch.records.record import RunRecord
from dnsearch.records.scan import scan, study_as_it_is
from dnsearch.records.study import StudyRecord, is_study

Form = Literal["table", "json", "csv", "markdown"]

MOST_ROWS = 1000
"""Of a table that nobody asked to be longer; drawing 10,000 rows takes seconds, and nobody reads them."""


@dataclass(frozen=True, slots=True)
class Runs:
    """What a leaderboard is of.

    Args:
        records: the runs.
        study: the study whose runs they are; None for runs from here and there.
        unreadable: folders that cannot be read, each with the reason.
    """

    records: list[RunRecord]
    study: StudyRecord | None = None
    unreadable: Sequence[tuple[Path, str]] = ()


@dataclass(frozen=True, slots=True)
class View:
    """How a leaderboard is wanted.

    Args:
        sort: what to rank by.
        select: which epoch's validation figures count; None: the study's own, or the last.
        top: how many rows; None: all.
        columns: further columns.
    """

    sort: str = "validation"
    select: Select | None = None
    top: int | None = None
    columns: Sequence[str] = ()

    def rows(self, runs: Runs) -> list[Row]:
        """The runs in their order."""
        if runs.study is not None:
            return rank_trials(runs.records, runs.study, self.sort, self.select, self.top)
        return rank(runs.records, self.sort, self.select or "last", self.top)


def read(paths: Sequence[Path]) -> Runs:
    """The runs in some folders; where that is one study's folder, the study too.

    Raises:
        RunError: a folder does not exist, or a study's record is damaged.
    """
    found = scan(paths)
    study = study_as_it_is(paths[0], found.records) if len(paths) == 1 and is_study(paths[0]) else None
    return Runs(found.records, study, found.unreadable)


def say_unreadable(runs: Runs) -> None:
    """Name the folders that are not shown."""
    for path, why in runs.unreadable:
        console.say(f"not shown: {path}: {why}")


def drawn(runs: Runs, view: View, width: int) -> RenderableType:
    """The leaderboard for a terminal of some width."""
    rows = view.rows(runs)
    if runs.study is not None:
        return study_board(rows, runs.study, view.columns, width)
    title = "1 run" if len(runs.records) == 1 else f"{len(runs.records)} runs"
    return table(rows, title, view.columns, width)


def show(runs: Runs, view: View, form: Form) -> None:
    """Put the leaderboard on stdout."""
    match form:
        case "table":
            count = len(runs.records)
            shown = replace(view, top=MOST_ROWS) if view.top is None and count > MOST_ROWS else view
            console.show(drawn(runs, shown, console.data.width))
            if shown is not view:
                console.say(f"{MOST_ROWS:,} of {count:,} runs; --top {count} or --csv shows all")
        case "json":
            trials = formats.as_json(view.rows(runs))
            console.show_json(formats.study_json(runs.study, trials) if runs.study else trials)
        case "csv":
            console.raw(formats.as_csv(view.rows(runs)))
        case "markdown":
            rows = view.rows(runs)
            notes = [f"- {fact}\n" for fact in facts(runs.study, rows)] if runs.study else []
            console.raw(
                "".join([formats.as_markdown(rows, view.columns), *(["\n"] if notes else []), *notes])
            )
