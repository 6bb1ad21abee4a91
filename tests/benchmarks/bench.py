"""``make bench``: dnsearch against stock Keras, PyTorch and itself, in one run on one machine.

Each job is a process of its own. A round is all jobs one after the other, so that the sides take turns; what
is compared are medians over the rounds. The result goes into ``results/``, one file per machine, and into the
table of ``docs/benchmarks.md``. With ``--quick`` each job runs once with few steps and nothing is written:
that shows whether everything works, not how fast it is.
"""

import argparse
import importlib.util
import json
import os
import re
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

from comparisons import COMPARISONS, Comparison
from jobs import Job, jobs
from page import section, with_sections

HERE = Path(__file__).parent
RESULTS = HERE / "results"
PAGE = HERE.parents[1] / "docs" / "benchmarks.md"
NO_TORCH = """PyTorch is not installed; its rows are left out. To have them:
  pip install torch --index-url https://download.pytorch.org/whl/cpu"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="few steps; nothing is written")
    quick = parser.parse_args().quick
    wanted = jobs(quick)
    with_torch = importlib.util.find_spec("torch") is not None
    if not with_torch:
        say(NO_TORCH)
        wanted = tuple(job for job in wanted if job.side != "plain_torch")
    result = {"date": time.strftime("%Y-%m-%d"), "load": os.getloadavg()[0]}
    result |= measured(Job("machine", "ours", "machine", {}))
    if with_torch:
        result["versions"]["torch"] = version("torch")
    result["jobs"] = in_rounds(wanted)
    print(section(result, COMPARISONS))
    if not quick:
        store(result, "training", "make bench", COMPARISONS)


def in_rounds(wanted: Iterable[Job]) -> dict[str, list[dict[str, float]]]:
    """The figures of each job, one entry per round."""
    wanted, found = tuple(wanted), defaultdict(list)
    rounds = max(job.rounds for job in wanted)
    for number in range(rounds):
        for job in wanted:
            if number < job.rounds:
                began = time.perf_counter()
                found[job.name].append(measured(job))
                say(f"round {number + 1} of {rounds}: {job.name}, {time.perf_counter() - began:.0f} s")
    return dict(found)


def measured(job: Job) -> dict:
    """What the job's function says, in a fresh process with TensorFlow's default environment."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    command = [sys.executable, str(HERE / "child.py"), job.side, job.function, json.dumps(job.arguments)]
    ran = subprocess.run(
        command,
        env={**kept, "TF_CPP_MIN_LOG_LEVEL": "3", **job.environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise SystemExit(f"{job.name}: ended with {ran.returncode}; nothing is written.\n{ran.stderr}")
    return json.loads(ran.stdout.splitlines()[-1])


def store(result: dict, kind: str, command: str, comparisons: Sequence[Comparison]) -> None:
    """Keep a result in the place of the machine's earlier one, and bring the page up to date."""
    machine = f"{result['machine']['processor']} {result['machine']['cores']} cores"
    path = RESULTS / kind / f"{re.sub(r'[^a-z0-9]+', '-', machine.lower()).strip('-')}.json"
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    page = PAGE.read_text(encoding="utf-8")
    sections = [section(each, comparisons) for each in stored(kind)]
    PAGE.write_text(with_sections(page, command, sections), encoding="utf-8")
    say(f"stored in {path} and {PAGE}")


def stored(kind: str) -> list[dict]:
    """The results of all machines."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted((RESULTS / kind).glob("*.json"))]


def say(text: str) -> None:
    print(text, file=sys.stderr)


if __name__ == "__main__":
    main()
