"""Ctrl-C, counted."""

import signal
import threading
import time

import pytest

from dnsearch.cli.progress import counted


def press() -> None:
    signal.raise_signal(signal.SIGINT)


def test_ctrl_c_is_counted_and_told():
    told: list[int] = []
    with counted(told.append) as interrupts:
        assert interrupts() == 0
        press()
        assert interrupts() == 1
        press()
        assert interrupts() == 2
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
        assert interrupts() == 1
        assert not told.is_set()
    assert told.wait(5), "a handler that spoke itself would wait for the lock in vain"


def test_the_third_ctrl_c_is_the_usual_one():
    with counted(lambda _: None) as interrupts:
        press()
        press()
        with pytest.raises(KeyboardInterrupt):
            press()
        assert interrupts() == 3


def test_afterwards_ctrl_c_is_as_it_was():
    earlier = signal.getsignal(signal.SIGINT)
    with counted(lambda _: None):
        assert signal.getsignal(signal.SIGINT) is not earlier
    assert signal.getsignal(signal.SIGINT) is earlier
    with pytest.raises(KeyboardInterrupt):
        press()
