"""The program as a person runs it: what it is told, what it prints where, and how it ends."""

import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from small_study import spec

from dnsearch.cli.main import main
from dnsearch.runs.folder import RunFolder
from dnsearch.runs.record import Metrics, Parameters, RunRecord


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str


Dnsearch = Callable[..., Ran]


def code_of(*arguments: object) -> Any:
    """Run the program here; returns its exit code. At its end it is deaf to Ctrl-C, and tests are not."""
    earlier = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["dnsearch", *map(str, arguments)])
        try:
            main()
        except SystemExit as leaving:
            return leaving.code or 0
        finally:
            for number, handler in earlier.items():
                signal.signal(number, handler)
    return 0


@pytest.fixture
def dnsearch(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Dnsearch:
    """Runs the program in an empty folder with ``spec.yaml``."""
    monkeypatch.chdir(tmp_path)
    Path("spec.yaml").write_text(spec())

    def run(*arguments: object) -> Ran:
        return Ran(code_of(*arguments), *capfd.readouterr())

    return run


@pytest.fixture(scope="session")
def tiny_run(tensorflow_ready: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run of two epochs; it is trained once, and each test works on a copy."""
    folder = tmp_path_factory.mktemp("tiny")
    (folder / "spec.yaml").write_text(spec())
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        code_of("train", "spec.yaml")
    return folder / "runs/tiny"


@pytest.fixture
def trained(dnsearch: Dnsearch, tiny_run: Path) -> Dnsearch:
    """The program, where there is the finished run ``runs/tiny``."""
    shutil.copytree(tiny_run, "runs/tiny")
    return dnsearch


@pytest.fixture
def run_folder() -> Callable[..., RunFolder]:
    """Makes the folder of a run that never was: ``path``, accuracy and whatever else the record shall say."""

    def made(path: Path, accuracy: float | None = 0.9, **changes: Any) -> RunFolder:
        path.mkdir(parents=True)
        last = None if accuracy is None else Metrics(0.3, accuracy, 180)
        fields: dict[str, Any] = {
            "name": path.name,
            "experiment": "tiny",
            "state": "finished",
            "fingerprint": "0123456789abcdef",
            "seed": 0,
            "settings": {"network.growth_rate": 4, "training.learning_rate": 0.1},
            "parameters": Parameters(1766, 136),
            "macs": 65_124,
            "epochs_planned": 2,
            "started_at": "2026-01-02T03:04:05+00:00",
            "epochs": 2 if last else 0,
            "last": last,
            "best": last,
            "best_epoch": 2 if last else None,
            "wall_seconds": 12.5,
        }
        folder = RunFolder(path)
        folder.write(RunRecord(**(fields | changes)))
        return folder

    return made
