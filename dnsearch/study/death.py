"""Why a child died without a word, as far as that can be known.

A lack of memory shows in three ways besides an error that the child can tell. The system kills a process,
the child (signal 9) or the server that knows its exit code, and counts such kills; a person's ``kill -9``
looks the same but is not counted. Or a library gives up (signal 6 or 11) after a last line on its error
output. Or it does so without a word, while the address space is limited (``ulimit -v``): then it is likely,
and said to be no more. Where no sign is there nothing is claimed.
"""

from dataclasses import dataclass
from pathlib import Path

from dnsearch import runtime
from dnsearch.study.messages import RunFailed

KILLED = 9
LAST_WORDS = ("bad_alloc", "out of memory", "cannot allocate memory", "resource temporarily unavailable")
"""What C++, CUDA and the system say of a lack of memory, the last of a thread that found none."""


@dataclass(frozen=True, slots=True)
class Before:
    """How things stood when a child was started.

    Args:
        log: the file that the children's error output goes to.
        length: how long it was.
        kills: processes that the system had killed for a lack of memory; None where it does not tell.
    """

    log: Path
    length: int
    kills: int | None


def before(log: Path) -> Before:
    """Note how things stand, just before a child is started."""
    return Before(log, log.stat().st_size if log.exists() else 0, runtime.memory_kills())


def explained(exitcode: int | None, started: Before) -> RunFailed:
    """Why a child died.

    Args:
        exitcode: of its process; below 0 it is the number of the signal that killed it.
        started: how things stood when it was started.
    """
    signal = -exitcode if exitcode is not None and exitcode < 0 else None
    how = f"was killed by signal {signal}" if signal else f"ended without a word (exit code {exitcode})"
    said = f"the child process {how}"
    kills = runtime.memory_kills()
    if started.kills is not None and kills is not None and kills > started.kills:
        return RunFailed(
            f"memory is used up: {said}, and the system killed for a lack of memory", memory=True
        )
    if signal == KILLED:
        return RunFailed(f"{said}; {_doubt(kills)}")
    if signal is None:
        return RunFailed(said)
    if words := _last_words(started):
        return RunFailed(f"memory is used up: {said} after {words!r}", memory=True)
    if (limit := runtime.address_space_limit()) is not None:
        return RunFailed(
            f"memory may be used up: {said}, with an address space of {limit:,} bytes", memory=True
        )
    return RunFailed(said)


def _doubt(kills: int | None) -> str:
    if kills is None:
        return "the system kills with 9 when memory is used up"
    return "the system did not kill for a lack of memory meanwhile"


def _last_words(started: Before) -> str:
    """The last line about memory that the children put on their error output since; others may share it."""
    if not started.log.exists():
        return ""
    with started.log.open("rb") as log:
        log.seek(started.length)
        lines = log.read().decode(errors="replace").splitlines()
    about = [line.strip() for line in lines if any(words in line.lower() for words in LAST_WORDS)]
    return about[-1][:200] if about else ""
