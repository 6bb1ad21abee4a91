"""How much memory trainings take, for the prediction of dnsearch/plan/memory.py: make bench-memory.

Each training does four steps in a process of its own. Written down is by how much the process' largest
resident set exceeds what it held before the network was built.
"""

import json
import resource
import subprocess
import sys
from pathlib import Path

RESULTS = Path(__file__).with_name("memory.json")
STEPS = 4


def measured(row):
    """The peak of one training in bytes, in this process."""
    from dnsearch import environment

    environment.prepare_tensorflow()
    import numpy as np
    import psutil

    from dnsearch.model.build import build
    from dnsearch.plan.network import plan_network
    from dnsearch.spec.document import load
    from dnsearch.train.state import start_afresh
    from dnsearch.train.step import build_trainer

    experiment = load(row["network"], ["training.augmentation=null"]).experiment
    plan = plan_network(experiment.network, tuple(row["image_shape"]), 10)
    pixels = plan.nodes[-1].shape[:-1]
    rng = np.random.default_rng(0)
    images = rng.random((row["batch_size"], *row["image_shape"]), np.float32)
    labels = rng.integers(0, 10, (row["batch_size"], *pixels), np.int32)
    start_afresh(0)
    idle = psutil.Process().memory_info().rss
    trainer = build_trainer(build(plan, recompute=row["memory"] == "recompute"), experiment.training)
    for _ in range(STEPS):
        float(trainer.train(images, labels, 0.01)[0])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - idle


def in_process(row):
    command = [sys.executable, __file__, json.dumps(row)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return {**row, "peak_bytes": int(done.stdout)}


def main():
    """Measure all that is in the file anew, and write it down."""
    from dnsearch import environment

    environment.prepare_tensorflow()
    hardware = environment.hardware()
    rows = []
    for row in json.loads(RESULTS.read_text(encoding="utf-8"))["trainings"]:
        rows.append(in_process({name: value for name, value in row.items() if name != "peak_bytes"}))
        sys.stdout.write(f"{json.dumps(rows[-1])}\n")
    lines = ",\n  ".join(map(json.dumps, rows))
    machine = json.dumps(f"{hardware['cores']} cores, {hardware['processor']}")
    RESULTS.write_text(f'{{"machine": {machine},\n "trainings": [\n  {lines}\n ]}}\n', encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:]:
        sys.stdout.write(str(measured(json.loads(sys.argv[1]))))
    else:
        main()
