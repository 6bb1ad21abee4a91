"""Example runs, made by hand."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from dnsearch.runs.record import Metrics, Parameters, RunRecord

SETTINGS: dict[str, Any] = {
    "network.growth_rate": 12,
    "network.layers_per_block": [2, 2, 2],
    "network.bottleneck_width": 4,
    "network.compression": 0.5,
    "network.pooling": "avg",
    "network.activation": "leaky_relu",
    "network.alpha.stem": 0.1,
    "network.alpha.layers": 0.1,
    "network.dropout": 0.2,
    "network.batch_norm.momentum": 0.9,
    "network.stem.normalize": True,
    "data.source": "digits",
    "data.normalize": "unit",
    "data.split_seed": 0,
    "training.epochs": 5,
    "training.batch_size": 64,
    "training.learning_rate": 0.001,
    "training.optimizer.name": "sgd",
    "training.optimizer.momentum": 0.9,
    "training.schedule.name": "constant",
    "training.early_stopping": None,
    "training.seed": 0,
}

Make = Callable[..., RunRecord]


@pytest.fixture
def make() -> Make:
    """Makes a finished run; keyword arguments change its fields and add to its settings."""

    def made(
        name: str = "run",
        accuracy: float | None = 0.9,
        settings: Mapping[str, Any] | None = None,
        **changes: Any,
    ) -> RunRecord:
        last = None if accuracy is None else Metrics(0.3, accuracy, 180)
        fields: dict[str, Any] = {
            "name": name,
            "experiment": "article",
            "state": "finished",
            "fingerprint": "0123456789abcdef",
            "seed": 0,
            "settings": SETTINGS | dict(settings or {}),
            "parameters": Parameters(43_210, 1_234),
            "macs": 12_345_678,
            "epochs_planned": 5,
            "started_at": "2026-01-02T03:04:05+00:00",
            "epochs": 5 if last else 0,
            "last": last,
            "best": last,
            "best_epoch": 5 if last else None,
            "wall_seconds": 12.34 if last else 0.0,
            "first_step_seconds": 1.9,
            "images_per_second": 1234.5,
            "peak_memory_bytes": 1_612_000_000,
        }
        return RunRecord(**(fields | changes))

    return made
