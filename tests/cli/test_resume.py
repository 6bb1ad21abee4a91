"""``dnsearch train --resume``, whatever run it finds; that there is none is told among the mistakes."""

from dataclasses import replace
from pathlib import Path

import pytest

from dnsearch.runs.folder import RunFolder
from dnsearch.runs.lock import locked


@pytest.fixture
def resumed(trained):
    """A finished run of two epochs, and a function that goes on with it."""
    folder = RunFolder(Path("runs/tiny"))
    return folder, lambda *options: trained("train", "--resume", "runs/tiny", *options)


def test_a_finished_run_is_left_as_it_is(resumed):
    folder, resume = resumed
    before = {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.path.iterdir()}
    ran = resume()
    said = ran.err.splitlines()
    assert (ran.code, ran.out) == (0, "")
    assert said[0] == "runs/tiny is finished; there is nothing to go on with"
    assert said[1].startswith("validation accuracy ")
    assert said[2] == "next: dnsearch evaluate runs/tiny; dnsearch leaderboard runs"
    after = {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.path.iterdir()}
    assert after == before
    assert '"state": "finished"' in resume("--json").out


def test_another_spec_is_refused_of_a_finished_run_too(resumed):
    folder, resume = resumed
    folder.resolved.write_text(folder.resolved.read_text().replace("epochs: 2", "epochs: 3"))
    ran = resume()
    assert ran.code == 4
    assert ran.err.endswith(
        "runs/tiny\n  expected the settings that the run was started with, but its spec has changed\n"
        "  Start a new run with dnsearch train.\n"
    )


def test_a_damaged_checkpoint_is_said_on_stderr(resumed):
    folder, resume = resumed
    folder.write(replace(folder.read(), state="interrupted"))
    folder.checkpoint.write_bytes(folder.checkpoint.read_bytes()[:1000])
    ran = resume()
    assert (ran.code, ran.out) == (0, "")
    lines = ran.err.splitlines()
    going_on = "the run goes on from checkpoint.previous.npz, after epoch 1."
    assert lines[:5] == [
        "tiny → runs/tiny",
        "runs/tiny/checkpoint.npz",
        "  expected a file of saved arrays, found File is not a zip file",
        "  The file was damaged; restore it from a copy, or train again.",
        f"  It is kept as checkpoint.damaged.npz; {going_on}",
    ]
    assert lines[5].startswith("epoch 2/2")
    assert folder.read().state == "finished"


def test_two_damaged_checkpoints_end_it(resumed):
    folder, resume = resumed
    folder.write(replace(folder.read(), state="interrupted"))
    for path in (folder.checkpoint, folder.previous_checkpoint):
        path.write_bytes(b"")
    ran = resume()
    assert ran.code == 4
    assert ran.err.endswith(
        "runs/tiny\n  there is no good checkpoint to go on from\n"
        "  Nothing was deleted. Start it anew with: dnsearch train runs/tiny/resolved.yaml\n"
    )


def test_a_run_that_is_being_trained(resumed):
    folder, resume = resumed
    folder.write(replace(folder.read(), state="running"))
    with locked(folder.lock):
        ran = resume()
    assert ran.code == 4
    assert "runs/tiny\n  is being trained by process " in ran.err
    assert "\n  Wait for it or end that process; a lock goes away with its process.\n" in ran.err
