"""How many pairs an hour a comparison trains, with and without processes that keep their compiled steps.

``python tests/benchmarks/measure_pairs.py`` prints the figures of docs/benchmarks.md (10 minutes): eight
pairs of the preset starter on the digits, average against max pooling, by two processes; both ways in turns.
"""

import statistics
import tempfile
import time
from pathlib import Path

from dnsearch.compare.design import designed
from dnsearch.compare.running import Comparison
from dnsearch.front_door import planned_spec
from dnsearch.search.local_executor import LocalExecutor
from dnsearch.search.messages import Resources
from dnsearch.spec.compare import varied

PAIRS, WORKERS, ROUNDS = 8, 2, 3


def seconds(folder: Path, *, reuse: bool) -> float:
    """Seconds of a whole comparison."""
    changes = [*varied("network.pooling=avg,max"), f"compare.pairs={PAIRS}"]
    executor = LocalExecutor(Resources(folder / "workers.log", WORKERS, reuse=reuse))
    began = time.perf_counter()
    for _ in Comparison(designed(planned_spec("starter", changes)), folder, WORKERS, executor).go():
        pass
    return time.perf_counter() - began


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        took: dict[bool, list[float]] = {False: [], True: []}
        for number in range(ROUNDS):
            for reuse, all_seconds in took.items():
                folder = Path(scratch) / f"{reuse}-{number}"
                folder.mkdir()
                all_seconds.append(seconds(folder, reuse=reuse))
        for reuse, all_seconds in took.items():
            middle = statistics.median(all_seconds)
            words = "processes that keep their steps" if reuse else "a process for each run"
            print(f"{words}: {middle:.0f} s, {3600 * PAIRS / middle:.0f} pairs an hour", all_seconds)
