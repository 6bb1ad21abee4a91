"""The options that mean the same on every command that has them."""

import re
from pathlib import Path
from typing import Annotated

from typer import Argument, BadParameter, Option

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
RunPath = Annotated[Path, Argument(metavar="RUN", help="A run folder.")]
SetHelp = "Change one value of the spec, such as network.growth_rate=24. Repeatable."
Set = Annotated[list[str] | None, Option("--set", metavar="PATH=VALUE", help=SetHelp)]
Runs = Annotated[Path, Option("--runs", metavar="DIR", help="Folder of the runs.")]
StudyHelp = "Name of the study. Left out: the spec's name."
Study = Annotated[str | None, Option("--study", metavar="NAME", help=StudyHelp, callback=_name)]
STORAGE = "DNSEARCH_STORAGE"
StorageHelp = (
    "Database of the study. Left out: SQLite, in the study's folder. A password is safer in the variable."
)
Storage = Annotated[str | None, Option("--storage", envvar=STORAGE, metavar="URL", help=StorageHelp)]
NoLimits = Annotated[
    bool, Option("--no-limits", help="Lift the spec's limits on parameters, multiply-adds and memory.")
]
Force = Annotated[bool, Option("--force", help="Overwrite a file that exists.")]
Json = Annotated[bool, Option("--json", help="Print JSON on stdout.")]
Plain = Annotated[bool, Option("--plain", help="Plain lines instead of a display that redraws itself.")]

RUNS = Path("runs")
SPECULATIONS = "speculations"
