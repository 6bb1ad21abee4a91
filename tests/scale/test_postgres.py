"""A PostgreSQL server that is restarted in the middle of a search, and a study that two machines want."""

import os
import time

import pytest
from small_study import wait_until

WHOLE = list(range(1, 16))


@pytest.fixture(params=["local", "ray"])
def executor(request):
    """The options of ``tune`` for each executor."""
    if request.param == "local":
        return []
    return ["--executor", "ray", "--address", request.getfixturevalue("cluster").address]


def test_a_restart_of_20_seconds_is_waited_for(farm, database, executor):
    tune = farm.start(*executor, "--trials", "4")
    wait_until(lambda: farm.reported() > 5)
    database.stop()
    time.sleep(20)
    database.start()
    _, said = tune.communicate(timeout=240)
    assert tune.returncode == 0, said
    assert said.count("the database is away; waiting up to 5 minutes for it…") == 1, said
    assert "the database is back after " in said
    assert farm.states() == ["COMPLETE"] * 4
    assert farm.epochs() == {f"trial-{number:04d}": WHOLE for number in range(4)}
    assert [len(trial.intermediate_values) for trial in farm.trials()] == [15] * 4


def test_a_second_search_is_refused_also_with_another_folder(farm, database):
    first = farm.start("--trials", "2")
    wait_until(lambda: farm.reported() > 0)
    for runs in ("runs", "elsewhere"):
        code, said = farm.run("--trials", "2", runs=runs)
        assert code == 6
        assert f"is being searched by process {first.pid} on host {os.uname().nodename}" in said
    _, said = first.communicate(timeout=120)
    assert first.returncode == 0, said
    assert farm.states() == ["COMPLETE"] * 2


def test_a_killed_search_goes_on(farm, database):
    first = farm.start("--trials", "3")
    wait_until(lambda: farm.reported() > 5)
    first.kill()
    first.communicate()
    code, said = farm.run("--trials", "3")
    assert code == 0, said
    assert farm.states() == ["COMPLETE"] * 3
    assert farm.epochs() == {f"trial-{number:04d}": WHOLE for number in range(3)}
