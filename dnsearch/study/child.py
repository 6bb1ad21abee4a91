"""One trial in a process of its own: train, tell of every epoch, ask whether to go on."""

import os
import sys
import traceback
from multiprocessing.connection import Connection

from dnsearch import runtime
from dnsearch.errors import DnsearchError, OutOfMemoryError
from dnsearch.records.record import EpochRecord, Notice, StepEnded, Stop
from dnsearch.records.store import RunFolder
from dnsearch.run import run
from dnsearch.study.messages import EpochEnded, Job, Message, RunEnded, RunFailed


def main(connection: Connection, job: Job) -> None:
    """Train a job's network; the last message says how it ended."""

    def watch(event: StepEnded | EpochRecord | Notice) -> Stop | None:
        if isinstance(event, Notice):
            sys.stderr.write(f"{job.folder.name}: {event.text}\n")  # which is the study's workers.log
        if not isinstance(event, EpochRecord):
            return None
        return _asked(connection, event)

    runtime.prepare_tensorflow(job.threads, job.cards)
    message: Message
    try:
        message = RunEnded(run(job.document, RunFolder(job.folder), watch, job.origin))
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
