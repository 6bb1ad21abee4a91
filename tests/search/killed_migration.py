"""Migrates copies of a study, each in a process of its own, which is killed with -9 at some moment.

Started as a program: ``killed_migration.py STUDY SPEC PLACE SHARES``. The copies lie in PLACE/0/NAME and on.
SHARES is a JSON list: null, for the first, is not killed and shows how long a migration takes; 0.5 is killed
after half of that. For each, a line tells the signal that ended it, or 0.
"""

import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

from dnsearch.search.database import default_url
from dnsearch.search.feasibility import SearchSpec
from dnsearch.search.messages import Request
from dnsearch.search.migrate import migrate
from dnsearch.spec.document import Document, load


def main(study: str, spec: str, place: str, shares: str) -> None:
    document, whole = load(spec), 0.0
    for number, share in enumerate(json.loads(shares)):
        folder = Path(place) / str(number) / Path(study).name
        shutil.copytree(study, folder)
        began = time.monotonic()
        child = os.fork()
        if not child:
            migrated(document, folder)
        if share is not None:
            time.sleep(share * whole)
            os.kill(child, signal.SIGKILL)
        ended = os.waitpid(child, 0)[1]
        whole = whole or time.monotonic() - began
        sys.stdout.write(f"{ended}\n")


def migrated(document: Document, folder: Path) -> None:
    """Migrate, and end the process, whatever happens."""
    code = 1
    try:
        tune = document.experiment.tune
        spec = SearchSpec(document, tune, (8, 8, 1), 10)
        migrate(Request(spec, folder, default_url(folder), 9, 1), dry_run=False)
        code = 0
    finally:
        os._exit(code)


if __name__ == "__main__":
    main(*sys.argv[1:])
