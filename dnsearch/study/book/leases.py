"""Who trains a trial, and whether that process still lives.

Several coordinators may work on one study. Each writes its lease into every trial that it trains, and renews
it while it lives. On its own machine a process is asked for directly; of another one only the last beat is
known. Whoever could not renew its leases for long must ask, in its turn, which ones are still its own.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

from optuna.trial import Trial

from dnsearch import environment
from dnsearch.study.book.machine import process_started

LEASE = "dnsearch:lease"
RENEW_SECONDS = 15.0
DEAD_SECONDS = 60.0
"""A lease of another machine that has not been renewed for so long is over."""
CLOCK_SECONDS = 2.0
"""By how much a process' start may seem to move when the machine's clock is set."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A trial in the hands of a coordinator.

    Args:
        host: name of its machine.
        pid: its process there.
        started: when the process started, in seconds since 1970 on its machine's clock.
        beat: when the lease was renewed last, in seconds since 1970 on the database's clock.
    """

    host: str
    pid: int
    started: float
    beat: float

    def same_holder(self, other: "Lease") -> bool:
        """Whether both are one process'."""
        near = abs(self.started - other.started) < CLOCK_SECONDS
        return near and (self.host, self.pid) == (other.host, other.pid)


def own(now: float) -> Lease:
    """A lease of this process.

    Args:
        now: seconds since 1970 on the database's clock.
    """
    identity = environment.process_identity()
    started = process_started(identity["pid"]) or 0.0
    return Lease(identity["host"], identity["pid"], started, now)


def found(attributes: dict[str, Any]) -> Lease | None:
    """The lease among a trial's user attributes.

    >>> found({LEASE: {"host": "a", "pid": 1, "started": 5.0, "beat": 9.0}})
    Lease(host='a', pid=1, started=5.0, beat=9.0)
    >>> found({})
    """
    written = attributes.get(LEASE)
    return Lease(**written) if written else None


def is_alive(lease: Lease | None, now: float) -> bool:
    """Whether somebody is at work under a lease.

    Args:
        lease: a trial's lease; None is nobody's.
        now: seconds since 1970 on the database's clock.
    """
    if lease is None:
        return False
    if lease.host != environment.process_identity()["host"]:
        return now - lease.beat < DEAD_SECONDS
    started = process_started(lease.pid)
    return started is not None and replace(lease, started=started).same_holder(lease)


def renew(trials: Iterable[Trial], now: float) -> None:
    """Write this process' lease into trials: one write each."""
    lease = asdict(own(now))
    for trial in trials:
        trial.set_user_attr(LEASE, lease)


def is_ours(attributes: dict[str, Any]) -> bool:
    """Whether a trial's lease is this process', read from its user attributes of now."""
    lease = found(attributes)
    return lease is not None and lease.same_holder(own(lease.beat))
