"""``leaderboard --watch`` and ``dashboard`` as a person runs them: in processes of their own."""

import os
import pty
import select
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import optuna
import pytest

from dnsearch.runs.folder import write_study
from dnsearch.runs.lock import locked
from dnsearch.runs.record import StudyRecord

STARTED = [sys.executable, "-c", "from dnsearch.cli.main import main; main()"]


def until(found, seconds=30.0):
    """Wait for something to be true; whatever it is, it is returned."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := found():
            return value
        time.sleep(0.1)
    raise TimeoutError


class Terminal:
    """A program in a terminal, and all that it has drawn there."""

    def __init__(self, *arguments: str) -> None:
        self.master, slave = pty.openpty()
        environment = os.environ | {"TERM": "xterm", "COLUMNS": "100", "LINES": "30"}
        self.process = subprocess.Popen(
            [*STARTED, *arguments], stdin=slave, stdout=slave, stderr=slave, env=environment
        )
        os.close(slave)
        self.drawn = ""

    def shows(self, text: str) -> bool:
        while select.select([self.master], [], [], 0)[0]:
            try:
                self.drawn += os.read(self.master, 65536).decode()
            except OSError:  # the program has ended
                break
        return text in self.drawn


STUDY = StudyRecord("small", trials={"finished": 1})


@pytest.fixture
def search(dnsearch, run_folder):
    """A study with a trial, and what its search holds while it lives; closing it is the search's death."""
    run_folder(Path("runs/small/trial-0000"), 0.75, study="small", trial=0)
    write_study(Path("runs/small"), STUDY)
    with ExitStack() as held:
        held.enter_context(locked(Path("runs/small/lock")))
        yield held


def test_a_terminal_is_redrawn_until_the_study_has_ended(search, run_folder):
    terminal = Terminal("leaderboard", "small", "--watch")
    until(lambda: terminal.shows("75.00 %"))
    assert terminal.shows("(searching)")
    run_folder(Path("runs/small/trial-0001"), 0.85, study="small", trial=1)
    until(lambda: terminal.shows("85.00 %"))
    write_study(Path("runs/small"), replace(STUDY, state="ended", trials={"finished": 2}))
    assert terminal.process.wait(timeout=20) == 0
    assert terminal.shows("trials: 2 finished")
    assert terminal.drawn.rindex("trials: 2 finished") > terminal.drawn.rindex("(searching)")


def test_a_search_that_was_killed_ends_the_watch_and_is_called_interrupted(search):
    terminal = Terminal("leaderboard", "small", "--watch")
    until(lambda: terminal.shows("(searching)"))
    search.close()
    assert terminal.process.wait(timeout=20) == 0
    assert terminal.shows("trials: 1 finished (interrupted)")


def test_ctrl_c_ends_the_watch_alone(search):
    terminal = Terminal("leaderboard", "small", "--watch")
    until(lambda: terminal.shows("75.00 %"))
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.process.wait(timeout=20) == 0
    until(lambda: terminal.shows("stopped watching; the search goes on"))
    assert "Traceback" not in terminal.drawn


@pytest.fixture
def port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_the_dashboard_serves_a_study_on_this_machine_alone(dnsearch, tmp_path, port):
    Path("runs/small").mkdir(parents=True)
    optuna.create_study(study_name="small", storage=f"sqlite:///{tmp_path}/runs/small/study.db")
    process = subprocess.Popen(
        [*STARTED, "dashboard", "small", "--port", str(port)], stderr=subprocess.PIPE, text=True
    )
    try:
        page = until(lambda: answer(f"http://127.0.0.1:{port}/api/studies"))
        assert '"study_name": "small"' in page
        taken = dnsearch("dashboard", "small", "--port", port)
        assert taken.code == 6
        assert f"--port {port}\n  expected a free port, found Address already in use" in taken.err
    finally:
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=20)[1]
    assert process.returncode == 0
    assert said.startswith(f"http://127.0.0.1:{port}/ shows study small; Ctrl-C ends it\n")
    assert "Traceback" not in said


def answer(url: str) -> str:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5) as page:
            return page.read().decode()
    except OSError:
        return ""


def test_a_dashboard_of_no_study_says_how_to_make_one(dnsearch):
    ran = dnsearch("dashboard", "none")
    assert ran.code == 6
    assert "study none\n  expected a study in sqlite:///runs/none/study.db, found no such file" in ran.err


def test_without_its_extra_the_dashboard_says_how_to_install_it(dnsearch, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna_dashboard", None)
    ran = dnsearch("dashboard", "small")
    assert ran.code == 1
    assert "Install it with: pip install 'dnsearch[dashboard]'" in ran.err
