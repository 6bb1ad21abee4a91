"""One trial in a process of its own: train, tell of every epoch, ask whether to go on.

What confirms a trial looks at the test images when it has been trained; nothing else in a search does.
"""

import os
import sys
import traceback
from dataclasses import replace
from multiprocessing.connection import Connection

from dnsearch import environment
from dnsearch.errors import DataError, DnsearchError, OutOfMemoryError
from dnsearch.evaluate.evaluation import evaluate_run
from dnsearch.evaluate.predict import latency_seconds
from dnsearch.runs.folder import RunFolder
from dnsearch.runs.record import EpochRecord, Notice, RunRecord, StepEnded, Stop
from dnsearch.study.work.messages import EpochEnded, Job, Message, RunEnded, RunFailed
from dnsearch.train.run import run


def main(connection: Connection, job: Job) -> None:
    """Train a job's network; the last message says how it ended."""

    def watch(event: StepEnded | EpochRecord | Notice) -> Stop | None:
        if isinstance(event, Notice):
            sys.stderr.write(f"{job.folder.name}: {event.text}\n")  # which is the study's workers.log
        if not isinstance(event, EpochRecord):
            return None
        return _asked(connection, event)

    environment.prepare_tensorflow(job.threads, job.cards)
    message: Message
    try:
        folder = RunFolder(job.folder)
        record = run(job.document, folder, watch, job.origin)
        if job.latency and record.state == "finished":
            record = replace(record, latency_seconds=latency_seconds(folder))
        message = RunEnded(_tested(folder) if job.origin.confirmation else record)
    except DnsearchError as error:
        message = RunFailed(str(error), memory=isinstance(error, OutOfMemoryError))
    except Exception:  # whatever it is, the study goes on and the record says what it was
        message = RunFailed(traceback.format_exc(limit=-5))
    connection.send(message)


def _asked(connection: Connection, epoch: EpochRecord) -> Stop | None:
    """Tell of an epoch and wait for the coordinator's word."""
    try:
        connection.send(EpochEnded(epoch))
        answer: Stop | None = connection.recv()
    except (EOFError, OSError):
        os._exit(1)  # the coordinator is gone: the run is not to fail of it, its checkpoint waits for another
    return answer


def _tested(folder: RunFolder) -> RunRecord:
    """The record of a run with what it makes of the test images, or why it has no such figures."""
    try:
        evaluate_run(folder, "test")
    except DataError as error:
        folder.write(replace(folder.read(), reason=f"no test figures: {error}"))
    return folder.read()
