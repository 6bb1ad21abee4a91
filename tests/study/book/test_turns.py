"""Turns of a study: one contract, signed by databases that are a file and by those at a server."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from dnsearch.errors import StudyError
from dnsearch.study.book.turns import exclusive

# Reads a number, waits and writes it one higher: without turns, two of these lose counts.
COUNTER = """
import sys, time
from pathlib import Path
from dnsearch.study.book.turns import exclusive
url, file = sys.argv[1], Path(sys.argv[2])
for _ in range(20):
    with exclusive(url, "small"):
        number = int(file.read_text())
        time.sleep(0.005)
        file.write_text(str(number + 1))
"""
HOLDER = """
import sys, time
from dnsearch.study.book.turns import exclusive
with exclusive(sys.argv[1], "small"):
    print("taken", flush=True)
    time.sleep(60)
"""


@dataclass(frozen=True)
class Database:
    """Who signs: where it is, how it calls who has the turn, and how soon a dead one's turn is free."""

    url: str
    holder: Callable[[int], str]
    freed_seconds: float


@pytest.fixture(params=["file", "server"])
def database(request, tmp_path):
    if request.param == "file":
        host = os.uname().nodename
        return Database(f"sqlite:///{tmp_path}/study.db", lambda pid: f"process {pid} on host {host}", 1)
    url = request.getfixturevalue("postgres")
    return Database(url, lambda pid: f"another session of {url}", 5)


def program(text, *arguments):
    command = [sys.executable, "-c", text, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_two_processes_never_have_the_turn_at_once(database, tmp_path):
    count = tmp_path / "count"
    count.write_text("0")
    counters = [program(COUNTER, database.url, count) for _ in range(2)]
    for counter in counters:
        counter.communicate(timeout=60)
    assert [counter.returncode for counter in counters] == [0, 0]
    assert count.read_text() == "40"


def test_who_waits_too_long_is_told_who_has_the_turn(database):
    with program(HOLDER, database.url) as holder:
        assert holder.stdout.readline() == "taken\n"
        with pytest.raises(StudyError) as caught, exclusive(database.url, "small", wait_seconds=0.1):
            pytest.fail("two at once")
        assert str(caught.value) == (
            f"study small\n  expected its turn in the study within 0.1 seconds, "
            f"found it taken by {database.holder(holder.pid)}\n"
            "  A process that was stopped holds it, or there are too many workers: see docs/scaling.md."
        )
        with exclusive(database.url, "another"):
            pass  # a turn in another study of the same database
        holder.kill()


def test_a_killed_process_gives_its_turn_back(database):
    with program(HOLDER, database.url) as holder:
        assert holder.stdout.readline() == "taken\n"
        holder.kill()
    started = time.monotonic()
    with exclusive(database.url, "small"):
        assert time.monotonic() - started < database.freed_seconds
