"""A leaderboard that is drawn anew every two seconds, from a terminal beside the search's."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from rich.constrain import Constrain
from rich.live import Live

from dnsearch.cli import console, leaderboard_command
from dnsearch.cli.leaderboard_command import RunsRead, View
from dnsearch.errors import Problem, StudyError
from dnsearch.report.units import run_line
from dnsearch.runs.record import RunRecord

SECONDS = 2.0
FRAME = 12
"""Lines that a study's leaderboard may have beside its rows."""

Look = Callable[[], RunsRead]


def watch(look: Look, view: View) -> None:
    """Show a study until it has ended or a person presses Ctrl-C.

    Where nobody sees a terminal, there is a line for each change instead, and the leaderboard at the end.

    Args:
        look: reads the study as it is at the moment.
        view: how it is wanted.

    Raises:
        StudyError: it is no study.
    """
    if look().study is None:
        hint = "Name one study: dnsearch leaderboard STUDY --watch"
        raise StudyError(str(Problem("--watch", "one study, which has an end", "runs", hint)))
    try:
        if console.data.is_terminal:
            _redraw(look, view)
        else:
            _tell_changes(look)
    except KeyboardInterrupt:
        console.say("stopped watching; the search goes on")
        return
    if not console.data.is_terminal:
        leaderboard_command.show(look(), view, "table")


def _redraw(look: Look, view: View) -> None:
    with Live(console=console.data, auto_refresh=False) as picture:
        for runs in _looks(look):
            size = console.data.size
            fitting = replace(view, top=min(view.top or size.height, max(1, size.height - FRAME)))
            picture.update(
                Constrain(leaderboard_command.drawn(runs, fitting, size.width), size.width), refresh=True
            )


def _tell_changes(look: Look) -> None:
    """A line for each trial whose state is another one than before."""
    states: dict[tuple[str, int], str] = {}
    for runs in _looks(look):
        for record in sorted(runs.records, key=_key):
            if states.get(_key(record)) != record.state and record.state != "running":
                console.raw(run_line(record))
            states[_key(record)] = record.state


def _looks(look: Look) -> Iterator[RunsRead]:
    """The study again and again; the last look is the one that finds it ended."""
    while True:
        runs = look()
        yield runs
        if _has_ended(runs):
            return
        time.sleep(SECONDS)


def _has_ended(runs: RunsRead) -> bool:
    working = any(record.state == "running" for record in runs.records)
    return runs.study is not None and runs.study.state != "searching" and not working


def _key(record: RunRecord) -> tuple[str, int]:
    return record.name, record.seed
