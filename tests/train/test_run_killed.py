"""Kill -9 at random moments, from outside: whatever was under way, the end is that of an undisturbed run.

Each training is killed, gone on with, killed again, and gone on with to its end. ``make test`` tries a few;
``make test-kill`` tries 20 and prints what each kill has hit.
"""

import os
import random
import signal
import sys
import time

import pytest
from run_files import arrays, without_time

from dnsearch.runs.folder import RunFolder

TRAININGS = int(os.environ.get("DNSEARCH_KILLS", "2"))

SPEC = """\
version: 1
name: tiny
network: {growth_rate: 4, layers_per_block: [1], bottleneck_width: null, dropout: 0.2}
data: {source: digits, training_examples: 100}
training: {epochs: 30, batch_size: 32, learning_rate: 0.1, schedule: cosine, deterministic: true}
"""

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("run resumed")]


def test_killed_twice_at_random_moments_and_gone_on_with(in_children, tmp_path, capsys):
    spec = tmp_path / "tiny.yaml"
    spec.write_text(SPEC, encoding="utf-8")
    whole = RunFolder.create(tmp_path, "whole")
    (undisturbed,) = in_children([str(spec), str(whole.path), "", 0], threads=2)
    assert undisturbed.signal == 0
    seed = time.time_ns()
    moments = random.Random(seed)
    folders = [RunFolder.create(tmp_path, "tiny") for _ in range(TRAININGS)]
    jobs = []
    for folder in folders:
        first, second = moments.uniform(0, undisturbed.seconds), moments.uniform(0, undisturbed.seconds)
        deaths = [("seconds", first), ("seconds", second), ("", 0)]
        jobs += [[str(spec), str(folder.path), *death] for death in deaths]
    ended = in_children(*jobs, threads=2)
    told = [f"seed {seed}; an undisturbed training takes {undisturbed.seconds:.2f} s"]
    told += ["; ".join(map(str, ended[number : number + 3])) for number in range(0, len(ended), 3)]
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(told) + "\n")
    assert {each.signal for each in ended} <= {0, signal.SIGKILL}
    assert [each.signal for each in ended[2::3]] == [0] * TRAININGS
    for folder in folders:
        assert arrays(folder.weights) == arrays(whole.weights)
        assert arrays(folder.checkpoint) == arrays(whole.checkpoint)
        assert arrays(folder.previous_checkpoint) == arrays(whole.previous_checkpoint)
        assert without_time(folder.epochs()) == without_time(whole.epochs())
        assert folder.read().state == "finished"
    kills = sum(each.signal == signal.SIGKILL for each in ended)
    with capsys.disabled():
        sys.stdout.write(
            f"{kills} kills; all {TRAININGS} trainings ended with the undisturbed one's weights\n"
        )
