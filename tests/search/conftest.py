"""A spec small enough that a trial takes a second, and searches of it, here and as a program."""

from collections.abc import Callable, Iterator
from pathlib import Path

import optuna
import pytest
from small_study import Tune, spec

from dnsearch.runs.folder import RunFolder
from dnsearch.runs.record import EpochRecord, Metrics, RunRecord
from dnsearch.search.coordinator import search
from dnsearch.search.database import default_url, storage
from dnsearch.search.feasibility import SearchSpec
from dnsearch.search.messages import Request, SearchEvent
from dnsearch.search.study_lock import StudyLock
from dnsearch.search.study_metadata import open_study, study_in
from dnsearch.search.trial_store import TrialStore
from dnsearch.spec.document import Document, parse
from dnsearch.spec.tree import plain
from dnsearch.spec.yaml import read, written


@pytest.fixture(scope="session")
def tiny() -> Callable[..., Document]:
    """The small spec; keyword arguments are the ``tune`` section's, ``values`` any others by dotted path."""

    def made(values: dict | None = None, **tune: object) -> Document:
        told = plain(read(spec().encode(), "tiny.yaml"))
        told["tune"] |= tune
        for path, value in (values or {}).items():
            section, key = path.split(".")
            told[section][key] = value
        return parse(written(told).encode(), "tiny.yaml")

    return made


@pytest.fixture
def new_store(tiny, tmp_path) -> Callable[..., TrialStore]:
    """An empty study's trials; arguments as for ``tiny``."""

    def opened(values: dict | None = None, **tune: object) -> TrialStore:
        document, url = tiny(values, **tune), default_url(tmp_path)
        experiment = document.experiment
        inside = storage(url)
        study = open_study(inside, "small", experiment, experiment.tune, study_in(inside, "small"))
        return TrialStore(study, inside, document, experiment.tune, StudyLock("small", url))

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

    def request(self, trials: int, workers: int = 1, gpus: tuple[str, ...] = ()) -> Request:
        tune = self.document.experiment.tune
        spec = SearchSpec(self.document, tune, (8, 8, 1), 10)
        return Request(spec, self.folder, self.url, trials, workers, gpus=gpus)

    def start(
        self,
        trials: int,
        workers: int = 1,
        interrupts: Callable[[], int] = lambda: 0,
        gpus: tuple[str, ...] = (),
    ) -> Iterator[SearchEvent]:
        return search(self.request(trials, workers, gpus), interrupts)

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


@pytest.fixture(scope="module")
def tuning(tmp_path_factory) -> Callable[..., Tune]:
    """Makes a folder with a spec in which some fields have other values; nobody has searched it yet."""

    def made(**changes: object) -> Tune:
        folder = tmp_path_factory.mktemp("tuning")
        (folder / "spec.yaml").write_text(spec(**({"epochs": 8, "batch_size": 20} | changes)))
        return Tune(folder)

    return made
