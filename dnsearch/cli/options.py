"""The options that mean the same on every command that has them, and the executor that two ask for."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, assert_never

from typer import Argument, BadParameter, Option

from dnsearch import environment

if TYPE_CHECKING:
    from dnsearch.search.messages import Executor as RunningExecutor
    from dnsearch.search.messages import Resources

SEVERAL_MACHINES = (
    "searches on several machines run on Ray now: dnsearch tune SPEC --executor ray --address auto; "
    "see docs/scaling.md"
)


def _name(study: str | None) -> str | None:
    """A study's name is the name of its folder, so it must not be a path."""
    if study is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", study):
        raise BadParameter("letters, digits, dots, dashes and underscores make a name")
    return study


def png(file: Path | None) -> Path | None:
    """Check the name of a picture before images are read, which may take a while."""
    if file is not None and file.suffix.lower() != ".png":
        raise BadParameter(f"a file that ends in .png, not {file.suffix or 'one without an ending'}")
    return file


Spec = Annotated[str, Argument(metavar="SPEC", help="A YAML file, or the name of a preset.")]
Specs = Annotated[list[str], Argument(metavar="SPEC...", help="YAML files or presets' names.")]
Searched = Annotated[
    str, Argument(metavar="SPEC", help="A YAML file with a tune section, or the name of a preset.")
]


def _run_path(named: Path) -> Path:
    """What is no path here may be the name of a run under ``runs``."""
    return RUNS / named if not named.exists() and (RUNS / named).exists() else named


RunHelp = "A run folder, or the name of one in runs."
RunPath = Annotated[Path, Argument(metavar="RUN", help=RunHelp, callback=_run_path)]
SetHelp = "Change one value of the spec, such as network.growth_rate=24. Repeatable."
Set = Annotated[list[str] | None, Option("--set", metavar="PATH=VALUE", help=SetHelp)]
Runs = Annotated[Path, Option("--runs", metavar="DIR", help="Folder of the runs.")]
StudyHelp = "Name of the study. Left out: the spec's name."
Study = Annotated[str | None, Option("--study", metavar="NAME", help=StudyHelp, callback=_name)]
ComparisonHelp = "Name of the comparison. Left out: the spec's, with the field that varies."
ComparisonName = Annotated[str | None, Option("--name", metavar="NAME", help=ComparisonHelp, callback=_name)]
STORAGE = "DNSEARCH_STORAGE"
StorageHelp = (
    "Database of the study. Left out: SQLite, in the study's folder. A password is safer in the variable."
)
Storage = Annotated[str | None, Option("--storage", envvar=STORAGE, metavar="URL", help=StorageHelp)]
ExecutorKind = Literal["local", "ray"]
ExecutorHelp = "Where runs are trained: processes of this machine, or tasks of a Ray cluster."
Executor = Annotated[ExecutorKind, Option(help=ExecutorHelp)]
AddressHelp = (
    "The Ray cluster: auto for the one that this machine is in, or HOST:PORT. Left out: a new one, of this "
    "machine alone."
)
Address = Annotated[str | None, Option(help=AddressHelp)]
NoLimits = Annotated[
    bool, Option("--no-limits", help="Lift the spec's limits on parameters, multiply-adds and memory.")
]
Force = Annotated[bool, Option("--force", help="Overwrite a file that exists.")]
Json = Annotated[bool, Option("--json", help="Print JSON on stdout.")]
Plain = Annotated[bool, Option("--plain", help="Plain lines instead of a display that redraws itself.")]

RUNS = Path("runs")
SPECULATIONS = "speculations"


@contextmanager
def executor_for(kind: ExecutorKind, address: str | None, wanted: "Resources") -> "Iterator[RunningExecutor]":
    """The executor for a block."""
    match kind:
        case "local":
            yield environment.imported("dnsearch.search.local_executor").local_executor(wanted)
        case "ray":
            environment.require("ray", "ray")
            with environment.imported("dnsearch.search.ray_executor").ray_executor(wanted, address) as found:
                yield found
        case _:
            assert_never(kind)
