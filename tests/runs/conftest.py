"""Example records, made by hand, and a folder that one may not write to."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dnsearch.runs.record import EpochRecord, Metrics, Parameters, RunRecord


@pytest.fixture
def record() -> RunRecord:
    """A finished run with every field filled in."""
    return RunRecord(
        name="article",
        experiment="article",
        state="finished",
        fingerprint="0123456789abcdef",
        seed=7,
        settings={"network.layers_per_block": [2, 2], "network.alpha": None, "training.learning_rate": 0.1},
        parameters=Parameters(trainable=504_052, other=12_000),
        macs=12_345_678,
        epochs_planned=2,
        started_at="2026-01-02T03:04:05+00:00",
        reason="θ was 0.5",
        study="small",
        trial=3,
        epochs=2,
        last=Metrics(0.25, 0.5, 180),
        best=Metrics(0.25, 0.75, 180),
        best_epoch=1,
        test=Metrics(0.5, 0.5, 360),
        wall_seconds=12.5,
        first_step_seconds=1.5,
        images_per_second=1234.5,
        peak_memory_bytes=1_612_000_000,
        versions={"keras": "3.15.1"},
        hardware={"cores": 2, "cpu": "a quick one", "flags": ["avx2"]},
        process={"host": "here", "process": 42},
    )


@pytest.fixture
def epoch() -> EpochRecord:
    """The first epoch."""
    return EpochRecord(1, 0.1, Metrics(0.5, 0.25, 1000), Metrics(0.25, 0.5, 180), 6.25, 1234.5)


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """A folder that whoever runs the tests, root too, may not write to; ``closed`` in it not even read."""
    was = os.geteuid()
    # tmp_path lies below a folder that only its owner may enter.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "closed").mkdir(mode=0)
        folder.chmod(0o555)
        if was == 0:
            os.seteuid(65_534)
        try:
            yield folder
        finally:
            os.seteuid(was)
            folder.chmod(0o755)
            (folder / "closed").chmod(0o755)
