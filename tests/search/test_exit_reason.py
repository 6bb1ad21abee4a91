"""Why a child died: by its exit code, its last words, and what the system counted."""

import signal
import subprocess
import sys

import pytest

from dnsearch.search import local_executor
from dnsearch.search.messages import RunFailed

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
