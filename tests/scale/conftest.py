"""More than one machine: these tests run with ``make test-scale`` alone, which installs what they need."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import optuna
import pytest
import small_study
from postgres import Server, programs, server

from dnsearch.search.database import default_url


@dataclass
class Farm:
    """A study, and programs that search it.

    Args:
        folder: where the programs run; the spec is there.
        url: the study's database; None: SQLite in the study's folder.
    """

    folder: Path
    url: str | None = None

    @property
    def study(self) -> Path:
        return self.folder / "runs" / "tiny"

    def start(self, *options: str, runs: str = "runs") -> subprocess.Popen[str]:
        where = ["--runs", runs, *(["--storage", self.url] if self.url else [])]
        command = ["tune", "spec.yaml", "--workers", "2", *where, *options]
        return small_study.program(self.folder, *command, start_new_session=True)

    def run(self, *options: str, runs: str = "runs", seconds: float = 240) -> tuple[int, str]:
        program = self.start(*options, runs=runs)
        _, said = program.communicate(timeout=seconds)
        return program.returncode, said

    def trials(self) -> list[optuna.trial.FrozenTrial]:
        """The trials so far; none while there is no study or no server."""
        if self.url is None and not (self.study / "study.db").exists():
            return []
        return small_study.trials_in(self.url or default_url(self.study))

    def states(self) -> list[str]:
        return [trial.state.name for trial in self.trials()]

    def reported(self) -> int:
        """How many epochs have been reported."""
        return sum(len(trial.intermediate_values) for trial in self.trials())

    def epochs(self, runs: str = "runs") -> dict[str, list[int]]:
        return small_study.epochs(self.folder / runs / "tiny")

    def in_the_middle(self) -> bool:
        """Whether a trial is past its last rung and not at its end."""
        return any(6 < len(trial.intermediate_values) < EPOCHS - 1 for trial in self.trials())


@pytest.fixture
def farm(tmp_path: Path) -> Farm:
    """A study whose trials do not depend on the order in which they end."""
    if not os.environ.get("DNSEARCH_SCALE"):
        pytest.skip("make test-scale starts the servers and clusters that this needs")
    text = small_study.spec(epochs=EPOCHS, batch_size=4, training_examples=600)
    (tmp_path / "spec.yaml").write_text(text.replace("tune:\n", "tune:\n  sampler: random\n"))
    return Farm(tmp_path)


EPOCHS = 15
"""With rungs after 2 and 6, and of 150 steps each, so that nobody who looks misses the middle of a trial."""


@pytest.fixture
def database(farm: Farm) -> Iterator[Server]:
    """A PostgreSQL of our own, which can be restarted; the farm's study is in it."""
    if programs() is None:
        pytest.exit("no PostgreSQL found, so nothing was checked: apt-get install postgresql", returncode=1)
    with server() as started:
        farm.url = started.url
        yield started


@pytest.fixture
def cluster(farm: Farm):
    """A Ray cluster: a head without processors, where the coordinator is, and two nodes with one each."""
    from ray.cluster_utils import Cluster

    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    nodes.workers = [nodes.add_node(num_cpus=1) for _ in range(2)]
    yield nodes
    nodes.shutdown()
