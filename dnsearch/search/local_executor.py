"""Trials in processes of this machine, each forked from a server that has TensorFlow loaded.

With ``--gpus`` every trial gets the same share: a part of one GPU, or some whole ones. A GPU has room for as
many parts as fit into it. The next trial goes to the GPU with the fewest trials, so that work spreads before
it stacks. TensorFlow takes memory as it needs it, so trials on one GPU share it.
"""

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from dnsearch import environment, processes
from dnsearch.errors import Problem, StudyError
from dnsearch.runs.record import Stop
from dnsearch.search import exit_reason
from dnsearch.search.messages import Executor, Job, Message, RunFailed

POLL_SECONDS = 0.2

Gpus = tuple[str, ...]
"""Names of GPUs, as ``CUDA_VISIBLE_DEVICES`` has them."""


@dataclass(frozen=True, slots=True)
class Child:
    """A process that trains one job.

    Args:
        job: what it trains.
        process: the process.
        connection: where its messages come from and the answers go to.
        deadline: when it has taken too long, on ``time.monotonic``'s clock.
        before: what exit_reason compares with if the process dies.
    """

    job: Job
    process: BaseProcess
    connection: Connection
    deadline: float
    before: exit_reason.Before


class LocalExecutor(Executor):
    """Processes of this machine.

    Args:
        workers: how many trials run at once; the machine's cores are divided among them.
        log: the file for the error output of the processes.
        timeout_seconds: how long each trial may take; None for as long as it wants.
        gpus: the GPUs that trials are placed on; none: every trial uses what TensorFlow finds.
        share: GPUs of a trial: up to 1, or a whole number.
    """

    def __init__(
        self, workers: int, log: Path, timeout_seconds: float | None = None, gpus: Gpus = (), share: float = 1
    ) -> None:
        self._threads = max(1, environment.cores() // workers)
        self._log = log
        self._timeout_seconds = timeout_seconds
        self._gpus = gpus
        self._share = share
        self._children: dict[Path, Child] = {}

    @property
    def jobs(self) -> list[Job]:
        """The jobs of the processes."""
        return [child.job for child in self._children.values()]

    def start(self, job: Job) -> Job:
        """Start a process for a job."""
        taken = (other.gpus or () for other in self.jobs)
        gpus = place(self._gpus, self._share, taken) if self._gpus else None
        job = replace(job, threads=self._threads, gpus=gpus)
        here, there = Pipe()
        before = exit_reason.before(self._log)
        process = processes.start_process(str(self._log), "dnsearch.search.trial_process", "main", there, job)
        there.close()  # the child's end lives in the child alone, so that its death closes the pipe
        deadline = time.monotonic() + (self._timeout_seconds or math.inf)
        self._children[job.folder] = Child(job, process, here, deadline, before)
        return job

    def poll(self) -> list[tuple[Job, Message]]:
        """The messages that arrive within ``POLL_SECONDS``."""
        by_connection = {child.connection: child for child in self._children.values()}
        ready = wait(list(by_connection), timeout=POLL_SECONDS)
        messages = [(child.job, _received(child)) for here, child in by_connection.items() if here in ready]
        heard = {job.folder for job, _ in messages}
        for child in by_connection.values():
            if time.monotonic() > child.deadline and child.job.folder not in heard:
                child.process.kill()
                messages.append((child.job, timed_out(self._timeout_seconds)))
        return messages

    def answer(self, job: Job, stop: Stop | None) -> None:
        """Tell a process that waits after an epoch to go on or to stop."""
        try:
            self._children[job.folder].connection.send(stop)
        except (BrokenPipeError, ConnectionResetError):
            return  # it died meanwhile; the next poll reports that

    def end(self, job: Job) -> None:
        """Forget a process that has ended, or end it by force."""
        child = self._children.pop(job.folder)
        child.connection.close()
        child.process.join(timeout=2)
        if child.process.is_alive():
            child.process.kill()
            child.process.join()

    def close(self) -> None:
        """End all processes by force."""
        for child in self._children.values():
            child.process.kill()  # all at once, so that none outlives the others for long
        for job in self.jobs:
            self.end(job)


def _received(child: Child) -> Message:
    """A process' next message; its death is one, too."""
    try:
        message: Message = child.connection.recv()
    except (EOFError, ConnectionResetError):
        child.process.join()
        message = exit_reason.explained(child.process.exitcode, child.before)
    return message


def timed_out(seconds: float | None) -> RunFailed:
    """The end of a trial that took too long."""
    return RunFailed(f"took longer than {seconds:g} seconds")


def room(gpus: Gpus, share: float) -> int:
    """How many trials fit at once.

    Args:
        gpus: the GPUs of the search.
        share: GPUs of a trial: up to 1, or a whole number.

    >>> room(("0", "1"), 0.5), room(("0", "1", "2"), 2), room(("0",), 2)
    (4, 1, 0)
    """
    return len(gpus) * int(1 / share) if share <= 1 else len(gpus) // int(share)


def place(gpus: Gpus, share: float, taken: Iterable[Gpus]) -> Gpus:
    """The GPUs of the next trial; there is room for it, as ``room`` tells.

    Args:
        gpus: the GPUs of the search.
        share: GPUs of a trial: up to 1, or a whole number.
        taken: the GPUs of each trial that runs.

    >>> place(("0", "1"), 0.5, [("0",)]), place(("0", "1", "2"), 2, [])
    (('1',), ('0', '1'))
    """
    loads = dict.fromkeys(gpus, 0)
    for gpu in chain.from_iterable(taken):
        loads[gpu] += 1
    by_load = sorted(gpus, key=loads.__getitem__)  # of equal ones the first comes first
    return tuple(by_load[: math.ceil(share)])


def check_gpus(gpus: Gpus, share: float, installed: Sequence[str], workers: int) -> None:
    """Refuse GPUs that this machine does not have, and more trials at once than they have room for.

    Args:
        gpus: the GPUs that a search is given.
        share: GPUs of a trial.
        installed: the GPUs of this machine.
        workers: trials at once.

    Raises:
        StudyError: with what there is.
    """
    asked = f"--gpus {','.join(gpus)}"
    if missing := [gpu for gpu in gpus if gpu not in installed]:
        there = f"GPUs of this machine: {', '.join(installed)}" if installed else "a GPU"
        found = f"no {', '.join(missing)}" if installed else "no GPU on this machine"
        hint = "Without --gpus a search trains on whatever TensorFlow finds."
        raise StudyError(str(Problem(asked, there, found, hint)))
    if len(set(gpus)) < len(gpus):
        raise StudyError(str(Problem(asked, "each GPU once", "one of them twice")))
    if workers > (most := room(gpus, share)):
        hint = f"tune.gpus_per_trial is {share:g}; name more GPUs, or lower one of the two."
        problem = Problem(f"--workers {workers}", f"at most {most} on {asked}", str(workers), hint)
        raise StudyError(str(problem))
