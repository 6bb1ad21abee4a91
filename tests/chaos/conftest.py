"""A tiny search as a program of its own, what can be seen of it, and what can be done to it."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import optuna
import psutil
import pytest

from dnsearch.records.record import RunRecord
from dnsearch.records.store import RunFolder

SPEC = """\
version: 1
name: tiny
network: {growth_rate: 4, layers_per_block: [1, 1]}
data: {source: digits, training_examples: 400}
training: {epochs: 6, batch_size: 20, learning_rate: 0.1}
tune:
  pruner: PRUNER
  keep: 3
  parameters:
    network.growth_rate: {int: [2, 4]}
    training.learning_rate: {float: [0.001, 0.2], log: true}
"""
TRIALS = 10
PROGRAM = [sys.executable, "-c", "from dnsearch.cli.main import main; main()"]


@dataclass
class Tune:
    """A search in a folder, and the sitting of it that goes on."""

    folder: Path
    running: subprocess.Popen[str] | None = None
    family: list[psutil.Process] = field(default_factory=list)

    @property
    def study(self) -> Path:
        return self.folder / "runs" / "tiny"

    def start(self, *options: str) -> subprocess.Popen[str]:
        """Another sitting, in a process group of its own."""
        said = (self.folder / "said.txt").open("w")
        with said:
            self.running = subprocess.Popen(
                [*PROGRAM, "tune", "spec.yaml", "--trials", str(TRIALS), "--workers", "2", *options],
                cwd=self.folder,
                stdout=subprocess.DEVNULL,
                stderr=said,
                text=True,
                start_new_session=True,
            )
        return self.running

    def said(self) -> str:
        return (self.folder / "said.txt").read_text()

    def look(self) -> None:
        """Remember the processes of the sitting; without their parents they cannot be found any more."""
        if self.running is not None:
            with suppress(psutil.NoSuchProcess):
                self.family = psutil.Process(self.running.pid).children(recursive=True)

    def children(self) -> list[int]:
        """The processes that train now."""
        self.look()
        mine = {process.pid for process in self.family}
        return [pid for record in self.records() if (pid := record.process.get("pid")) in mine]

    def records(self) -> list[RunRecord]:
        return [RunFolder(path.parent).read() for path in sorted(self.study.glob("trial-*/run.json"))]

    def trials(self) -> list[optuna.trial.FrozenTrial]:
        """The book; empty before there is one."""
        if not (self.study / "study.db").exists():
            return []
        try:
            study = optuna.load_study(study_name="tiny", storage=f"sqlite:///{self.study / 'study.db'}")
        except KeyError:  # killed between making the database and making the study
            return []
        return study.trials

    def epochs(self, number: int) -> list[int]:
        return [epoch.epoch for epoch in RunFolder(self.study / f"trial-{number:04d}").epochs()]

    def survivors(self, seconds: float = 5) -> list[psutil.Process]:
        """Processes of the sitting that are still at work after so long."""
        until = time.monotonic() + seconds
        while (left := [each for each in self.family if _at_work(each)]) and time.monotonic() < until:
            time.sleep(0.05)
        return left


def _at_work(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def tuning(tmp_path) -> Iterator[Callable[[str], Tune]]:
    """Makes a search by its pruner; on a disk of its own where that can be had."""
    made = []

    def make(pruner: str) -> Tune:
        (tmp_path / "spec.yaml").write_text(SPEC.replace("PRUNER", pruner))
        made.append(Tune(tmp_path))
        return made[-1]

    yield make
    for tune in made:
        if tune.running is not None:
            with suppress(ProcessLookupError):
                os.killpg(tune.running.pid, signal.SIGKILL)
            tune.running.wait()


@pytest.fixture
def disk(tmp_path) -> Iterator[Callable[[bool], None] | None]:
    """A disk of 16 MB for the runs, and a function that fills or empties it; None where none can be had."""
    mounted = tmp_path / "runs"
    mounted.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(mounted)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        yield None
        return

    def fill(full: bool) -> None:
        filler = mounted / "filler"
        if not full:
            filler.unlink(missing_ok=True)
            return
        with filler.open("wb", buffering=0) as file, suppress(OSError):  # trainings write at the same time
            while file.write(bytes(65536)):
                pass

    yield fill
    subprocess.run(["umount", "--lazy", str(mounted)], check=True)


@pytest.fixture
def locker() -> Callable[[Path, float], None]:
    """Holds a database, as a careless reader would, for so many seconds."""

    def hold(database: Path, seconds: float) -> None:
        with closing(sqlite3.connect(database, timeout=30, isolation_level=None)) as connection:
            connection.execute("begin exclusive")
            time.sleep(seconds)
            connection.execute("rollback")

    return hold
