"""Ctrl-C, counted instead of raised, so that a running batch or trial can end first."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def counted(say: Callable[[int], None]) -> Iterator[Callable[[], int]]:
    """Count Ctrl-C for a block; the third one raises KeyboardInterrupt as usual.

    Args:
        say: told the count at each Ctrl-C.
    """
    count = 0

    def heard(_signal: int, _frame: FrameType | None) -> None:
        nonlocal count
        count += 1
        if count > 2:
            raise KeyboardInterrupt
        say(count)

    earlier = signal.signal(signal.SIGINT, heard)
    try:
        yield lambda: count
    finally:
        signal.signal(signal.SIGINT, earlier)
