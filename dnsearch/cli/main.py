"""The ``dnsearch`` program: its commands in the order of use, and the one place where errors end."""

import sys
from typing import Any

import typer
from typer.core import TyperGroup

from dnsearch import __version__
from dnsearch.cli import console
from dnsearch.cli.commands.gone import ANY_ARGUMENTS, fetch, worker
from dnsearch.cli.data_command import data
from dnsearch.cli.evaluate_commands import evaluate, predict
from dnsearch.cli.export_commands import export, import_weights
from dnsearch.cli.leaderboard_command import leaderboard
from dnsearch.cli.network_commands import draw, inspect
from dnsearch.cli.space_command import space
from dnsearch.cli.spec_commands import check, init, presets, schema
from dnsearch.cli.study_commands import clean, dashboard, study
from dnsearch.cli.train_command import train
from dnsearch.cli.tune_command import tune
from dnsearch.errors import DnsearchError

EPILOG = (
    "Exit codes: 0 all went well · 2 the spec or the command line is wrong · 3 data · 4 run folder · "
    "5 training · 6 study · 130 stopped by Ctrl-C."
)


class Commands(TyperGroup):
    """The commands; what is wrong with a value is told without the words that pydantic puts around it."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401  (as typer declares it, with a type that it keeps to itself)
        """Run a command."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = error.message.rpartition("Value error, ")[2].partition(" [type=")[0]
            raise


app = typer.Typer(
    name="dnsearch",
    cls=Commands,
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="rich",
)


def _short_help(docstring: str) -> str:
    """The first line and the example, for the list of commands."""
    first, *others = (line.strip() for line in docstring.strip().splitlines())
    examples = [line.removeprefix("Example:").strip() for line in others if line.startswith("Example:")]
    return "\n".join([first, *examples])


for command in (
    init,
    presets,
    check,
    inspect,
    draw,
    data,
    import_weights,
    train,
    evaluate,
    predict,
    export,
    space,
    tune,
    study,
    leaderboard,
    dashboard,
    clean,
    schema,
):
    app.command(short_help=_short_help(command.__doc__ or ""))(command)

for gone in (worker, fetch):
    app.command(hidden=True, context_settings=ANY_ARGUMENTS)(gone)


def _version(wanted: bool) -> None:
    if wanted:
        console.raw(f"dnsearch {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version."
    ),
) -> None:
    """A laboratory for DenseNets: write a spec, see its cost, train it, search its variants.

    Example: [cyan]dnsearch init spec.yaml; dnsearch train spec.yaml; dnsearch leaderboard[/cyan]
    """


def main() -> None:
    """Run the program; an error of ours becomes its text and its exit code."""
    try:
        app(prog_name="dnsearch")
    except DnsearchError as error:
        console.complain(error)
        sys.exit(error.exit_code)
