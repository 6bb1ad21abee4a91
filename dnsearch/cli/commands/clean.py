"""``dnsearch clean``: remove what nobody will ask for again."""

from pathlib import Path
from typing import Annotated

import typer

from dnsearch.cli import console
from dnsearch.cli.options import RUNS, Json


def clean(
    path: Annotated[
        Path, typer.Argument(metavar="[FOLDER]", help="A folder of runs, a study or a run.")
    ] = RUNS,
    keep: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Trials of each study that keep checkpoints and weights: the best so many. Left out: what "
            "the study's spec says (tune.keep).",
            show_default=False,
        ),
    ] = None,
    damaged: Annotated[
        bool, typer.Option("--damaged", help="Remove checkpoints that were found damaged, too.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what would be removed, and how large it is.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Remove checkpoints and weights of trials that ended behind the best, and what killed processes left.

    Records, epochs and specs always stay, and so does whatever waits or was interrupted.

    Example: [cyan]dnsearch clean runs/speculations --dry-run[/cyan]
    """
    from dnsearch.board import units
    from dnsearch.records import cleaning

    found = cleaning.clean(path, keep, damaged=damaged, dry_run=dry_run)
    size = sum(each.bytes for each in found)
    if as_json:
        listed = [{"path": str(each.path), "bytes": each.bytes, "why": each.why} for each in found]
        console.show_json({"removed": not dry_run, "bytes": size, "files": listed})
        return
    for each in found:
        console.raw(f"{units.size(each.bytes):>10}  {each.path}  ({each.why})")
    verb = "would remove" if dry_run else "removed"
    files = "1 file" if len(found) == 1 else f"{len(found):,} files"
    console.say(f"{verb} {files}, {units.size(size)}")
