import math
import multiprocessing
import time

import pytest

from dnsearch.study.work import death, worker
from dnsearch.study.work.crew import Crew
from dnsearch.study.work.messages import EpochEnded, RunEnded, RunFailed
from dnsearch.study.work.worker import Worker

CONTEXT = multiprocessing.get_context("spawn")


@pytest.fixture
def crew(monkeypatch, tmp_path):
    """Makes a crew whose children sleep; folder → a child's process and its end of the pipe comes with it."""
    children = {}

    def start(job, timeout_seconds, log):
        here, there = CONTEXT.Pipe()
        process = CONTEXT.Process(target=time.sleep, args=(60,), daemon=True)
        process.start()
        children[job.folder] = process, there
        deadline = time.monotonic() + (math.inf if timeout_seconds is None else timeout_seconds)
        return Worker(job, process, here, deadline, death.before(log))

    monkeypatch.setattr(worker, "start", start)
    crews = []

    def made(timeout_seconds=None):
        crews.append(Crew(timeout_seconds, tmp_path / "workers.log"))
        return crews[-1], children

    yield made
    for each in crews:
        each.kill_all()


def test_what_a_child_says_comes_with_what_it_is_about(crew, job, epoch):
    hired, children = crew()
    hired.start(job, "a")
    assert (len(hired), hired.works, hired.jobs) == (1, ["a"], [job])
    assert list(hired.listen()) == []
    _, pipe = children[job.folder]
    pipe.send(EpochEnded(epoch(1, 0.5)))
    assert list(hired.listen()) == [("a", job, EpochEnded(epoch(1, 0.5)))]
    hired.answer(job, None)
    assert pipe.recv() is None


def test_who_takes_too_long_has_failed_and_is_dead(crew, job):
    hired, children = crew(timeout_seconds=0.01)
    hired.start(job, "a")
    assert list(hired.listen()) == [("a", job, RunFailed("took longer than 0.01 seconds"))]
    process, _ = children[job.folder]
    process.join(timeout=10)
    assert not process.is_alive()


def test_who_has_said_that_it_ended_has_not_taken_too_long(crew, job):
    hired, children = crew(timeout_seconds=0.01)
    hired.start(job, "a")
    children[job.folder][1].send(RunEnded(None))
    heard = hired.listen()
    assert next(heard) == ("a", job, RunEnded(None))
    hired.dismiss(job.folder)
    assert list(heard) == []


def test_who_is_killed_or_unknown_is_no_longer_there(crew, job):
    hired, children = crew()
    hired.dismiss(job.folder)
    hired.start(job, "a")
    hired.kill(job.folder)
    assert not hired
    assert not children[job.folder][0].is_alive()
    assert list(hired.listen()) == []
