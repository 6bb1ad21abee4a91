"""Folder and database of a study belong together; a lost database is made anew from the folder."""

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from small_study import opened

from dnsearch.errors import StudyError
from dnsearch.report.ranking import rank_trials
from dnsearch.runs.folder import read_study
from dnsearch.runs.scan import scan
from dnsearch.search.migrate import migrate
from dnsearch.search.rebuild import rebuild
from dnsearch.search.study_identity import ID
from dnsearch.search.study_metadata import MIGRATED, existing_study
from dnsearch.search.study_summary import records, summary
from dnsearch.spec.document import resolved_yaml

pytestmark = pytest.mark.xdist_group("tune")


@pytest.fixture(scope="module")
def searched(searching):
    """A study of three trials, the second of which waits at its rung, and then goes on or is pruned."""
    runs = searching({"training.epochs": 3, "training.batch_size": 50}, pruner="halving")
    runs.run(4)
    return runs


@pytest.fixture
def runs(searched, tmp_path):
    """A copy of it, which may be broken."""
    folder = tmp_path / "small"
    shutil.copytree(searched.folder, folder)
    return type(searched)(folder, searched.document)


def content(runs):
    """Path → bytes; of a database what it says, which SQLite moves from file to file at its close."""
    return {
        str(path.relative_to(runs.folder)): dump(path) if path.suffix == ".db" else path.read_bytes()
        for path in sorted(runs.folder.rglob("*"))
        if path.is_file() and path.name not in {"lock", "study.db-shm", "study.db-wal"}
    }


def dump(database):
    with closing(sqlite3.connect(database)) as connection:
        return list(connection.iterdump())


def lost(runs):
    for path in runs.folder.glob("study.db*"):
        path.unlink()


def refusal(runs, url=None, doing=opened):
    request = replace(runs.request(6), url=url or runs.url)
    before = content(runs)
    with pytest.raises(StudyError) as caught:
        doing(request)
    after = content(runs)
    assert {name: each for name, each in after.items() if name in before} == before, "nothing was changed"
    return str(caught.value)


def test_folder_and_database_have_the_same_id(searched):
    assert searched.study().user_attrs[ID] == read_study(searched.folder).id != ""


@pytest.mark.parametrize("doing", [opened, lambda request: migrate(request, dry_run=False)])
def test_a_database_of_another_study_is_refused(runs, searching, doing):
    other = searching({"training.epochs": 3, "training.batch_size": 50}, pruner="halving")
    opened(other.request(4))
    assert refusal(runs, other.url, doing) == (
        f"study small\n  expected the same study in the folder {runs.folder} and in the database "
        f"{other.url}, found two different ones (trials in the folder: 4, in the database: 0)\n"
        "  Nothing was changed. Name the study's own database with --storage URL (or its folder with --runs "
        "DIR), or\n  start another study with --study NAME. If the database is lost, fill an empty one from "
        "the folder's records:\n  dnsearch tune SPEC --rebuild"
    )


def test_an_empty_database_is_refused_and_stays_empty(runs, tmp_path):
    text = refusal(runs, f"sqlite:///{tmp_path}/new.db")
    assert "found trials in the folder: 4, in the database: 0\n" in text
    assert [path.name for path in tmp_path.iterdir()] == ["small"]


def test_a_database_of_something_else_is_refused_and_stays_as_it_was(runs, tmp_path):
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        connection.execute("create table goods (name text)")
    before = (tmp_path / "shop.db").read_bytes()
    assert "in the database: 0\n" in refusal(runs, f"sqlite:///{tmp_path}/shop.db")
    with pytest.raises(StudyError, match=r"shop\.db, found no study"):
        existing_study(f"sqlite:///{tmp_path}/shop.db", "small")
    assert (tmp_path / "shop.db").read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"small", "shop.db"}


@pytest.mark.parametrize("url", ["sqlite:///{}/text.db", "nonsense", "sqlite:///{}/why?/study.db"])
def test_a_storage_that_cannot_be_opened_leaves_nothing_of_a_new_study(runs, tmp_path, url):
    (tmp_path / "text.db").write_text("no database at all " * 99)
    new = type(runs)(tmp_path / "new" / "small", runs.document)
    with pytest.raises(StudyError):
        opened(replace(new.request(4), url=url.format(tmp_path)))
    assert {path.name for path in tmp_path.iterdir()} == {"small", "text.db"}


def test_a_lost_database_is_refused(runs):
    lost(runs)
    assert "in the database: 0\n" in refusal(runs)


def test_a_lost_folder_is_refused(runs, tmp_path):
    elsewhere = type(runs)(tmp_path / "elsewhere" / "small", runs.document)
    elsewhere.folder.mkdir(parents=True)
    assert "trials in the folder: 0, in the database: 4\n" in refusal(elsewhere, runs.url)


def test_a_study_of_an_earlier_version_goes_on_and_gets_an_id(runs):
    study = runs.study()
    study.set_user_attr(ID, "")
    (runs.folder / "study.json").unlink()
    opened(runs.request(4))
    assert runs.study().user_attrs[ID] == read_study(runs.folder).id != ""


def test_a_study_without_ids_whose_trials_differ_is_refused(runs):
    runs.study().set_user_attr(ID, "")
    (runs.folder / "study.json").unlink()
    folder = runs.trial(1)
    folder.write(replace(folder.read(), fingerprint="another"))
    assert "found trials in the folder: 4, in the database: 4\n" in refusal(runs)


def shape(trial):
    """What a search goes by."""
    shown = {key: each for key, each in trial.user_attrs.items() if key not in {"dnsearch:starts"}}
    shown.setdefault("dnsearch:paused", 0)
    return trial.state, trial.values, trial.params, trial.intermediate_values, trial.constraints, shown


def test_a_database_is_made_anew_from_the_folder(runs, searched):
    lost(runs)
    assert rebuild(runs.request(4)) == 4
    before, after = searched.study(), runs.study()
    assert list(map(shape, after.trials)) == list(map(shape, before.trials))
    assert after.user_attrs == before.user_attrs | {MIGRATED: True}
    assert summary(after, "ended") == summary(before, "ended")
    rows = [
        [(row.record.name, row.record.state) for row in rank_trials(*looked)]
        for looked in ((records(each), summary(each, "ended")) for each in (before, after))
    ]
    assert rows[0] == rows[1]
    runs.run(6)
    assert len(runs.study().trials) == 6
    assert [record.trial for record in scan([runs.folder]).records] == [*range(6)]


def test_what_was_going_on_goes_on_after_a_rebuild(runs):
    waiting = runs.trial(1)
    waiting.write(replace(waiting.read(), state="paused", epochs=2))
    lost(runs)
    rebuild(runs.request(4))
    store = opened(runs.request(4))
    assert [each.number for each in store.paused()] == [1]
    assert store.ended() == 3


def test_a_lost_trial_s_number_stays_taken(runs):
    shutil.rmtree(runs.trial(2).path)
    lost(runs)
    assert rebuild(runs.request(4)) == 3
    store = opened(runs.request(4))
    assert (store.ended(), len(store.trials())) == (3, 4)


def test_only_an_empty_database_is_filled(runs):
    text = refusal(runs, doing=rebuild)
    assert text.startswith(f"--storage {runs.url}\n  expected a database without trials of study small")
    assert text.endswith("Leave --rebuild out to go on with it, or name an empty one: --storage URL")


def test_another_spec_s_records_fill_nothing(runs, tiny):
    lost(runs)
    other = type(runs)(runs.folder, tiny({"training.epochs": 5}, pruner="halving"))
    text = refusal(other, doing=rebuild)
    assert text.startswith(
        f"{runs.folder}/trial-0000\n  expected the run that belongs here, with settings of "
    )
    assert "found trials in the folder: 4, in the database: 0\n" in refusal(runs)


def test_a_folder_without_trials_fills_nothing(searching):
    runs = searching()
    runs.folder.mkdir()
    with pytest.raises(StudyError, match="expected the folder of a study, with its trials, found no trials"):
        rebuild(runs.request(4))


def test_a_rebuild_that_is_killed_at_any_write_ends_at_the_next_try(runs, searched, tmp_path):
    lost(runs)
    (tmp_path / "spec.yaml").write_text(resolved_yaml(runs.document.experiment))
    writes = 11
    places = [tmp_path / str(number) / "small" for number in range(writes + 1)]
    for place in places:
        shutil.copytree(runs.folder, place, ignore=shutil.ignore_patterns("*.npz"))
    program = str(Path(__file__).parent / "killed_rebuild.py")
    command = [sys.executable, program, str(tmp_path / "spec.yaml"), str(tmp_path), str(writes)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.stdout.splitlines() == [f"{writes} writes", "0", *["9"] * writes], ended.stderr
    for place in places:
        killed = type(runs)(place, runs.document)
        with suppress(StudyError):  # whole already: the message says to leave --rebuild out
            assert rebuild(killed.request(4)) == 4
        opened(killed.request(4))
        assert list(map(shape, killed.study().trials)) == list(map(shape, searched.study().trials))
