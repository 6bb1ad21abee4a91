"""A study is written by one process at a time: its coordinator.

The lock is released by its holder's death: a locked file in the study's folder, which readers also go by, and
where the database is, beside SQLite's file or as an advisory lock of a connection of its own in PostgreSQL.
"""

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from dnsearch import environment
from dnsearch.errors import Problem, RunError, StudyError
from dnsearch.runs.lock import holder, is_locked, locked
from dnsearch.search import database
from dnsearch.search.database import shown, sqlite_file

SESSION = (
    "set tcp_keepalives_idle = 10",  # the server notices within half a minute that a machine went off
    "set tcp_keepalives_interval = 5",
    "set tcp_keepalives_count = 4",
)
HOLDER = """
select activity.application_name, pid from pg_locks as held join pg_stat_activity as activity using (pid)
where held.locktype = 'advisory' and held.granted
    and held.classid = ((cast(:key as bigint) >> 32) & 4294967295)::oid
    and held.objid = (cast(:key as bigint) & 4294967295)::oid
"""
HINT = "Wait for it or end that process; the lock is released when its process ends."
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 15.0
GIVE_UP_SECONDS = 5 * 60 + LONGEST_PAUSE_SECONDS
"""That a database that went away is waited for; it is asked once more after five minutes."""
RENEW_SECONDS = 10.0
WAITED_FOR: database.Kinds = (*database.TROUBLE, StudyError)
Result = TypeVar("Result")


@contextmanager
def study_locked(
    folder: Path, url: str, say: Callable[[str], None], is_stopped: Callable[[], bool] = lambda: False
) -> Iterator["StudyLock"]:
    """Keep others from writing a study; ``say`` is told once of an absence of the database, and its end.

    The database is waited for until it ``is_stopped``.
    """
    with _file_locked(folder / "lock", folder.name):
        lock = StudyLock(folder.name, url, say, is_stopped)
        try:
            with database.reachable(url, database.OPENING_TROUBLE):
                lock.retried(lock.take)
            yield lock
        finally:
            lock.release()


class StudyLock:
    """A study's lock at its database, and the patience that a restart of a server asks for."""

    def __init__(
        self,
        study: str,
        url: str,
        say: Callable[[str], None] = lambda _: None,
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self._study, self._url, self._say, self._is_stopped = study, url, say, is_stopped
        self._held = ExitStack()
        self._connection: Connection | None = None
        self._renewed = 0.0

    def take(self) -> None:
        """Take the lock, or take it again after the connection was lost."""
        self.release()
        if (file := sqlite_file(self._url)) is not None:
            database.make_room(file)
            self._held.enter_context(_file_locked(lock_file(file, self._study), self._study))
            return
        self._connection = connection = self._held.enter_context(closing(_connected(self._url)))
        identity = environment.process_identity()
        name = {"name": f"process {identity['pid']} on host {identity['host']}"[:63]}
        for statement in SESSION:
            connection.execute(text(statement))
        connection.execute(text("select set_config('application_name', :name, false)"), name)
        number = {"key": key(self._study)}
        taken = connection.execute(text("select pg_try_advisory_lock(:key)"), number).scalar_one()
        by = None if taken else connection.execute(text(HOLDER), number).scalar()
        if by == name["name"]:  # the server has not noticed yet that this process lost its connection
            end = f"select pg_terminate_backend(pid, 5000) from ({HOLDER}) as held"
            connection.execute(text(end), number)
            taken = connection.execute(text("select pg_try_advisory_lock(:key)"), number).scalar_one()
        connection.commit()  # the lock is the session's; an open transaction would keep old rows alive
        if not taken:
            self.release()
            raise _refusal(self._study, by or f"another session of {shown(self._url)}")

    def release(self) -> None:
        """Release the lock."""
        self._connection = None
        with suppress(SQLAlchemyError):
            self._held.close()

    def renew(self) -> None:
        """Make sure from time to time that the lock is held: a server that was restarted has forgotten it."""
        if self._connection is not None and time.monotonic() >= self._renewed + RENEW_SECONDS:
            self.retried(self._ask)
            self._renewed = time.monotonic()

    def _ask(self) -> None:
        if self._connection is not None:
            self._connection.execute(text("select 1"))
            self._connection.commit()

    def retried(self, call: Callable[[], Result]) -> Result:
        """The result of a call that reads or writes the study; a server that went away is waited for.

        The call is made again from its start, so making it twice must do no harm.
        """
        pause, began, is_away = FIRST_PAUSE_SECONDS, time.monotonic(), False
        while True:
            try:
                if is_away:
                    self.take()
                result = call()
            except WAITED_FOR as error:
                if not database.is_lost_connection(error) or time.monotonic() - began > GIVE_UP_SECONDS:
                    raise
                if not is_away:
                    minutes, why = GIVE_UP_SECONDS // 60, database.error_text(error, self._url)
                    self._say(f"the database is away; waiting up to {minutes:g} minutes for it… ({why})")
                is_away = True
                for _ in range(round(pause / FIRST_PAUSE_SECONDS)):
                    if self._is_stopped():
                        raise
                    time.sleep(FIRST_PAUSE_SECONDS)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            else:
                if is_away:
                    self._say(f"the database is back after {time.monotonic() - began:.0f} s")
                return result

    def undamaged(self) -> AbstractContextManager[None]:
        """For a block that reads the study: damaged contents are a StudyError that names the database."""
        return database.undamaged(self._url)


def is_searched(url: str, study: str) -> bool:
    """Whether some process searches a study."""
    if (file := sqlite_file(url)) is not None:
        return is_locked(lock_file(file, study))
    with closing(_connected(url)) as connection:
        return connection.execute(text(HOLDER), {"key": key(study)}).first() is not None


def _connected(url: str) -> Connection:
    return create_engine(url, poolclass=NullPool).connect()


@contextmanager
def _file_locked(file: Path, study: str) -> Iterator[None]:
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(file))
        except RunError as error:
            if is_locked(file):
                raise _refusal(study, holder(file)) from error
            raise
        yield


def lock_file(database: Path, study: str) -> Path:
    """The file beside a SQLite database that is locked while a study in it is searched."""
    return Path(f"{database}.{study}.lock")


def key(study: str) -> int:
    """The number that PostgreSQL knows a study's lock by: 64 bits with a sign."""
    digest = hashlib.blake2b(f"dnsearch:{study}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)


def _refusal(study: str, by: str) -> StudyError:
    return StudyError(str(Problem(f"study {study}", f"is being searched by {by}", hint=HINT)))
