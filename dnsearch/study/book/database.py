"""The database of a study: which ones there are, how each is opened, and what it says when it cannot be.

Two kinds: SQLite, a file on this machine, and PostgreSQL, a server that many machines reach.
"""

import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

from optuna.exceptions import StorageInternalError
from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from dnsearch.errors import Problem, StudyError
from dnsearch.study.book.loading import QuickStorage
from dnsearch.study.book.machine import mounted_file_systems, network_kind

SQLITE = "sqlite:///"
POSTGRES = "postgresql"
PASSWORD = re.compile(r"(://[^:/@]*:)[^@]+(?=@)")
EXAMPLES = "Examples: sqlite:///runs/study.db (a file), postgresql+psycopg://user@host/database"
FULL = ("disk is full", "disk full", "No space left")
"""Words of SQLite, of PostgreSQL and of the system."""
ROOM = "Make room there and give the same command again; what had ended is not lost."
BUSY_SECONDS = 60
"""How long a SQLite database may be held by somebody else before that is an error."""
Kinds = tuple[type[Exception], ...]
TROUBLE: Kinds = (SQLAlchemyError, StorageInternalError, sqlite3.Error)
"""What the libraries raise for a database that is not there, not theirs, or full."""
OPENING_TROUBLE: Kinds = (ImportError, OSError, ValueError, RuntimeError)
"""What they raise besides, before the database is open: for a wrong URL, a missing driver, an old version."""


def default_url(folder: Path) -> str:
    """The database of a study that names none: a file in the study's folder."""
    return f"{SQLITE}{folder / 'study.db'}"


def sqlite_file(url: str) -> Path | None:
    """The file of a SQLite database; None for a server.

    >>> sqlite_file("sqlite:///runs/study.db")
    PosixPath('runs/study.db')
    """
    return Path(url.removeprefix(SQLITE)) if url.startswith(SQLITE) else None


def storage(url: str) -> QuickStorage:
    """Optuna's storage on a database; a file and its folder are made where there is none.

    Raises:
        StudyError: SQLite on a folder of another machine, or a server's driver is not installed.
    """
    file = sqlite_file(url)
    if file is None:
        return QuickStorage(url, engine_kwargs={"pool_pre_ping": True})
    make_room(file)
    with closing(sqlite3.connect(file, timeout=BUSY_SECONDS)) as connection:
        connection.execute("pragma journal_mode=wal")  # readers do not lock the writer out
    return QuickStorage(url, engine_kwargs={"connect_args": {"timeout": BUSY_SECONDS}})


def make_room(file: Path) -> None:
    """Make the folder of a SQLite database, unless it lies on another machine, where its locks do not hold.

    SQLite's own advice (sqlite.org/useovernet.html): file locks of network file systems are not to be relied
    on, and the write-ahead log needs memory that all its processes share.

    Raises:
        StudyError: the folder is on a network file system.
        OSError: it cannot be made, or the database is a folder itself.
    """
    folder = file.parent
    folder.mkdir(parents=True, exist_ok=True)
    if file.is_dir():
        raise IsADirectoryError("a folder, where the file of the database should be")
    kind = network_kind(folder.resolve(), mounted_file_systems())
    if kind is not None:
        expected = "a folder on a disk of this machine, since SQLite's locks do not hold across a network"
        hint = (
            "Keep the database elsewhere (--storage sqlite:////home/me/study.db), or give several machines "
            "one server: --storage postgresql+psycopg://user@host/database"
        )
        raise StudyError(str(Problem(str(folder), expected, f"{kind}, a network file system", hint)))


def clock(url: str) -> Callable[[], float]:
    """A clock on which all machines that use a database agree, in seconds since 1970.

    It is the server's; how far this machine's clock is off is measured once, here.

    Raises:
        SQLAlchemyError: the server cannot be reached.
    """
    if sqlite_file(url) is not None:
        return time.time
    with closing(create_engine(url, poolclass=NullPool).connect()) as connection:
        asked = time.time()
        told = float(connection.execute(text("select extract(epoch from clock_timestamp())")).scalar_one())
    ahead = told - (asked + time.time()) / 2
    return lambda: time.time() + ahead


def opening(url: str) -> AbstractContextManager[None]:
    """Like ``reachable``, for a block that opens the database."""
    return reachable(url, OPENING_TROUBLE)


@contextmanager
def reachable(url: str, also: Kinds = ()) -> Iterator[None]:
    """Turn what goes wrong with the database in the block into a StudyError.

    Args:
        url: the database.
        also: further errors that are the database's in this block.
    """
    try:
        yield
    except TROUBLE + also as error:
        found = _first_line(error)
        hint = ROOM if any(word in found for word in FULL) else EXAMPLES
        problem = Problem(f"--storage {shown(url)}", "a database that can be used", found, hint)
        raise StudyError(str(problem)) from error


def shown(url: str) -> str:
    """A database's URL without its password.

    >>> shown("postgresql+psycopg://me:secret@host/studies")
    'postgresql+psycopg://me:***@host/studies'
    """
    return PASSWORD.sub(r"\1***", url)


def _first_line(error: BaseException) -> str:
    """What went wrong at first; Optuna's own words about a database error are of no help."""
    while error.__cause__ is not None:
        error = error.__cause__
    return (str(error).splitlines() or [type(error).__name__])[0]
