"""Trials in processes of this machine, each forked from a server that has TensorFlow loaded.

With ``--gpus`` every trial gets the same share, a part of one GPU or some whole ones, and goes to the GPU
with the fewest trials. TensorFlow takes memory as it needs it, so trials on one GPU share it.

A child that dies without a message may have had too little memory. The system counts the processes that it
kills for that, the child (signal 9) or the server that knows its exit code; it does not count a person's
``kill -9``. Or a library gives up (signal 6 or 11), with a last line on its error output or silently in a
limited address space (``ulimit -v``). Without such a sign nothing is claimed.
"""

import contextlib
import math
import resource
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from dnsearch import environment, processes
from dnsearch.errors import Problem, StudyError
from dnsearch.runs.record import RunRecord, Stop
from dnsearch.search.messages import Executor, Job, Message, Resources, RunFailed, timed

POLL_SECONDS = 0.2
KILLED = 9
VMSTAT = Path("/proc/vmstat")
LAST_WORDS = ("bad_alloc", "out of memory", "cannot allocate memory", "resource temporarily unavailable")
"""What C++, CUDA and the system say of a lack of memory, the last of a thread that found none."""

Gpus = tuple[str, ...]  # their names, as CUDA_VISIBLE_DEVICES has them


@dataclass(frozen=True, slots=True)
class Before:
    """The log and its length before a child, and how many kills for a lack of memory the system counts."""

    log: Path
    length: int
    kills: int | None


@dataclass(frozen=True, slots=True)
class Child:
    """A process that trains one job until its ``deadline``, on ``time.monotonic``'s clock."""

    job: Job
    process: BaseProcess
    connection: Connection
    deadline: float
    before: Before


def local_executor(wanted: Resources) -> "LocalExecutor":
    """The executor on this machine, once its GPUs are known to be there, and room for TensorFlow."""
    environment.check_address_space()
    if wanted.gpus:
        check_gpus(wanted.gpus, wanted.gpus_per_run, environment.installed_gpus(), wanted.workers)
    return LocalExecutor(wanted)


class LocalExecutor(Executor):
    """Processes of this machine, each with threads on all its cores; their errors go to ``log``.

    Each trial has a ``share`` of a GPU, or so many; without ``gpus`` it uses what TensorFlow finds. With
    ``reuse`` a process that has trained well takes another job, and needs not compile what it has compiled.
    """

    def __init__(self, wanted: Resources) -> None:
        self._wanted = wanted
        self._children: dict[Path, Child] = {}
        self._ended_well: set[Path] = set()
        self._idle: list[Child] = []

    def start(self, job: Job) -> Job:
        """Start a process for a job, or give it to one that is idle."""
        gpus, share = self._wanted.gpus, self._wanted.gpus_per_run
        taken = (child.job.gpus or () for child in self._children.values())
        job = replace(job, threads=environment.threads(), gpus=place(gpus, share, taken) if gpus else None)
        before = measured(self._wanted.log)
        deadline = time.monotonic() + (self._wanted.timeout_seconds or math.inf)
        child = self._taken(job) or self._started(job, before)
        self._children[job.folder] = replace(child, job=job, deadline=deadline, before=before)
        return job

    def _taken(self, job: Job) -> Child | None:
        """An idle process that takes a job on: rather one that has trained such a network."""
        fitting = [child for child in self._idle if child.job.gpus == job.gpus]
        for child in sorted(fitting, key=lambda child: child.job.planned.plan != job.planned.plan):
            self._idle.remove(child)
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                child.connection.send(job)
                return child
        return None

    def _started(self, job: Job, before: Before) -> Child:
        here, there = Pipe()
        log = str(self._wanted.log)
        process = processes.start_process(log, "dnsearch.search.trial_process", "main", there, job)
        there.close()  # the child's end lives in the child alone, so that its death closes the pipe
        return Child(job, process, here, math.inf, before)

    def poll(self) -> list[tuple[Job, Message]]:
        """The messages that arrive within ``POLL_SECONDS``."""
        children = self._children
        ready = wait([child.connection for child in children.values()], timeout=POLL_SECONDS)
        messages = {path: _received(child) for path, child in children.items() if child.connection in ready}
        deadlines = {path: child.deadline for path, child in children.items()}
        found = timed(messages, deadlines, self._wanted.timeout_seconds)
        self._ended_well |= {path for path, message in found.items() if isinstance(message, RunRecord)}
        return [(children[path].job, message) for path, message in found.items()]

    def answer(self, job: Job, stop: Stop | None) -> None:
        """Tell a process that waits after an epoch to go on or to stop."""
        try:
            self._children[job.folder].connection.send(stop)
        except (BrokenPipeError, ConnectionResetError):
            return  # it died meanwhile; the next poll reports that

    def end(self, folder: Path) -> None:
        """Forget a job that has ended, or end its process by force."""
        child = self._children.pop(folder)
        if self._wanted.reuse and folder in self._ended_well:
            self._idle.append(child)
        else:
            _end(child)

    def close(self) -> None:
        """End all processes by force."""
        left = [*self._children.values(), *self._idle]
        self._children.clear()
        self._idle.clear()
        for child in left:
            child.process.kill()  # all at once, so that none outlives the others for long
        for child in left:
            _end(child)


def _end(child: Child) -> None:
    child.connection.close()
    child.process.join(timeout=2)
    if child.process.is_alive():
        child.process.kill()
        child.process.join()


def _received(child: Child) -> Message:
    try:
        message: Message = child.connection.recv()
    except (EOFError, ConnectionResetError):
        child.process.join()
        message = explained(child.process.exitcode, child.before)
    return message


def measured(log: Path) -> Before:
    """Measure, just before a child is started."""
    return Before(log, log.stat().st_size if log.exists() else 0, memory_kills())


def explained(exitcode: int | None, started: Before) -> RunFailed:
    """Why a child died; an exit code below 0 is the number of the signal that killed it."""
    signal = -exitcode if exitcode is not None and exitcode < 0 else None
    how = f"was killed by signal {signal}" if signal else f"ended without a message (exit code {exitcode})"
    death, kills = f"the child process {how}", memory_kills()
    if started.kills is not None and kills is not None and kills > started.kills:
        why = f"out of memory: {death}, and the system killed a process for a lack of memory"
        return RunFailed(why, memory=True)
    if signal == KILLED:
        none = "killed nothing for a lack of memory meanwhile"
        does = "kills with signal 9 when memory runs out" if kills is None else none
        return RunFailed(f"{death}; the system {does}")
    if signal and (words := _last_words(started)):
        return RunFailed(f"out of memory: {death} after {words!r}", memory=True)
    if signal and (limit := address_space_limit()) is not None:
        why = f"perhaps out of memory: {death}, with an address space of {limit:,} bytes"
        return RunFailed(why, memory=True)
    return RunFailed(death)


def _last_words(started: Before) -> str:
    if not started.log.exists():
        return ""
    with started.log.open("rb") as log:
        log.seek(started.length)
        lines = log.read().decode(errors="replace").splitlines()
    about = [line.strip() for line in lines if any(words in line.lower() for words in LAST_WORDS)]
    return about[-1][:200] if about else ""


def memory_kills() -> int | None:
    """Processes that the system has killed for a lack of memory since it started; None: it does not tell."""
    if not VMSTAT.is_file():
        return None
    counters = dict(line.split() for line in VMSTAT.read_text(encoding="utf-8").splitlines())
    return int(counters["oom_kill"]) if "oom_kill" in counters else None


def address_space_limit() -> int | None:
    """Bytes of address space that this process and its children may have (``ulimit -v``); None: no limit."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return None if limit == resource.RLIM_INFINITY else limit


def room(gpus: Gpus, share: float) -> int:
    """How many trials fit at once.

    >>> room(("0", "1"), 0.5), room(("0", "1", "2"), 2), room(("0",), 2)
    (4, 1, 0)
    """
    return len(gpus) * int(1 / share) if share <= 1 else len(gpus) // int(share)


def place(gpus: Gpus, share: float, taken: Iterable[Gpus]) -> Gpus:
    """The GPUs of the next trial, beside the trials that have ``taken`` theirs.

    >>> place(("0", "1"), 0.5, [("0",)]), place(("0", "1", "2"), 2, [])
    (('1',), ('0', '1'))
    """
    loads = Counter(chain.from_iterable(taken))
    return tuple(sorted(gpus, key=loads.__getitem__)[: math.ceil(share)])  # of equal ones the first


def check_gpus(gpus: Gpus, share: float, installed: Sequence[str], workers: int) -> None:
    """Refuse GPUs that this machine does not have, and more trials at once than they have room for."""
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
        expected = f"at most {most} on {asked}"
        raise StudyError(str(Problem(f"--workers {workers}", expected, str(workers), hint)))
