"""Searches in hard times: used-up memory, a child that hangs, little room on the disk, cards to share."""

import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import pytest

from dnsearch.errors import RunError, StudyError
from dnsearch.report.columns import COLUMNS
from dnsearch.report.ranking import rank
from dnsearch.runs.cleaning import clean
from dnsearch.runs.folder import RunFolder
from dnsearch.search import database
from dnsearch.search.local_executor import memory_kills
from dnsearch.search.messages import TrialEnded, TrialProgressed, TrialStarted
from dnsearch.spec.document import fingerprint, parse

pytestmark = pytest.mark.xdist_group("tune")

LARGE = """\
version: 1
name: large
network: {growth_rate: 24, layers_per_block: [4, 4]}
data: {source: digits}
training: {epochs: 1, batch_size: 1400, learning_rate: 0.1, memory: plain}
tune: {parameters: {network.growth_rate: [24, 32]}}
"""
"""A process that trains this has 1,240 MB, and 840 MB where each batch is worked through in two parts."""

PROGRAM = [sys.executable, "-c", "from dnsearch.cli.main import main; main()"]


@pytest.fixture
def tuned(tmp_path):
    """Runs ``tune`` with one trial of the large network, after ``prepare`` in its process."""
    (tmp_path / "large.yaml").write_text(LARGE)

    def run(prepare):
        command = [*PROGRAM, "tune", "large.yaml", "--trials", "1"]
        done = subprocess.run(
            command,
            cwd=tmp_path,
            preexec_fn=prepare,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return done, RunFolder(tmp_path / "runs" / "large" / "trial-0000")

    return run


@pytest.fixture
def memory_group():
    """A control group of the system's, with so many bytes; returns how a process joins it."""
    old = Path("/sys/fs/cgroup/memory")
    group = (old if old.is_dir() else Path("/sys/fs/cgroup")) / f"dnsearch-{os.getpid()}"
    limit = group / ("memory.limit_in_bytes" if old.is_dir() else "memory.max")
    try:
        group.mkdir()
        if not limit.exists():
            raise OSError
    except OSError:
        with suppress(OSError):
            group.rmdir()
        pytest.skip("only root may make a control group, and not in every container")

    def joining(size):
        limit.write_text(str(size))
        return lambda: (group / "cgroup.procs").write_text(str(os.getpid()))

    yield joining
    until = time.monotonic() + 10
    while group.exists() and time.monotonic() < until:
        with suppress(OSError):  # the last processes are still on their way out
            group.rmdir()
        time.sleep(0.1)


def check_done_in_parts(done, folder):
    """The trial ended well in two parts, is still the trial that was asked for, and everything says so."""
    record = folder.read()
    assert done.returncode == 0, done.stderr
    assert "trial 0  out of memory; trying again with each batch in 2 parts\n" in done.stderr
    assert "trial 0  finished  in 2 parts for lack of memory  validation" in done.stderr
    assert (record.state, record.parts, record.epochs, record.reason) == ("finished", 2, 1, "")
    asked = parse(LARGE.encode(), "large.yaml").experiment
    assert record.fingerprint == fingerprint(asked)
    assert record.settings["training.accumulate"] == 1
    assert "accumulate: 1\n" in folder.resolved.read_text()
    assert not (folder.path.parent / "trial-0001").exists(), "it is no other trial"
    (row,) = rank([record])
    assert COLUMNS["state"].cell(row) == "finished in 2 parts"


@pytest.mark.slow
def test_a_trial_that_the_system_kills_for_its_memory_is_tried_again_in_parts(tuned, memory_group):
    kills = memory_kills()
    done, folder = tuned(memory_group(1_100_000_000))
    check_done_in_parts(done, folder)
    assert memory_kills() > kills, "it was really killed"


@pytest.mark.slow
def test_a_trial_whose_address_space_is_too_small_is_tried_again_in_parts(tuned):
    def limited():
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # each thread takes address space, too
        resource.setrlimit(resource.RLIMIT_AS, (3_100_000_000, resource.RLIM_INFINITY))

    check_done_in_parts(*tuned(limited))


@pytest.mark.slow
def test_a_child_that_hangs_is_ended_by_the_time_out(searching):
    runs = searching({"training.epochs": 100_000}, trial_timeout_seconds=4)
    with closing(runs.start(1)) as going:
        for event in going:
            if isinstance(event, TrialProgressed) and event.epoch.epoch == 1:
                child = runs.trial(0).read().process["pid"]
                os.kill(child, signal.SIGSTOP)
                stopped = time.monotonic()
            ended = event
    assert isinstance(ended, TrialEnded)
    assert (ended.record.state, ended.record.reason) == ("failed", "took longer than 4 seconds")
    assert time.monotonic() - stopped < 60
    assert ended.record.epochs == 1
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_only_the_best_keep_their_checkpoints_and_weights(searching, tensorflow_ready):
    from dnsearch.evaluate.trained_run import trained

    runs = searching({"training.batch_size": 20}, keep=2)
    runs.run(4, workers=2)
    by_score = sorted(
        runs.records(), key=lambda each: (-each.last.accuracy, each.parameters.trainable, each.trial)
    )
    best = {record.trial for record in by_score[:2]}
    for number in range(4):
        folder = runs.trial(number)
        heavy = [folder.weights, folder.checkpoint, folder.previous_checkpoint]
        assert [path.exists() for path in heavy] == [number in best] * 3
        assert all(path.exists() for path in (folder.spec, folder.resolved, folder.epochs_file))
    assert clean(runs.folder, None, damaged=False, dry_run=True) == [], "the program agrees with the search"
    trained(runs.trial(by_score[0].trial))
    lost = runs.trial(by_score[3].trial)
    with pytest.raises(RunError, match="only the best keep their weights") as caught:
        trained(lost)
    assert f"Train it again: dnsearch train {lost.resolved}" in str(caught.value)


@contextmanager
def held(database, seconds):
    """The database in the hands of another process, which lets go of it after so long."""
    program = (
        "import sqlite3, sys, time; "
        "held = sqlite3.connect(sys.argv[1], isolation_level=None); held.execute('begin exclusive'); "
        "print(flush=True); time.sleep(float(sys.argv[2]))"
    )
    command = [sys.executable, "-c", program, str(database), str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holding:
        holding.stdout.readline()
        yield


@pytest.mark.slow
def test_a_database_that_somebody_else_holds_for_a_while_is_waited_for(searching):
    runs = searching()
    with ExitStack() as stack:
        for event in runs.start(2):
            if isinstance(event, TrialStarted) and event.job.origin.trial == 0:
                stack.enter_context(held(runs.folder / "study.db", 6))
    assert runs.states() == ["COMPLETE"] * 2
    assert [[epoch.epoch for epoch in runs.trial(number).epochs()] for number in (0, 1)] == [[1, 2]] * 2


def test_a_database_that_stays_locked_is_an_error_that_says_so(searching, monkeypatch):
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.5)
    runs = searching()
    with ExitStack() as stack, pytest.raises(StudyError) as caught:
        for event in runs.start(2):
            if isinstance(event, TrialStarted):
                stack.enter_context(held(runs.folder / "study.db", 6))
    assert "expected a database that can be used, found database is locked" in str(caught.value)
    assert runs.states() == ["RUNNING"]


def test_trials_are_placed_on_the_gpus_that_were_lent(searching, monkeypatch):
    runs = searching({"training.epochs": 1}, gpus_per_trial=0.5)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4, 6")
    events = list(runs.start(4, workers=3, gpus=("4", "6")))
    placed = [event.job.gpus for event in events if isinstance(event, TrialStarted)]
    assert placed[:3] == [("4",), ("6",), ("4",)]
    assert set(placed) == {("4",), ("6",)}
    assert runs.states() == ["COMPLETE"] * 4
    with pytest.raises(StudyError, match="expected GPUs of this machine: 4, 6, found no 0"):
        list(runs.start(5, gpus=("0",)))
