"""Processes of this machine, here ones that only sleep: what they say, and how they end."""

import multiprocessing
import time

import pytest

from dnsearch import environment, processes
from dnsearch.cli.planning import planned_document
from dnsearch.runs.record import Origin
from dnsearch.search.local_executor import LocalExecutor
from dnsearch.search.messages import EpochEnded, Job, RunEnded, RunFailed

CONTEXT = multiprocessing.get_context("spawn")


@pytest.fixture
def job(tiny, tmp_path):
    return Job(planned_document(tiny()), tmp_path / "trial-0000", Origin("small", 0))


@pytest.fixture
def executor(monkeypatch, tmp_path):
    """Makes an executor whose processes sleep; each comes with its end of the pipe."""
    children, made = [], []

    def start(log, module, function, there, job):
        process = CONTEXT.Process(target=time.sleep, args=(60,), daemon=True)
        process.start()
        children.append((process, there))
        monkeypatch.setattr(there, "close", lambda: None)
        return process

    monkeypatch.setattr(processes, "start_process", start)

    def make(timeout_seconds=None, **options):
        made.append(LocalExecutor(1, tmp_path / "workers.log", timeout_seconds, **options))
        return made[-1], children

    yield make
    for each in made:
        each.close()


def test_what_a_process_says_comes_with_its_job(executor, job, epoch):
    local, children = executor()
    started = local.start(job)
    assert started.threads == environment.cores()
    assert local.poll() == []
    _, pipe = children[0]
    pipe.send(EpochEnded(epoch(1, 0.5)))
    assert local.poll() == [(started, EpochEnded(epoch(1, 0.5)))]
    local.answer(started, None)
    assert pipe.recv() is None


def test_a_process_that_takes_too_long_has_failed_and_is_dead(executor, job):
    local, children = executor(timeout_seconds=0.01)
    started = local.start(job)
    assert local.poll() == [(started, RunFailed("took longer than 0.01 seconds"))]
    local.end(started.folder)
    assert not children[0][0].is_alive()


def test_a_process_that_tells_of_epoch_after_epoch_still_takes_too_long(executor, job, epoch):
    local, children = executor(timeout_seconds=0.01)
    started = local.start(job)
    children[0][1].send(EpochEnded(epoch(1, 0.5)))
    time.sleep(0.02)
    assert local.poll() == [(started, RunFailed("took longer than 0.01 seconds"))]


def test_a_process_that_has_ended_has_not_taken_too_long(executor, job):
    local, children = executor(timeout_seconds=0.01)
    started = local.start(job)
    children[0][1].send(RunEnded(None))
    assert local.poll() == [(started, RunEnded(None))]


def test_a_job_that_is_ended_has_no_process(executor, job):
    local, children = executor()
    local.end(local.start(job).folder)
    assert not children[0][0].is_alive()
    assert local.poll() == []


def test_jobs_are_placed_on_the_gpus_with_the_most_room(executor, tiny, tmp_path):
    local, _ = executor(gpus=("4", "6"), share=0.5)
    jobs = [
        Job(planned_document(tiny()), tmp_path / str(number), Origin("small", number)) for number in range(4)
    ]
    assert [local.start(job).gpus for job in jobs] == [("4",), ("6",), ("4",), ("6",)]
