"""A search on a Ray cluster of two nodes on this machine; a node and the coordinator are killed with -9."""

import json
import signal
import time

import numpy as np
import psutil
import pytest
from run_files import without_time
from small_study import program, wait_until

from dnsearch.runs.folder import RunFolder
from dnsearch.search.pruning import rungs

pytest.importorskip("ray")

EPOCHS = 15
WHOLE = list(range(1, EPOCHS + 1))


@pytest.fixture(autouse=True)
def _as_many_threads_as_a_node_has(monkeypatch):
    """The last bits depend on the number of threads, and this machine has more processors than a node."""
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "1")


def training() -> list[psutil.Process]:
    """Ray's processes that train."""
    found = []
    for process in psutil.process_iter():
        try:
            found += [process] if "ray::train" in " ".join(process.cmdline()) else []
        except psutil.Error:
            continue
    return found


def ray(cluster) -> list[str]:
    return ["--executor", "ray", "--address", cluster.address]


def check_same_as_local(farm, trials: int) -> None:
    """Every trial is, bit by bit, what an undisturbed search on this machine makes of it."""
    code, said = farm.run("--trials", str(trials), runs="undisturbed")
    assert code == 0, said
    for number in range(trials):
        here, there = (
            RunFolder(farm.folder / runs / "tiny" / f"trial-{number:04d}") for runs in ("runs", "undisturbed")
        )
        assert without_time(here.epochs()) == without_time(there.epochs()), number
        if there.weights.exists():
            with np.load(here.weights) as own, np.load(there.weights) as other:
                assert own.files == other.files
                for name in own.files:
                    np.testing.assert_array_equal(own[name], other[name], err_msg=f"{number} {name}")


def test_a_node_is_killed_in_the_middle_and_its_trial_goes_on_elsewhere(farm, cluster):
    tune = farm.start(*ray(cluster), "--trials", "4")
    wait_until(farm.in_the_middle)
    cluster.remove_node(cluster.workers[0], allow_graceful=False)
    _, said = tune.communicate(timeout=240)
    assert tune.returncode == 0, said
    assert "its node or process was lost" in said
    assert "; starting again after epoch " in said
    assert farm.states() == ["COMPLETE"] * 4
    assert farm.epochs() == {f"trial-{number:04d}": WHOLE for number in range(4)}
    assert [len(trial.intermediate_values) for trial in farm.trials()] == [15] * 4
    facts = json.loads((farm.study / "study.json").read_text())
    assert (facts["state"], facts["trials"], facts["epochs_trained"]) == ("ended", {"finished": 4}, 60)
    check_same_as_local(farm, 4)


def test_a_killed_coordinator_takes_its_tasks_along_and_the_search_can_be_continued(farm, cluster):
    tune = farm.start(*ray(cluster), "--trials", "4")
    wait_until(farm.in_the_middle)
    tune.send_signal(signal.SIGKILL)
    tune.communicate()
    wait_until(lambda: not training(), seconds=60)
    before = farm.reported()
    code, said = farm.run(*ray(cluster), "--trials", "4")
    assert code == 0, said
    assert before < 60
    assert farm.states() == ["COMPLETE"] * 4
    assert farm.epochs() == {f"trial-{number:04d}": WHOLE for number in range(4)}
    check_same_as_local(farm, 4)
    code, said = farm.run("--trials", "5")
    assert code == 0, said
    assert farm.states() == ["COMPLETE"] * 5, "the same study goes on without Ray"


def test_ctrl_c_twice_ends_the_tasks_and_the_next_search_takes_the_trials_up(farm, cluster):
    tune = farm.start(*ray(cluster), "--trials", "2")
    wait_until(lambda: farm.reported() > 0)
    tune.send_signal(signal.SIGINT)
    time.sleep(0.3)
    tune.send_signal(signal.SIGINT)
    _, said = tune.communicate(timeout=60)
    assert tune.returncode == 130, said
    assert "Traceback" not in said
    wait_until(lambda: not training(), seconds=60)
    assert set(farm.states()) == {"RUNNING"}
    code, said = farm.run(*ray(cluster), "--trials", "2")
    assert code == 0, said
    assert farm.epochs() == {f"trial-{number:04d}": WHOLE for number in range(2)}


def test_pruning_confirmation_and_time_outs_are_as_on_this_machine(farm, cluster):
    text = (farm.folder / "spec.yaml").read_text().replace("pruner: none", "pruner: halving")
    (farm.folder / "spec.yaml").write_text(text.replace("tune:\n", "tune:\n  confirm: {top: 1, seeds: 2}\n"))
    code, said = farm.run(*ray(cluster), "--trials", "5")
    assert code == 0, said
    assert set(farm.states()) == {"COMPLETE", "PRUNED"}
    assert {len(epochs) for epochs in farm.epochs().values()} <= {*rungs(15), 15}
    again = [RunFolder(path) for path in sorted((farm.study / "confirm").iterdir())]
    assert [folder.read().test is not None for folder in again] == [True, True]
    assert not any(folder.checkpoint.exists() for folder in again)
    code, said = farm.run(*ray(cluster), "--trials", "6", "--set", "tune.trial_timeout_seconds=0.3")
    assert code == 0, said
    assert farm.states()[-1] == "FAIL"
    assert "took longer than 0.3 seconds" in said


def test_a_comparison_has_the_same_verdict_as_on_this_machine(farm, cluster):
    text = (farm.folder / "spec.yaml").read_text().partition("tune:")[0]
    short = text.replace(f"epochs: {EPOCHS}, batch_size: 4", "epochs: 1, batch_size: 50")
    (farm.folder / "tiny.yaml").write_text(short)
    found = []
    for options in (ray(cluster), ["--runs", "here"]):
        command = [
            "compare",
            "tiny.yaml",
            "--vary",
            "network.pooling=avg,max",
            "--pairs",
            "6",
            "--workers",
            "2",
            "--json",
        ]
        running = program(farm.folder, *command, *options)
        out, said = running.communicate(timeout=240)
        assert running.returncode == 0, said
        found.append(json.loads(out))
    for key in ("contrasts", "test", "sentences"):
        assert found[0][key] == found[1][key], key


def test_a_cluster_that_is_not_there(farm):
    code, said = farm.run("--executor", "ray", "--address", "127.0.0.1:1", "--trials", "1")
    assert code == 6
    assert "--address 127.0.0.1:1\n  expected a Ray cluster, found " in said
