"""A tiny search as a program of its own, what can be seen of it, and what can be done to it."""

import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from small_study import Tune, left_alive, spec

TRIALS = 10


@dataclass
class Sittings:
    """A search, and the sitting of it that goes on."""

    search: Tune
    running: subprocess.Popen[str] | None = None
    family: list[psutil.Process] = field(default_factory=list)

    def start(self, *options: str) -> subprocess.Popen[str]:
        """Another sitting."""
        wanted = ("--trials", str(TRIALS), "--workers", "2", *options)
        file = self.search.folder / "said.txt"
        file.unlink(missing_ok=True)  # an earlier sitting may still write to it
        with file.open("w") as said:
            self.running = self.search.start(*wanted, stdout=subprocess.DEVNULL, stderr=said)
        return self.running

    def said(self) -> str:
        return (self.search.folder / "said.txt").read_text()

    def look(self) -> None:
        """Remember the processes of the sitting; without their parents they cannot be found any more."""
        if self.running is not None:
            with suppress(psutil.NoSuchProcess):
                self.family = psutil.Process(self.running.pid).children(recursive=True)

    def children(self) -> list[int]:
        """The processes that train now."""
        self.look()
        mine = {process.pid for process in self.family}
        return [pid for record in self.search.records() if (pid := record.process.get("pid")) in mine]

    def survivors(self) -> list[psutil.Process]:
        """Processes of the sitting that are still at work after a while."""
        return left_alive(self.family, seconds=30)


@pytest.fixture
def tuning(tmp_path) -> Iterator[Callable[[str], Sittings]]:
    """Makes a search by its pruner; on a disk of its own where that can be had."""
    made = []

    def make(pruner: str) -> Sittings:
        text = spec(training_examples=400, epochs=6, batch_size=20, pruner=pruner)
        text = text.replace("tune:\n", "tune:\n  keep: 3\n").replace("[0.01, 0.2]", "[0.001, 0.2]")
        (tmp_path / "spec.yaml").write_text(text)
        made.append(Sittings(Tune(tmp_path)))
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
