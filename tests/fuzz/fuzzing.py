"""Damages the files that dnsearch reads, and reads them: it works, or a DnsearchError says what is wrong.

A case is a reader and a number, which seeds its damage. Cases run one after another in a child process. One
that takes too long or too much memory, raises anything else or says more than a screen, or ends the child, is
a finding. To see one again, with its traceback, and keep its files::

    python tests/fuzz/fuzzing.py READER NUMBER
"""

import json
import os
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

SECONDS, MEMORY_BYTES = 5.0, 500 * 10**6
"""Of the processor, so that a busy machine does not count."""
HANGING_SECONDS = 20
HARD_BYTES = 4 * 2**30
"""More than the budget, so that a case beyond it is measured and not merely refused memory."""
SCREEN = (60, 6000)
"""Lines and characters; a spec may have several problems."""
STARTING_SECONDS = 120
MOST_CHILDREN = 20
"""More crashes are one fault, of the cases' own files perhaps, and not worth their time."""


class Hanging(BaseException):
    """It waits for something that never comes; no ``except Exception`` of a reader catches it."""


@dataclass
class Report:
    """Outcomes by reader, and the cases that had another one than they may."""

    outcomes: dict[str, Counter[str]] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        rows = [f"{name:20} {dict(sorted(counts.items()))}" for name, counts in self.outcomes.items()]
        return "\n".join([*rows, f"{len(self.findings)} findings", *self.findings])


def cases(count: int, first: int = 0) -> list[tuple[str, int]]:
    """So many cases, shared out among the readers."""
    from readers import READERS

    shares = sum(reader.share for reader in READERS.values())
    return [
        (name, number)
        for name, reader in READERS.items()
        for number in range(first, first + max(1, count * reader.share // shares))
    ]


def fuzz(count: int, first: int = 0) -> Report:
    """Run cases in child processes; one that ends takes only its case with it."""
    report, todo, done = Report(), cases(count, first), 0
    children = 0
    while done < len(todo) and children < MOST_CHILDREN:
        children += 1
        for name, number, outcome, said in _told(todo[done:]):
            done += 1
            report.outcomes.setdefault(name, Counter())[outcome] += 1
            if outcome not in {"works", "refused"}:
                report.findings.append(f"{name!r} {number}: {outcome}: {said}")
    return report


def _told(left: list[tuple[str, int]]) -> Iterator[tuple[str, int, str, str]]:
    """What a child tells of cases, until they or the child are at an end."""
    with tempfile.TemporaryFile("w+") as todo, tempfile.TemporaryFile("w+") as talk:
        json.dump(left, todo)
        todo.seek(0)
        streams = {"stdin": todo, "stdout": subprocess.PIPE, "stderr": talk, "bufsize": 0}
        with subprocess.Popen([sys.executable, __file__], **streams) as child:
            for name, number in left:
                if not select.select([child.stdout], [], [], STARTING_SECONDS)[0]:
                    child.kill()
                if not (line := child.stdout.readline()):
                    ended = child.wait()
                    talk.seek(0)
                    yield name, number, "crash", f"the process ended with {ended}: {talk.read()[-700:]}"
                    return
                yield (name, number, *json.loads(line))


def child() -> None:
    """Read cases from stdin, tell of each on a line."""
    todo = json.load(sys.stdin)
    tell = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    with tempfile.TemporaryDirectory() as place:
        for name, number in todo:
            tell.write(json.dumps(_outcome(name, number, Path(place))) + "\n")


_good: dict[str, dict[Path, bytes]] = {}


def _laid(name: str, folder: Path) -> None:
    """A reader's good files, in a folder of their own; they are made once."""
    from readers import READERS

    shutil.rmtree(folder, ignore_errors=True)
    if name not in _good:
        READERS[name].make(folder)
        READERS[name].read(folder)
        files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        _good[name] = {path.relative_to(folder): path.read_bytes() for path in files}
        shutil.rmtree(folder)
        resource.setrlimit(resource.RLIMIT_DATA, (_status("VmData") + HARD_BYTES, resource.RLIM_INFINITY))
    for path, content in _good[name].items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


def _struck(name: str, number: int, folder: Path) -> str:
    from hostile import strike
    from readers import READERS

    files = [path for path in sorted(folder.glob(READERS[name].struck)) if path.is_file()]
    return strike(folder, files, Random(f"{name} {number}"))


def _outcome(name: str, number: int, place: Path) -> tuple[str, str]:
    """One case: what came of it, and the words about it."""
    folder = place / "tiny"
    _laid(name, folder)
    damage = _struck(name, number, folder)
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    before, began = _status("VmRSS"), time.process_time()
    signal.signal(signal.SIGALRM, _hanging)
    try:
        signal.setitimer(signal.ITIMER_REAL, HANGING_SECONDS)
        outcome, said = _read(name, folder)
        signal.setitimer(signal.ITIMER_REAL, 0)
    except Hanging as error:
        outcome, said = "too long", f"more than {HANGING_SECONDS} s {_origin(error)}"
    if (seconds := time.process_time() - began) > SECONDS:
        outcome, said = "too long", f"{seconds:.1f} s; {said}"
    if (taken := _status("VmHWM") - before) > MEMORY_BYTES:
        outcome, said = "too much memory", f"{taken / 10**6:,.0f} MB; {said}"
    return outcome, f"{damage}: {said:.700}"


def _read(name: str, folder: Path) -> tuple[str, str]:
    from readers import READERS

    from dnsearch.errors import DnsearchError

    try:
        READERS[name].read(folder)
    except DnsearchError as error:
        said = str(error)
        short = said.count("\n") < SCREEN[0] and len(said) < SCREEN[1]
        return "refused" if short else "too many words", said
    except Hanging:
        raise
    except BaseException as error:
        return type(error).__name__, f"{error} {_origin(error)}"
    return "works", ""


def _origin(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "/dnsearch/" in frame.filename] or frames
    return "at " + ", ".join(f"{Path(each.filename).name}:{each.lineno}" for each in (own[-1], frames[-1]))


def _hanging(*_: Any) -> None:
    raise Hanging


def _status(key: str) -> int:
    """Bytes: VmRSS now, VmHWM at most, VmData reserved."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key))


def again(name: str, number: int) -> None:
    """One case, with its files kept and its traceback shown."""
    from readers import READERS

    folder = Path(tempfile.mkdtemp()) / "tiny"
    _laid(name, folder)
    print(folder, _struck(name, number, folder), flush=True)  # noqa: T201  (a program of its own)
    READERS[name].read(folder)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    from dnsearch import environment

    environment.set_environment()
    warnings.simplefilter("ignore")
    if sys.argv[1:]:
        again(sys.argv[1], int(sys.argv[2]))
    else:
        child()
