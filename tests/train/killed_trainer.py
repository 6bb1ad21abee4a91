"""Trains each of some jobs in a process of its own, which kills itself at the moment that the job names.

Started as a program: ``killed_trainer.py THREADS JOBS``. A job is a list of a spec, a run folder, what is to
happen and how often before the process dies; JOBS is a list of them as JSON. For each, a line of JSON tells
the signal that ended it (0 for none), how long it took, and what it left: the epochs that ended, and which
files it was writing. What can happen:

- ``seconds``: so much time has passed; here the kill comes from outside;
- ``step``: an optimizer step has ended;
- ``inside NAME``: a file is being written, and 100 bytes of it are on the disk (the kernel ends the process);
- ``sync NAME``: a file is written, and about to be forced to the disk;
- ``rename NAME``, ``renamed NAME``: a file is about to get its new content, or just has it.
"""

import json
import os
import re
import resource
import signal
import sys
import time
from pathlib import Path

from dnsearch import environment
from dnsearch.front_door import planned_spec
from dnsearch.runs.folder import RunFolder
from dnsearch.runs.record import StepEnded
from dnsearch.spec.document import load

TORN = 100


def train(spec: str, folder: str, kind: str, moment: int) -> None:
    from dnsearch.train.run import run

    seen: list[str] = []
    replace, fsync = os.replace, os.fsync

    def reached(name: str) -> bool:
        seen.append(name)
        return name == kind and seen.count(name) == moment

    def at(name: str) -> None:
        if reached(name):
            os.kill(os.getpid(), signal.SIGKILL)

    def hook(event: str, arguments: tuple) -> None:
        if event == "open" and str(arguments[1])[:1] in {"x", "a"}:
            path = Path(os.fsdecode(arguments[0]))
            if reached(f"inside {meant(path.name)}"):
                tear(path)

    def renaming(old: str, new: str) -> None:
        at(f"rename {Path(new).name}")
        replace(old, new)
        at(f"renamed {Path(new).name}")

    def syncing(descriptor: int) -> None:
        at(f"sync {meant(Path(f'/proc/self/fd/{descriptor}').readlink().name)}")
        fsync(descriptor)

    sys.addaudithook(hook)
    os.replace, os.fsync = renaming, syncing
    run(
        planned_spec(load(spec)),
        RunFolder(Path(folder)),
        lambda event: at("step") if isinstance(event, StepEnded) else None,
    )


def meant(name: str) -> str:
    """The file that a temporary one is to become."""
    return re.sub(r"^\.(.+)\.\d+-[0-9a-f]+\.tmp$", r"\1", name)


def tear(path: Path) -> None:
    """Have the kernel end this process when the file grows by more than some bytes."""
    size = path.stat().st_size if path.exists() else 0
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + TORN, size + TORN))


def main(threads: str, jobs: str) -> None:
    environment.prepare_tensorflow(int(threads))
    import dnsearch.train.run  # noqa: F401  (so that no child has to)

    for spec, folder, kind, moment in json.loads(jobs):
        began = time.monotonic()
        child = os.fork()
        if not child:
            train(spec, folder, kind, moment)
            os._exit(0)
        if kind == "seconds":
            time.sleep(moment)
            os.kill(child, signal.SIGKILL)
        ended = os.waitpid(child, 0)[1]
        sys.stdout.write(json.dumps([ended, time.monotonic() - began, *left(RunFolder(Path(folder)))]) + "\n")
        sys.stdout.flush()


def left(folder: RunFolder) -> tuple[int, list[str]]:
    """The epochs that ended, and the files that were being written."""
    return len(folder.epochs()), sorted(meant(path.name) for path in folder.path.glob(".*.tmp"))


if __name__ == "__main__":
    main(*sys.argv[1:])
