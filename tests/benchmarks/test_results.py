"""From figures to the table, with figures that are made up; the docs have the table of the stored ones."""

import json
import sys

import bench
import pytest
from comparisons import COMPARISONS, SEARCHES, Comparison, rows
from jobs import Job, jobs
from page import section, with_sections

BEGIN, END = "<!-- from here: make bench -->", "<!-- to here: make bench -->"
FAST, SLOW = ("fast", "first_step_seconds"), ("slow", "first_step_seconds")
FIGURES = {
    "Keras, SGD": [{"first_step_seconds": 30.0, "images_per_second": 30.0}] * 2,
    "dnsearch, SGD": [
        {"first_step_seconds": 5.0, "images_per_second": 60.0},
        {"first_step_seconds": 7.0, "images_per_second": 62.0},
    ],
    "plain, 16 layers": [{"step_seconds": 2.0, "peak_bytes": 4e9}],
    "recompute, 16 layers": [{"step_seconds": 2.25, "peak_bytes": 2.2e9}],
    "checkpoint, BC-100-12": [{"save_seconds": 0.0164}],
}
RESULT = {
    "date": "2026-01-31",
    "load": 0.04,
    "machine": {"processor": "Abacus", "cores": 2, "memory_bytes": 8 * 2**30, "gpus": []},
    "versions": {"python": "3.11.0", "keras": "3.15.1"},
    "jobs": FIGURES,
}
TABLE = """\
### Abacus, 2 cores, 8 GiB, no GPU

2026-01-31; python 3.11.0, keras 3.15.1; load before the start 0.0.

| ratio  | target       | what                                         | is            | over          |
|--------|--------------|----------------------------------------------|---------------|---------------|
| 5.00   | ≥ 4.5 met    | first step, SGD: stock Keras / dnsearch      | 30.0 s        | 6 s           |
| 2.03   | ≥ 1.8 met    | training: dnsearch / stock Keras             | 61.0 images/s | 30.0 images/s |
| 0.55   | ≤ 0.5 missed | peak memory, BC-100-12: recompute / plain    | 2,200 MB      | 4,000 MB      |
| 1.12   | ≤ 1.2 met    | time of a step, BC-100-12: recompute / plain | 2.25 s        | 2 s           |
| 0.0082 |              | BC-100-12: a checkpoint saved / a step       | 0.0164 s      | 2 s           |
"""


def test_a_ratio_is_of_the_medians_over_the_rounds():
    measured = {
        "slow": [{"first_step_seconds": seconds} for seconds in (9.0, 8.0, 100.0)],
        "fast": [{"first_step_seconds": seconds} for seconds in (1.0, 2.0)],
    }
    (row,) = rows(measured, [Comparison("slow / fast", SLOW, FAST)])
    assert (row.over, row.under, row.ratio) == (9.0, 1.5, 6.0)


@pytest.mark.parametrize(
    ("limits", "met"),
    [
        ({}, True),
        ({"at_least": 2.0}, True),
        ({"at_least": 2.1}, False),
        ({"at_most": 2.0}, True),
        ({"at_most": 1.9}, False),
    ],
)
def test_a_target_is_met_or_missed(limits, met):
    measured = {"slow": [{"first_step_seconds": 2.0}], "fast": [{"first_step_seconds": 1.0}]}
    (row,) = rows(measured, [Comparison("slow / fast", SLOW, FAST, **limits)])
    assert row.met is met


def test_what_was_not_measured_has_no_row():
    assert rows({"slow": FIGURES["plain, 16 layers"]}, [Comparison("slow / fast", SLOW, FAST)]) == []


def test_the_table_of_a_machine():
    assert section(RESULT, COMPARISONS) == TABLE


def test_results_take_the_place_of_earlier_ones():
    page = f"Before.\n\n{BEGIN}\n\nan old table\n\n{END}\n\nAfter.\n"
    assert with_sections(page, "make bench", [TABLE]) == f"Before.\n\n{BEGIN}\n\n{TABLE}\n{END}\n\nAfter.\n"
    assert with_sections(page, "make bench", [TABLE, TABLE]).count(TABLE) == 2
    assert with_sections(page, "make bench", []) == f"Before.\n\n{BEGIN}\n\n{END}\n\nAfter.\n"


def test_the_docs_have_the_stored_results():
    page = bench.PAGE.read_text(encoding="utf-8")
    for kind, command, comparisons in (
        ("training", "make bench", COMPARISONS),
        ("search", "make bench-search", SEARCHES),
    ):
        sections = [section(each, comparisons) for each in bench.stored(kind)]
        assert page == with_sections(page, command, sections), f"write it anew: {command}"


def test_a_result_is_stored_by_its_machine(tmp_path, monkeypatch):
    page = tmp_path / "benchmarks.md"
    page.write_text(f"# Benchmarks\n\n{BEGIN}\n{END}\n", encoding="utf-8")
    monkeypatch.setattr(bench, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(bench, "PAGE", page)
    for date in ("2026-01-31", "2026-02-01"):
        bench.store({**RESULT, "date": date}, "training", "make bench", COMPARISONS)
    assert [path.name for path in (tmp_path / "results" / "training").iterdir()] == ["abacus-2-cores.json"]
    assert (
        json.loads((tmp_path / "results" / "training" / "abacus-2-cores.json").read_text())["jobs"] == FIGURES
    )
    assert page.read_text(encoding="utf-8").count("Abacus") == 1
    assert "2026-02-01" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("quick", [False, True])
def test_every_comparison_is_of_jobs_that_there_are(quick):
    names = [job.name for job in jobs(quick)]
    assert len(names) == len(set(names))
    compared = {name for each in COMPARISONS for name in (each.over[0], each.under[0])}
    assert compared == set(names)


def test_quick_jobs_are_done_once():
    assert {job.rounds for job in jobs(quick=True)} == {1}
    assert {job.rounds for job in jobs()} == {1, 3}


def test_jobs_take_turns(monkeypatch):
    done = []

    def note(job):
        done.append(job.name)
        return {"number": len(done)}

    monkeypatch.setattr(bench, "measured", note)
    found = bench.in_rounds(
        [Job(name, "", "", {}, rounds) for name, rounds in (("a", 2), ("b", 2), ("once", 1))]
    )
    assert done == ["a", "b", "once", "a", "b"]
    assert found == {
        "a": [{"number": 1}, {"number": 4}],
        "b": [{"number": 2}, {"number": 5}],
        "once": [{"number": 3}],
    }


SIDE = """
import os, sys
def environment():
    return {name: os.environ.get(name) for name in ("TF_ENABLE_ONEDNN_OPTS", "TF_XLA_FLAGS", "HOME")}
def broken():
    raise ValueError("out of order")
"""


@pytest.fixture
def side(tmp_path, monkeypatch):
    """The name of a side that is no network."""
    (tmp_path / "a_side.py").write_text(SIDE, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return "a_side"


def test_a_job_has_the_default_environment_of_tensorflow(side, monkeypatch):
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "1")
    monkeypatch.setenv("TF_XLA_FLAGS", "--tf_xla_auto_jit=2")
    monkeypatch.setenv("HOME", "/home/somebody")
    found = bench.measured(Job("a job", side, "environment", {}))
    assert found == {"TF_ENABLE_ONEDNN_OPTS": None, "TF_XLA_FLAGS": None, "HOME": "/home/somebody"}
    job = Job("a job", side, "environment", {}, environment={"TF_ENABLE_ONEDNN_OPTS": "0"})
    assert bench.measured(job)["TF_ENABLE_ONEDNN_OPTS"] == "0"


def test_a_job_that_fails_is_named(side):
    with pytest.raises(SystemExit) as caught:
        bench.measured(Job("a broken job", side, "broken", {}))
    said = str(caught.value)
    assert said.startswith("a broken job: ended with 1; nothing is written.\n")
    assert "ValueError: out of order" in said


def test_a_missing_pytorch_is_told(monkeypatch, capsys):
    wanted = []
    monkeypatch.setattr(sys, "argv", ["bench.py", "--quick"])
    monkeypatch.setattr(bench.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(bench, "measured", lambda job: {"machine": RESULT["machine"], "versions": {}})
    monkeypatch.setattr(bench, "in_rounds", lambda jobs: wanted.extend(jobs) or FIGURES)
    bench.main()
    shown = capsys.readouterr()
    assert shown.err.startswith("PyTorch is not installed; its rows are left out.")
    assert {job.side for job in wanted} == {"ours", "stock_keras", "commands"}
    assert "first step, SGD: stock Keras / dnsearch" in shown.out


def test_a_quick_run_writes_nothing(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["bench.py", "--quick"])
    monkeypatch.setattr(bench, "measured", lambda job: {"machine": RESULT["machine"], "versions": {}})
    monkeypatch.setattr(bench, "in_rounds", lambda jobs: FIGURES)
    monkeypatch.setattr(bench, "store", lambda *_: pytest.fail("it stored"))
    bench.main()
    assert "5.00" in capsys.readouterr().out
