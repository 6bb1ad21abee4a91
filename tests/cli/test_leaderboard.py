"""``dnsearch leaderboard``, over runs that never were."""

import csv
import io
import json
from pathlib import Path

import pytest

from dnsearch.cli import leaderboard_command
from dnsearch.runs.folder import write_study
from dnsearch.runs.record import Effect, Metrics, Parameters, StudyRecord


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
    assert "hidden" not in ran.out, "nothing is cut in a pipe"


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


# One study.

STUDY = StudyRecord(
    "small",
    "ended",
    trials={"finished": 2},
    proposals=3,
    infeasible={"macs": 1},
    infeasible_proposals=1,
    epochs_trained=4,
    scored_at=2,
    scored=40,
    importances={"training.learning_rate": 0.5},
    chances={"training.learning_rate": 0.1},
    effects={"training.learning_rate": (Effect(0.1, 0.1, 40, 0.8, 0.9, (0.85, 0.9)),)},
)


@pytest.fixture
def study(dnsearch, run_folder):
    """A study of two trials made by hand; the better one is confirmed, worse, by two seeds."""
    for number, accuracy in enumerate((0.9, 0.99)):
        run_folder(Path(f"runs/small/trial-000{number}"), accuracy, study="small", trial=number)
    for seed in (1, 2):
        path = Path(f"runs/small/confirm/trial-0001-seed-{seed}")
        run_folder(path, 0.8 + seed / 100, study="small", trial=1, confirmation=True, seed=seed)
    write_study(Path("runs/small"), STUDY)
    return dnsearch


@pytest.mark.parametrize("arguments", [["small"], ["runs/small"], ["--study", "small"]])
def test_a_study_is_named_or_shown_by_its_folder(study, arguments):
    ran = study("leaderboard", *arguments)
    assert ran.code == 0, ran.err
    title, *lines = ran.out.splitlines()
    assert title.strip() == "study small, exploratory"
    assert lines[3].split()[:7] == ["1", "trial-0001", "yes", "81.50", "%", "±", "6.35"]
    assert lines[5].split()[:6] == ["2", "trial-0000", "yes", "90.00", "%", "84.7–93.6"]
    assert lines[-1] == "  dnsearch compare runs/small/trial-0001 runs/small/trial-0000"
    assert "proposals: 2 of 3 feasible (67 %); infeasible: macs 1" in ran.out
    assert "importance (by chance up to): learning_rate 0.50 (0.10)" in ran.out
    assert "learning_rate  0.1        40  80.00*" in ran.out


def test_a_study_s_json_has_the_study_and_its_trials(study):
    found = json.loads(study("leaderboard", "small", "--json").out)
    assert found["study"]["infeasible"] == {"macs": 1}
    assert [(row["name"], row["seeds"]) for row in found["trials"]] == [
        ("trial-0001", [1, 2]),
        ("trial-0000", []),
    ]
    rows = list(csv.DictReader(io.StringIO(study("leaderboard", "small", "--csv").out)))
    assert [row["seeds"] for row in rows] == ["[1, 2]", "[]"]
    markdown = study("leaderboard", "small", "--markdown").out
    assert "± 6.35 | 2 |" in markdown
    assert "\n- proposals: 2 of 3 feasible (67 %)" in markdown
    assert "\n| learning_rate | 0.1 | 40 | 80.00\\* | 85.0–90.0 | 90.00 |" in markdown
    assert "\n    dnsearch compare runs/small/trial-0001 runs/small/trial-0000\n" in markdown


def test_among_other_runs_a_study_s_trials_are_runs_and_its_confirmations_are_not_shown(study):
    assert sorted(names(study("leaderboard", "--json"))) == ["trial-0000", "trial-0001"]
    assert study("leaderboard").out.splitlines()[0].strip() == "2 runs"


def test_a_study_may_be_ranked_by_another_figure(study):
    found = json.loads(study("leaderboard", "small", "--sort", "name", "--top", "1", "--json").out)
    assert [row["name"] for row in found["trials"]] == ["trial-0000"]
    assert study("leaderboard", "small", "--sort", "beauty").code == 2


def test_a_damaged_study_is_a_problem_of_its_folder(study):
    Path("runs/small/study.json").write_text("{")
    ran = study("leaderboard", "small")
    assert ran.code == 4
    assert "runs/small/study.json\n  expected JSON" in ran.err


def test_watching_in_a_pipe_tells_what_has_ended_and_then_the_leaderboard(study):
    ran = study("leaderboard", "small", "--watch")
    assert ran.code == 0
    told, _, table = ran.out.partition("study small")
    assert [line.partition("  validation")[0] for line in told.splitlines()] == [
        "trial 0  finished",
        "trial 1  finished",
        "trial 1  seed 1  finished",
        "trial 1  seed 2  finished",
    ]
    assert table.count("finished") == 4  # two trials, the count of them, and what a sign means


def test_a_study_is_waited_for(study, monkeypatch):
    folder, looks = Path("runs/small"), []

    def begin_at_the_second_look(_seconds):
        looks.append(folder)
        if len(looks) == 2:
            folder.with_name("later").rename(folder)

    monkeypatch.setattr(leaderboard_command.time, "sleep", begin_at_the_second_look)
    folder.rename(folder.with_name("later"))
    ran = study("leaderboard", "small", "--watch")
    assert ran.code == 0
    assert ran.err.startswith("waiting for small to begin…")
    assert "study small" in ran.out
    assert len(looks) == 2


def test_only_one_study_can_be_watched_and_only_as_a_table(study, run_folder):
    run_folder(Path("runs/alone"), 0.5)
    ran = study("leaderboard", "--watch")
    assert ran.code == 6
    assert "expected one study, which has an end, found runs" in ran.err
    assert "Name one study: dnsearch leaderboard STUDY --watch" in ran.err
    assert study("leaderboard", "alone", "--watch").code == 6
    ran = study("leaderboard", "small", "--watch", "--json")
    assert ran.code == 2
    assert "leave out --json" in ran.err


def test_a_storage_holds_one_study(study):
    ran = study("leaderboard", "small", "other", "--storage", "sqlite:///none.db")
    assert ran.code == 2
    assert "name one study" in ran.err
    ran = study("leaderboard", "small", "--storage", "sqlite:///none.db")
    assert ran.code == 6
    assert "study small\n  expected a study in sqlite:///none.db, found no such file" in ran.err


def test_the_variable_names_the_database_of_a_study_without_a_folder_here(study, monkeypatch):
    monkeypatch.setenv("DNSEARCH_STORAGE", "sqlite:///none.db")
    assert study("leaderboard").code == study("leaderboard", "small").code == 0
    ran = study("leaderboard", "elsewhere")
    assert ran.code == 6
    assert "study elsewhere\n  expected a study in sqlite:///none.db, found no such file" in ran.err
