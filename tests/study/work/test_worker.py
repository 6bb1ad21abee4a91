"""A child as the coordinator sees it; the children here are small ones that never import TensorFlow."""

import math
import multiprocessing
import os
import signal
import time

import pytest

from dnsearch.runs.record import Stop
from dnsearch.study.work import death, worker
from dnsearch.study.work.messages import EpochEnded, RunFailed
from dnsearch.study.work.worker import Worker

CONTEXT = multiprocessing.get_context("spawn")


@pytest.fixture
def started(job, tmp_path):
    """Runs a function in a child and gives the worker; whatever is left is ended."""
    workers = []

    def start(function, *arguments):
        here, there = CONTEXT.Pipe()
        process = CONTEXT.Process(target=function, args=(*arguments,) if arguments else (), daemon=True)
        process.start()
        there.close()
        workers.append(Worker(job, process, here, math.inf, death.before(tmp_path / "workers.log")))
        return workers[-1]

    yield start
    for each in workers:
        worker.end(each)


def test_a_child_that_is_killed(started):
    child = started(time.sleep, 60)
    os.kill(child.process.pid, signal.SIGKILL)
    expected = (
        "the child process was killed by signal 9; the system did not kill for a lack of memory meanwhile"
    )
    assert worker.receive(child) == RunFailed(expected)


def test_a_child_that_ends_by_another_signal(started):
    child = started(time.sleep, 60)
    os.kill(child.process.pid, signal.SIGTERM)
    assert worker.receive(child) == RunFailed("the child process was killed by signal 15")


def test_a_child_that_ends_without_a_word(started):
    child = started(os._exit, 3)
    assert worker.receive(child) == RunFailed("the child process ended without a word (exit code 3)")


def test_an_answer_to_a_dead_child_is_no_error(started):
    child = started(os._exit, 0)
    child.process.join()
    worker.answer(child, Stop("pruned", "behind"))
    worker.answer(child, None)


def test_end_takes_no_longer_than_it_must(started):
    child = started(time.sleep, 60)
    began = time.monotonic()
    worker.end(child)
    assert not child.process.is_alive()
    assert time.monotonic() - began < 4


def test_ready_gives_those_that_have_something_to_say(job, epoch, tmp_path):
    process = multiprocessing.current_process()
    here, there = CONTEXT.Pipe()
    other_here, other_there = CONTEXT.Pipe()
    before = death.before(tmp_path / "workers.log")
    quiet, talkative = (Worker(job, process, end, math.inf, before) for end in (other_here, here))
    there.send(EpochEnded(epoch(1, 0.5)))
    assert worker.ready([quiet, talkative], 0.2) == [talkative]
    assert worker.receive(talkative) == EpochEnded(epoch(1, 0.5))
    worker.answer(talkative, Stop("pruned", "behind"))
    assert there.recv() == Stop("pruned", "behind")
    for end in (here, there, other_here, other_there):
        end.close()


def test_ready_does_not_wait_for_long():
    began = time.monotonic()
    assert worker.ready([], 0.1) == []
    assert time.monotonic() - began < 2
