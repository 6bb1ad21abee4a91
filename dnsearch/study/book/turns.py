"""One at a time: what several coordinators of one study must not do at once, they do in turns.

Whoever asks the sampler, promotes a trial or takes over a dead one's first waits for its turn, then reads the
book, then writes in it. The turn is a lock that its holder's death gives free: in PostgreSQL an advisory lock
on a connection of its own, beside SQLite a locked file.
"""

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from dnsearch.errors import Problem, RunError, StudyError
from dnsearch.runs.lock import holder, locked
from dnsearch.study.book.database import make_room, shown, sqlite_file

WAIT_SECONDS = 120.0
"""How long to wait for a turn: one takes a fraction of a second, so many may stand in the line before."""

SESSION = (
    "set tcp_keepalives_idle = 10",  # a holder whose machine went off loses its turn within half a minute
    "set tcp_keepalives_interval = 5",
    "set tcp_keepalives_count = 4",
)


@contextmanager
def exclusive(url: str, study: str, wait_seconds: float = WAIT_SECONDS) -> Iterator[None]:
    """Keep every other process that asks for the same study's turn waiting, for a block.

    A process that asks again within its own turn waits for itself.

    Args:
        url: the study's database, SQLite or PostgreSQL.
        study: the study's name.
        wait_seconds: how long to wait for the turn.

    Raises:
        StudyError: the turn did not come in time, or there is no server.
        SQLAlchemyError: the server went away.
        OSError: the folder of a SQLite database cannot be made.
    """
    file = sqlite_file(url)
    with _at_server(url, study, wait_seconds) if file is None else _beside(file, study, wait_seconds):
        yield


@contextmanager
def _beside(file: Path, study: str, wait_seconds: float) -> Iterator[None]:
    make_room(file)
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(turn_file(file, study), wait_seconds))
        except RunError:
            by = holder(turn_file(file, study))
            raise _late(study, wait_seconds, f"it taken by {by}") from None
        yield


def turn_file(database: Path, study: str) -> Path:
    """The file that is locked for a study's turn.

    >>> turn_file(Path("runs/small/study.db"), "small")
    PosixPath('runs/small/study.db.small.turn')
    """
    return Path(f"{database}.{study}.turn")


@contextmanager
def _at_server(url: str, study: str, wait_seconds: float) -> Iterator[None]:
    with closing(create_engine(url, poolclass=NullPool).connect()) as connection:
        for statement in (*SESSION, f"set lock_timeout = {max(1, int(1000 * wait_seconds))}"):
            connection.execute(text(statement))
        try:
            connection.execute(text("select pg_advisory_lock(:key)"), {"key": key(study)})
        except OperationalError as error:
            if "lock timeout" not in str(error):  # what every PostgreSQL says, if it speaks English
                raise
            raise _late(study, wait_seconds, f"it taken by another session of {shown(url)}") from None
        connection.commit()  # the lock is the session's; an open transaction would keep old rows alive
        yield


def key(study: str) -> int:
    """The number that PostgreSQL knows a study's turn by: 64 bits with a sign.

    >>> key("small") == key("small"), key("small") == key("large")
    (True, False)
    """
    digest = hashlib.blake2b(f"dnsearch:{study}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)


def _late(study: str, wait_seconds: float, found: str) -> StudyError:
    expected = f"its turn in the study within {wait_seconds:g} seconds"
    hint = "A process that was stopped holds it, or there are too many workers: see docs/scaling.md."
    return StudyError(str(Problem(f"study {study}", expected, found, hint)))
