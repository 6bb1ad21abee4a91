"""Trials sent home to a folder; tests/scale has a bucket."""

from dataclasses import replace
from pathlib import Path

import pytest
from optuna.artifacts import get_all_artifact_meta
from optuna.trial import TrialState

from dnsearch.errors import StudyError
from dnsearch.runs.folder import RunFolder
from dnsearch.runs.record import Origin, opening
from dnsearch.study.work.artifacts import ARTIFACT, bring, fetch, is_behind, send


def trained(folder, number):
    run = RunFolder(folder / f"trial-{number:04d}")
    run.path.mkdir(parents=True)
    for name in ("run.json", "epochs.jsonl", "weights.npz", "checkpoint.npz"):
        (run.path / name).write_text(f"{name} of {number}")
    return run


@pytest.fixture
def away(ledger, tmp_path):
    """A book with two trials that were trained elsewhere, and the store that they were sent to."""
    book, where = ledger(), str(tmp_path / "store" / "new")
    for number, checkpoints in enumerate((False, True)):
        send(where, book.new(), trained(tmp_path / "away", number), checkpoints=checkpoints)
    return book.study, where


def test_a_trial_comes_home(away, tmp_path):
    study, where = away
    assert fetch(where, study, tmp_path / "home") == ["trial-0000", "trial-0001"]
    first, second = (tmp_path / "home" / f"trial-000{number}" for number in (0, 1))
    assert (first / "weights.npz").read_text() == "weights.npz of 0"
    assert not (first / "checkpoint.npz").exists()
    assert (second / "checkpoint.npz").exists()


def test_what_is_home_already_is_passed_over(away, tmp_path):
    study, where = away
    fetch(where, study, tmp_path / "home")
    (tmp_path / "home" / "trial-0001" / "run.json").unlink()
    assert fetch(where, study, tmp_path / "home") == ["trial-0001"]


def test_an_older_copy_is_refreshed_and_a_newer_one_is_not(ledger, tmp_path, epoch):
    book, where = ledger(), str(tmp_path / "store")
    trial, there = book.new(), trained(tmp_path / "away", 0)
    here = RunFolder(tmp_path / "home" / "trial-0000")
    there.write_epochs([epoch(1, 0.3), epoch(2, 0.4)])
    send(where, trial, there, checkpoints=True)
    assert is_behind(trial, here), "it is not here at all"
    assert fetch(where, book.study, here.path.parent) == ["trial-0000"]
    assert not is_behind(trial, here)
    there.append(epoch(3, 0.5))
    send(where, trial, there, checkpoints=True)
    assert is_behind(trial, here)
    assert bring(where, trial, here)
    assert [each.epoch for each in here.epochs()] == [1, 2, 3]
    here.append(epoch(4, 0.6))
    assert not is_behind(trial, here)
    assert fetch(where, book.study, here.path.parent) == []


def test_a_trial_that_ended_since_it_came_home_comes_once_more(ledger, tmp_path, epoch):
    book, where = ledger(), str(tmp_path / "store")
    trial, there = book.new(), trained(tmp_path / "away", 0)
    opened = opening("trial-0000", book.document.experiment, None, None, Origin("small", 0))
    for state in ("paused", "pruned"):
        there.write(replace(opened, state=state))
        send(where, trial, there, checkpoints=state == "paused")
        if state == "pruned":
            book.study.tell(trial, state=TrialState.PRUNED)
        assert fetch(where, book.study, tmp_path / "home") == ["trial-0000"]
        assert RunFolder(tmp_path / "home" / "trial-0000").read().state == state
    assert fetch(where, book.study, tmp_path / "home") == []
    RunFolder(tmp_path / "home" / "trial-0000").record.write_text("{")
    assert fetch(where, book.study, tmp_path / "home") == ["trial-0000"], "it was damaged"


def test_optuna_s_dashboard_finds_the_archives(away):
    study, _ = away
    (meta,) = get_all_artifact_meta(study.trials[0], storage=study._storage)
    assert (meta.filename, meta.artifact_id) == (
        "trial-0000.tar",
        study.trials[0].user_attrs[ARTIFACT]["name"],
    )


def test_a_trial_that_was_never_sent(ledger, tmp_path):
    assert not bring(str(tmp_path), ledger().new(), RunFolder(tmp_path / "trial-0000"))


def test_an_archive_that_somebody_removed(away, tmp_path):
    study, where = away
    for file in (tmp_path / "store" / "new").iterdir():
        file.unlink()
    with pytest.raises(StudyError) as caught:
        fetch(where, study, tmp_path / "home")
    assert str(caught.value) == (
        f"artifact store {where}\n  expected the archive of a trial, found none\n"
        "  Somebody removed it, or this is another store."
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_store_that_is_full(ledger, tmp_path, monkeypatch):
    where, trial = tmp_path / "store", ledger().new()
    where.mkdir()
    monkeypatch.setattr("uuid.uuid4", lambda: "full")
    (where / "full").symlink_to("/dev/full")
    with pytest.raises(StudyError) as caught:
        send(str(where), trial, trained(tmp_path, 0), checkpoints=False)
    assert str(caught.value).startswith(
        f"artifact store {where}\n  expected a folder to keep archives in, found [Errno 28] No space left"
    )
    assert ARTIFACT not in trial.user_attrs
