"""What a search costs beside its trainings: the coordinator at work, and a study of 10,000 finished trials.

``python tests/benchmarks/coordinator.py`` prints the figures of docs/benchmarks.md. The first part is a real
search with four workers on the digits; the coordinator's memory and processor time are read from the system
while it works. The second part makes up a large study and runs the program on it.
"""

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from large_study import made

PROGRAM = [sys.executable, "-c", "from dnsearch.cli.main import main; main()"]
SEARCH = ("tune", "--trials", "24", "--workers", "4", "--set", "training.epochs=10")


@dataclass(frozen=True)
class Costs:
    """What a process took.

    Args:
        peak_bytes: its largest resident set.
        processor_share: processor time by time, 1 for a whole core, without the first seconds.
        seconds: how long it was looked at.
    """

    peak_bytes: int
    processor_share: float
    seconds: float


def observed(process: psutil.Process, warm_up_seconds: float = 6) -> Costs:
    """Look at a process until it ends; the start, which loads libraries, is counted in memory alone."""
    peak, began = 0, time.monotonic()
    first = last = None
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        try:
            peak = max(peak, process.memory_info().rss)
            times, now = process.cpu_times(), time.monotonic()
        except psutil.Error:
            break
        last = now, times.user + times.system
        first = first or (last if now - began > warm_up_seconds else None)
        time.sleep(0.1)
    if first is None or last is None or first == last:
        raise SystemExit("the search ended before it could be looked at")
    seconds = last[0] - first[0]
    return Costs(peak, (last[1] - first[1]) / seconds, seconds)


def coordinator(folder: Path) -> Costs:
    """The coordinator of a search with four workers."""
    command = [*PROGRAM, *SEARCH, "--runs", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        return observed(psutil.Process(running.pid))


def timed(*arguments: str) -> float:
    """Seconds that the program takes."""
    began = time.perf_counter()
    subprocess.run([*PROGRAM, *arguments], capture_output=True, check=True)
    return time.perf_counter() - began


def first_trial(runs: Path, trials: int) -> float:
    """Seconds until a continued search has given its next trial to a child."""
    began = time.perf_counter()
    command = [*PROGRAM, "tune", "--runs", str(runs), "--trials", str(trials + 1), "--plain"]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    record = runs / "speculations" / f"trial-{trials:04d}" / "run.json"
    while not record.exists() and running.poll() is None:
        time.sleep(0.01)
    seconds = time.perf_counter() - began
    running.kill()
    running.wait()
    if not record.exists():
        raise SystemExit("the search ended before its next trial")
    return seconds


def large(runs: Path, trials: int) -> dict[str, float]:
    """Seconds that a person waits for a study of so many finished trials; the first search weighs them."""
    study = str(made(runs, trials))
    nothing_to_do = ("tune", "--runs", str(runs), "--trials", str(trials))
    return {
        "leaderboard_seconds": timed("leaderboard", study),
        "importances_seconds": timed(*nothing_to_do),
        "nothing_to_do_seconds": timed(*nothing_to_do),
        "next_trial_seconds": first_trial(runs, trials),
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        figures = {"coordinator": asdict(coordinator(Path(name) / "search"))}
        figures |= {"10,000 trials": large(Path(name) / "large", 10_000)}
    print(json.dumps(figures, indent=2))
