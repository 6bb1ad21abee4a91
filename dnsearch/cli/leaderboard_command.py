"""``dnsearch leaderboard``: runs, or a study's trials, ranked, as a table, JSON, CSV or Markdown."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import RenderableType

from dnsearch.cli import console
from dnsearch.cli.options import RUNS, Json, Runs, Study
from dnsearch.errors import DnsearchError
from dnsearch.report import formats
from dnsearch.report.leaderboard import facts, study_board
from dnsearch.report.leaderboard import leaderboard as table
from dnsearch.report.ranking import HIGHER_IS_BETTER, Row, Select, rank, rank_trials
from dnsearch.runs.folder import is_study
from dnsearch.runs.record import RunRecord, StudyRecord
from dnsearch.runs.scan import scan, study_as_it_is

Form = Literal["table", "json", "csv", "markdown"]

MOST_ROWS = 1000
"""Without ``--top``; 10,000 rows take seconds to draw, and nobody reads them."""


@dataclass(frozen=True, slots=True)
class RunsRead:
    """The runs of a leaderboard.

    Args:
        records: the runs.
        study: the study whose runs they are; None for other runs.
        unreadable: folders that cannot be read, each with the reason.
    """

    records: list[RunRecord]
    study: StudyRecord | None = None
    unreadable: Sequence[tuple[Path, str]] = ()


@dataclass(frozen=True, slots=True)
class View:
    """The options of a leaderboard.

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

    def rows(self, runs: RunsRead) -> list[Row]:
        """The runs in their order."""
        if runs.study is not None:
            return rank_trials(runs.records, runs.study, self.sort, self.select, self.top)
        return rank(runs.records, self.sort, self.select or "last", self.top)


def read(paths: Sequence[Path]) -> RunsRead:
    """The runs in some folders; with the study where that is one study's folder.

    Raises:
        RunError: a folder does not exist, or a study's record is damaged.
    """
    found = scan(paths)
    study = study_as_it_is(paths[0], found.records) if len(paths) == 1 and is_study(paths[0]) else None
    return RunsRead(found.records, study, found.unreadable)


def say_unreadable(runs: RunsRead) -> None:
    """Name the folders that are not shown."""
    for path, why in runs.unreadable:
        console.say(f"not shown: {path}: {why}")


def drawn(runs: RunsRead, view: View, width: int) -> RenderableType:
    """The leaderboard for a terminal of some width."""
    rows = view.rows(runs)
    if runs.study is not None:
        return study_board(rows, runs.study, view.columns, width)
    title = "1 run" if len(runs.records) == 1 else f"{len(runs.records)} runs"
    return table(rows, title, view.columns, width)


def show(runs: RunsRead, view: View, form: Form) -> None:
    """Print the leaderboard on stdout."""
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
            console.raw(formats.as_markdown(rows, view.columns) + "\n" * bool(notes) + "".join(notes))


class SelectOption(StrEnum):
    """Which epoch's validation figures count."""

    last = "last"
    best = "best"


def leaderboard(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="RUNS...",
            help="Run folders, folders of runs, or a study: its folder, or its name under --runs. Default: "
            "--runs.",
        ),
    ] = None,
    runs: Runs = RUNS,
    study: Study = None,
    sort: Annotated[
        str,
        typer.Option(
            help=f"What to rank by: {', '.join(HIGHER_IS_BETTER)}. validation: accuracy, of U-Nets mean IoU."
        ),
    ] = "validation",
    select: Annotated[
        SelectOption | None,
        typer.Option(
            help="Rank by the last or the best epoch's validation figures. Default: as the study was "
            "searched, else the last.",
        ),
    ] = None,
    top: Annotated[int | None, typer.Option(min=1, help="Show the first so many.")] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--column", help="One more column, such as first_step_seconds or images_per_second. Repeatable."
        ),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Redraw the study every 2 seconds until it has ended.")
    ] = False,
    storage: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Read the study from its database if its folder is elsewhere; without intervals.",
        ),
    ] = None,
    as_json: Json = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a Markdown table.")] = False,
) -> None:
    """Rank runs, hand-made and searched ones together; of one study, say how sure the figures are.

    Example: [cyan]dnsearch leaderboard --top 10[/cyan]
    """
    from dnsearch.cli.watch import watch as watching

    places = _places(paths or [], runs, study)
    look = _from_storage(places, storage) if storage else lambda: read(places)
    view = View(sort, select.value if select else None, top, columns or ())
    with _known_names():
        if watch:
            _refuse_other_forms(as_json=as_json, csv=csv, markdown=markdown)
            watching(look, view)
        else:
            found = look()
            say_unreadable(found)
            show(found, view, _form(as_json=as_json, csv=csv, markdown=markdown))


def _places(paths: list[Path], runs: Path, study: str | None) -> list[Path]:
    """The folders to read; what is no path here may be the name of a folder under --runs."""
    named = [path if path.exists() or not (runs / path).exists() else runs / path for path in paths]
    return named or [runs / study if study else runs]


def _from_storage(places: list[Path], url: str) -> Callable[[], RunsRead]:
    from dnsearch.search.study_summary import looking

    if len(places) != 1:
        raise typer.BadParameter("name one study", param_hint="--storage")
    look = looking(url, places[0].name)
    return lambda: RunsRead(*look())


def _form(*, as_json: bool, csv: bool, markdown: bool) -> Form:
    return "json" if as_json else "csv" if csv else "markdown" if markdown else "table"


def _refuse_other_forms(*, as_json: bool, csv: bool, markdown: bool) -> None:
    if as_json or csv or markdown:
        message = "redraws a table; leave out --json, --csv and --markdown"
        raise typer.BadParameter(message, param_hint="--watch")


@contextmanager
def _known_names() -> Iterator[None]:
    """An unknown name in --sort or --column is a mistake in the command line."""
    try:
        yield
    except DnsearchError as error:
        if type(error) is not DnsearchError:  # a folder or a database is what is wrong
            raise
        raise typer.BadParameter(str(error)) from None
