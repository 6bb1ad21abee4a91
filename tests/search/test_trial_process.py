"""What a child says and hears while it trains; here it runs in the process of the test."""

import multiprocessing
from concurrent.futures import ThreadPoolExecutor

import pytest

from dnsearch.front_door import planned_spec
from dnsearch.runs.folder import RunFolder
from dnsearch.runs.record import EpochRecord, Origin, RunRecord, Stop
from dnsearch.search.messages import Job

pytestmark = pytest.mark.xdist_group("study child")


def test_a_damaged_checkpoint_is_told_on_its_error_output(tensorflow_ready, tiny, tmp_path, capfd):
    from dnsearch.search.trial_process import main

    def heard(answers):
        here, there = multiprocessing.Pipe()
        for answer in answers:
            here.send(answer)
        with ThreadPoolExecutor(1) as pool:
            child = pool.submit(main, there, Job(planned_spec(tiny()), folder.path, Origin("small", 0), 1))
            said = [here.recv() for _ in range(len(answers) + 1)]
            here.close()  # nothing more to train
            child.result()
        return said

    folder = RunFolder.create(tmp_path, "trial-0000")
    heard([None, Stop("interrupted", "by hand")])
    folder.checkpoint.write_bytes(b"")
    epoch, end = heard([None])
    assert isinstance(epoch, EpochRecord)
    assert isinstance(end, RunRecord)
    assert (epoch.epoch, end.state) == (2, "finished")
    said = capfd.readouterr().err
    assert said.startswith(f"trial-0000: {folder.checkpoint}\n")
    assert "the run goes on from checkpoint.previous.npz, after epoch 1." in said
