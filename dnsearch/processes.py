"""Child processes: scripts in a fresh interpreter, and functions in children of a fork server."""

import contextlib
import ctypes
import importlib
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import ModuleType

from dnsearch import environment


def run_script(script: Path, *arguments: object) -> str:
    """Run a script in a fresh interpreter; returns the last line that it put on its error output.

    The script's own folder is not searched for modules (-P), so nothing of dnsearch comes along unasked.
    """
    with environment.temporarily_set():
        ran = subprocess.run(
            [sys.executable, "-P", str(script), *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            check=False,
        )
    return (ran.stderr.strip().splitlines() or [f"exit code {ran.returncode}"])[-1]


def start_process(log: str, module: str, function: str, *arguments: object) -> BaseProcess:
    """Run ``module.function(*arguments)`` in a child forked from a server that has the module loaded.

    The server imports the module (and TensorFlow with it) once and never computes, so each child starts
    within milliseconds; this process never imports it. The child ends by itself as soon as this process is
    gone. The libraries' error output goes to the file ``log``.
    """
    forkserver.set_forkserver_preload([module])
    with environment.temporarily_set(), environment.stderr_to(log), _signals_held_back():
        forkserver.ensure_running()
    context = multiprocessing.get_context("forkserver")
    process = context.Process(target=_child, args=(module, function, arguments), daemon=True)
    # The caller's script is hidden from the child, which would import it and so run it once more.
    main, sys.modules["__main__"] = sys.modules["__main__"], ModuleType("__main__")
    try:
        process.start()
    finally:
        sys.modules["__main__"] = main
    return process


@contextlib.contextmanager
def _signals_held_back() -> Iterator[None]:
    """Keep what asks to stop waiting for a block; a process that is started in it never gets such a signal.

    Ctrl-C, a closed terminal and many a service manager reach the whole group. But it is this process that
    decides what becomes of its children, and they end with it.
    """
    held = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    earlier = signal.pthread_sigmask(signal.SIG_BLOCK, held)
    try:
        resource_tracker.ensure_running()  # it lets two of them through again
        signal.pthread_sigmask(signal.SIG_BLOCK, held)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, earlier)


def _child(module: str, function: str, arguments: tuple[object, ...]) -> None:
    _end_with_server()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    getattr(importlib.import_module(module), function)(*arguments)


def _end_with_server() -> None:
    """Have Linux kill this process when the fork server ends: a process that is stopped cannot end itself.

    The server ends when nobody holds its pipe any more; it gives every child a copy, for children of its own.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        pipe: int = forkserver._forkserver._forkserver_alive_fd  # type: ignore[attr-defined]  # no other way to it
        os.close(pipe)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
