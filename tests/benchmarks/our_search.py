"""dnsearch's side of the search benchmark: images for all sides, and ``dnsearch tune`` as it is typed."""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from dnsearch.data.sources import load
from dnsearch.spec import document

SEARCHED = {
    "network.growth_rate": "growth_rate",
    "network.layers_per_block": "layers_per_block",
    "network.compression": "compression",
    "network.pooling": "pooling",
    "network.alpha.layers": "alpha",
    "training.learning_rate": "learning_rate",
}


def images(spec, overrides, file):
    """The spec's training and validation images, as every side gets them."""
    dataset = load(document.load(spec, overrides).experiment.data)
    parts = {"training": dataset.training, "validation": dataset.validation}
    pixels = {f"{name}_images": dataset.scaling.apply(part.images) for name, part in parts.items()}
    labels = {f"{name}_labels": part.labels for name, part in parts.items()}
    np.savez(file, **pixels, **labels)
    return {name: len(part) for name, part in parts.items()}


def tuned(spec, runs, options):
    """A whole search as a process, from the shell's prompt to the leaderboard; its seconds."""
    began = time.perf_counter()
    subprocess.run(_command(spec, runs, options), check=True, capture_output=True)
    return time.perf_counter() - began


def raced(spec, runs, options, accuracy, seconds):
    """The epochs of a search and when they were on the disk, from the shell's prompt on.

    The search is killed when an epoch is as accurate, or after so many seconds.
    """
    began, told = time.perf_counter(), {}
    with subprocess.Popen(_command(spec, runs, options), stdout=subprocess.DEVNULL) as process:
        while process.poll() is None and not any(epoch["accuracy"] >= accuracy for epoch in told.values()):
            time.sleep(0.2)
            now = time.perf_counter() - began
            for epoch, score in _scores(Path(runs)):
                told.setdefault(epoch, {"seconds": now, "accuracy": score})
            if now > seconds:
                break
        process.kill()
    return list(told.values())


def _command(spec, runs, options):
    program = Path(sys.executable).with_name("dnsearch")
    return [program, "tune", spec, "--runs", runs, "--plain", *options]


def _scores(runs):
    """Trial and number of each epoch so far, and its validation accuracy; half a line is left for later."""
    for file in runs.glob("*/trial-*/epochs.jsonl"):
        whole, _, _ = file.read_text(encoding="utf-8").rpartition("\n")
        for line in map(json.loads, whole.splitlines()):
            yield (file.parent.name, line["epoch"]), line["validation"]["accuracy"]


def trained(study):
    """What each trial of a study was asked for and how it ended."""
    records = [json.loads(path.read_text()) for path in sorted(Path(study).glob("trial-*/run.json"))]
    return [
        {
            "network": {name: record["settings"][path] for path, name in SEARCHED.items()},
            "accuracy": record["best"]["accuracy"],
            "epochs": record["epochs"],
        }
        for record in records
    ]
