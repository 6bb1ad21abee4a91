"""Fills the databases of copies of a study anew, each in a process that is killed with -9 at some write.

Started as a program: ``killed_rebuild.py SPEC PLACE WRITES``. The copies lie in PLACE/0/small and on; copy 0
is not killed, number 1 before its first write, the last before its last of WRITES. For each, a line tells the
signal that ended it, or 0, and number 0 how often it wrote.
"""

import os
import signal
import sys
from pathlib import Path

from optuna.storages import RDBStorage

from dnsearch.search.database import default_url
from dnsearch.search.feasibility import SearchSpec
from dnsearch.search.messages import Request
from dnsearch.search.rebuild import rebuild
from dnsearch.spec.document import Document, load


def main(spec: str, place: str, writes: str) -> None:
    for number in range(int(writes) + 1):
        child = os.fork()
        if not child:
            rebuilt(load(spec), Path(place) / str(number) / "small", number)
        sys.stdout.write(f"{os.waitpid(child, 0)[1]}\n")
        sys.stdout.flush()


def rebuilt(document: Document, folder: Path, last: int) -> None:
    done = 0

    def counted(method):
        def write(*arguments, **options):
            nonlocal done
            done += 1
            if done == last:
                os.kill(os.getpid(), signal.SIGKILL)
            return method(*arguments, **options)

        return write

    for name in ("create_new_study", "create_new_trial", "set_study_user_attr", "delete_study"):
        setattr(RDBStorage, name, counted(getattr(RDBStorage, name)))
    spec = SearchSpec(document, document.experiment.tune, (8, 8, 1), 10)
    rebuild(Request(spec, folder, default_url(folder), 4, 1))
    sys.stdout.write(f"{done} writes\n")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
