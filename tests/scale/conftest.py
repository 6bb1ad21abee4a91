"""More than one machine: these tests run with ``make test-scale`` alone, which installs what they need."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import optuna
import pytest
import small_study


@dataclass(frozen=True)
class Farm:
    """A study at a server, and programs that work on it."""

    folder: Path
    url: str
    name: str

    def program(self, command: str, *options: str, runs: str = "runs") -> subprocess.Popen[str]:
        spec = ["spec.yaml"] if command == "tune" else []
        study = [self.name] if command == "fetch" else ["--study", self.name]
        where = ["--storage", self.url, "--runs", runs]
        return small_study.program(self.folder, command, *spec, *study, *where, *options)

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
        return small_study.epochs(self.folder / runs / self.name)


@pytest.fixture
def farm(postgres: str, tmp_path: Path, request: pytest.FixtureRequest) -> Farm:
    (tmp_path / "spec.yaml").write_text(small_study.spec(epochs=6, batch_size=20))
    return Farm(tmp_path, postgres, f"farm-{abs(hash(request.node.name)) % 10**8}")
