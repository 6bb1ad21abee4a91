"""The ``tune`` program, killed and interrupted; and what its coordinator is made of."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import optuna
import psutil
import pytest

from dnsearch.records.record import EpochRecord
from dnsearch.records.scan import scan
from dnsearch.records.store import RunFolder
from dnsearch.records.study import read_study

pytestmark = pytest.mark.xdist_group("tune")

SPEC = """\
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


def wait_until(true: Callable[[], object], seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)


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
def tuning(tmp_path_factory) -> Callable[[], Tune]:
    def made() -> Tune:
        folder = tmp_path_factory.mktemp("tuning")
        (folder / "spec.yaml").write_text(SPEC)
        return Tune(folder)

    return made


@dataclass(frozen=True)
class Killed:
    """What was seen around a SIGKILL of the coordinator half-way."""

    tune: Tune
    maps: str
    resident_bytes: int
    orphans: list[psutil.Process]
    states: list[str]
    epochs: dict[str, list[int]]
    shown: list[str]
    again: subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def killed(tuning) -> Killed:
    tune = tuning()
    coordinator = tune.start("--trials", "6", "--workers", "2")
    wait_until(tune.half_way)
    process = psutil.Process(coordinator.pid)
    maps, resident = Path(f"/proc/{coordinator.pid}/maps").read_text(), process.memory_info().rss
    children = process.children(recursive=True)
    coordinator.kill()
    coordinator.communicate()
    orphans = left_alive(children, seconds=2)
    states, epochs = tune.states(), tune.epochs()
    shown = [record.state for record in scan([tune.study]).records]
    continued = tune.start("--trials", "6", "--workers", "2")
    said = continued.communicate(timeout=120)
    again = subprocess.CompletedProcess(continued.args, continued.returncode, *said)
    return Killed(tune, maps, resident, orphans, states, epochs, shown, again)


def test_the_coordinator_never_loads_tensorflow(killed):
    assert "tensorflow" not in killed.maps
    assert "sqlite" in killed.maps, "the maps were those of the coordinator"
    assert killed.resident_bytes < 250e6, f"{killed.resident_bytes:,} bytes are resident"


def test_no_child_outlives_its_coordinator(killed):
    assert killed.orphans == []


def test_the_kill_came_in_the_middle(killed):
    assert 2 <= killed.states.count("COMPLETE") < 6
    assert "RUNNING" in killed.states
    assert killed.shown.count("interrupted") >= 1, "the leaderboard says what has happened"
    assert "running" not in killed.shown


def test_the_next_search_ends_exactly_the_trials_that_were_asked_for(killed):
    assert killed.again.returncode == 0, killed.again.stderr
    assert killed.tune.states() == ["COMPLETE"] * 6
    assert [record.state for record in scan([killed.tune.study]).records] == ["finished"] * 6


def test_interrupted_trials_are_taken_up_again_and_no_epoch_is_done_twice(killed):
    after = killed.tune.epochs()
    assert after == {f"trial-{number:04d}": list(range(1, 9)) for number in range(6)}
    for name, before in killed.epochs.items():
        assert after[name][: len(before)] == before
    begun = [f"trial {int(name[-4:])} " for name, epochs in killed.epochs.items() if len(epochs) == 8]
    assert not any(killed.again.stderr.count(name) for name in begun), "what had ended is not done again"


def test_the_best_spec_is_there_and_trains(killed):
    best = killed.tune.study / "best.yaml"
    options = ["--set", "training.epochs=1", "--json"]
    trained = subprocess.run(
        [sys.executable, "-c", "from dnsearch.cli.main import main; main()", "train", str(best), *options],
        cwd=killed.tune.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert trained.returncode == 0, trained.stderr
    assert (killed.tune.folder / "runs" / "tiny-best" / "weights.npz").exists()


def test_two_searches_start_at_once_one_is_killed_and_the_other_ends_every_trial(tuning):
    tune = tuning()
    killed, other = (tune.start("--trials", "6") for _ in range(2))
    wait_until(tune.half_way)
    killed.kill()
    killed.communicate()
    _, said = other.communicate(timeout=120)
    assert other.returncode == 0, said
    assert tune.states() == ["COMPLETE"] * 6
    assert tune.epochs() == {f"trial-{number:04d}": list(range(1, 9)) for number in range(6)}


@dataclass(frozen=True)
class Interrupted:
    """Ctrl-C once while TensorFlow is being loaded; then twice in the middle; then none."""

    once: tuple[int, str, list[str], dict[str, list[int]]]
    twice: tuple[int, str, list[str], float]
    after: tuple[int, list[str], dict[str, list[int]]]


@pytest.fixture(scope="module")
def interrupted(tuning) -> Interrupted:
    tune = tuning()
    going = tune.start("--workers", "2", "--trials", "8")
    wait_until((tune.study / "trial-0000" / "run.json").exists)
    time.sleep(0.5)
    os.killpg(going.pid, signal.SIGINT)
    _, said = going.communicate(timeout=60)
    once = going.returncode, said, tune.states(), tune.epochs()

    going = tune.start("--workers", "2", "--trials", "4")
    ended = len(once[2])
    wait_until(lambda: any(0 < len(each) < 7 for each in list(tune.epochs().values())[ended:]))
    began = time.monotonic()
    os.killpg(going.pid, signal.SIGINT)
    time.sleep(0.1)
    os.killpg(going.pid, signal.SIGINT)
    _, said = going.communicate(timeout=60)
    twice = going.returncode, said, tune.states(), time.monotonic() - began

    going = tune.start("--workers", "2", "--trials", "4")
    going.communicate(timeout=120)
    return Interrupted(once, twice, (going.returncode, tune.states(), tune.epochs()))


def test_ctrl_c_lets_the_running_trials_end_even_while_tensorflow_is_being_loaded(interrupted):
    code, said, states, epochs = interrupted.once
    assert code == 130
    assert "letting the running trials end (Ctrl-C again stops them)…" in said
    assert set(states) == {"COMPLETE"}
    assert 1 <= len(states) <= 2
    assert all(len(each) == 8 for each in epochs.values())
    assert "best network: runs/tiny/best.yaml" in said


def test_ctrl_c_twice_stops_at_once(interrupted):
    code, said, states, seconds = interrupted.twice
    assert code == 130
    assert "stopping the running trials…" in said
    assert "RUNNING" in states
    assert seconds < 10
    assert "Traceback" not in said


def test_the_next_search_goes_on_where_ctrl_c_left_it(interrupted):
    code, states, epochs = interrupted.after
    assert code == 0
    assert states == ["COMPLETE"] * 4
    assert epochs == {f"trial-{number:04d}": list(range(1, 9)) for number in range(4)}


RUNG, LAST = 3, 9


@dataclass(frozen=True)
class KilledAtARung:
    """What was there when the coordinator was killed while trials waited, and after the next search."""

    tune: Tune
    waiting: dict[str, list[EpochRecord]]
    begun: dict[str, list[int]]
    said: str


def waits(tune: Tune) -> list[RunFolder]:
    """The trials that wait at a rung, as their folders say."""
    folders = [RunFolder(path.parent) for path in sorted(tune.study.glob("trial-*/run.json"))]
    return [folder for folder in folders if folder.read().state == "paused"]


@pytest.fixture(scope="module")
def killed_at_a_rung(tuning) -> KilledAtARung:
    tune = tuning()
    text = SPEC.replace("pruner: none", "pruner: halving").replace("epochs: 8", f"epochs: {LAST}")
    (tune.folder / "spec.yaml").write_text(text)
    coordinator = tune.start("--trials", "8", "--workers", "2")
    wait_until(lambda: len(waits(tune)) >= 2 and any(0 < len(each) < RUNG for each in tune.epochs().values()))
    children = psutil.Process(coordinator.pid).children(recursive=True)
    coordinator.kill()
    coordinator.communicate()
    assert left_alive(children, seconds=2) == []
    waiting = {folder.name: folder.epochs() for folder in waits(tune)}
    begun, states = tune.epochs(), tune.states()
    assert states.count("RUNNING") > len(waiting) >= 2, "some wait and one is in the middle"
    continued = tune.start("--trials", "8", "--workers", "2")
    _, said = continued.communicate(timeout=120)
    assert continued.returncode == 0, said
    return KilledAtARung(tune, waiting, begun, said)


def test_a_kill_while_trials_wait_loses_none_and_leaves_none_running(killed_at_a_rung):
    states = killed_at_a_rung.tune.states()
    assert len(states) == 8
    assert set(states) == {"COMPLETE", "PRUNED"}
    records = scan([killed_at_a_rung.tune.study]).records
    words = {"COMPLETE": "finished", "PRUNED": "pruned"}
    assert sorted(record.state for record in records) == sorted(words[state] for state in states)


def test_each_epoch_is_trained_once_though_the_coordinator_was_killed(killed_at_a_rung):
    after = killed_at_a_rung.tune.epochs()
    records = {record.name: record for record in scan([killed_at_a_rung.tune.study]).records}
    for name, epochs in after.items():
        last = LAST if records[name].state == "finished" else RUNG
        assert epochs == list(range(1, last + 1)), name
        before = killed_at_a_rung.begun.get(name, [])
        assert epochs[: len(before)] == before, name


def test_what_waited_is_not_trained_again_up_to_its_rung(killed_at_a_rung):
    for name, before in killed_at_a_rung.waiting.items():
        after = RunFolder(killed_at_a_rung.tune.study / name).epochs()
        assert len(before) == RUNG
        assert after[:RUNG] == before, "with the same times: they are the same epochs"


def test_the_study_s_facts_count_every_epoch_once(killed_at_a_rung):
    facts = read_study(killed_at_a_rung.tune.study)
    states = killed_at_a_rung.tune.states()
    finished, pruned = states.count("COMPLETE"), states.count("PRUNED")
    assert facts.state == "ended"
    assert facts.trials == {"finished": finished, "pruned": pruned}
    assert facts.epochs_trained == LAST * finished + RUNG * pruned
    assert facts.epochs_saved == (LAST - RUNG) * pruned
