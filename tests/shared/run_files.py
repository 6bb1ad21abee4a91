"""What two runs of one spec have in common, read from their folders, and how one is stopped on the way."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from dnsearch.runs.record import EpochRecord, Stop


def arrays(path: Path) -> dict[str, bytes]:
    """What a file holds, without the history of a checkpoint, which has times in it."""
    with np.load(path) as file:
        return {name: file[name].tobytes() for name in file.files if name not in {"history", "sha256"}}


def without_time(epochs: Iterable[EpochRecord]) -> list[EpochRecord]:
    """Epochs without what differs from one time to the next."""
    return [replace(epoch, wall_seconds=0.0, images_per_second=0.0) for epoch in epochs]


def after_epoch(number: int) -> Callable[[object], Stop | None]:
    """A watch that stops a run there."""

    def watch(event: object) -> Stop | None:
        ended = isinstance(event, EpochRecord) and event.epoch == number
        return Stop("interrupted", "by hand") if ended else None

    return watch
