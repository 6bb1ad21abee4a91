"""The program on a terminal that goes away, with streams that take nothing, and stopped by signals."""

import inspect
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from small_study import program, spec

from dnsearch.runs.folder import RunFolder
from dnsearch.runs.lock import is_locked
from dnsearch.runs.record import RunRecord

TRAIN = ["train", "spec.yaml", "--set", "training.epochs=4"]
LONG = ["train", "spec.yaml", "--set", "training.epochs=100000"]
RUN = Path("runs/tiny")
TUNE = ["tune", "spec.yaml", "--study", "small", "--trials", "2"]
TRIAL = Path("runs/small/trial-0000")

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts the program in a session of its own in an empty folder with ``spec.yaml``."""
    monkeypatch.chdir(tmp_path)
    Path("spec.yaml").write_text(spec())
    Path("program.py").write_text("from dnsearch.cli.main import main\n\nmain()\n")
    started: list[subprocess.Popen[bytes]] = []

    def run(*arguments: str, shell: str = "", **how: Any) -> subprocess.Popen[bytes]:
        command: Any = [sys.executable, "program.py", *arguments]
        if shell:
            command = ["bash", "-c", f'exec "$0" "$@" {shell}', *command]
        started.append(subprocess.Popen(command, start_new_session=True, **how))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.wait()


def wait_for(condition: Callable[[], Any], process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < until and process.poll() is None
        time.sleep(0.02)


def record(folder: Path = RUN) -> RunRecord:
    return RunFolder(folder).read()


def epochs(folder: Path) -> int:
    return len(RunFolder(folder).epochs()) if folder.exists() else 0


@pytest.mark.slow
@pytest.mark.parametrize("shell", ["> /dev/full 2> /dev/full", ">&- 2>&- <&-"])
def test_a_training_needs_neither_stdout_nor_stderr(start: Start, shell: str) -> None:
    assert start(*TRAIN, shell=shell).wait(120) == 0
    assert (record().state, record().epochs) == ("finished", 4)
    assert RunFolder(RUN).weights.exists()


@pytest.mark.slow
def test_a_training_whose_reader_goes_away(start: Start) -> None:
    process = start(*TRAIN, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()  # type: ignore[union-attr]  # a pipe
    process.stderr.close()  # type: ignore[union-attr]  # a pipe
    assert process.wait(120) == 0
    assert (record().state, record().epochs) == ("finished", 4)


def on_terminal(start: Start, *arguments: str) -> tuple[subprocess.Popen[bytes], int]:
    """The program with a terminal of its own, and the terminal's other side."""
    ours, theirs = pty.openpty()
    streams = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
    Path("program.py").write_text(
        "import fcntl, termios\nfcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
        "from dnsearch.cli.main import main\n\nmain()\n"
    )
    process = start(*arguments, **streams)
    os.close(theirs)
    return process, ours


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "folder"), [(LONG, RUN), ([*TUNE, "--set", "training.epochs=100000"], TRIAL)]
)
def test_the_work_goes_on_when_its_terminal_is_closed(start: Start, command: list[str], folder: Path) -> None:
    process, terminal = on_terminal(start, *command)
    wait_for(lambda: epochs(folder) > 0, process)
    os.close(terminal)  # the kernel sends SIGHUP to the session
    reached = epochs(folder)
    wait_for(lambda: epochs(folder) > reached + 2, process)
    process.terminate()
    assert process.wait(60) == 143
    assert (record(folder).state, record(folder).reason) == ("interrupted", "stopped by SIGTERM")


@pytest.mark.slow
def test_a_search_needs_neither_stdout_nor_stderr(start: Start) -> None:
    assert start(*TUNE, shell="> /dev/full 2> /dev/full").wait(120) == 0
    assert record(TRIAL).state == "finished"


@pytest.mark.slow
def test_sighup_on_a_terminal_that_is_there_stops_a_training(start: Start) -> None:
    process, terminal = on_terminal(start, *LONG, "--plain")
    wait_for(lambda: epochs(RUN) > 0, process)
    process.send_signal(signal.SIGHUP)
    assert process.wait(60) == 129
    assert record().reason == "stopped by SIGHUP"
    os.close(terminal)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_a_training_and_the_next_command_goes_on(start: Start, number: signal.Signals) -> None:
    process = start(*LONG)
    wait_for(lambda: epochs(RUN) > 0, process)
    process.send_signal(number)
    assert process.wait(60) == 128 + number
    stopped = record()
    assert (stopped.state, stopped.reason) == ("interrupted", f"stopped by {number.name}")
    assert stopped.epochs == epochs(RUN)
    again = start("train", "--resume", str(RUN))
    wait_for(lambda: epochs(RUN) > stopped.epochs, again)
    again.send_signal(number)
    assert again.wait(60) == 128 + number


@pytest.mark.slow
@pytest.mark.parametrize("to_group", [False, True])
def test_a_signal_stops_a_search_and_the_next_command_goes_on(start: Start, to_group: bool) -> None:
    process = start(*TUNE, "--set", "training.epochs=100000")
    wait_for(lambda: epochs(TRIAL) > 0, process)
    if to_group:
        os.killpg(process.pid, signal.SIGTERM)
    else:
        process.terminate()
    assert process.wait(60) == 143
    stopped = record(TRIAL)
    assert (stopped.state, stopped.reason) == ("interrupted", "stopped by SIGTERM")
    assert stopped.epochs == epochs(TRIAL)
    assert not is_locked(RunFolder(TRIAL).lock)  # the child ended before the search
    again = start(*TUNE, "--set", "training.epochs=100000")
    wait_for(lambda: epochs(TRIAL) > stopped.epochs, again)
    again.terminate()
    assert again.wait(60) == 143


@pytest.mark.parametrize(
    ("command", "shell", "code", "said"),
    [
        ("presets", "> /dev/full", 1, "the output was lost: No space left on device"),
        ("check spec.yaml --json", ">&-", 1, "the output was lost: Bad file descriptor"),
        ("schema", "| head -c1 > head; exit ${PIPESTATUS[0]}", 1, ""),
        ("presets", "2>&-", 0, ""),
        ("--version", "> /dev/full", 1, "the output was lost"),
    ],
)
@pytest.mark.usefixtures("start")
def test_output_that_was_asked_for_and_lost(command: str, shell: str, code: int, said: str) -> None:
    line = f"{sys.executable} program.py {command} {shell}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert (done.returncode, said in done.stderr) == (code, True)
    assert "Traceback" not in done.stderr and "Exception" not in done.stderr


class Late:
    """Asks this process to stop when Python has taken its own handlers away and drops what is left."""

    def __del__(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(os.getpid(), number)


@pytest.mark.parametrize(("command", "code"), [("--version", 0), ("check missing.yaml", 2)])
@pytest.mark.parametrize("late", ["Late()\natexit.register(Late.__del__, late)", "Late()"])
@pytest.mark.usefixtures("start")
def test_a_signal_after_the_work_is_done_changes_nothing(command: str, code: int, late: str) -> None:
    head = "import atexit, os, signal\nfrom dnsearch.cli.main import main\n\n"
    Path("program.py").write_text(f"{head}{inspect.getsource(Late)}\n\nlate = {late}\nmain()\n")
    done = subprocess.run([sys.executable, "program.py", *command.split()], capture_output=True, check=False)
    assert done.returncode == code, done.stderr
    assert b"Traceback" not in done.stderr and b"Exception" not in done.stderr


@pytest.mark.parametrize("numbers", [(signal.SIGINT, signal.SIGINT), (signal.SIGTERM,)])
def test_a_search_that_waits_for_its_database_ends_at_the_second_ctrl_c(
    tmp_path: Path, numbers: tuple[signal.Signals, ...]
) -> None:
    pytest.importorskip("psycopg")
    (tmp_path / "spec.yaml").write_text(spec())
    nobody = "postgresql+psycopg://nobody@127.0.0.1:1/none"
    with program(tmp_path, "tune", "spec.yaml", "--plain", "--storage", nobody) as process:
        said = process.stderr
        assert said is not None
        assert any("the database is away" in line for line in iter(said.readline, ""))
        for number in numbers:
            process.send_signal(number)
            time.sleep(0.2)  # two signals at once are one
        assert process.wait(60) == 128 + numbers[-1]
        assert "expected a database that can be used" in said.read()
    assert [path.name for path in tmp_path.iterdir()] == ["spec.yaml"]
