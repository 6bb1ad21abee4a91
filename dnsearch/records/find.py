"""Where runs are: a run folder is a folder with a ``run.json``."""

import difflib
from collections.abc import Iterator
from pathlib import Path

RECORD = "run.json"


def is_run(folder: Path) -> bool:
    """Whether a folder holds the record of a run."""
    return (folder / RECORD).is_file()


def trial_name(number: int) -> str:
    """Name of a trial's run folder.

    >>> trial_name(7)
    'trial-0007'
    """
    return f"trial-{number:04d}"


def runs_under(folder: Path, depth: int = 2) -> Iterator[Path]:
    """The run folders at most ``depth`` levels below a folder, or the folder itself; sorted by path.

    Two levels are a folder of runs, and a folder of studies with their trials. Hidden folders are passed
    over. A folder that cannot be looked into counts as a run: whoever reads it learns why.
    """
    try:
        run = is_run(folder)
        below = [] if run or not depth else sorted(filter(_is_visible_folder, folder.iterdir()))
    except OSError:
        run, below = True, []
    if run:
        yield folder
    for entry in below:
        yield from runs_under(entry, depth - 1)


def _is_visible_folder(path: Path) -> bool:
    return path.is_dir() and not path.name.startswith(".")


def suggestion(path: Path) -> str:
    """Words about runs near a path that is none: inside it, or beside it with a similar name first."""
    near = path if path.is_dir() else path.parent
    runs = {run.relative_to(near).as_posix(): run for run in runs_under(near)} if near.is_dir() else {}
    if not runs:
        return "Make one with: dnsearch train SPEC"
    close = difflib.get_close_matches(path.name, runs, n=3) or list(runs)[:3]
    more = f" ({len(runs)} runs in {near})" if len(runs) > len(close) else ""
    return f"There is {', '.join(str(runs[name]) for name in close)}{more}."
