"""Why a child process died without a message, as far as that can be known.

A lack of memory shows in three ways besides an error that the child can report. The system kills a process,
the child (signal 9) or the server that knows its exit code, and counts such kills; a person's ``kill -9``
looks the same but is not counted. Or a library gives up (signal 6 or 11) after a last line on its error
output. Or it does so silently while the address space is limited (``ulimit -v``): then it is likely, and
reported as no more than that. Without such a sign nothing is claimed.
"""

import resource
from dataclasses import dataclass
from pathlib import Path

from dnsearch.search.messages import RunFailed

KILLED = 9
VMSTAT = Path("/proc/vmstat")
LAST_WORDS = ("bad_alloc", "out of memory", "cannot allocate memory", "resource temporarily unavailable")
"""What C++, CUDA and the system say of a lack of memory, the last of a thread that found none."""


@dataclass(frozen=True, slots=True)
class Before:
    """What was measured when a child was started.

    Args:
        log: the file that the children's error output goes to.
        length: how long it was.
        kills: processes that the system had killed for a lack of memory; None where it does not tell.
    """

    log: Path
    length: int
    kills: int | None


def before(log: Path) -> Before:
    """Measure, just before a child is started."""
    return Before(log, log.stat().st_size if log.exists() else 0, memory_kills())


def explained(exitcode: int | None, started: Before) -> RunFailed:
    """Why a child died.

    Args:
        exitcode: of its process; below 0 it is the number of the signal that killed it.
        started: what was measured when it was started.
    """
    signal = -exitcode if exitcode is not None and exitcode < 0 else None
    how = f"was killed by signal {signal}" if signal else f"ended without a message (exit code {exitcode})"
    death = f"the child process {how}"
    kills = memory_kills()
    if started.kills is not None and kills is not None and kills > started.kills:
        return RunFailed(
            f"out of memory: {death}, and the system killed a process for a lack of memory", memory=True
        )
    if signal == KILLED:
        return RunFailed(f"{death}; {_doubt(kills)}")
    if signal is None:
        return RunFailed(death)
    if words := _last_words(started):
        return RunFailed(f"out of memory: {death} after {words!r}", memory=True)
    if (limit := address_space_limit()) is not None:
        return RunFailed(
            f"perhaps out of memory: {death}, with an address space of {limit:,} bytes", memory=True
        )
    return RunFailed(death)


def _doubt(kills: int | None) -> str:
    if kills is None:
        return "the system kills with signal 9 when memory runs out"
    return "the system killed nothing for a lack of memory meanwhile"


def _last_words(started: Before) -> str:
    """The last line about memory that the children put on their error output since; others may share it."""
    if not started.log.exists():
        return ""
    with started.log.open("rb") as log:
        log.seek(started.length)
        lines = log.read().decode(errors="replace").splitlines()
    about = [line.strip() for line in lines if any(words in line.lower() for words in LAST_WORDS)]
    return about[-1][:200] if about else ""


def memory_kills() -> int | None:
    """Processes that the system has killed for a lack of memory since it started; None: it does not tell."""
    if not VMSTAT.is_file():
        return None
    counters = dict(line.split() for line in VMSTAT.read_text(encoding="utf-8").splitlines())
    return int(counters["oom_kill"]) if "oom_kill" in counters else None


def address_space_limit() -> int | None:
    """Bytes of address space that this process and its children may have (``ulimit -v``); None: no limit."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return None if limit == resource.RLIM_INFINITY else limit
