"""Opening a study: the database, whether the spec is the same, sampler and pruner."""

import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from sqlalchemy.exc import OperationalError

from dnsearch.errors import StudyError
from dnsearch.search.database import (
    OPENING_TROUBLE,
    default_url,
    is_lost_connection,
    reachable,
    sqlite_file,
    storage,
)
from dnsearch.search.study_metadata import open_study, study_in


def opened(document, folder, url=None):
    experiment, url = document.experiment, url or default_url(folder)
    with reachable(url, OPENING_TROUBLE):
        inside = storage(url)
        return open_study(inside, "small", experiment, experiment.tune, study_in(inside, "small"))


def refusal(document, folder, url=None):
    with pytest.raises(StudyError) as caught:
        opened(document, folder, url)
    return str(caught.value)


def test_a_study_is_created_and_found_again(tiny, tmp_path):
    first = opened(tiny(), tmp_path)
    first.ask()
    again = opened(tiny(), tmp_path)
    assert [trial.state.name for trial in again.trials] == ["RUNNING"]
    assert again.direction.name == "MAXIMIZE"


@pytest.mark.parametrize("path", ["runs/why?/study.db", "a?b/study.db", "study?.db", "study.db?"])
def test_a_path_with_a_question_mark_is_refused(path):
    with pytest.raises(StudyError) as caught:
        sqlite_file(f"sqlite:///{path}")
    assert "a path without question mark: what follows it in a URL are options" in str(caught.value)
    assert "Rename it, or put the database elsewhere" in str(caught.value)


def test_options_of_a_url_are_no_part_of_its_path():
    assert sqlite_file("sqlite:////tmp/study.db?timeout=5") == Path("/tmp/study.db")


def test_readers_do_not_lock_the_writer_out(tiny, tmp_path):
    opened(tiny(), tmp_path)
    with closing(sqlite3.connect(tmp_path / "study.db")) as connection:
        assert connection.execute("pragma journal_mode").fetchone() == ("wal",)


def test_the_folder_of_a_database_is_made(tiny, tmp_path):
    opened(tiny(), tmp_path, f"sqlite:///{tmp_path}/new/folder/all.db")
    assert (tmp_path / "new/folder/all.db").exists()


def test_a_changed_spec_is_refused_and_the_differences_are_shown(tiny, tmp_path):
    opened(tiny(), tmp_path)
    space = {"network.growth_rate": {"int": [2, 8]}, "network.pooling": ["avg", "max"]}
    text = refusal(tiny({"training.epochs": 9}, pruner="median", parameters=space), tmp_path)
    assert text.startswith("study small\n  expected the spec that the study was started with; changed since:")
    lines = [line.strip() for line in text.splitlines()]
    assert "training.epochs: 2 → 9" in lines
    assert 'tune.pruner: "none" → "median"' in lines
    assert any(line.startswith("tune.parameters.network.growth_rate: {") for line in lines)
    assert 'tune.parameters.network.pooling: not set → ["avg", "max"]' in lines
    assert any(line.startswith("tune.parameters.training.learning_rate: {") for line in lines)
    assert any(line.endswith("→ not set") for line in lines)
    assert "  Give the changed search a name of its own: --study NAME" in text
    assert "batch_size" not in text


def test_how_long_a_search_goes_on_may_change(tiny, tmp_path):
    opened(tiny(), tmp_path)
    opened(tiny(trials=1000, trial_timeout_seconds=5.0), tmp_path)


@pytest.mark.parametrize(
    ("url", "shown", "found"),
    [
        ("nix://host/db", "nix://host/db", "nix://, neither SQLite nor PostgreSQL"),
        (
            "mysql+nodriver://host/db",
            "mysql+nodriver://host/db",
            "mysql+nodriver://, neither SQLite nor PostgreSQL",
        ),
        ("sqlite:////proc/nowhere/study.db", "sqlite:////proc/nowhere/study.db", "No such file or directory"),
        ("sqlite:////", "sqlite:////", "a folder, where the file of the database should be"),
    ],
)
def test_a_database_that_cannot_be_opened(tiny, tmp_path, url, shown, found):
    text = refusal(tiny(), tmp_path, url)
    assert text.startswith(f"--storage {shown}\n  expected a database that can be used, found ")
    assert found in text
    assert "\n  Examples: sqlite:///runs/study.db (a file), postgresql+psycopg://user@host/database" in text
    assert "secret" not in text


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql+psycopg://me:secret@127.0.0.1:1/db", "postgresql+psycopg://me:***@127.0.0.1:1/db"),
        ("postgresql+psycopg://me:s%65cret@127.0.0.1:1/db", "postgresql+psycopg://me:***@127.0.0.1:1/db"),
        ("postgresql+psycopg://me:a/secret#?@127.0.0.1:1/db", "postgresql+psycopg://me:***@127.0.0.1:1/db"),
        (
            "postgresql+psycopg://127.0.0.1:1/?password=secret",
            "postgresql+psycopg://127.0.0.1:1/?password=***",
        ),
        ("postgresql+psycopg://@/db?host=/secret", "postgresql+psycopg://@/db?host=***"),
        ("postgresql+psycopg://@/db?user=a&secret=secret", "postgresql+psycopg://@/db?user=***&secret=***"),
        ("sqlite://me:secret@host/db", "sqlite://me:***@host/db"),
        ("postgres://me:secret@host/db", "postgres://me:***@host/db"),
        ("https://me:secret@host/db", "https://me:***@host/db"),
        ("postgresql+psycopg://me:at@secret@127.0.0.1:1/db", ""),
        ("postgresql+psycopg://me@127.0.0.1:1/db&password=secret", ""),
        ("postgresql+psycopg://me@127.0.0.1:1/db?password%3Dsecret=1", ""),
        ("postgresql+psycopg://me:secret", ""),
        ("postgresql+psycopg:/me:secret@127.0.0.1:1/db", ""),
        ("postgresql://me:secret@host:x/db", ""),
        ("me:secret@127.0.0.1:1/db", ""),
        ("host=127.0.0.1 port=1 password=secret", ""),
        ("secret", ""),
    ],
)
def test_a_password_is_never_repeated(tiny, tmp_path, url, shown):
    text = refusal(tiny(), tmp_path, url)
    assert "secret" not in text.replace("secret=***", "")
    unreadable = "URL (it is not repeated here, since a password may be in it)"
    assert text.startswith(f"--storage {shown or unreadable}\n  expected a database that can be used, found ")
    assert shown or "one that cannot be read; in a password, @ is written %40" in text


@pytest.mark.parametrize(
    ("url", "found", "hint"),
    [
        ("postgres://host/db", "postgres://", "Write postgresql+psycopg:// in place of postgres://"),
        (
            "postgresql+psycopg2://host/db",
            "no driver psycopg2 on this machine",
            "pip install 'dnsearch[postgres]'",
        ),
    ],
)
def test_a_driver_that_is_not_there(tiny, tmp_path, url, found, hint):
    text = refusal(tiny(), tmp_path, url)
    assert f"expected a database that can be used, found {found}\n  {hint}" in text


def test_a_driver_s_words_are_told_without_the_password():
    url = "postgresql+psycopg://me:secret@host/db?passfile=hidden"
    with pytest.raises(StudyError) as caught, reachable(url):
        raise OperationalError(f"connect {url}", {}, Exception(f"not secret, not hidden, not in {url}"))
    assert "secret" not in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_values_of_a_sqlite_url_are_no_part_of_its_file(tiny, tmp_path):
    opened(tiny(), tmp_path, f"{default_url(tmp_path)}?cached_statements=9")
    assert {each.name.partition("-")[0] for each in tmp_path.iterdir()} == {"study.db"}


def test_a_file_that_is_no_database(tiny, tmp_path):
    (tmp_path / "study.db").write_bytes(b"certainly not a database" * 100)
    assert "file is not a database" in refusal(tiny(), tmp_path)


def test_a_database_of_a_later_optuna(tiny, tmp_path):
    opened(tiny(), tmp_path)
    with closing(sqlite3.connect(tmp_path / "study.db")) as connection:
        connection.execute("update alembic_version set version_num = 'v99.0.0.a'")
        connection.execute("update version_info set schema_version = 99")
        connection.commit()
    assert "optuna" in refusal(tiny(), tmp_path)


def test_a_database_that_goes_away_in_the_middle():
    with pytest.raises(StudyError, match="the disk is gone") as caught, reachable("sqlite:///x.db"):
        raise OperationalError("select 1", {}, sqlite3.OperationalError("the disk is gone"))
    assert str(caught.value).startswith("--storage sqlite:///x.db\n")


def test_a_full_disk_is_told_with_what_to_do(tmp_path):
    file = tmp_path / "small.db"
    with (
        pytest.raises(StudyError) as caught,
        closing(sqlite3.connect(file)) as connection,
        reachable(f"sqlite:///{file}"),
    ):
        connection.execute("pragma max_page_count=2")  # SQLite's own word for a disk without room
        connection.execute("create table trials (content)")
        connection.execute("insert into trials values (zeroblob(100000))")
    assert str(caught.value).splitlines()[1:] == [
        "  expected a database that can be used, found database or disk is full",
        "  Make room there and give the same command again; trials that have ended are kept.",
    ]


def test_a_database_that_one_may_only_read(tiny, tmp_path):
    opened(tiny(), tmp_path)
    file = f"file:{tmp_path}/study.db?mode=ro"
    with (
        pytest.raises(StudyError) as caught,
        closing(sqlite3.connect(file, uri=True)) as connection,
        reachable(default_url(tmp_path)),
    ):
        connection.execute("create table trials_too (content)")
    assert str(caught.value) == (
        f"--storage sqlite:///{tmp_path}/study.db\n  expected a database that can be used, found permission "
        "denied: attempt to write a readonly database\n  Ask its owner for permission to write there, or "
        "name another database: --storage URL"
    )


@pytest.mark.parametrize(
    ("said", "waits"),
    [
        ("Connection refused\n\tIs the server running on that host?", True),
        ("FATAL:  the database system is starting up", True),
        ("FATAL:  remaining connection slots are reserved for roles with SUPERUSER", True),
        ('FATAL:  database "closed" is not currently accepting connections', True),
        ("FATAL:  terminating connection due to administrator command", True),
        ('FATAL:  database "studies" does not exist', False),
        ('FATAL:  password authentication failed for user "me"', False),
    ],
)
def test_a_server_that_will_be_back_is_told_from_one_that_refuses(said, waits):
    assert is_lost_connection(OperationalError("select 1", {}, ConnectionError(said))) is waits


def test_what_is_not_the_database_s_fault_goes_through():
    with pytest.raises(ValueError, match="a bug of ours"), reachable("sqlite:///x.db"):
        raise ValueError("a bug of ours")


def test_a_database_on_another_machine_s_disk_is_refused(tiny, tmp_path, monkeypatch):
    mounted = SimpleNamespace(mountpoint=str(tmp_path), fstype="nfs4")  # none is mounted here
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: [mounted])
    text = refusal(tiny(), tmp_path)
    assert text.startswith(
        f"{tmp_path}\n  expected a folder on a disk of this machine, since SQLite's locks do not work across "
        "a network, found nfs4, a network file system\n"
    )
    assert "--storage postgresql+psycopg://user@host/database" in text
