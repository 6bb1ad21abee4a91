"""Who is training in a folder: one process at most, and none once it has died.

The kernel lets go of an ``flock`` when its process ends, however it ends; so a lock that is taken proves
that the trainer lives, which no process number in a file can. Where Python has no ``fcntl`` there are no
locks, and nobody is kept out.
"""

import contextlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from dnsearch.errors import Problem, RunError
from dnsearch.runs.atomic import reading, writing

PAUSE_SECONDS = 0.02

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]  # a module, or none


def available() -> bool:
    """Whether this platform has locks that end with their process."""
    return fcntl is not None


@contextlib.contextmanager
def locked(path: Path, wait_seconds: float = 0.12) -> Iterator[None]:
    """Hold the lock file ``path`` for the block.

    Args:
        path: the file; it is made where there is none.
        wait_seconds: how long to wait for whoever holds it. A reader that asks ``is_locked`` holds a shared
            lock for an instant; that is no reason to refuse a trainer.

    Raises:
        RunError: another process holds it, or the file cannot be written.
    """
    if fcntl is None:
        yield
        return
    with contextlib.ExitStack() as stack:
        with writing(path):
            handle = stack.enter_context(path.open("a+b"))
            taken = _take(handle, wait_seconds)
        if not taken:
            raise _refusal(path)
        with writing(path):
            _sign(handle)
        yield


def is_locked(path: Path) -> bool:
    """Whether some process holds the lock file; False where there are no locks.

    Raises:
        RunError: the file cannot be read.
    """
    if fcntl is None:
        return False
    try:
        with reading(path), path.open("rb") as handle:
            return not _try(handle, fcntl.LOCK_SH)
    except RunError:
        if path.exists():
            raise
        return False


def _take(handle: BinaryIO, wait_seconds: float) -> bool:
    last = time.monotonic() + wait_seconds
    while not _try(handle, fcntl.LOCK_EX):
        if time.monotonic() > last:
            return False
        time.sleep(PAUSE_SECONDS)
    return True


def _try(handle: BinaryIO, how: int) -> bool:
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def host() -> str:
    """This machine's name, as locks and records have it."""
    return os.uname().nodename


def _sign(handle: BinaryIO) -> None:
    handle.truncate(0)
    handle.write(json.dumps({"process": os.getpid(), "host": host()}).encode())
    handle.flush()


def _refusal(path: Path) -> RunError:
    hint = "Wait for it or end that process; a lock goes away with its process."
    return RunError(str(Problem(str(path.parent), f"is being trained by {holder(path)}", hint=hint)))


def holder(path: Path) -> str:
    """Who has taken a lock file last, in words.

    Raises:
        RunError: the file cannot be read.
    """
    with reading(path):
        content = path.read_bytes()
    try:
        signature = json.loads(content)
        return f"process {signature['process']} on host {signature['host']}"
    except (ValueError, KeyError, TypeError):
        return "another process"  # it has taken the lock and not yet signed
