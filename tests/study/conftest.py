"""A spec small enough that a trial takes a second, and searches of it, here and as a program."""

import copy
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import optuna
import psutil
import pytest

from dnsearch.records.record import EpochRecord, Metrics, RunRecord
from dnsearch.records.store import RunFolder
from dnsearch.spec.document import Document, parse
from dnsearch.spec.writing import written
from dnsearch.study.book.database import default_url
from dnsearch.study.book.ledger import Ledger
from dnsearch.study.book.storage import open_study
from dnsearch.study.request import Request
from dnsearch.study.search import search
from dnsearch.study.work.messages import SearchEvent

SPEC = {
    "version": 1,
    "name": "tiny",
    "network": {"growth_rate": 4, "layers_per_block": [1, 1]},
    "data": {"source": "digits", "training_examples": 200},
    "training": {"epochs": 2, "batch_size": 50, "learning_rate": 0.1},
    "tune": {
        "pruner": "none",
        "parameters": {
            "network.growth_rate": {"int": [2, 4]},
            "training.learning_rate": {"float": [0.01, 0.2], "log": True},
        },
    },
}


@pytest.fixture(scope="session")
def tiny() -> Callable[..., Document]:
    """The small spec; keyword arguments are the ``tune`` section's, ``values`` any others by dotted path."""

    def made(values: dict | None = None, **tune: object) -> Document:
        spec = copy.deepcopy(SPEC)
        spec["tune"] |= tune
        for path, value in (values or {}).items():
            section, key = path.split(".")
            spec[section][key] = value
        return parse(written(spec).encode(), "tiny.yaml")

    return made


@pytest.fixture
def ledger(tiny, tmp_path) -> Callable[..., Ledger]:
    """An empty study's book; arguments as for ``tiny``."""

    def opened(values: dict | None = None, **tune: object) -> Ledger:
        document = tiny(values, **tune)
        experiment = document.experiment
        study = open_study(default_url(tmp_path), "small", experiment, experiment.tune)
        return Ledger(study, document, experiment.tune)

    return opened


@pytest.fixture(scope="session")
def epoch() -> Callable[..., EpochRecord]:
    """An epoch with a given validation accuracy."""

    def made(number: int, accuracy: float) -> EpochRecord:
        metrics = Metrics(1.0, accuracy, 144)
        return EpochRecord(number, 0.1, metrics, metrics, 0.5, 1000.0)

    return made


class Searching:
    """A study in a folder of its own, and what can be asked of it."""

    def __init__(self, folder: Path, document: Document) -> None:
        self.folder, self.document = folder, document
        self.url = default_url(folder)

    def request(self, trials: int, workers: int = 1, cards: tuple[str, ...] = ()) -> Request:
        tune = self.document.experiment.tune
        shape, classes = (8, 8, 1), 10
        return Request(
            self.document, tune, shape, classes, self.folder, self.url, trials, workers, cards=cards
        )

    def start(
        self,
        trials: int,
        workers: int = 1,
        interrupts: Callable[[], int] = lambda: 0,
        cards: tuple[str, ...] = (),
    ) -> Iterator[SearchEvent]:
        return search(self.request(trials, workers, cards), interrupts)

    def run(self, trials: int, workers: int = 1) -> list[SearchEvent]:
        return list(self.start(trials, workers))

    def study(self) -> optuna.Study:
        return optuna.load_study(study_name=self.folder.name, storage=self.url)

    def enqueue(self, **values: object) -> None:
        """What the next new trial shall ask for, whatever the sampler thinks of it."""
        self.study().enqueue_trial({key.replace("__", "."): value for key, value in values.items()})

    def states(self) -> list[str]:
        return [trial.state.name for trial in self.study().trials]

    def trial(self, number: int) -> RunFolder:
        return RunFolder(self.folder / f"trial-{number:04d}")

    def records(self) -> list[RunRecord]:
        return [RunFolder(path.parent).read() for path in sorted(self.folder.glob("trial-*/run.json"))]


@pytest.fixture(scope="module")
def searching(tmp_path_factory, tiny) -> Callable[..., Searching]:
    """Makes a study that nobody has searched yet; arguments as for ``tiny``."""

    def made(values: dict | None = None, **tune: object) -> Searching:
        folder = tmp_path_factory.mktemp("runs") / "small"
        return Searching(folder, tiny(values, **tune))

    return made


TUNE_SPEC = """\
version: 1
name: tiny
network: {growth_rate: 4, layers_per_block: [1, 1]}
data: {source: digits, training_examples: 200}
training: {epochs: 8, batch_size: 20, learning_rate: 0.1}
tune:
  pruner: none
  parameters:
    network.growth_rate: {int: [2, 4]}
    training.learning_rate: {float: [0.01, 0.2], log: true}
"""


@dataclass(frozen=True)
class Tune:
    """A ``tune`` in a folder, in a process group of its own."""

    folder: Path

    def start(self, *options: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [
                sys.executable,
                "-c",
                "from dnsearch.cli.main import main; main()",
                "tune",
                "spec.yaml",
                *options,
            ],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    @property
    def study(self) -> Path:
        return self.folder / "runs" / "tiny"

    def states(self) -> list[str]:
        url = f"sqlite:///{self.study / 'study.db'}"
        return [trial.state.name for trial in optuna.load_study(study_name="tiny", storage=url).trials]

    def epochs(self) -> dict[str, list[int]]:
        folders = [RunFolder(path) for path in sorted(self.study.glob("trial-*"))]
        return {folder.name: [epoch.epoch for epoch in folder.epochs()] for folder in folders}

    def half_way(self) -> bool:
        """Two trials have ended, and another one is in the middle."""
        counts = [len(epochs) for epochs in self.epochs().values()]
        return counts.count(8) >= 2 and any(0 < count < 7 for count in counts)

    @staticmethod
    def wait_until(true: Callable[[], object], seconds: float = 120) -> None:
        until = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < until, "waited in vain"
            time.sleep(0.02)

    @staticmethod
    def left_alive(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
        """Those that are still at work after so long; a zombie is not."""
        until = time.monotonic() + seconds
        while (left := [each for each in processes if at_work(each)]) and time.monotonic() < until:
            time.sleep(0.02)
        return left


def at_work(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture(scope="module")
def tuning(tmp_path_factory) -> Callable[..., Tune]:
    """Makes a folder with a spec in which some fields have other values; nobody has searched it yet."""

    def made(**changes: object) -> Tune:
        folder = tmp_path_factory.mktemp("tuning")
        text = TUNE_SPEC
        for old, new in changes.items():
            text = re.sub(rf"\b{old}: \w+", f"{old}: {new}", text)
        (folder / "spec.yaml").write_text(text)
        return Tune(folder)

    return made
