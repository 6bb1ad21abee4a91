"""``dnsearch study``, ``dashboard`` and ``clean``: what can be done to a study as a whole."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

from typer import Argument, Option

from dnsearch import environment
from dnsearch.cli import console
from dnsearch.cli.options import RUNS, Json, NoLimits, Runs, Set, Storage
from dnsearch.errors import Problem, StudyError, escaped

HOST = "127.0.0.1"  # the dashboard has no password


def study(
    action: Literal["migrate"] = Argument(..., metavar="migrate", help="Bring the study to a changed spec."),
    name: str = Argument(..., metavar="STUDY", help="Name of the study."),
    to: str = Option(..., "--to", metavar="SPEC", help="The changed spec."),
    dry_run: bool = Option(False, "--dry-run", help="Say what would be kept and dropped; change nothing."),
    overrides: Set = None,
    runs: Runs = RUNS,
    storage: Storage = None,
    no_limits: NoLimits = False,
) -> None:
    """Keep a study whose spec changed: what the new spec could have tried stays, the rest is set aside."""
    from dnsearch.front_door import planned_spec, requested
    from dnsearch.search.migrate import ASIDE, migrate

    found = planned_spec(to, overrides, limits=not no_limits)
    request = requested(found, runs, name, storage=storage, limits=not no_limits)
    migrated = migrate(replace(request, say=console.say), dry_run=dry_run)
    would = " (dry run: nothing was changed)" if dry_run else ""
    console.say(f"study {name}: {len(migrated.kept)} trials kept, {len(migrated.dropped)} dropped{would}")
    for number, reason in migrated.dropped.items():
        console.say(f"  trial {number} dropped: {reason}")
    if migrated.forgotten:
        console.say(f"  {migrated.forgotten} infeasible or earlier dropped proposals left out")
    if migrated.dropped and not dry_run:
        console.say(f"what they left behind: {request.folder / ASIDE}")


def dashboard(
    study: Path = Argument(..., metavar="STUDY", help="A study's folder, or its name under --runs."),
    runs: Runs = RUNS,
    storage: Storage = None,
    port: int = Option(8080, min=1024, max=65535, help="Where the page is served."),
) -> None:
    """Show a study in the browser, for this machine alone, until Ctrl-C. Needs the extra dashboard."""
    environment.require("dashboard", "optuna_dashboard")
    import optuna_dashboard

    from dnsearch.search.database import default_url
    from dnsearch.search.study_metadata import existing_study

    folder = study if study.exists() else runs / study
    url = storage or default_url(folder)
    existing_study(url, folder.name)
    console.say(f"http://{HOST}:{port}/ shows study {folder.name}; Ctrl-C ends it")
    try:
        optuna_dashboard.run_server(url, host=HOST, port=port)
    except OSError as error:
        hint = "Another program listens there; name another one: --port 8081"
        found = Problem(f"--port {port}", "a free port", error.strerror or str(error), hint)
        raise StudyError(str(found)) from error


def clean(
    path: Path = Argument(RUNS, metavar="[FOLDER]", help="A folder of runs, a study or a run."),
    keep: int | None = Option(
        None,
        min=1,
        help="Trials of each study that keep checkpoints and weights: the best so many. Left out: what "
        "the study's spec says (tune.keep).",
    ),
    damaged: bool = Option(False, "--damaged", help="Remove checkpoints that were found damaged, too."),
    dry_run: bool = Option(False, "--dry-run", help="Only tell what would be removed, and how large it is."),
    as_json: Json = False,
) -> None:
    """Remove checkpoints and weights of trials behind the best, and what killed processes left.

    Records, epochs and specs always stay, and so does whatever waits or was interrupted.
    """
    from dnsearch.report import units
    from dnsearch.runs import cleaning

    found = cleaning.clean(path, keep, damaged=damaged, dry_run=dry_run)
    size = sum(each.bytes for each in found)
    if as_json:
        listed = [{"path": str(each.path), "bytes": each.bytes, "why": each.why} for each in found]
        console.show_json({"removed": not dry_run, "bytes": size, "files": listed})
        return
    for each in found:
        console.raw(f"{units.size(each.bytes):>10}  {escaped(str(each.path))}  ({each.why})")
    verb = "would remove" if dry_run else "removed"
    files = "1 file" if len(found) == 1 else f"{len(found):,} files"
    console.say(f"{verb} {files}, {units.size(size)}")
