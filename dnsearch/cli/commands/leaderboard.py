"""``dnsearch leaderboard``: every run, ranked."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from dnsearch.board.ranking import HIGHER_IS_BETTER
from dnsearch.cli import console
from dnsearch.cli.options import RUNS, Json, Runs, Study
from dnsearch.errors import DnsearchError


class Select(StrEnum):
    """Which epoch's validation figures count."""

    last = "last"
    best = "best"


def leaderboard(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="RUNS...", help="Run folders, or folders of runs. Left out: --runs.", show_default=False
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
        Select, typer.Option(help="Rank by the last or the best epoch's validation figures.")
    ] = Select.last,
    top: Annotated[
        int | None, typer.Option(min=1, help="Show the first so many.", show_default=False)
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--column", help="One more column, such as first_step_seconds or images_per_second. Repeatable."
        ),
    ] = None,
    as_json: Json = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a Markdown table.")] = False,
) -> None:
    """Rank runs, hand-made and searched ones together, with the settings that differ.

    Example: [cyan]dnsearch leaderboard --top 10[/cyan]
    """
    from dnsearch.board import formats
    from dnsearch.board.ranking import rank
    from dnsearch.board.table import leaderboard as table
    from dnsearch.records.scan import scan

    found = scan(paths or [runs / study if study else runs])
    for path, why in found.unreadable:
        console.say(f"not shown: {path}: {why}")
    with _known_names():
        rows = rank(found.records, sort, select.value, top)
        if as_json:
            console.show_json(formats.as_json(rows))
        elif csv:
            console.raw(formats.as_csv(rows))
        elif markdown:
            console.raw(formats.as_markdown(rows, columns or ()))
        else:
            title = "1 run" if len(found.records) == 1 else f"{len(found.records)} runs"
            console.show(table(rows, title, columns or (), console.data.width))


@contextmanager
def _known_names() -> Iterator[None]:
    """An unknown name in --sort or --column is a mistake in the command line."""
    try:
        yield
    except DnsearchError as error:
        raise typer.BadParameter(str(error)) from None
