"""Why a child died without a word, as far as that can be known.

A lack of memory shows in two ways besides an error that the child can tell. The system kills the process
(signal 9) and counts such kills; a person's ``kill -9`` looks the same but is not counted. Or a library gives
up (signal 6 or 11) after a last line on its error output. Where neither sign is there nothing is claimed.
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
    if exitcode is None or exitcode >= 0:
        return RunFailed(f"the child process ended without a word (exit code {exitcode})")
    said = f"the child process was killed by signal {-exitcode}"
    if -exitcode == KILLED:
        return _killed(said, started.kills, runtime.memory_kills())
    if words := _last_words(started):
        return RunFailed(f"memory is used up: {said} after {words!r}", memory=True)
    return RunFailed(said)


def _killed(said: str, kills: int | None, now: int | None) -> RunFailed:
    if kills is None or now is None:
        return RunFailed(f"{said}; the system kills with 9 when memory is used up")
    if now > kills:
        return RunFailed(
            f"memory is used up: {said}, and the system killed for a lack of memory", memory=True
        )
    return RunFailed(f"{said}; the system did not kill for a lack of memory meanwhile")


def _last_words(started: Before) -> str:
    """The last line about memory that the children put on their error output since; others may share it."""
    if not started.log.exists():
        return ""
    with started.log.open("rb") as log:
        log.seek(started.length)
        lines = log.read().decode(errors="replace").splitlines()
    about = [line.strip() for line in lines if any(words in line.lower() for words in LAST_WORDS)]
    return about[-1][:200] if about else ""
