"""``make bench-search``: searches by dnsearch, by Optuna around stock Keras and by KerasTuner, in one run.

First the same work for all: twelve networks that dnsearch draws on the digits, five epochs each, nothing
pruned. Then a race on 10,000 images of Fashion-MNIST: KerasTuner's Hyperband has half an hour, and dnsearch
has to reach the best validation accuracy that it came to. Every side is a process of its own. Of the same
work it is timed from its start to its end, imports and all; in the race until that epoch. The result goes
into ``results/`` and into ``docs/benchmarks.md``.
"""

import argparse
import contextlib
import gzip
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
from bench import measured, say, store
from comparisons import SEARCHES
from jobs import Job
from page import section

HERE = Path(__file__).parent
WORK, RACE = HERE / "search_digits.yaml", HERE / "search_fashion.yaml"
FASHION = Path("/usr/share/datasets/fashion-mnist")
SUBSET = 10_000
EPOCHS = 5
MARK = 0.874
"""The best that KerasTuner came to when the target of the race was set."""
RIVALS = {"Optuna": "optuna_trials", "KerasTuner": "kerastuner_trials"}
RIVALS_LIBRARIES = ("keras_tuner", "tensorboard")  # KerasTuner imports the latter
IMAGES, LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--fashion", type=Path, default=FASHION, help="folder of Fashion-MNIST's four files")
    parser.add_argument(
        "--seconds", type=float, default=1800, help="how long each side may search in the race"
    )
    parser.add_argument("--diary", type=Path, help="KerasTuner's epochs of an earlier race on this machine")
    parser.add_argument("--rounds", type=int, default=3, help="of the same work")
    arguments = parser.parse_args()
    if said := missing(arguments.fashion):
        raise SystemExit(f"{said}\nNothing was run.")
    result = {"date": time.strftime("%Y-%m-%d"), "load": os.getloadavg()[0]}
    result |= measured(Job("machine", "ours", "machine", {}))
    with tempfile.TemporaryDirectory() as folder:
        result["jobs"] = same_work(Path(folder), arguments.rounds)
        result["jobs"] |= race(Path(folder), arguments.fashion, arguments.seconds, arguments.diary)
    print(section(result, SEARCHES))
    store(result, "search", "make bench-search", SEARCHES)


def missing(fashion: Path) -> str:
    """What is not there and would end the benchmark after half an hour, with how to get it; or nothing."""
    libraries = [name for name in RIVALS_LIBRARIES if importlib.util.find_spec(name) is None]
    files = [str(fashion / name) for name in (IMAGES, LABELS) if not (fashion / name).is_file()]
    said = []
    if libraries:
        said.append(f"not installed: {', '.join(libraries)}\n  pip install '.[bench-search]'")
    if files:
        said.append(
            f"no such file: {', '.join(files)}\n  --fashion names the folder of Fashion-MNIST's files"
        )
    return "\n".join(said)


def same_work(folder: Path, rounds: int) -> dict[str, list[dict[str, float]]]:
    """Seconds of each side for the same networks and epochs, one per round; the sides take turns."""
    data, found = folder / "digits.npz", defaultdict(list)
    ours("images", spec=str(WORK), overrides=[], file=str(data))
    for number in range(rounds):
        for workers in (2, 1):
            runs = folder / f"{number}-{workers}"
            seconds = ours("tuned", spec=str(WORK), runs=str(runs), options=["--workers", str(workers)])
            found[f"dnsearch, {workers} at once"].append({"work_seconds": said("dnsearch", seconds)})
        networks = whole(ours("trained", study=str(runs / WORK.stem)))
        work = {"data": str(data), "networks": networks, "epochs": EPOCHS}
        for side, function in RIVALS.items():
            began = time.perf_counter()
            measured(Job(side, "stock_search", function, work))
            found[side].append({"work_seconds": said(side, time.perf_counter() - began)})
    return dict(found)


def whole(trials: list[dict]) -> list[dict]:
    """The networks of a search; the work is the same only if each trial had all its epochs."""
    if any(trial["epochs"] != EPOCHS for trial in trials):
        raise SystemExit(f"not every trial had its {EPOCHS} epochs; nothing is written: {trials}")
    return [trial["network"] for trial in trials]


def race(
    folder: Path, fashion: Path, seconds: float, earlier: Path | None
) -> dict[str, list[dict[str, float]]]:
    """How soon dnsearch reaches the best that KerasTuner's Hyperband reaches in so many seconds."""
    images, split, runs = folder / "fashion.npz", folder / "split.npz", folder / "race"
    subset(fashion, images)
    shutil.copy(WORK, folder)
    spec, change = shutil.copy(RACE, folder), f"data.path={images}"
    ours("images", spec=spec, overrides=[change], file=str(split))
    theirs = read(earlier) if earlier else hyperband(split, folder / "diary.jsonl", seconds)
    best = max(epoch["accuracy"] for epoch in theirs)
    say(f"KerasTuner: {len(theirs)} epochs, {best:.4f} after {first(theirs, best, seconds):.0f} s")
    options = ["--set", change, "--workers", "1"]
    mine = ours("raced", spec=spec, runs=str(runs), options=options, accuracy=best, seconds=seconds)
    say(f"dnsearch: {len(mine)} epochs, as good after {first(mine, best, seconds):.0f} s")
    sides = {"KerasTuner, race": theirs, "dnsearch, race": mine}
    return {side: [lap(diary, best, seconds)] for side, diary in sides.items()}


def lap(diary: list[dict[str, float]], best: float, seconds: float) -> dict[str, float]:
    """What a side's epochs come to in the race."""
    return {
        "race_seconds": first(diary, best, seconds),
        "mark_seconds": first(diary, MARK, seconds),
        "allowed_seconds": seconds,
        "best_accuracy": max(epoch["accuracy"] for epoch in diary),
        "epochs": len(diary),
    }


def first(diary: list[dict[str, float]], accuracy: float, seconds: float) -> float:
    """When an accuracy was reached; all the seconds that there were, where it never was."""
    return min((epoch["seconds"] for epoch in diary if epoch["accuracy"] >= accuracy), default=seconds)


def hyperband(split: Path, diary: Path, seconds: float) -> list[dict[str, float]]:
    """The epochs that KerasTuner's Hyperband comes to before it is stopped."""
    arguments = json.dumps({"data": str(split), "diary": str(diary)})
    command = [sys.executable, HERE / "child.py", "stock_search", "kerastuner_hyperband", arguments]
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(command, timeout=seconds, check=True, capture_output=True)
    return read(diary)


def read(diary: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in diary.read_text(encoding="utf-8").splitlines()]


def subset(fashion: Path, file: Path) -> None:
    """The first training images of Fashion-MNIST as an .npz file."""

    def numbers(name: str, header: int) -> np.ndarray:
        return np.frombuffer(gzip.decompress((fashion / name).read_bytes()), np.uint8)[header:]

    images = numbers(IMAGES, 16).reshape(-1, 28, 28)[:SUBSET]
    np.savez(file, x_train=images, y_train=numbers(LABELS, 8)[:SUBSET])


def ours(function: str, **arguments: object) -> dict | list | float:
    return measured(Job(function, "our_search", function, arguments))


def said(side: str, seconds: float) -> float:
    say(f"{side}: {seconds:.0f} s")
    return seconds


if __name__ == "__main__":
    main()
