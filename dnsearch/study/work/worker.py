"""A child process as the coordinator sees it."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from dnsearch import processes
from dnsearch.runs.record import Stop
from dnsearch.study.work import death
from dnsearch.study.work.messages import Job, Message


@dataclass(frozen=True)
class Worker:
    """A child that trains one job.

    Args:
        job: what it trains.
        process: the child.
        connection: where its messages come from and the answers go to.
        deadline: when it has taken too long, on ``time.monotonic``'s clock.
        started: how things stood when it was started.
    """

    job: Job
    process: BaseProcess
    connection: Connection
    deadline: float
    started: death.Before


def start(job: Job, timeout_seconds: float | None, log: Path) -> Worker:
    """Start a child for a job."""
    here, there = Pipe()
    started = death.before(log)
    process = processes.start_process(str(log), "dnsearch.study.work.child", "main", there, job)
    there.close()  # the child's end lives in the child alone, so that its death closes the pipe
    deadline = time.monotonic() + (timeout_seconds or float("inf"))
    return Worker(job, process, here, deadline, started)


def ready(workers: Iterable[Worker], seconds: float) -> list[Worker]:
    """The workers that have something to say, after waiting for at most so long."""
    by_connection = {worker.connection: worker for worker in workers}
    found = wait(list(by_connection), timeout=seconds)
    return [worker for connection, worker in by_connection.items() if connection in found]


def receive(worker: Worker) -> Message:
    """The worker's next message; its death is one too."""
    try:
        message: Message = worker.connection.recv()
    except (EOFError, ConnectionResetError):
        worker.process.join()
        message = death.explained(worker.process.exitcode, worker.started)
    return message


def answer(worker: Worker, stop: Stop | None) -> None:
    """Tell a worker that waits after an epoch to go on or to stop."""
    try:
        worker.connection.send(stop)
    except (BrokenPipeError, ConnectionResetError):
        return  # it died meanwhile; the next receive says so


def end(worker: Worker) -> None:
    """Take leave of a child, by force if it still runs."""
    worker.connection.close()
    worker.process.join(timeout=2)
    if worker.process.is_alive():
        worker.process.kill()
        worker.process.join()
