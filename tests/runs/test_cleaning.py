"""What is removed from studies and runs, what stays, and who must not be disturbed."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from dnsearch.errors import RunError
from dnsearch.runs.cleaning import clean
from dnsearch.runs.folder import RunFolder
from dnsearch.runs.lock import locked
from dnsearch.runs.record import Metrics, RunRecord

HEAVY = {"checkpoint.npz": 40, "checkpoint.previous.npz": 40, "weights.npz": 20}
LIGHT = {"spec.yaml", "resolved.yaml", "epochs.jsonl"}
SPEC = """\
version: 1
name: small
network: {growth_rate: 4, layers_per_block: [1]}
data: {source: digits}
training: {epochs: 1, learning_rate: 0.1}
tune: {keep: 2, select: SELECT, parameters: {network.growth_rate: [2, 4]}}
"""


@pytest.fixture
def trial(record: RunRecord, tmp_path: Path):
    """Makes a trial of the study ``runs/small`` with all its files."""

    def made(
        number: int, score: float, state: str = "finished", select: str = "last", **changes
    ) -> RunFolder:
        folder = RunFolder(tmp_path / "runs" / "small" / f"trial-{number:04d}")
        folder.path.mkdir(parents=True)
        for name, size in HEAVY.items():
            (folder.path / name).write_bytes(bytes(size))
        for name in LIGHT:
            (folder.path / name).write_text(SPEC.replace("SELECT", select))
        last, best = Metrics(0.5, score, 100), Metrics(0.5, 1 - score, 100)
        fields = {"name": folder.name, "trial": number, "study": "small", "state": state}
        folder.write(replace(record, **fields, last=last, best=best, **changes))
        return folder

    return made


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def names(folder: RunFolder) -> set[str]:
    return {path.name for path in folder.path.iterdir()}


def thinned(folder: RunFolder) -> bool:
    """Whether the folder has lost what is heavy; what is light has to be there in any case."""
    assert LIGHT | {"run.json"} <= names(folder)
    left = HEAVY.keys() & names(folder)
    assert left in (set(), set(HEAVY)), "all of it or nothing"
    return not left


def test_only_the_best_keep_what_is_heavy(trial, runs):
    scores = {0: 0.3, 1: 0.9, 2: 0.5, 3: 0.8}
    folders = {number: trial(number, score) for number, score in scores.items()}
    removed = clean(runs, None, damaged=False, dry_run=False)
    assert [number for number, folder in folders.items() if not thinned(folder)] == [1, 3]
    assert sum(each.bytes for each in removed) == 2 * 100
    assert {each.path.parent.name for each in removed} == {"trial-0000", "trial-0002"}
    assert clean(runs, None, damaged=False, dry_run=False) == [], "there is nothing left to remove"


def test_the_best_are_judged_as_the_search_judges(trial, runs):
    folders = [trial(number, score, select="best") for number, score in enumerate((0.3, 0.9, 0.5))]
    clean(runs, 1, damaged=False, dry_run=False)
    assert [thinned(folder) for folder in folders] == [False, True, True]


def test_of_equal_ones_the_smaller_is_the_better(trial, runs, record):
    large = trial(0, 0.5)
    small = trial(1, 0.5, parameters=replace(record.parameters, trainable=7))
    clean(runs, 1, damaged=False, dry_run=False)
    assert (thinned(large), thinned(small)) == (True, False)


@pytest.mark.parametrize(
    ("state", "goes"),
    [("pruned", True), ("failed", True), ("running", False), ("interrupted", False)],
)
def test_what_ended_otherwise_goes_and_what_may_go_on_stays(trial, runs, state, goes):
    trial(0, 0.1)
    assert thinned(trial(1, 0.99, state)) is False
    clean(runs, 5, damaged=False, dry_run=False)
    assert thinned(RunFolder(runs / "small" / "trial-0001")) is goes


def test_a_run_of_no_study_and_a_confirmation_are_left_alone(trial, runs, record):
    best = trial(0, 0.9)
    for path in (runs / "article", runs / "small" / "confirm" / "trial-0000-seed-1"):
        path.mkdir(parents=True)
        (path / "weights.npz").write_bytes(bytes(9))
        own = None if path.parent == runs else 0
        RunFolder(path).write(replace(record, name=path.name, study="small" if own == 0 else None, trial=own))
    assert clean(runs, 1, damaged=False, dry_run=False) == []
    assert not thinned(best)


def test_a_dry_run_tells_and_removes_nothing(trial, runs):
    trial(0, 0.9), trial(1, 0.5)
    before = sorted(runs.rglob("*"))
    told = clean(runs, 1, damaged=False, dry_run=True)
    assert sorted(runs.rglob("*")) == before
    assert [(each.path.name, each.bytes, each.why) for each in told] == [
        ("checkpoint.npz", 40, "checkpoint of a trial that is not among the best"),
        ("checkpoint.previous.npz", 40, "checkpoint of a trial that is not among the best"),
        ("weights.npz", 20, "weights of a trial that is not among the best"),
    ]
    assert clean(runs, 1, damaged=False, dry_run=False) == told


def test_leftovers_go_and_damaged_checkpoints_only_when_asked(trial, runs):
    folder = trial(0, 0.9)
    for path in (runs / "small" / ".best.yaml.1-ab.tmp", folder.path / ".run.json.1-cd.tmp"):
        path.write_text("half")
    folder.damaged_checkpoint.write_text("bad")
    removed = clean(runs, None, damaged=False, dry_run=False)
    assert sorted(each.path.name for each in removed) == [".best.yaml.1-ab.tmp", ".run.json.1-cd.tmp"]
    (damaged,) = clean(runs, None, damaged=True, dry_run=False)
    assert (damaged.path, damaged.why) == (folder.damaged_checkpoint, "damaged checkpoint")
    assert not folder.damaged_checkpoint.exists()


@pytest.mark.parametrize("state", ["running", "paused", "finished"])
@pytest.mark.parametrize("host", ["elsewhere", os.uname().nodename])
def test_what_another_machine_may_be_writing_is_left_alone(trial, runs, state, host):
    at_work = trial(0, 0.9, state, process={"host": host, "pid": 7})
    halves = [runs / "small" / ".best.yaml.1-ab.tmp", at_work.path / ".checkpoint.npz.1-cd.tmp"]
    for path in halves:
        path.write_text("half")
    behind = trial(1, 0.2)
    removed = {each.path for each in clean(runs, 1, damaged=False, dry_run=False)}
    left = host == "elsewhere" and state != "finished"
    assert removed & {*halves} == (set() if left else {*halves})
    assert not thinned(at_work)
    assert thinned(behind) is (state == "finished"), "it is the best of those that finished"


def test_a_single_run_is_not_compared(trial):
    folder = trial(0, 0.1, "pruned")
    (folder.path / ".run.json.1-cd.tmp").write_text("half")
    (removed,) = clean(folder.path, None, damaged=False, dry_run=False)
    assert removed.path.name == ".run.json.1-cd.tmp"
    assert not thinned(folder)


@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize("busy", ["small", "small/trial-0001"])
def test_nobody_who_is_at_work_is_disturbed(trial, runs, busy, dry_run):
    trial(0, 0.9), trial(1, 0.5)
    with locked(runs / busy / "lock"), pytest.raises(RunError) as caught:
        clean(runs, 1, damaged=False, dry_run=dry_run)
    assert str(caught.value).startswith(f"{runs / busy}\n")
    assert not thinned(RunFolder(runs / "small" / "trial-0001"))


def test_what_cannot_be_read_is_left_alone(trial, runs):
    broken = trial(1, 0.5)
    broken.record.write_text("{")
    trial(0, 0.9)
    assert clean(runs, 1, damaged=False, dry_run=False) == []


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(RunError) as caught:
        clean(tmp_path / "runz", None, damaged=False, dry_run=True)
    expected = (
        "expected a run, a study or a folder of runs, found nothing\n"
        "  Runs are made by: dnsearch train SPEC, or dnsearch tune SPEC"
    )
    assert str(caught.value) == f"{tmp_path / 'runz'}\n  {expected}"


def test_the_usual_habits_where_the_spec_cannot_be_read(trial, runs):
    folders = [trial(number, number / 10) for number in range(7)]
    (folders[0].path / "resolved.yaml").write_text("version: 99")
    clean(runs, None, damaged=False, dry_run=False)
    assert [thinned(folder) for folder in folders] == [True, True, *[False] * 5]
