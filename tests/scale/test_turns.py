"""Turns at a PostgreSQL server."""

import subprocess
import sys
import time

import pytest

from dnsearch.errors import StudyError
from dnsearch.study.book.turns import exclusive

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


def program(text, *arguments):
    command = [sys.executable, "-c", text, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_two_processes_never_have_the_turn_at_once(postgres, tmp_path):
    count = tmp_path / "count"
    count.write_text("0")
    counters = [program(COUNTER, postgres, count) for _ in range(2)]
    for counter in counters:
        counter.communicate(timeout=60)
    assert [counter.returncode for counter in counters] == [0, 0]
    assert count.read_text() == "40"


def test_who_waits_too_long_is_told(postgres):
    with program(HOLDER, postgres) as holder:
        assert holder.stdout.readline() == "taken\n"
        with pytest.raises(StudyError) as caught, exclusive(postgres, "small", wait_seconds=0.1):
            pytest.fail("two at once")
        assert str(caught.value).startswith(
            "study small\n  expected its turn in the study within 0.1 seconds, "
            "found it taken by another session of postgresql+psycopg://dnsearch@127.0.0.1:"
        )
        with exclusive(postgres, "another"):
            pass
        holder.kill()


def test_a_killed_process_gives_its_turn_back(postgres):
    with program(HOLDER, postgres) as holder:
        assert holder.stdout.readline() == "taken\n"
        holder.kill()
    started = time.monotonic()
    with exclusive(postgres, "small"):
        assert time.monotonic() - started < 5
