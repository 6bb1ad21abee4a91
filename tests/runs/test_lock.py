import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from dnsearch.errors import RunError
from dnsearch.runs.lock import is_locked, locked

HOLDER = """
import sys, time
from pathlib import Path
from dnsearch.runs.lock import locked
with locked(Path(sys.argv[1])):
    print("taken", flush=True)
    time.sleep(60)
"""


def test_a_lock_is_free_taken_and_free_again(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not is_locked(path)
    with locked(path):
        assert is_locked(path)
    assert not is_locked(path)


def test_a_second_trainer_is_told_who_the_first_is(tmp_path: Path) -> None:
    with locked(tmp_path / "lock"), pytest.raises(RunError) as caught, locked(tmp_path / "lock"):
        pytest.fail("two trainers at once")
    host = os.uname().nodename
    assert str(caught.value) == (
        f"{tmp_path}\n  is being trained by process {os.getpid()} on host {host}\n"
        "  Wait for it or end that process; a lock goes away with its process."
    )


def test_a_holder_that_has_not_signed_is_told_all_the_same(tmp_path: Path) -> None:
    with locked(tmp_path / "lock"):
        (tmp_path / "lock").write_bytes(b"")
        with pytest.raises(RunError, match="is being trained by another process"), locked(tmp_path / "lock"):
            pytest.fail("two trainers at once")


def test_an_error_in_the_block_lets_go(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), locked(tmp_path / "lock"):
        raise ZeroDivisionError
    assert not is_locked(tmp_path / "lock")


def test_an_operating_system_error_in_the_block_is_not_about_the_lock(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), locked(tmp_path / "lock"):
        (tmp_path / "gone").read_bytes()


def test_a_killed_process_lets_go(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"taken\n"
        assert is_locked(tmp_path / "lock")
        with pytest.raises(RunError, match=f"by process {holder.pid} on host"), locked(tmp_path / "lock"):
            pytest.fail("two trainers at once")
        holder.kill()
    assert not is_locked(tmp_path / "lock")
    with locked(tmp_path / "lock"):
        assert is_locked(tmp_path / "lock")


def test_those_who_ask_do_not_keep_a_trainer_out(tmp_path: Path) -> None:
    path, asked = tmp_path / "lock", 0
    path.touch()
    end = time.monotonic() + 0.5

    def ask() -> None:
        nonlocal asked
        while time.monotonic() < end:
            is_locked(path)
            asked += 1
            time.sleep(0.001)

    reader = threading.Thread(target=ask)
    reader.start()
    while time.monotonic() < end:
        with locked(path):
            pass
    reader.join()
    assert asked > 10


def test_a_lock_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    with pytest.raises(RunError) as caught, locked(tmp_path / "gone" / "lock"):
        pytest.fail("no folder, no lock")
    assert str(caught.value).startswith(
        f"{tmp_path}/gone/lock\n  cannot be written: No such file or directory"
    )


def test_a_lock_that_cannot_be_asked_says_so(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()
    with pytest.raises(RunError, match="lock\n  cannot be read: Is a directory"):
        is_locked(tmp_path / "lock")
