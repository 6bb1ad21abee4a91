"""``dnsearch worker``: take trials of a study that somebody has made."""

from typing import Annotated

import typer

from dnsearch.cli.options import NAME, RUNS, Gpus, Plain, Runs, Storage, Trials, Workers
from dnsearch.cli.searching import placed, searched


def worker(
    study: Annotated[
        str,
        typer.Option("--study", metavar="NAME", help="Name of the study.", show_default=False),
    ],
    storage: Storage = None,
    runs: Runs = RUNS,
    trials: Trials = None,
    workers: Workers = None,
    gpus: Gpus = "",
    plain: Plain = False,
) -> None:
    """Take trials of a study until it has all it shall have; any number of workers, on any machine.

    Example: [cyan]dnsearch worker --study small --storage postgresql+psycopg://me@host/studies[/cyan]

    The spec comes from the study. A worker keeps nothing to itself: kill it, start another one.
    """
    from dnsearch.study.book.database import default_url
    from dnsearch.study.request import joined

    if not NAME.fullmatch(study):
        raise typer.BadParameter("letters, digits, dots, dashes and underscores make a name")
    request = joined(storage or default_url(runs / study), study, runs, trials)
    if searched(placed(request, workers, gpus), plain=plain):
        raise typer.Exit(130)
