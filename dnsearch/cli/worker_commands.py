"""``dnsearch worker``: take trials of a study that somebody has made.

``dnsearch fetch``: bring home what trials on other machines left behind.
"""

from typing import Annotated

import typer

from dnsearch.cli import console
from dnsearch.cli.options import NAME, RUNS, Gpus, Plain, Runs, Storage, Trials, Workers
from dnsearch.cli.tune_command import placed, searched


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


def fetch(
    study: Annotated[str, typer.Argument(metavar="STUDY", help="Name of the study.", show_default=False)],
    storage: Storage = None,
    runs: Runs = RUNS,
) -> None:
    """Bring home the records, epochs and weights of a study whose trials were sent to --artifacts.

    Example: [cyan]dnsearch fetch small --storage postgresql+psycopg://me@host/studies[/cyan]
    """
    from dnsearch.study.book.database import default_url
    from dnsearch.study.book.storage import existing_study
    from dnsearch.study.request import joined
    from dnsearch.study.work import artifacts

    request = joined(storage or default_url(runs / study), study, runs)
    if request.artifacts is None:
        raise typer.BadParameter(f"study {study} sends its trials nowhere; they lie where its workers ran")
    came = artifacts.fetch(request.artifacts, existing_study(request.url, study), request.folder)
    console.say(f"{len(came)} trials came home to {request.folder}")
