"""The database of a study, SQLite's file on this machine or PostgreSQL's server, and its errors."""

import gc
import re
import sqlite3
from collections.abc import Container, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import optuna
import psutil
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import URL, create_engine, inspect, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    NoSuchModuleError,
    PendingRollbackError,
    SQLAlchemyError,
)
from sqlalchemy.pool import NullPool

from dnsearch.errors import Problem, StudyError

SQLITE = "sqlite:///"
EXAMPLES = "Examples: sqlite:///runs/study.db (a file), postgresql+psycopg://user@host/database"
ROOM = "Make room there and give the same command again; trials that have ended are kept."
PERMISSION = "Ask its owner for permission to write there, or name another database: --storage URL"
REMEDIES = {
    **dict.fromkeys(["disk is full", "disk full", "No space left"], ROOM),
    **dict.fromkeys(["ermission denied", "readonly database", "read-only", "unable to open"], PERMISSION),
}
"""Words of SQLite, of PostgreSQL and of the operating system → what to do."""
BUSY_SECONDS = 60  # that a SQLite database may be locked by another process
NETWORK_FILE_SYSTEMS = {
    *("nfs", "nfs3", "nfs4", "cifs", "smb2", "smb3", "smbfs", "afs", "ncpfs", "davfs", "sshfs", "ceph"),
    *("glusterfs", "lustre", "beegfs", "gpfs", "pvfs2", "orangefs", "s3fs", "gcsfuse", "goofys", "rclone"),
}
CONNECTION_LOST = ("08", "57P", "53300")  # how PostgreSQL's codes begin: broken; stops or starts; is full
REFUSING_FOR_NOW = (
    *("starting up", "shutting down", "recovery mode", "terminating connection"),
    *("connection slots", "too many", "not currently accepting"),
)
"""Its words for the same, as a refusal to connect has no code; other refusals, as of a password, stay so."""
Kinds = tuple[type[Exception], ...]
TROUBLE: Kinds = (SQLAlchemyError, StorageInternalError, sqlite3.Error)
"""What the libraries raise for a database that is missing, not theirs, or full."""
DAMAGE: Kinds = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError)
"""What reading stumbles over where the contents of a database are damaged."""
OPENING_TROUBLE: Kinds = (ImportError, OSError, RuntimeError, *DAMAGE)
"""What they raise as well while opening: for a wrong URL, a missing driver, an old version."""


def default_url(folder: Path) -> str:
    """The database of a study without ``--storage``: a file in the study's folder."""
    return f"{SQLITE}{folder / 'study.db'}"


def sqlite_file(url: str) -> Path | None:
    """The file of a SQLite database; None for a server. A StudyError where a path has a question mark."""
    if not url.startswith(SQLITE):
        return None
    path, mark, query = url.removeprefix(SQLITE).partition("?")
    if mark and ("=" not in query or "/" in query):
        hint = "Rename it, or put the database elsewhere: --storage sqlite:////home/me/study.db"
        expected = "a path without question mark: what follows it in a URL are options"
        raise StudyError(str(Problem(f"--storage {SQLITE}{path}?…", expected, hint=hint)))
    return Path(path)


def storage(url: str) -> RDBStorage:
    """Optuna's storage on a database; a SQLite file and its folder are created if they are missing."""
    if (file := sqlite_file(url)) is None:
        return RDBStorage(url, engine_kwargs={"pool_pre_ping": True})
    make_room(file)
    with closing(sqlite3.connect(file, timeout=BUSY_SECONDS)) as connection:
        connection.execute("pragma journal_mode=wal")  # readers do not lock the writer out
    return RDBStorage(url, engine_kwargs={"connect_args": {"timeout": BUSY_SECONDS}})


def existing_storage(url: str) -> RDBStorage | None:
    """Optuna's storage on a database; None where it has none of Optuna's tables, and none are made."""
    if (file := sqlite_file(url)) is not None and not file.is_file():
        return None
    with closing(create_engine(url, poolclass=NullPool).connect()) as connection:
        if not inspect(connection).has_table("studies"):
            return None
    return storage(url)


def trials_of(study: optuna.Study, states: Container[TrialState] | None = None) -> list[FrozenTrial]:
    """A study's trials in some states, or all, by number; they are not to be changed.

    Garbage is not collected meanwhile: there is none, and looking for it took half the time of 10,000 trials.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        return study.get_trials(deepcopy=False, states=states)
    finally:
        if collecting:
            gc.enable()


def make_room(file: Path) -> None:
    """Create the folder of a SQLite database, but on no network file system (sqlite.org/useovernet.html).

    File locks are not reliable there, and the write-ahead log needs memory that all its processes share.
    """
    folder = file.parent
    folder.mkdir(parents=True, exist_ok=True)
    if file.is_dir():
        raise IsADirectoryError("a folder, where the file of the database should be")
    mounts = {Path(part.mountpoint): part.fstype for part in psutil.disk_partitions(all=True)}
    if (kind := network_kind(folder.resolve(), mounts)) is not None:
        expected = "a folder on a disk of this machine, since SQLite's locks do not work across a network"
        server = "or use a server: --storage postgresql+psycopg://user@host/database"
        hint = f"Put the database elsewhere (--storage sqlite:////home/me/study.db), {server}"
        raise StudyError(str(Problem(str(folder), expected, f"{kind}, a network file system", hint)))


def network_kind(folder: Path, mounts: Mapping[Path, str]) -> str | None:
    """The kind of network file system that a folder is on; ``mounts``: mount point → kind of file system.

    >>> network_kind(Path("/home/me/runs"), {Path("/"): "ext4", Path("/home"): "nfs4"})
    'nfs4'
    """
    above = next((each for each in (folder, *folder.parents) if each in mounts), None)
    kind = mounts[above].lower() if above else ""
    return kind if kind.removeprefix("fuse.") in NETWORK_FILE_SYSTEMS else None


def is_lost_connection(error: BaseException) -> bool:
    """Whether an error means that a PostgreSQL server is away for now, not that a statement is wrong."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, PendingRollbackError):  # Optuna went on after it was lost
            return True
        if isinstance(cause, DBAPIError) and not isinstance(cause.orig, sqlite3.Error):
            code, said = getattr(cause.orig, "sqlstate", None), str(cause.orig)
            if code is None and not cause.connection_invalidated and "FATAL:" in said:
                return any(words in said for words in REFUSING_FOR_NOW)
            return cause.connection_invalidated or code is None or str(code).startswith(CONNECTION_LOST)
        cause = cause.__cause__
    return False


@contextmanager
def reachable(url: str, also: Kinds = ()) -> Iterator[None]:
    """Turn database errors of the block, and errors of the kinds ``also``, into a StudyError."""
    try:
        yield
    except TROUBLE + also as error:
        found, driver = error_text(error, url), _driver_problem(error, url)
        hint = driver[1] or next((remedy for words, remedy in REMEDIES.items() if words in found), EXAMPLES)
        if hint == PERMISSION and "denied" not in found:
            found = f"permission denied: {found}"
        where, expected = f"--storage {shown(url)}", "a database that can be used"
        raise StudyError(str(Problem(where, expected, driver[0] or found, hint))) from error


def _driver_problem(error: BaseException, url: str) -> tuple[str, str]:
    """What is found, and what to do, where a URL's database or its driver is not there; else empty texts."""
    kind = url.partition(":")[0]
    server = kind.startswith("postgres")
    while error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, NoSuchModuleError) and not server:
        return f"{kind}://, neither SQLite nor PostgreSQL", EXAMPLES
    if isinstance(error, NoSuchModuleError):
        return f"{kind}://", f"Write postgresql+psycopg:// in place of {kind}://"
    if isinstance(error, ModuleNotFoundError):
        install = "pip install 'dnsearch[postgres]', and write postgresql+psycopg://" if server else EXAMPLES
        return f"no driver {error.name} on this machine", install
    return "", ""


def shown(url: str) -> str:
    """A database's URL without passwords, and without the values behind the question mark.

    >>> shown("postgresql+psycopg://me:secret@host/studies?password=secret")
    'postgresql+psycopg://me:***@host/studies?password=***'
    """
    if (parsed := _parsed(url)) is None:
        return "URL (it is not repeated here, since a password may be in it)"
    query = "&".join(f"{key}=***" for key in parsed.query)
    return f"{parsed.set(query={}).render_as_string(hide_password=True)}{query and f'?{query}'}"


@contextmanager
def undamaged(url: str) -> Iterator[None]:
    """Turn what damaged contents raise in the block into a StudyError; a lost connection stays one."""
    try:
        yield
    except DAMAGE:
        with reachable(url, DAMAGE):
            raise


def _parsed(url: str) -> URL | None:
    """A URL's parts; None where it cannot be told which part is the password."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        return None
    # What follows an @ or = here is most likely the rest of a password that is not percent-encoded.
    place = parsed.host if url.startswith(SQLITE) else f"{parsed.host}{parsed.database}"
    beside = f"{place}{''.join(parsed.query)}"
    return None if "@" in beside or "=" in beside else parsed


def error_text(error: BaseException, url: str) -> str:
    """The first line of the original error, since Optuna's own is of no help, without the URL's secrets."""
    if (parsed := _parsed(url)) is None:
        return "one that cannot be read; in a password, @ is written %40, : %3A, / %2F and = %3D"
    while error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, PendingRollbackError):  # SQLAlchemy's words are for programmers
        return "the connection was lost"
    text = (str(error).splitlines() or [type(error).__name__])[0].replace(url, shown(url))
    values = [parsed.password, *(value for several in parsed.normalized_query.values() for value in several)]
    for secret in filter(None, map(str, values)):
        text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", "***", text)
    return text
