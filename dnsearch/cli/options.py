"""The options that mean the same on every command that has them."""

import re
from pathlib import Path
from typing import Annotated

import typer

SEVERAL_MACHINES = (
    "searches on several machines run on Ray now: dnsearch tune SPEC --executor ray --address auto; "
    "see docs/scaling.md"
)
"""What to use in place of commands and options of earlier versions."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def _name(study: str | None) -> str | None:
    """A study's name is the name of its folder, so it must not be a path."""
    if study is not None and not NAME.fullmatch(study):
        raise typer.BadParameter("letters, digits, dots, dashes and underscores make a name")
    return study


Spec = Annotated[str, typer.Argument(metavar="SPEC", help="A YAML file, or the name of a preset.")]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="Change one value of the spec, such as network.growth_rate=24. Repeatable.",
    ),
]
Runs = Annotated[Path, typer.Option("--runs", metavar="DIR", help="Folder of the runs.")]
Study = Annotated[
    str | None,
    typer.Option(
        "--study",
        metavar="NAME",
        help="Name of the study. Left out: the spec's name.",
        callback=_name,
    ),
]
Storage = Annotated[
    str | None,
    typer.Option(
        "--storage",
        metavar="URL",
        help="Database of the study. Left out: SQLite, in the study's folder.",
    ),
]
NoLimits = Annotated[
    bool, typer.Option("--no-limits", help="Lift the spec's limits on parameters, multiply-adds and memory.")
]
Trials = Annotated[
    int | None,
    typer.Option(
        "--trials",
        min=1,
        help="Ended trials that the study shall have in all. Left out: what the study or its spec says.",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        help="Trials at once; the processor's threads are divided among them. Left out: 1, or as many as the "
        "GPUs of --gpus have room for.",
    ),
]
Gpus = Annotated[
    str,
    typer.Option(
        "--gpus",
        metavar="GPUS",
        help="GPUs to place trials on, such as 0,1, in nvidia-smi's numbers; each trial gets "
        "tune.gpus_per_trial of them. Left out: TensorFlow's choice.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
Plain = Annotated[bool, typer.Option("--plain", help="Plain lines instead of a display that redraws itself.")]
RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")]

RUNS = Path("runs")
