"""``dnsearch leaderboard``, over runs that never were."""

import csv
import io
import json
from pathlib import Path

import pytest

from dnsearch.records.record import Metrics, Parameters


@pytest.fixture
def runs(dnsearch, run_folder):
    """Two runs made by hand, a study of two trials, one of them failed, and a folder that is broken."""
    run_folder(Path("runs/one"), 0.9, wall_seconds=5.0)
    run_folder(Path("runs/two"), 0.8, test=Metrics(0.4, 0.85, 360), parameters=Parameters(900, 50))
    run_folder(
        Path("runs/small/trial-0000"),
        0.95,
        study="small",
        trial=0,
        settings={"network.growth_rate": 8, "training.learning_rate": 0.1},
    )
    run_folder(
        Path("runs/small/trial-0001"), None, study="small", trial=1, state="failed", reason="no memory"
    )
    Path("runs/broken").mkdir()
    Path("runs/broken/run.json").write_text("{")
    return dnsearch


def names(ran):
    return [row["name"] for row in json.loads(ran.out)]


def test_a_table_on_stdout_and_what_is_not_shown_on_stderr(runs):
    ran = runs("leaderboard")
    assert ran.code == 0
    assert ran.out.splitlines()[0].strip() == "4 runs"
    rows = [line.split() for line in ran.out.splitlines() if "finished" in line or "failed" in line]
    assert [row[1] for row in rows] == ["small/trial-0000", "one", "two", "small/trial-0001"]
    assert ran.err.startswith("not shown: runs/broken: runs/broken/run.json")
    assert max(map(len, ran.out.splitlines())) <= 80


def test_json_has_everything_that_is_known(runs):
    ran = runs("leaderboard", "--json")
    rows = json.loads(ran.out)
    first = rows[0]
    expected = {
        "rank": 1,
        "name": "trial-0000",
        "state": "finished",
        "validation_accuracy": 0.95,
        "parameters": 1766,
        "macs": 65_124,
        "epochs": 2,
        "wall_seconds": 12.5,
        "study": "small",
        "trial": 0,
        "settings": {"network.growth_rate": 8, "training.learning_rate": 0.1},
    }
    assert {key: first[key] for key in expected} == expected
    assert rows[-1]["state"] == "failed"
    assert rows[-1]["reason"] == "no memory"
    assert rows[-1]["validation_accuracy"] is None
    assert "not shown" in ran.err


def test_csv(runs):
    rows = list(csv.DictReader(io.StringIO(runs("leaderboard", "--csv").out)))
    assert [row["name"] for row in rows] == ["trial-0000", "one", "two", "trial-0001"]
    assert rows[0]["network.growth_rate"] == "8"
    assert float(rows[1]["validation_accuracy"]) == 0.9


def test_markdown(runs):
    lines = runs("leaderboard", "--markdown").out.splitlines()
    assert lines[0].startswith("| # | name |")
    assert set(lines[1]) <= set("|-: ")
    assert len(lines) == 6


def test_top(runs):
    assert names(runs("leaderboard", "--json", "--top", 2)) == ["trial-0000", "one"]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("parameters", ["two", "one", "trial-0000", "trial-0001"]),
        ("wall_seconds", ["one", "two", "trial-0000", "trial-0001"]),
        ("test_accuracy", ["two", "one", "trial-0000", "trial-0001"]),
        ("name", ["one", "trial-0000", "two", "trial-0001"]),
    ],
)
def test_sort(runs, key, expected):
    assert names(runs("leaderboard", "--json", "--sort", key))[0] == expected[0]


def test_select_best(runs, run_folder):
    run_folder(Path("runs/three"), 0.5, best=Metrics(0.1, 0.99, 180))
    assert names(runs("leaderboard", "--json"))[0] == "trial-0000"
    assert names(runs("leaderboard", "--json", "--select", "best"))[0] == "three"


def test_one_study(runs):
    ran = runs("leaderboard", "--study", "small", "--json")
    assert names(ran) == ["trial-0000", "trial-0001"]
    assert ran.err == ""


def test_some_paths(runs):
    assert names(runs("leaderboard", "runs/two", "runs/small", "--json")) == [
        "trial-0000",
        "two",
        "trial-0001",
    ]


def test_another_folder_of_runs(runs):
    Path("runs").rename("elsewhere")
    assert len(names(runs("leaderboard", "--runs", "elsewhere", "--json"))) == 4


def test_more_columns(runs):
    ran = runs("leaderboard", "--column", "seed", "--column", "network.growth_rate", "--top", 1)
    assert "seed" in ran.out
    ran = runs("leaderboard", "--column", "seed", "--markdown")
    assert "| seed |" in ran.out


def test_an_empty_folder_says_how_runs_are_made(dnsearch):
    Path("runs").mkdir()
    ran = dnsearch("leaderboard")
    assert ran.code == 0
    assert "No runs. Make one with: dnsearch train SPEC" in ran.out
    assert json.loads(dnsearch("leaderboard", "--json").out) == []


def test_one_run_is_one_run(dnsearch, run_folder):
    run_folder(Path("runs/one"))
    assert dnsearch("leaderboard").out.splitlines()[0].strip() == "1 run"
