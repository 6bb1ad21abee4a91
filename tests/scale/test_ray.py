"""A search on a Ray cluster of two nodes, both on this machine."""

import json
import os
import signal

import psutil
import pytest
from small_study import wait_until

ray = pytest.importorskip("ray")


@pytest.fixture
def cluster(postgres):
    from ray.cluster_utils import Cluster

    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    nodes.add_node(num_cpus=1)
    yield nodes
    nodes.shutdown()


def training() -> list[psutil.Process]:
    """Ray's processes that are doing a trial."""
    found = []
    for process in psutil.process_iter():
        try:
            found += [process] if "ray::_take_one" in " ".join(process.cmdline()) else []
        except psutil.Error:
            continue
    return found


def facts(farm):
    return json.loads((farm.folder / "runs" / farm.name / "study.json").read_text())


def test_a_node_s_worker_is_killed_in_the_middle_and_every_trial_is_ended_once(farm, cluster):
    options = ("--engine", "ray", "--address", cluster.address, "--workers", "2", "--trials", "5")
    tune = farm.program("tune", *options)
    wait_until(lambda: any(0 < len(epochs) < 5 for epochs in farm.epochs().values()))
    victims = training()
    assert victims, "trials run in Ray's processes"
    os.kill(victims[0].pid, signal.SIGKILL)
    wait_until(lambda: "COMPLETE" in farm.states())
    assert facts(farm)["state"] == "searching", "one task's end is not the study's"
    _, said = tune.communicate(timeout=240)
    assert tune.returncode == 0, said
    assert facts(farm)["state"] == "ended"
    assert facts(farm)["trials"] == {"finished": 5}
    assert farm.states() == ["COMPLETE"] * 5
    assert farm.epochs() == {f"trial-{number:04d}": list(range(1, 7)) for number in range(5)}

    code, said = farm.run("tune", "--trials", "6")
    assert code == 0, said
    assert farm.states() == ["COMPLETE"] * 6, "the same study goes on without Ray"


def test_a_file_is_no_database_for_two_nodes(farm, cluster):
    options = (
        "--engine",
        "ray",
        "--address",
        cluster.address,
        "--trials",
        "1",
        "--storage",
        "sqlite:///a.db",
    )
    code, said = farm.run("tune", *options)
    assert code == 6
    assert (
        "expected a database that all 2 nodes of the cluster reach, found SQLite, a file that only one"
        in said
    )
    assert "--storage postgresql+psycopg://user@host/database" in said


def test_a_cluster_that_is_not_there(farm):
    code, said = farm.run("tune", "--engine", "ray", "--address", "127.0.0.1:1", "--trials", "1")
    assert code == 6
    assert "--address 127.0.0.1:1\n  expected a Ray cluster, found " in said
