"""Commands of earlier versions, which answer with what to use instead."""

import typer

from dnsearch.cli.tune_command import SEVERAL_MACHINES

ANY_ARGUMENTS = {"ignore_unknown_options": True, "allow_extra_args": True}


def worker(context: typer.Context) -> None:
    """Gone: on several machines, use dnsearch tune --executor ray."""
    _refuse(context)


def fetch(context: typer.Context) -> None:
    """Gone: trials of other machines come home by themselves, with dnsearch tune --executor ray."""
    _refuse(context)


def _refuse(context: typer.Context) -> None:
    raise typer.BadParameter(f"dnsearch {context.info_name} is gone: {SEVERAL_MACHINES}")
