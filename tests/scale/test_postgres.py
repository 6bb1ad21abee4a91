"""A PostgreSQL server that is restarted in the middle of a search, and a study that two machines want."""

import gc
import os
import threading
import time
import warnings
from dataclasses import replace

import pytest
from small_study import wait_until
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from dnsearch.front_door import planned_spec, requested
from dnsearch.search import study_lock
from dnsearch.search.coordinator import search
from dnsearch.search.messages import TrialEnded, TrialStarted

WHOLE = list(range(1, 16))


@pytest.fixture
def cut_off():
    """What SQLAlchemy leaves of connections that were cut off goes here, without Python's warning."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


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


def stopped(database):
    """The server goes away; returns how it comes back."""
    database.stop()
    return database.start


def refusing(database):
    """The server drops its connections and refuses new ones; returns how it accepts them again."""
    engine = create_engine(
        database.url.removesuffix("postgres") + "template1", poolclass=NullPool, isolation_level="AUTOCOMMIT"
    )

    def allow(whether):
        with engine.connect() as connection:
            connection.execute(text(f"alter database postgres allow_connections {whether}"))
            ended = "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'postgres'"
            connection.execute(text(ended))

    allow("false")
    return lambda: allow("true")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.usefixtures("cut_off")
@pytest.mark.parametrize("away", [stopped, refusing])
@pytest.mark.parametrize("moment", ["start", "confirmation", "end"])
def test_it_is_waited_for_at_any_moment(farm, database, moment, away, monkeypatch):
    monkeypatch.setattr(study_lock, "RENEW_SECONDS", 0.0)
    changes = ["tune.confirm={top: 1, seeds: 1}", "training.epochs=3"]
    found = planned_spec(farm.folder / "spec.yaml", changes)
    told, timers = [], []

    def go_away():
        timers.append(threading.Timer(4, away(database)))
        timers[0].start()

    request = requested(found, farm.folder / "runs", trials=2, storage=database.url)
    if moment == "start":
        go_away()
    for event in search(replace(request, say=told.append), lambda: 0):
        match event:
            case TrialStarted(job) if moment == "confirmation" and job.origin.confirmation:
                go_away()
            case TrialEnded(record) if moment == "end" and record.confirmation:
                go_away()
    timers[0].join()
    assert told[0].startswith("the database is away; waiting up to 5 minutes for it… (")
    assert told[1].startswith("the database is back after ")
    assert len(told) == 2
    assert farm.states() == ["COMPLETE"] * 2
    assert farm.epochs() == {f"trial-{number:04d}": [1, 2, 3] for number in range(2)}
    assert len(list((farm.study / "confirm").glob("*/weights.npz"))) == 1


def test_what_waiting_cannot_mend_is_refused_at_once(farm, database):
    code, said = farm.run("--trials", "2", "--storage", database.url + "-missing")
    assert code == 6
    assert 'database "postgres-missing" does not exist' in said
    assert "waiting" not in said


def test_a_database_that_one_may_only_read(farm, database):
    with create_engine(database.url, poolclass=NullPool, isolation_level="AUTOCOMMIT").connect() as owner:
        owner.execute(text("create role reader login"))
    farm.url = database.url.replace("dnsearch@", "reader@")
    code, said = farm.run("--trials", "2")
    assert code == 6
    assert "found permission denied for schema public\n  Ask its owner for permission to write there" in said
