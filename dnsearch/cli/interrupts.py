"""Ctrl-C, counted instead of raised, so that a running batch or trial can end first."""

import signal
import threading
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
        # In a thread of its own: this one may be in the middle of drawing the display that is spoken over.
        threading.Thread(target=say, args=(count,)).start()

    earlier = signal.signal(signal.SIGINT, heard)
    try:
        yield lambda: count
    finally:
        signal.signal(signal.SIGINT, earlier)
