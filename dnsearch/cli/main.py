"""The ``dnsearch`` program: its commands in the order of use, and the one place where errors end.

A command's module is imported when the command is called, so ``--help`` imports only this one.
"""

import gc
import inspect
import re
import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import typer
from typer import Option
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from dnsearch import __version__, environment
from dnsearch.cli import console
from dnsearch.cli.options import SEVERAL_MACHINES
from dnsearch.errors import DnsearchError, Problem

EPILOG = (
    "Exit codes: 0 success · 1 output was lost · 2 the spec or the command line is wrong · 3 data · "
    "4 run folder · 5 training · 6 study · 129 SIGHUP · 130 Ctrl-C · 143 SIGTERM."
)
HELP = {"help_option_names": ["-h", "--help"]}


class Listed(NamedTuple):
    """A command in the list that ``--help`` shows."""

    module: str  # of dnsearch.cli, with a function of the command's name
    example: str  # a command line, without dnsearch
    help: str  # the first line of that function's docstring


LISTED = """\
init | spec_commands | init spec.yaml
Write a commented YAML spec to start from.
presets | spec_commands | presets
List the presets: source, parameters, multiply-adds, published result.
check | spec_commands | check spec.yaml
Validate specs: every problem at once, with file, line and column.
inspect | network_commands | inspect article article-log article-cross-block
Show a network's parts, shapes and exact cost, without building it; several specs side by side.
draw | network_commands | draw article-cross-block -o network.svg
Draw a network: blocks, edges, links, changes of scale, and which features each layer reads.
data | data_command | data article --out samples.png
Show a spec's images: counts per class, sizes, scaling, and a sheet of samples after augmentation.
import-weights | export_commands | import-weights densenet-121 densenet121.weights.h5
Make a run of Keras' ImageNet weights, to predict with or to fine-tune.
train | train_command | train spec.yaml --set training.epochs=20
Train a spec's network.
evaluate | evaluate_commands | evaluate runs/article
Measure a trained run on its test images: accuracy (a U-Net's mean IoU), loss, calibration.
predict | evaluate_commands | predict runs/article cat.png
Tell what images show, with a trained run; a U-Net writes a mask and an overlay of each.
export | export_commands | export runs/article --format onnx
Export a trained network, from raw pixels to probabilities, and check it in the runtime it is for.
space | space_command | space speculations --trials 50
Measure a search space: its size, what is feasible, what its networks cost, how long trials take.
tune | tune_command | tune --trials 50
Search a spec's variants; run it again to continue. Without SPEC: the preset speculations.
compare | compare_command | compare starter --vary network.pooling=avg,max --pairs 8
Find out whether a variant helps: pairs of trainings and a verdict, or what finished runs differ in.
study | study_commands | study migrate small --to spec.yaml --dry-run
Keep a study whose spec changed: what the new spec could have tried stays, the rest is set aside.
leaderboard | leaderboard_command | leaderboard --top 10
Rank runs, hand-made and searched ones together; of one study, say how sure the figures are.
report | report_commands | report speculations -o report.html
Write a report: one HTML file with the verdict, charts, the best network, and how to repeat it.
dashboard | study_commands | dashboard speculations
Show a study in the browser, for this machine alone, until Ctrl-C. Needs the extra dashboard.
clean | study_commands | clean runs/speculations --dry-run
Remove checkpoints and weights of trials behind the best, and what killed processes left.
schema | spec_commands | schema > dnsearch.schema.json
Print the JSON Schema of a spec, for editors that complete and check YAML.
""".splitlines()
COMMANDS = {
    name: Listed(module, example, text)
    for heading, text in zip(LISTED[::2], LISTED[1::2], strict=True)
    for name, module, example in [heading.split(" | ")]
}


def loaded(name: str) -> Any:  # noqa: ANN401  (a class that typer keeps to itself)
    """A command with its options and its function, a ``click.Command``."""
    module, example, text = COMMANDS[name]
    gc.disable()  # what imports make stays, so collections are time lost
    try:
        function = getattr(import_module(f"dnsearch.cli.{module}"), name.replace("-", "_"))
    finally:
        gc.enable()
    *_, more = inspect.cleandoc(function.__doc__).partition("\n\n")
    program = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    told = f"{text}\n\nExample: [cyan]dnsearch {example}[/cyan]\n\n{more}"
    program.command(name, help=told, context_settings=HELP)(function)
    return get_command(program)


class _Commands(TyperGroup):
    """The commands, each loaded when it is called; wrong values are reported without pydantic's own words."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401  (a type that typer keeps to itself)
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401  (the same)
        if cmd_name in {"worker", "fetch"}:
            raise typer.BadParameter(f"dnsearch {cmd_name} is gone: {SEVERAL_MACHINES}")
        if cmd_name not in COMMANDS:
            return None
        _, example, text = COMMANDS[cmd_name]
        return TyperCommand(cmd_name, short_help=f"{text}\n[cyan]dnsearch {example}[/cyan]")

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401  (the same)
        name, _, rest = super().resolve_command(ctx, args)
        return name, loaded(str(name)), rest

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401  (the same)
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = error.message.rpartition("Value error, ")[2].partition(" [type=")[0]
            raise
        except (MemoryError, ImportError, SystemError) as error:
            found = f"{type(error).__name__}: {error}".removesuffix(": ")
            hint = "Allow more (ulimit -v), or free some; if there is enough, install dnsearch anew."
            problem = Problem("memory", "enough memory to load libraries and data", found, hint)
            raise DnsearchError(str(problem)) from error


app = typer.Typer(
    cls=_Commands, epilog=EPILOG, no_args_is_help=True, pretty_exceptions_enable=False, context_settings=HELP
)


def _version(wanted: bool) -> None:
    if wanted:
        console.raw(f"dnsearch {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: bool = Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """A laboratory for DenseNets: write a spec, see its cost, train it, search its variants.

    Example: [cyan]dnsearch init spec.yaml; dnsearch train spec.yaml; dnsearch leaderboard[/cyan]
    """


def _at_home(argument: str) -> str:
    """An argument with the home folder for ``~``, where shells leave it: behind = and sqlite:///."""
    return re.sub(
        r"^((--)?[\w.-]+=)?(sqlite:///)?~(?=/|$)", lambda found: f"{found[0][:-1]}{Path.home()}", argument
    )


def main() -> None:
    """Run the program; an error of ours becomes its text and its exit code, and so does lost output."""
    environment.without_pydantic_plugins()
    try:
        code = _run()
    except KeyboardInterrupt:  # while an error was told
        code = 128 + signal.SIGINT
    sys.exit(code)


def _run() -> Any:  # noqa: ANN401  (whatever SystemExit was given)
    """Run the command; returns the exit code."""
    with console.unfailing():
        code: Any = 0
        try:
            app(map(_at_home, sys.argv[1:]), prog_name="dnsearch")
        except DnsearchError as error:
            console.complain(error)
            code = error.exit_code
        except SystemExit as leaving:
            code = leaving.code
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # the work is done; Python's end takes a moment more
        if not code and (lost := console.lost()) is not None:
            code = 1
            if not isinstance(lost, BrokenPipeError):  # who reads no further knows it
                console.say(f"stdout\n  the output was lost: {lost.strerror}")
    return code
