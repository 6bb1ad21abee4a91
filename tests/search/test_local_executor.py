"""Processes of this machine: what they tell, how they end and why, and which GPUs each one gets."""

import multiprocessing
import random
import signal
import subprocess
import sys
import time

import pytest

from dnsearch import environment, processes
from dnsearch.errors import StudyError
from dnsearch.front_door import planned_spec
from dnsearch.runs.record import Origin, opening
from dnsearch.search import local_executor
from dnsearch.search.local_executor import LocalExecutor, check_gpus, place, room
from dnsearch.search.messages import Job, Resources, RunFailed

CONTEXT = multiprocessing.get_context("spawn")


@pytest.fixture
def job(tiny, tmp_path):
    return Job(planned_spec(tiny()), tmp_path / "trial-0000", Origin("small", 0))


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
        log = tmp_path / "workers.log"
        made.append(LocalExecutor(Resources(log, 1, timeout_seconds=timeout_seconds, **options)))
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
    pipe.send(epoch(1, 0.5))
    assert local.poll() == [(started, epoch(1, 0.5))]
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
    children[0][1].send(epoch(1, 0.5))
    time.sleep(0.02)
    assert local.poll() == [(started, RunFailed("took longer than 0.01 seconds"))]


def test_a_process_that_has_ended_has_not_taken_too_long(executor, job):
    local, children = executor(timeout_seconds=0.01)
    started = local.start(job)
    record = opening("trial-0000", job.planned.experiment, None, None, job.origin)
    children[0][1].send(record)
    assert local.poll() == [(started, record)]


def test_a_job_that_is_ended_has_no_process(executor, job):
    local, children = executor()
    local.end(local.start(job).folder)
    assert not children[0][0].is_alive()
    assert local.poll() == []


def test_jobs_are_placed_on_the_gpus_with_the_most_room(executor, tiny, tmp_path):
    local, _ = executor(gpus=("4", "6"), gpus_per_run=0.5)
    jobs = [Job(planned_spec(tiny()), tmp_path / str(number), Origin("small", number)) for number in range(4)]
    assert [local.start(job).gpus for job in jobs] == [("4",), ("6",), ("4",), ("6",)]


@pytest.mark.parametrize(
    ("gpus", "share", "trials"),
    [
        (("0",), 1, 1),
        (("0", "1"), 0.5, 4),
        (("0",), 0.333, 3),
        (("0",), 0.4, 2),
        (("0",), 0.1, 10),
        (("0", "1", "2", "3", "4"), 2, 2),
        (("0",), 2, 0),
        ((), 0.5, 0),
    ],
)
def test_room_is_what_fits(gpus, share, trials):
    assert room(gpus, share) == trials


def test_work_spreads_before_it_stacks_and_a_freed_card_is_the_next_one():
    taken = []
    for _ in range(4):
        taken.append(place(("0", "1"), 0.5, taken))
    assert taken == [("0",), ("1",), ("0",), ("1",)]
    taken.remove(("0",))
    assert place(("0", "1"), 0.5, taken) == ("0",)


def test_several_cards_are_nobody_else_s():
    assert place(("0", "1", "2", "3"), 2, [("0", "1")]) == ("2", "3")
    assert place(("0", "1", "2", "3"), 2, [("2", "3")]) == ("0", "1")


@pytest.mark.parametrize("share", [0.2, 0.25, 0.34, 0.5, 1.0, 2.0, 3.0])
def test_no_card_ever_has_more_than_fits_whoever_ends_first(share):
    gpus, rng, taken = tuple("abcdefg"), random.Random(share), []
    for _ in range(500):
        if len(taken) == room(gpus, share) or (taken and rng.random() < 0.4):
            taken.pop(rng.randrange(len(taken)))
        else:
            taken.append(place(gpus, share, taken))
        for gpu in gpus:
            assert sum(gpu in each for each in taken) * min(share, 1) <= 1


@pytest.mark.parametrize(
    ("gpus", "share", "installed", "workers", "expected"),
    [
        (
            ("0",),
            1,
            (),
            1,
            "--gpus 0\n  expected a GPU, found no GPU on this machine\n"
            "  Without --gpus a search trains on whatever TensorFlow finds.",
        ),
        (("0", "7"), 1, ("0", "1"), 1, "--gpus 0,7\n  expected GPUs of this machine: 0, 1, found no 7\n"),
        (("1", "1"), 1, ("0", "1"), 1, "--gpus 1,1\n  expected each GPU once, found one of them twice"),
        (
            ("0", "1"),
            0.5,
            ("0", "1"),
            5,
            "--workers 5\n  expected at most 4 on --gpus 0,1, found 5\n"
            "  tune.gpus_per_trial is 0.5; name more GPUs, or lower one of the two.",
        ),
        (("0",), 2, ("0",), 1, "--workers 1\n  expected at most 0 on --gpus 0, found 1\n"),
    ],
)
def test_what_the_machine_cannot_give_is_refused(gpus, share, installed, workers, expected):
    with pytest.raises(StudyError) as caught:
        check_gpus(gpus, share, installed, workers)
    assert str(caught.value).startswith(expected)


def test_what_the_machine_has_is_taken():
    check_gpus(("0", "1"), 0.5, ("0", "1", "2"), 4)


SIGABRT, SIGKILL, SIGSEGV = (-number for number in (signal.SIGABRT, signal.SIGKILL, signal.SIGSEGV))


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "workers.log"
    path.write_text("terminate called after throwing an instance of 'std::bad_alloc'\n")
    return path


@pytest.mark.parametrize(
    "words",
    [
        "terminate called after throwing an instance of 'std::bad_alloc'",
        "CUDA_ERROR_OUT_OF_MEMORY: out of memory",
        "mmap: Cannot allocate memory",
        "  what():  Resource temporarily unavailable",
    ],
)
@pytest.mark.parametrize("exitcode", [SIGABRT, SIGSEGV])
def test_last_words_about_memory(log, words, exitcode):
    before = local_executor.measured(log)
    with log.open("a") as file:
        file.write(f"trial-0003: something else\n{words}\nAborted\n")
    expected = f"out of memory: the child process was killed by signal {-exitcode} after {words.strip()!r}"
    assert local_executor.explained(exitcode, before) == RunFailed(expected, memory=True)


def test_what_an_earlier_child_said_does_not_count(log):
    said = local_executor.explained(SIGABRT, local_executor.measured(log))
    assert said == RunFailed("the child process was killed by signal 6")


def test_a_limited_address_space_makes_a_lack_of_memory_likely(log, monkeypatch):
    monkeypatch.setattr(local_executor, "address_space_limit", lambda: 2_000_000_000)
    expected = "the child process was killed by signal 11, with an address space of 2,000,000,000 bytes"
    said = local_executor.explained(SIGSEGV, local_executor.measured(log))
    assert said == RunFailed(f"perhaps out of memory: {expected}", memory=True)


def test_without_a_log_nothing_is_claimed(tmp_path):
    before = local_executor.measured(tmp_path / "workers.log")
    assert before.length == 0
    (tmp_path / "workers.log").write_text("")
    assert local_executor.explained(SIGSEGV, before) == RunFailed("the child process was killed by signal 11")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (3, 3, "; the system killed nothing for a lack of memory meanwhile"),
        (None, None, "; the system kills with signal 9 when memory runs out"),
    ],
)
def test_a_kill_that_is_not_known_to_be_for_memory(log, monkeypatch, before, after, expected):
    counts = iter([before, after])
    monkeypatch.setattr(local_executor, "memory_kills", lambda: next(counts))
    said = local_executor.explained(SIGKILL, local_executor.measured(log))
    assert said == RunFailed(f"the child process was killed by signal 9{expected}")


def test_a_kill_that_the_system_counted(log, monkeypatch):
    counts = iter([3, 4])
    monkeypatch.setattr(local_executor, "memory_kills", lambda: next(counts))
    said = local_executor.explained(SIGKILL, local_executor.measured(log))
    expected = (
        "the child process was killed by signal 9, and the system killed a process for a lack of memory"
    )
    assert said == RunFailed(f"out of memory: {expected}", memory=True)


@pytest.mark.parametrize("exitcode", [0, 1, None])
def test_an_end_without_a_message(log, exitcode):
    expected = f"the child process ended without a message (exit code {exitcode})"
    assert local_executor.explained(exitcode, local_executor.measured(log)) == RunFailed(expected)


def test_the_system_counts_its_kills(monkeypatch, tmp_path):
    assert local_executor.memory_kills() is None or local_executor.memory_kills() >= 0
    for text, expected in (("nr_free 7\noom_kill 3\n", 3), ("nr_free 7\n", None)):
        (tmp_path / "vmstat").write_text(text)
        monkeypatch.setattr(local_executor, "VMSTAT", tmp_path / "vmstat")
        assert local_executor.memory_kills() == expected
    monkeypatch.setattr(local_executor, "VMSTAT", tmp_path / "nothing")
    assert local_executor.memory_kills() is None


def test_the_limit_of_the_address_space():
    program = "from dnsearch.search.local_executor import address_space_limit; print(address_space_limit())"
    command = ["sh", "-c", 'ulimit -v "$1" && exec "$2" -c "$3"', "sh", "2000000", sys.executable, program]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert int(said) == 2_000_000 * 1024
