"""How long commands take, beside the bare interpreter: processor time of whole processes."""

import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from dnsearch.runs.folder import RunFolder
from dnsearch.runs.record import Metrics, Parameters, RunRecord

PROGRAM = ["-c", "from dnsearch.cli.main import main; main()"]


def started(arguments, times):
    """A command in a folder with three runs and ``python -c pass``, in turn, so many times; medians."""
    bare, command = [], []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(3):
            _write_run(Path(folder) / "runs" / f"run-{number}")
        for _ in range(times):
            bare.append(_seconds(["-c", "pass"], folder))
            command.append(_seconds([*PROGRAM, *arguments], folder))
    return {"bare_seconds": statistics.median(bare), "command_seconds": statistics.median(command)}


def _seconds(arguments, folder):
    """User and system time of a child and of all that it starts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _write_run(path):
    path.mkdir(parents=True)
    metrics = Metrics(0.3, 0.9, 180)
    record = RunRecord(
        name=path.name,
        experiment="tiny",
        state="finished",
        fingerprint="0123456789abcdef",
        seed=0,
        settings={"network.growth_rate": 4, "training.learning_rate": 0.1},
        parameters=Parameters(1766, 136),
        macs=65_124,
        epochs_planned=2,
        started_at="2026-01-02T03:04:05+00:00",
        epochs=2,
        last=metrics,
        best=metrics,
        best_epoch=2,
    )
    RunFolder(path).write(record)
