"""One trial in a process of its own: train, report every epoch, ask whether to go on.

A training that confirms a trial, or one of a pair, is evaluated on the test images at its end; no other
trial ever is.
"""

import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection

from dnsearch import environment
from dnsearch.errors import DataError, DnsearchError, OutOfMemoryError
from dnsearch.evaluate.predict import latency_seconds
from dnsearch.evaluate.trained_run import evaluate_run
from dnsearch.runs.folder import RunFolder
from dnsearch.runs.record import EpochRecord, Notice, RunRecord, StepEnded, Stop
from dnsearch.search.messages import Job, Message, RunFailed
from dnsearch.train.run import run


def main(connection: Connection, job: Job) -> None:
    """Train a job's network in its run folder; the last message says how it ended. Then the next one."""

    def ask(epoch: EpochRecord) -> Stop | None:
        try:
            connection.send(epoch)
            answer: Stop | None = connection.recv()
        except (EOFError, OSError):
            os._exit(1)  # the coordinator is gone; the run has not failed, its checkpoint waits for another
        return answer

    while True:
        environment.forget_peak_memory()
        connection.send(train(job, RunFolder(job.folder), ask))
        try:
            job = connection.recv()
        except (EOFError, OSError):
            return  # nothing more to train


def train(job: Job, folder: RunFolder, ask: Callable[[EpochRecord], Stop | None]) -> Message:
    """Train a job's network in a run folder on this machine, and ask after every epoch whether to stop."""

    def watch(event: StepEnded | EpochRecord | Notice) -> Stop | None:
        if isinstance(event, Notice):
            sys.stderr.write(f"{folder.name}: {event.text}\n")  # goes to the study's workers.log
        return ask(event) if isinstance(event, EpochRecord) else None

    environment.prepare_tensorflow(job.threads, job.gpus)
    try:
        record = run(job.planned, folder, watch, job.origin)
        if job.latency and record.state == "finished":
            record = replace(record, latency_seconds=latency_seconds(folder))
        return _tested(folder) if job.test else record
    except DnsearchError as error:
        return RunFailed(str(error), memory=isinstance(error, OutOfMemoryError))
    except Exception:  # whatever it is, the study goes on and the record says what it was
        return RunFailed(traceback.format_exc(limit=-5))


def _tested(folder: RunFolder) -> RunRecord:
    try:
        evaluate_run(folder, "test")
    except DataError as error:
        folder.write(replace(folder.read(), reason=f"no test metrics: {error}"))
    return folder.read()
