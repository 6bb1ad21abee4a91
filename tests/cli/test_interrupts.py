"""Ctrl-C, SIGTERM and SIGHUP, counted."""

import os
import pty
import signal
import threading
import time

import pytest

from dnsearch.cli.progress import counted


@pytest.fixture(autouse=True)
def _a_terminal_that_may_close():
    """Without this, tests that run under nohup would find SIGHUP ignored."""
    earlier = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, earlier)


def press() -> None:
    signal.raise_signal(signal.SIGINT)


def test_ctrl_c_is_counted_and_told():
    told: list[int] = []
    with counted(told.append) as interrupts:
        assert interrupts.count == 0
        press()
        assert interrupts.count == 1
        press()
        assert interrupts.count == 2
    until = time.monotonic() + 5
    while len(told) < 2 and time.monotonic() < until:
        time.sleep(0.01)
    assert sorted(told) == [1, 2]


def test_it_is_told_from_another_thread_since_this_one_may_be_drawing():
    lock, told = threading.Lock(), threading.Event()

    def say(_count: int) -> None:
        if lock.acquire(timeout=1):
            told.set()

    with counted(say) as interrupts, lock:
        press()
        assert interrupts.count == 1
        assert not told.is_set()
    assert told.wait(5), "a handler that spoke itself would wait for the lock in vain"


def test_the_third_ctrl_c_is_the_usual_one():
    with counted(lambda _: None) as interrupts:
        press()
        press()
        with pytest.raises(KeyboardInterrupt):
            press()
        assert interrupts.count == 3


def test_afterwards_ctrl_c_is_as_it_was():
    earlier = signal.getsignal(signal.SIGINT)
    with counted(lambda _: None):
        assert signal.getsignal(signal.SIGINT) is not earlier
    assert signal.getsignal(signal.SIGINT) is earlier
    with pytest.raises(KeyboardInterrupt):
        press()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_signals_count_as_two_however_often_they_come(number):
    with counted(lambda _: None) as interrupts:
        signal.raise_signal(number)
        signal.raise_signal(number)
        assert interrupts.count == 2
        assert interrupts.reason == f"stopped by {number.name}"
        assert interrupts.exit_code == 128 + number
        with pytest.raises(KeyboardInterrupt):
            press()


def test_ctrl_c_has_its_usual_name_and_exit_code():
    with counted(lambda _: None) as interrupts:
        press()
        assert (interrupts.reason, interrupts.exit_code) == ("stopped by Ctrl-C", 130)


def test_nohup_is_respected():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with counted(lambda _: None) as interrupts:
        signal.raise_signal(signal.SIGHUP)
        assert interrupts.count == 0


def test_the_sighup_of_a_closed_terminal_counts_as_none(monkeypatch):
    ours, theirs = pty.openpty()
    opened = os.open
    path = os.ttyname(theirs)
    with monkeypatch.context() as patched:
        patched.setattr(os, "open", lambda file, *how: opened(path if file == "/dev/tty" else file, *how))
        with counted(lambda _: None) as interrupts:
            os.close(ours)
            signal.raise_signal(signal.SIGHUP)
            assert interrupts.count == 0
    os.close(theirs)
