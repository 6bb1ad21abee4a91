"""``dnsearch study``: what can be done to a study as a whole."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from dnsearch.cli import console
from dnsearch.cli.options import RUNS, NoLimits, Runs, Set, Storage
from dnsearch.cli.searching import requested

if TYPE_CHECKING:
    from dnsearch.study.earlier.migrate import Migrated


class Action(StrEnum):
    """What to do."""

    migrate = "migrate"


def study(
    action: Annotated[
        Action,
        typer.Argument(metavar="migrate", help="Bring the study to a changed spec.", show_default=False),
    ],
    name: Annotated[str, typer.Argument(metavar="STUDY", help="Name of the study.", show_default=False)],
    to: Annotated[str, typer.Option("--to", metavar="SPEC", help="The changed spec.", show_default=False)],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be kept and dropped; change nothing.")
    ] = False,
    overrides: Set = None,
    runs: Runs = RUNS,
    storage: Storage = None,
    no_limits: NoLimits = False,
) -> None:
    """Keep a study whose spec changed: what the new spec could have tried stays, the rest is set aside.

    Example: [cyan]dnsearch study migrate small --to spec.yaml --dry-run[/cyan]
    """
    from dnsearch.study.earlier.migrate import ASIDE, migrate

    request = requested(to, overrides, (runs, name), storage, None, limits=not no_limits)
    migrated = migrate(request, dry_run=dry_run)
    _say(name, migrated, dry_run=dry_run)
    if migrated.dropped and not dry_run:
        console.say(f"what they left behind: {request.folder / ASIDE}")


def _say(name: str, migrated: "Migrated", *, dry_run: bool) -> None:
    would = " (dry run: nothing was changed)" if dry_run else ""
    console.say(f"study {name}: {len(migrated.kept)} trials kept, {len(migrated.dropped)} dropped{would}")
    for number, reason in migrated.dropped.items():
        console.say(f"  trial {number} dropped: {reason}")
    if migrated.forgotten:
        console.say(f"  {migrated.forgotten} infeasible or earlier dropped proposals left behind")
