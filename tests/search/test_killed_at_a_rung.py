"""The ``tune`` program, its coordinator killed while trials wait at a rung."""

from dataclasses import dataclass

import psutil
import pytest
from small_study import Tune, left_alive, wait_until

from dnsearch.runs.folder import RunFolder, read_study
from dnsearch.runs.record import EpochRecord
from dnsearch.runs.scan import scan

pytestmark = [pytest.mark.xdist_group("tune"), pytest.mark.slow]

RUNG, LAST = 3, 9


@dataclass(frozen=True)
class KilledAtARung:
    """What was there when the coordinator was killed while trials waited, and after the next search."""

    tune: Tune
    waiting: dict[str, list[EpochRecord]]
    begun: dict[str, list[int]]


def waits(tune: Tune) -> list[RunFolder]:
    """The trials that wait at a rung, as their folders say."""
    folders = [RunFolder(path.parent) for path in sorted(tune.study.glob("trial-*/run.json"))]
    return [folder for folder in folders if folder.read().state == "paused"]


@pytest.fixture(scope="module")
def killed_at_a_rung(tuning) -> KilledAtARung:
    tune = tuning(pruner="halving", epochs=LAST)
    coordinator = tune.start("--trials", "8", "--workers", "2")
    wait_until(lambda: len(waits(tune)) >= 2 and any(0 < len(each) < RUNG for each in tune.epochs().values()))
    children = psutil.Process(coordinator.pid).children(recursive=True)
    coordinator.kill()
    coordinator.communicate()
    assert left_alive(children, seconds=30) == []
    waiting = {folder.name: folder.epochs() for folder in waits(tune)}
    begun, states = tune.epochs(), tune.states()
    assert states.count("RUNNING") >= len(waiting) >= 1
    continued = tune.start("--trials", "8", "--workers", "2")
    _, said = continued.communicate(timeout=120)
    assert continued.returncode == 0, said
    return KilledAtARung(tune, waiting, begun)


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
