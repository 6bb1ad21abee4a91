"""Who is training in a folder: one process at most, and none once it has died.

The kernel lets go of an ``flock`` when its process ends, however it ends; so a lock that is taken proves
that the trainer lives, which no process number in a file can.
"""

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from dnsearch import input_files
from dnsearch.errors import Problem, RunError
from dnsearch.runs.atomic import reading, writing


@contextlib.contextmanager
def locked(path: Path, wait_seconds: float = 0.12) -> Iterator[None]:
    """Hold the lock file ``path`` for the block, once nobody else does; it is made where there is none.

    A reader that asks ``is_locked`` holds a shared lock for an instant, which is no reason to refuse.
    """
    with contextlib.ExitStack() as stack:
        with writing(path):
            handle = stack.enter_context(path.open("a+b"))
            last = time.monotonic() + wait_seconds
            while not _take(handle, fcntl.LOCK_EX):
                if time.monotonic() > last:
                    found = f"is being trained by {holder(path)}"
                    hint = "Wait for it or end that process; a lock goes away with its process."
                    raise RunError(str(Problem(str(path.parent), found, hint=hint)))
                time.sleep(0.02)
            handle.truncate(0)
            handle.write(json.dumps({"process": os.getpid(), "host": host()}).encode())
            handle.flush()
        yield


def is_locked(path: Path) -> bool:
    """Whether some process holds the lock file."""
    try:
        with reading(path), input_files.opened(path) as handle:
            return not _take(handle, fcntl.LOCK_SH)
    except RunError:
        if path.exists():
            raise
        return False


def _take(handle: BinaryIO, how: int) -> bool:
    """Lock an open file if nobody else's lock forbids it."""
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def host() -> str:
    """This machine's name, as locks and records have it."""
    return os.uname().nodename


def holder(path: Path) -> str:
    """Who has taken a lock file last, in words."""
    try:
        with reading(path):
            signature = input_files.json_value(path)
        return f"process {signature['process']} on host {signature['host']}"
    except (ValueError, KeyError, TypeError):
        return "another process"  # it has taken the lock and not yet signed
