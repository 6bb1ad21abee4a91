"""``dnsearch leaderboard``: every run, or a study's trials, ranked."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dnsearch.board.ranking import HIGHER_IS_BETTER
from dnsearch.cli.options import RUNS, Json, Runs, Study
from dnsearch.errors import DnsearchError

if TYPE_CHECKING:
    from dnsearch.cli.boards import Form
    from dnsearch.cli.boards import Runs as Found


class Select(StrEnum):
    """Which epoch's validation figures count."""

    last = "last"
    best = "best"


def leaderboard(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="RUNS...",
            help="Run folders, folders of runs, or a study: its folder, or its name under --runs. Left out: "
            "--runs.",
            show_default=False,
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
        Select | None,
        typer.Option(
            help="Rank by the last or the best epoch's validation figures. Left out: as the study was "
            "searched, else the last.",
            show_default=False,
        ),
    ] = None,
    top: Annotated[
        int | None, typer.Option(min=1, help="Show the first so many.", show_default=False)
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--column", help="One more column, such as first_step_seconds or images_per_second. Repeatable."
        ),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Draw the study anew every 2 seconds, until it has ended.")
    ] = False,
    storage: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Read the study from its database, where its folder is not at hand; no intervals then.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a Markdown table.")] = False,
) -> None:
    """Rank runs, hand-made and searched ones together; of one study, say how sure the figures are.

    Example: [cyan]dnsearch leaderboard --top 10[/cyan]
    """
    from dnsearch.cli.boards import View, say_unreadable, show
    from dnsearch.cli.watch import watch as watching

    places = _places(paths or [], runs, study)
    look = _from_storage(places, storage) if storage else _from_folders(places)
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
    """The folders that are meant; what is no folder here may be the name of one under --runs."""
    named = [path if path.exists() or not (runs / path).exists() else runs / path for path in paths]
    return named or [runs / study if study else runs]


def _from_folders(places: list[Path]) -> Callable[[], "Found"]:
    from dnsearch.cli.boards import read

    return lambda: read(places)


def _from_storage(places: list[Path], url: str) -> Callable[[], "Found"]:
    from dnsearch.cli.boards import Runs as Found
    from dnsearch.study.facts.reading import looking

    if len(places) != 1:
        raise typer.BadParameter("name one study", param_hint="--storage")
    look = looking(url, places[0].name)
    return lambda: Found(*look())


def _form(*, as_json: bool, csv: bool, markdown: bool) -> "Form":
    return "json" if as_json else "csv" if csv else "markdown" if markdown else "table"


def _refuse_other_forms(*, as_json: bool, csv: bool, markdown: bool) -> None:
    if as_json or csv or markdown:
        said = "is a table that is drawn again; leave out --json, --csv and --markdown"
        raise typer.BadParameter(said, param_hint="--watch")


@contextmanager
def _known_names() -> Iterator[None]:
    """An unknown name in --sort or --column is a mistake in the command line."""
    try:
        yield
    except DnsearchError as error:
        if type(error) is not DnsearchError:  # a folder or a database is what is wrong
            raise
        raise typer.BadParameter(str(error)) from None
