"""The ``tune`` program, killed and interrupted; and what its coordinator is made of."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from small_study import Tune, left_alive, wait_until

from dnsearch.runs.scan import scan, study_as_it_is
from dnsearch.search.study_summary import looking

pytestmark = pytest.mark.xdist_group("tune")


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
    told: tuple[str, str]
    again: subprocess.CompletedProcess[str]


def half_way(tune: Tune) -> bool:
    """Two trials have ended, and another one is in the middle."""
    counts = [len(epochs) for epochs in tune.epochs().values()]
    return counts.count(8) >= 2 and any(0 < count < 7 for count in counts)


@pytest.fixture(scope="module")
def killed(tuning) -> Killed:
    tune = tuning()
    coordinator = tune.start("--trials", "6", "--workers", "2")
    wait_until(lambda: half_way(tune))
    process = psutil.Process(coordinator.pid)
    maps, resident = Path(f"/proc/{coordinator.pid}/maps").read_text(), process.memory_info().rss
    children = process.children(recursive=True)
    coordinator.kill()
    coordinator.communicate()
    orphans = left_alive(children, seconds=30)
    states, epochs = tune.states(), tune.epochs()
    found = scan([tune.study]).records
    shown = [record.state for record in found]
    booked, study = looking(f"sqlite:///{tune.study / 'study.db'}", "tiny")()
    assert [record.state for record in booked].count("interrupted") == states.count("RUNNING")
    told = study_as_it_is(tune.study, found).state, study.state
    continued = tune.start("--trials", "6", "--workers", "2")
    said = continued.communicate(timeout=120)
    again = subprocess.CompletedProcess(continued.args, continued.returncode, *said)
    return Killed(tune, maps, resident, orphans, states, epochs, shown, told, again)


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
    assert killed.told == ("interrupted", "interrupted"), "the folder does, and so does the store"


def test_the_next_search_ends_exactly_the_trials_that_were_asked_for(killed):
    assert killed.again.returncode == 0, killed.again.stderr
    assert killed.tune.states() == ["COMPLETE"] * 6
    assert [record.state for record in scan([killed.tune.study]).records] == ["finished"] * 6
    assert study_as_it_is(killed.tune.study, []).state == "ended"


def test_interrupted_trials_are_taken_up_again_and_no_epoch_is_done_twice(killed):
    after = killed.tune.epochs()
    assert after == {f"trial-{number:04d}": list(range(1, 9)) for number in range(6)}
    for name, before in killed.epochs.items():
        assert after[name][: len(before)] == before
    begun = [f"trial {int(name[-4:])} " for name, epochs in killed.epochs.items() if len(epochs) == 8]
    assert not any(killed.again.stderr.count(name) for name in begun), "what had ended is not done again"


@pytest.mark.slow
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


def test_of_two_searches_that_start_at_once_one_is_refused_and_told_by_whom(tuning):
    tune = tuning(epochs=2)
    both = [tune.start("--trials", "2") for _ in range(2)]
    told = {each.returncode: said for each in both for _, said in [each.communicate(timeout=120)]}
    assert told.keys() == {0, 6}, told
    (first,) = (each.pid for each in both if each.returncode == 0)
    assert f"is being searched by process {first} on host " in told[6]
    assert tune.states() == ["COMPLETE"] * 2


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


@pytest.mark.slow
def test_ctrl_c_lets_the_running_trials_end_even_while_tensorflow_is_being_loaded(interrupted):
    code, said, states, epochs = interrupted.once
    assert code == 130
    assert "letting the running trials end (Ctrl-C again stops them)…" in said
    assert set(states) == {"COMPLETE"}
    assert 1 <= len(states) <= 2
    assert all(len(each) == 8 for each in epochs.values())
    assert "best network: runs/tiny/best.yaml" in said


@pytest.mark.slow
def test_ctrl_c_twice_stops_at_once(interrupted):
    code, said, states, seconds = interrupted.twice
    assert code == 130
    assert "stopping the running trials…" in said
    assert "RUNNING" in states
    assert seconds < 60
    assert "Traceback" not in said


@pytest.mark.slow
def test_the_next_search_goes_on_where_ctrl_c_left_it(interrupted):
    code, states, epochs = interrupted.after
    assert code == 0
    assert states == ["COMPLETE"] * 4
    assert epochs == {f"trial-{number:04d}": list(range(1, 9)) for number in range(4)}
