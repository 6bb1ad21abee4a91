"""A study's lock: one contract, for studies in a file and for those at a server."""

import os
import subprocess
import sys

import pytest
from small_study import wait_until
from sqlalchemy.exc import OperationalError, PendingRollbackError

from dnsearch.errors import StudyError
from dnsearch.search import study_lock
from dnsearch.search.study_lock import StudyLock, is_searched, study_locked

HOLDER = """
import sys, time
from pathlib import Path
from dnsearch.search.study_lock import study_locked
with study_locked(Path(sys.argv[1]), sys.argv[2], print):
    print("taken", flush=True)
    time.sleep(60)
"""


def silent(_):
    pass


@pytest.fixture(params=["file", "server"])
def url(request, tmp_path):
    (tmp_path / "small").mkdir()
    (tmp_path / "elsewhere" / "small").mkdir(parents=True)
    return f"sqlite:///{tmp_path}/all.db" if request.param == "file" else request.getfixturevalue("postgres")


def holder(folder, url):
    command = [sys.executable, "-c", HOLDER, str(folder), url]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "taken\n"
    return process


@pytest.mark.parametrize("place", ["small", "elsewhere/small"])
def test_a_second_process_is_told_who_searches_the_study(url, tmp_path, place):
    with holder(tmp_path / "small", url) as first:
        assert is_searched(url, "small")
        with pytest.raises(StudyError) as caught, study_locked(tmp_path / place, url, silent):
            pytest.fail("two at once")
        assert str(caught.value) == (
            f"study small\n  is being searched by process {first.pid} on host {os.uname().nodename}\n"
            "  Wait for it or end that process; the lock is released when its process ends."
        )
        (tmp_path / "other").mkdir()
        with study_locked(tmp_path / "other", url, silent):
            pass  # another study of the same database
        first.kill()


def test_a_killed_process_releases_the_lock(url, tmp_path):
    with holder(tmp_path / "small", url) as first:
        first.kill()
    wait_until(lambda: not is_searched(url, "small"))
    with study_locked(tmp_path / "small", url, silent):
        assert is_searched(url, "small")
    assert not is_searched(url, "small")


class AwayError(Exception):
    """What a driver raises while there is no server, with PostgreSQL's code."""

    sqlstate = "57P01"


def lost():
    error = AwayError("the server stops")
    found = OperationalError("select 1", {}, error)
    found.__cause__ = error
    return found


def test_a_server_that_was_away_is_waited_for_and_reported_once(tmp_path, monkeypatch):
    pending = PendingRollbackError("Can't reconnect until invalid transaction is rolled back.")
    told, outcomes, pauses = [], [lost(), pending, lost(), "done"], []
    lock = StudyLock("small", f"sqlite:///{tmp_path}/all.db", told.append)
    monkeypatch.setattr(study_lock.time, "sleep", pauses.append)

    def call():
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    assert lock.retried(call) == "done"
    lock.release()
    assert told == [
        "the database is away; waiting up to 5 minutes for it… (the server stops)",
        "the database is back after 0 s",
    ]
    assert pauses == [0.5] * 7, "growing pauses: of 1, 2 and 4 halves of a second"


def test_five_minutes_and_the_start_of_a_server_are_waited_for(tmp_path, monkeypatch):
    clock, told = [0.0], []
    monkeypatch.setattr(study_lock.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(study_lock.time, "sleep", lambda seconds: clock.append(clock.pop() + seconds))
    lock = StudyLock("small", f"sqlite:///{tmp_path}/all.db", told.append)

    def call():
        if clock[0] < 303:
            raise PendingRollbackError("Can't reconnect until invalid transaction is rolled back.")
        return "done"

    assert lock.retried(call) == "done"
    lock.release()
    assert told[0] == "the database is away; waiting up to 5 minutes for it… (the connection was lost)"


def test_a_server_is_not_waited_for_after_the_second_ctrl_c(tmp_path, monkeypatch):
    pressed = []
    monkeypatch.setattr(study_lock.time, "sleep", lambda _: pressed.append("^C"))
    lock = StudyLock("small", f"sqlite:///{tmp_path}/all.db", is_stopped=lambda: len(pressed) == 2)
    with pytest.raises(OperationalError):
        lock.retried(lambda: (_ for _ in ()).throw(lost()))
    assert pressed == ["^C", "^C"]


def test_a_server_that_stays_away_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(study_lock, "GIVE_UP_SECONDS", -1.0)
    lock = StudyLock("small", f"sqlite:///{tmp_path}/all.db")

    def call():
        raise lost()

    with pytest.raises(OperationalError):
        lock.retried(call)


def test_a_wrong_statement_is_not_tried_again(tmp_path, monkeypatch):
    monkeypatch.setattr(AwayError, "sqlstate", "53100")  # the disk is full
    with pytest.raises(OperationalError):
        StudyLock("small", f"sqlite:///{tmp_path}/all.db").retried(lambda: (_ for _ in ()).throw(lost()))


def test_a_study_that_another_process_took_meanwhile_is_left_to_it(url, tmp_path, monkeypatch):
    monkeypatch.setattr(study_lock.time, "sleep", lambda _: None)
    with holder(tmp_path / "small", url) as other:
        lock = StudyLock("small", url)
        with pytest.raises(StudyError, match=f"searched by process {other.pid}"):
            lock.retried(lambda: (_ for _ in ()).throw(lost()))
        other.kill()


def test_a_lock_that_the_server_still_keeps_for_a_lost_connection_is_taken_over(postgres, monkeypatch):
    monkeypatch.setattr(study_lock.time, "sleep", lambda _: None)
    forgotten, outcomes = StudyLock("small", postgres), [lost(), "done"]
    forgotten.take()  # as a connection whose end the server has not noticed

    def call():
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    lock = StudyLock("small", postgres)
    assert lock.retried(call) == "done"
    assert is_searched(postgres, "small")
    lock.release()
    forgotten.release()
