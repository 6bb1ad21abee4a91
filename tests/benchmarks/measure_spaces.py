"""How long ``dnsearch space`` takes for 10,000 points.

``python tests/benchmarks/measure_spaces.py`` prints the figures of docs/benchmarks.md (a minute): of each
space the points that fitted into the time and the seconds of the whole program, three times, the medians.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROGRAM = [sys.executable, "-c", "from dnsearch.cli.main import main; main()"]
ROUNDS = 3

ARTICLE = """\
version: 1
extends: article
name: article_space
tune:
  parameters:
    network.layers_per_block.0: {int: [2, 6]}
    network.layers_per_block.1: {int: [2, 6]}
    network.layers_per_block.2: {int: [2, 6]}
    network.growth_rate: {int: [4, 16]}
    network.compression: {float: [0.4, 1.0]}
    network.pooling: [avg, max]
    network.alpha: {float: [0.0, 0.3]}
    training.learning_rate: {float: [0.0001, 0.01], log: true}
"""
"""Hard to measure: no two of its networks are alike, since any compression may be."""


def measured(spec: str) -> tuple[int, float]:
    """Points drawn, and seconds of the whole program."""
    began = time.perf_counter()
    ran = subprocess.run([*PROGRAM, "space", spec, "--json"], capture_output=True, check=True)
    return json.loads(ran.stdout)["samples"], time.perf_counter() - began


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        article = Path(folder) / "article_space.yaml"
        article.write_text(ARTICLE)
        experiments = Path(__file__).parents[2] / "experiments"
        specs = {
            "preset speculations": "speculations",
            "experiments/speculations.yaml": str(experiments / "speculations.yaml"),
            "the article's network": str(article),
        }
        for name, spec in specs.items():
            rounds = [measured(spec) for _ in range(ROUNDS)]
            samples, seconds = (statistics.median(column) for column in zip(*rounds, strict=True))
            print(f"{name}: {samples:,} points, {seconds:.1f} s")


if __name__ == "__main__":
    main()
