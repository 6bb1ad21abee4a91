"""``dnsearch fetch``: bring home what trials on other machines left behind."""

from typing import Annotated

import typer

from dnsearch.cli import console
from dnsearch.cli.options import RUNS, Runs, Storage


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
