"""``dnsearch leaderboard``: runs, or a study's trials, ranked, as a table, JSON, CSV or Markdown."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

from rich.console import RenderableType
from typer import Argument, BadParameter, Context, Option

from dnsearch.cli import console
from dnsearch.cli.options import RUNS, STORAGE, Json, Runs, Study
from dnsearch.errors import DnsearchError, Problem, StudyError
from dnsearch.report import formats
from dnsearch.report.leaderboard import leaderboard as table
from dnsearch.report.leaderboard import study_board
from dnsearch.report.ranking import HIGHER_IS_BETTER, Row, Select, rank, rank_trials
from dnsearch.report.units import run_line
from dnsearch.runs.folder import hits_of, is_study
from dnsearch.runs.record import RunRecord, StudyRecord
from dnsearch.runs.scan import scan, study_as_it_is

Form = Literal["table", "json", "csv", "markdown"]

MOST_ROWS = 100  # on a terminal, without --top; nobody reads more of them
SECONDS = 2.0  # between two looks at a study that is watched
FRAME = 12  # lines that a study's leaderboard may have beside its rows


@dataclass(frozen=True, slots=True)
class RunsRead:
    """The runs of a leaderboard, the study whose runs they are, if any, and what cannot be read."""

    records: list[RunRecord]
    study: StudyRecord | None = None
    unreadable: Sequence[tuple[Path, str]] = ()  # each with the reason
    folder: Path | None = None  # of the study


@dataclass(frozen=True, slots=True)
class View:
    """The options of a leaderboard."""

    sort: str = "validation"
    select: Select | None = None  # which epoch's validation figures count; None: the study's own, or the last
    top: int | None = None  # None: all rows
    columns: Sequence[str] = ()  # further ones

    def rows(self, runs: RunsRead) -> list[Row]:
        """The runs in their order."""
        if runs.study is not None:
            options = {} if runs.folder is None else {"hits": partial(hits_of, runs.folder)}
            return rank_trials(runs.records, runs.study, self.sort, self.select, self.top, **options)
        return rank(runs.records, self.sort, self.select or "last", self.top)


def read(paths: Sequence[Path]) -> RunsRead:
    """The runs in some folders; with the study where that is one study's folder."""
    found = scan(paths)
    folder = paths[0] if len(paths) == 1 and is_study(paths[0]) else None
    study = study_as_it_is(folder, found.records) if folder else None
    return RunsRead(found.records, study, found.unreadable, folder)


def show(runs: RunsRead, view: View, form: Form = "table") -> None:
    """Print the leaderboard on stdout."""
    match form:
        case "table":
            count = len(runs.records)
            width = console.data().width if console.data().is_terminal else None
            cut = view.top is None and count > MOST_ROWS and width is not None
            drawn = _drawn(runs, replace(view, top=MOST_ROWS) if cut else view, width)
            console.show(drawn, whole=width is None)
            if cut:
                console.say(f"{MOST_ROWS:,} of {count:,} runs; --top {count} or --csv shows all")
        case "json":
            trials = formats.as_json(view.rows(runs))
            console.show_json(formats.study_json(runs.study, trials) if runs.study else trials)
        case "csv":
            console.raw(formats.as_csv(view.rows(runs)))
        case "markdown":
            rows = view.rows(runs)
            below = formats.study_markdown(runs.study, rows, runs.folder) if runs.study else ""
            console.raw(formats.as_markdown(rows, view.columns) + below)


def _drawn(runs: RunsRead, view: View, width: int | None) -> RenderableType:
    """The leaderboard for a terminal of some width, or for a pipe (None), where nothing is cut."""
    rows = view.rows(runs)
    if runs.study is not None:
        return study_board(rows, runs.study, view.columns, width, runs.folder)
    title = "1 run" if len(runs.records) == 1 else f"{len(runs.records)} runs"
    return table(rows, title, view.columns, width)


def leaderboard(
    context: Context,
    paths: list[Path] | None = Argument(
        None,
        metavar="RUNS...",
        help="Run folders, folders of runs, or a study: its folder, or its name under --runs. Default: "
        "--runs.",
    ),
    runs: Runs = RUNS,
    study: Study = None,
    sort: str = Option(
        "validation",
        help=f"What to rank by: {', '.join(HIGHER_IS_BETTER)}. validation: accuracy, of U-Nets mean IoU.",
    ),
    select: Select | None = Option(
        None,
        help="Rank by the last or the best epoch's validation figures. Default: as the study was "
        "searched, else the last.",
    ),
    top: int | None = Option(
        None, min=1, help="Show the first so many. Default: 100 on a terminal, else all."
    ),
    columns: list[str] | None = Option(
        None, "--column", help="One more column, such as first_step_seconds or images_per_second. Repeatable."
    ),
    watch: bool = Option(False, "--watch", help="Redraw the study every 2 seconds until it has ended."),
    storage: str | None = Option(
        None,
        envvar=STORAGE,
        metavar="URL",
        help="Read the study from its database if its folder is elsewhere; without intervals. The "
        "variable counts where there is no such folder here.",
    ),
    as_json: Json = False,
    csv: bool = Option(False, "--csv", help="Print CSV."),
    markdown: bool = Option(False, "--markdown", help="Print a Markdown table."),
) -> None:
    """Rank runs, hand-made and searched ones together; of one study, say how sure the figures are."""
    form: Form = "json" if as_json else "csv" if csv else "markdown" if markdown else "table"
    if watch and form != "table":
        hint = "redraws a table; leave out --json, --csv and --markdown"
        raise BadParameter(hint, param_hint="--watch")
    # What is no path here may be the name of a folder under --runs.
    named = [path if path.exists() or not (runs / path).exists() else runs / path for path in paths or ()]
    places = named or [runs / study if study else runs]
    source = context.get_parameter_source("storage")
    if source is not None and source.name == "ENVIRONMENT" and (len(places) > 1 or places[0].exists()):
        storage = None
    if watch and storage is None and not places[0].exists():
        places = [_begun(places[0], runs)]
    look = _from_storage(places, storage) if storage else lambda: read(places)
    view = View(sort, select, top, columns or ())
    try:
        if watch:
            _watch(look, view)
        else:
            found = look()
            for path, why in found.unreadable:
                console.say(f"not shown: {path}: {why}")
            show(found, view, form)
    except DnsearchError as error:
        if type(error) is not DnsearchError:  # a folder or a database is what is wrong
            raise
        raise BadParameter(str(error)) from None  # an unknown name in --sort or --column


def _from_storage(places: list[Path], url: str) -> Callable[[], RunsRead]:
    from dnsearch.search.study_summary import looking

    if len(places) != 1:
        raise BadParameter("name one study", param_hint="--storage")
    look = looking(url, places[0].name)
    return lambda: RunsRead(*look())


def _begun(named: Path, runs: Path) -> Path:
    """Wait until a study begins, in its folder or under its name; returns the folder."""
    console.say(f"waiting for {named} to begin…")
    while True:
        for folder in (named, runs / named):
            if is_study(folder):
                return folder
        time.sleep(SECONDS)


def _watch(look: Callable[[], RunsRead], view: View) -> None:
    """Show a study until it ends or Ctrl-C; off a terminal, a line per change, then the leaderboard."""
    if look().study is None:
        hint = "Name one study: dnsearch leaderboard STUDY --watch"
        raise StudyError(str(Problem("--watch", "one study, which has an end", "runs", hint)))
    try:
        if console.data().is_terminal:
            _redraw(look, view)
        else:
            _tell_changes(look)
            show(look(), view)
    except KeyboardInterrupt:
        console.say("stopped watching; the search goes on")


def _redraw(look: Callable[[], RunsRead], view: View) -> None:
    from rich.constrain import Constrain
    from rich.live import Live

    with Live(console=console.data(), auto_refresh=False) as picture:
        for runs in _looks(look):
            size = console.data().size
            fitting = replace(view, top=min(view.top or size.height, max(1, size.height - FRAME)))
            brief = replace(runs, study=runs.study and replace(runs.study, effects={}), folder=None)
            picture.update(Constrain(_drawn(brief, fitting, size.width), size.width), refresh=True)


def _tell_changes(look: Callable[[], RunsRead]) -> None:
    """A line for each trial whose state is another one than before."""
    states: dict[tuple[str, int], str] = {}
    for runs in _looks(look):
        for record in sorted(runs.records, key=lambda record: (record.name, record.seed)):
            trial = record.name, record.seed
            if states.get(trial) != record.state and record.state != "running":
                console.raw(run_line(record))
            states[trial] = record.state


def _looks(look: Callable[[], RunsRead]) -> Iterator[RunsRead]:
    """The study again and again, until a look finds it ended."""
    while True:
        runs = look()
        yield runs
        working = any(record.state == "running" for record in runs.records)
        if runs.study is not None and runs.study.state != "searching" and not working:
            return
        time.sleep(SECONDS)
