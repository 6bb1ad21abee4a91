"""``dnsearch dashboard``: a study in the browser, by optuna-dashboard."""

from pathlib import Path
from typing import Annotated

import typer

from dnsearch import runtime
from dnsearch.cli import console
from dnsearch.cli.options import RUNS, Runs, Storage


def dashboard(
    study: Annotated[
        Path,
        typer.Argument(
            metavar="STUDY", help="A study's folder, or its name under --runs.", show_default=False
        ),
    ],
    runs: Runs = RUNS,
    storage: Storage = None,
    port: Annotated[int, typer.Option(min=1024, max=65535, help="Where the page is served.")] = 8080,
) -> None:
    """Show a study in the browser, for this machine alone, until Ctrl-C. Needs the extra dashboard.

    Example: [cyan]dnsearch dashboard speculations[/cyan]
    """
    runtime.require("dashboard", "optuna_dashboard")
    from dnsearch.study.book.database import default_url
    from dnsearch.study.facts.dashboard import HOST, serve

    folder = study if study.exists() else runs / study
    console.say(f"http://{HOST}:{port}/ shows study {folder.name}; Ctrl-C ends it")
    serve(storage or default_url(folder), folder.name, port)
