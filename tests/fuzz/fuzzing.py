"""Damages the files that dnsearch reads, and reads them: it works, or a DnsearchError says what is wrong.

A case is a reader and a number, which seeds its damage. One that takes too long or too much memory, raises
anything else, says more than a screen or ends the process is a finding. To see one again, with its traceback,
and keep its files::

    PYTHONPATH=tests/shared python tests/fuzz/fuzzing.py READER NUMBER
"""

import faulthandler
import json
import os
import resource
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from functools import cache
from pathlib import Path
from random import Random

from hostile import strike
from readers import READERS, write

from dnsearch.errors import DnsearchError

SECONDS, MEMORY_BYTES = 5.0, 500 * 10**6  # of the processor, so that a busy machine does not count
HANGING_SECONDS = 60
HARD_BYTES = 4 * 2**30  # so that a case beyond the budget is measured and not merely refused memory
FINE = {"works", "refused"}


def cases(count, first):
    """So many cases, shared out among the readers."""
    shares = sum(reader.share for reader in READERS.values())
    each = {name: max(1, count * reader.share // shares) for name, reader in READERS.items()}
    return [(name, number) for name in READERS for number in range(first, first + each[name])]


def run(count, first, done):
    """Run cases, but the first ones that were done; each is told of on two lines, when it begins and ends."""
    tell = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    faulthandler.enable()
    with tempfile.TemporaryDirectory() as place:
        for name in READERS:  # before a damaged checkpoint changes the network that others' files are made of
            _good(name, Path(place, "tiny"))
        for name, number in cases(count, first)[done:]:
            tell.write(f"{name} {number}\n")
            tell.write(json.dumps(_outcome(name, number, Path(place, "tiny"))) + "\n")


@cache
def _good(name, folder):
    """A reader's good files, path → content."""
    made = READERS[name].made
    made(folder) if callable(made) else write(made, folder)
    READERS[name].read(folder)
    paths = [path for path in folder.rglob("*") if path.is_file()]
    good = {str(path.relative_to(folder)): path.read_bytes() for path in paths}
    shutil.rmtree(folder)
    return good


def _struck(name, number, folder):
    """Put a reader's good files into a folder and damage one; says which and how."""
    shutil.rmtree(folder, ignore_errors=True)
    write(_good(name, folder), folder)
    files = [path for path in sorted(folder.glob(READERS[name].struck)) if path.is_file()]
    return strike(folder, files, Random(f"{name} {number}"))


def _outcome(name, number, folder):
    """One case: what came of it, and the words about a finding."""
    damage = _struck(name, number, folder)
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    resource.setrlimit(resource.RLIMIT_DATA, (_status("VmData") + HARD_BYTES, resource.RLIM_INFINITY))
    before, began = _status("VmRSS"), time.process_time()
    faulthandler.dump_traceback_later(HANGING_SECONDS, exit=True)
    outcome, said = "works", ""
    try:
        READERS[name].read(folder)
    except DnsearchError as error:
        said = str(error)
        outcome = "refused" if said.count("\n") < 60 and len(said) < 6000 else "too many words"
    except BaseException as error:
        outcome, said = type(error).__name__, traceback.format_exc()[-600:]
    faulthandler.cancel_dump_traceback_later()
    seconds, taken = time.process_time() - began, _status("VmHWM") - before
    if seconds > SECONDS or taken > MEMORY_BYTES:
        outcome, said = "too much", f"{seconds:.1f} s, {taken / 10**6:,.0f} MB; {said}"
    return (outcome, "") if outcome in FINE else (outcome, f"{damage}: {said:.700}")


def _status(key):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    if sys.argv[1].isdecimal():
        run(*map(int, sys.argv[1:]))
    else:
        folder = Path(tempfile.mkdtemp(), "tiny")
        print(folder, _struck(sys.argv[1], int(sys.argv[2]), folder))  # noqa: T201  (a program of its own)
        READERS[sys.argv[1]].read(folder)
