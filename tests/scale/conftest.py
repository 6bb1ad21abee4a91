"""More than one machine: these tests run with ``make test-scale`` alone, which installs what they need."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import optuna
import pytest
from postgres import programs, server

from dnsearch.records.store import RunFolder


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL of our own."""
    if not os.environ.get("DNSEARCH_SCALE"):
        pytest.skip("make test-scale starts the servers and clusters that this needs")
    if programs() is None:
        pytest.exit("no PostgreSQL found, so nothing was checked: apt-get install postgresql", returncode=1)
    with server() as url:
        yield url


SPEC = """\
version: 1
name: tiny
network: {growth_rate: 4, layers_per_block: [1, 1]}
data: {source: digits, training_examples: 200}
training: {epochs: 6, batch_size: 20, learning_rate: 0.1}
tune:
  pruner: none
  parameters:
    network.growth_rate: {int: [2, 4]}
    training.learning_rate: {float: [0.01, 0.2], log: true}
"""


@dataclass(frozen=True)
class Farm:
    """A study at a server, and programs that work on it."""

    folder: Path
    url: str
    name: str

    def program(self, command: str, *options: str, runs: str = "runs") -> subprocess.Popen[str]:
        program = [sys.executable, "-c", "from dnsearch.cli.main import main; main()", command]
        spec = ["spec.yaml"] if command == "tune" else []
        study = [self.name] if command == "fetch" else ["--study", self.name]
        return subprocess.Popen(
            [*program, *spec, *study, "--storage", self.url, "--runs", runs, *options],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, command: str, *options: str, runs: str = "runs") -> tuple[int, str]:
        program = self.program(command, *options, runs=runs)
        _, said = program.communicate(timeout=120)
        return program.returncode, said

    def trials(self) -> list[optuna.trial.FrozenTrial]:
        storage = optuna.storages.RDBStorage(self.url)
        try:
            return optuna.load_study(study_name=self.name, storage=storage).trials
        finally:
            storage.remove_session()
            storage.engine.dispose()

    def states(self) -> list[str]:
        return [trial.state.name for trial in self.trials()]

    def epochs(self, runs: str = "runs") -> dict[str, list[int]]:
        folders = [RunFolder(path) for path in sorted((self.folder / runs / self.name).glob("trial-*"))]
        return {folder.name: [epoch.epoch for epoch in folder.epochs()] for folder in folders}

    def wait_until(self, true: Callable[[], object], seconds: float = 90) -> None:
        until = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < until, "waited in vain"
            time.sleep(0.05)


@pytest.fixture
def farm(postgres: str, tmp_path: Path, request: pytest.FixtureRequest) -> Farm:
    (tmp_path / "spec.yaml").write_text(SPEC)
    return Farm(tmp_path, postgres, f"farm-{abs(hash(request.node.name)) % 10**8}")
