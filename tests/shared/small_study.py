"""A spec whose trials take a second, and ``dnsearch`` as a program of its own that works on it."""

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
import psutil
import sqlalchemy
from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import SQLAlchemyError

from dnsearch.runs.folder import RunFolder
from dnsearch.runs.record import RunRecord
from dnsearch.search.messages import Request
from dnsearch.search.trial_store import TrialStore, writable

SPEC = """\
version: 1
name: tiny
network: {growth_rate: 4, layers_per_block: [1, 1]}
data: {source: digits, training_examples: 200}
training: {epochs: 2, batch_size: 50, learning_rate: 0.1}
tune:
  pruner: none
  parameters:
    network.growth_rate: {int: [2, 4]}
    training.learning_rate: {float: [0.01, 0.2], log: true}
"""


def spec(**changes: object) -> str:
    """The spec with other values for some fields.

    >>> "{epochs: 8, batch_size: 20, learning_rate: 0.1}" in spec(epochs=8, batch_size=20)
    True
    """
    text = SPEC
    for field, value in changes.items():
        text, times = re.subn(rf"\b{field}: \w+", f"{field}: {value}", text)
        assert times == 1, f"the small spec says {field} {times} times"
    return text


def program(folder: Path, *arguments: str, **how: Any) -> subprocess.Popen[str]:
    """``dnsearch`` at work in a folder; what it says is caught unless ``how`` tells where it goes."""
    command = [sys.executable, "-c", "from dnsearch.cli.main import main; main()", *arguments]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=folder, text=True, **(streams | how))


@dataclass(frozen=True)
class Tune:
    """``dnsearch tune`` on the spec of a folder, and what can be seen of it from outside."""

    folder: Path

    def start(self, *options: str, **how: Any) -> subprocess.Popen[str]:
        """A sitting, in a process group of its own."""
        return program(self.folder, "tune", "spec.yaml", *options, start_new_session=True, **how)

    @property
    def study(self) -> Path:
        return self.folder / "runs" / "tiny"

    def trials(self) -> list[optuna.trial.FrozenTrial]:
        """The trials; none before there is a study."""
        if not (self.study / "study.db").exists():
            return []
        return trials_in(f"sqlite:///{self.study / 'study.db'}")

    def states(self) -> list[str]:
        return [trial.state.name for trial in self.trials()]

    def records(self) -> list[RunRecord]:
        return [RunFolder(path.parent).read() for path in sorted(self.study.glob("trial-*/run.json"))]

    def epochs(self) -> dict[str, list[int]]:
        return epochs(self.study)


def trials_in(url: str) -> list[optuna.trial.FrozenTrial]:
    """The trials of the study in a database; none while there are no tables, no study or no server.

    Optuna makes the tables where they are missing, and the search, which makes them at the same moment,
    would stumble over them; so the study is looked for without it first. No connection is left open: a
    server has a hundred.
    """
    engines = [sqlalchemy.create_engine(url)]
    try:
        with engines[0].connect() as connection:
            if not connection.execute(sqlalchemy.text("SELECT 1 FROM studies")).first():
                return []
        storage = optuna.storages.RDBStorage(url)
        engines.append(storage.engine)
        return optuna.load_study(study_name="tiny", storage=storage).trials
    except (SQLAlchemyError, StorageInternalError):
        return []
    finally:
        for engine in engines:
            engine.dispose()


def epochs(study: Path) -> dict[str, list[int]]:
    """Trial → the epochs that its folder has, in their order."""
    folders = [RunFolder(path) for path in sorted(study.glob("trial-*"))]
    return {folder.name: [epoch.epoch for epoch in folder.epochs()] for folder in folders}


def opened(request: Request) -> TrialStore:
    """A study's trials, as a search finds them; its lock is not held any more."""
    with writable(request) as store:
        return store


def wait_until(true: Callable[[], object], seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)


def left_alive(processes: Iterable[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Those that are still at work after so long; a zombie is not."""
    processes, until = list(processes), time.monotonic() + seconds
    while (left := [each for each in processes if _at_work(each)]) and time.monotonic() < until:
        time.sleep(0.02)
    return left


def _at_work(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
