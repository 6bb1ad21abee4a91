from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dnsearch.errors import RunError
from dnsearch.runs import lock
from dnsearch.runs.folder import RunFolder, read_study, write_study
from dnsearch.runs.lock import locked
from dnsearch.runs.record import RunRecord, State, StudyRecord
from dnsearch.runs.scan import NO_WORD, as_it_is, scan, study_as_it_is

Put = Callable[..., RunFolder]


@pytest.fixture
def put(tmp_path: Path, record: RunRecord) -> Put:
    """Puts a run somewhere below tmp_path."""

    def put_it(where: str, state: State = "finished") -> RunFolder:
        path = tmp_path / where
        path.mkdir(parents=True)
        folder = RunFolder(path)
        folder.write(replace(record, name=path.name, state=state, reason=""))
        return folder

    return put_it


def names(records: list[RunRecord]) -> list[str]:
    return [record.name for record in records]


def test_runs_studies_and_single_runs_are_found_sorted_and_once(tmp_path: Path, put: Put) -> None:
    for where in ("small/trial-0001", "small/trial-0000", "article", "zebra"):
        put(where)
    assert names(scan([tmp_path]).records) == ["article", "trial-0000", "trial-0001", "zebra"]
    assert names(scan([tmp_path / "small"]).records) == ["trial-0000", "trial-0001"]
    assert names(scan([tmp_path / "zebra"]).records) == ["zebra"]
    assert names(scan([tmp_path / "zebra", tmp_path, tmp_path / "small" / ".."]).records) == [
        "article",
        "trial-0000",
        "trial-0001",
        "zebra",
    ]


def test_an_empty_folder_has_no_runs(tmp_path: Path) -> None:
    assert scan([tmp_path]).records == scan([tmp_path]).unreadable == []


def test_a_broken_run_is_listed_and_the_others_are_read(tmp_path: Path, put: Put) -> None:
    put("a")
    put("b").record.write_text('{"name": ')
    put("c").record.write_bytes(b"[" * 100_000)
    put("d")
    found = scan([tmp_path])
    assert names(found.records) == ["a", "d"]
    assert [path.name for path, _ in found.unreadable] == ["b", "c"]
    assert "expected JSON, found EOF while parsing a value" in found.unreadable[0][1]
    assert "recursion limit exceeded" in found.unreadable[1][1]


def test_a_folder_that_is_missing_says_how_to_make_runs(tmp_path: Path) -> None:
    with pytest.raises(RunError) as caught:
        scan([tmp_path / "runs"])
    assert str(caught.value) == (
        f"{tmp_path}/runs\n  expected a run, a study or a folder of runs, found nothing\n"
        "  Runs are made by: dnsearch train SPEC, or dnsearch tune SPEC"
    )


def test_a_file_is_not_a_folder_of_runs(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    with pytest.raises(RunError, match="found a file"):
        scan([tmp_path / "runs"])


def test_a_trial_of_a_search_that_lives_is_running_before_its_child_has_begun(
    tmp_path: Path, put: Put
) -> None:
    trial, again = put("small/trial-0000", "running"), put("small/confirm/trial-0000-seed-1", "running")
    with lock.locked(tmp_path / "small" / "lock"):
        assert {as_it_is(folder).state for folder in (trial, again)} == {"running"}
    assert {as_it_is(folder).state for folder in (trial, again)} == {"interrupted"}


def test_a_run_whose_process_lives_is_running(tmp_path: Path, put: Put) -> None:
    folder = put("a", "running")
    with locked(folder.lock):
        assert scan([tmp_path]).records == [folder.read()]


def test_a_run_whose_process_died_is_interrupted(tmp_path: Path, put: Put) -> None:
    folder = put("a", "running")
    (found,) = scan([tmp_path]).records
    assert (found.state, found.reason) == ("interrupted", NO_WORD)
    assert NO_WORD == "the process ended without a word"
    assert folder.read().state == "running", "a leaderboard writes nothing"


@pytest.mark.parametrize("state", ["finished", "pruned", "failed", "interrupted"])
def test_other_states_are_left_alone(put: Put, state: State) -> None:
    folder = put("a", state)
    assert as_it_is(folder) == folder.read()


def test_a_lock_that_cannot_be_asked_is_listed(tmp_path: Path, put: Put) -> None:
    put("a", "running").lock.mkdir()
    found = scan([tmp_path])
    assert found.records == []
    assert "lock\n  cannot be read: Is a directory" in found.unreadable[0][1]


def test_a_folder_that_may_not_be_entered_is_listed(unprivileged: Path) -> None:
    found = scan([unprivileged])
    assert [path for path, _ in found.unreadable] == [unprivileged / "closed"]
    assert "run.json\n  cannot be read: Permission denied\n  Change the permissions" in found.unreadable[0][1]


def test_a_study_whose_search_died_is_interrupted(tmp_path: Path, put: Put) -> None:
    trial, folder = put("small/trial-0000", "running"), tmp_path / "small"
    write_study(folder, StudyRecord("small"))
    with lock.locked(folder / "lock"):
        assert study_as_it_is(folder, scan([folder]).records).state == "searching"
    with locked(trial.lock):
        assert study_as_it_is(folder, scan([folder]).records).state == "searching", "its child lives"
    assert study_as_it_is(folder, scan([folder]).records).state == "interrupted"
    assert read_study(folder).state == "searching", "a leaderboard writes nothing"
    write_study(folder, StudyRecord("small", state="ended"))
    assert study_as_it_is(folder, []).state == "ended"
