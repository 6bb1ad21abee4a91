"""How long trials may take, from runs that are there."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

from dnsearch.runs.record import RunRecord
from dnsearch.spec.document import settings
from dnsearch.spec.experiment import Experiment


@dataclass(frozen=True, slots=True)
class Estimate:
    """A guess at the time of one trial to its last epoch, and what it rests on.

    Args:
        trial_seconds: of the middle one of the feasible networks.
        runs: how many runs it was learned from.
    """

    trial_seconds: float
    runs: int


def estimate(
    records: Iterable[RunRecord], experiment: Experiment, macs: Iterable[int], host: str
) -> Estimate | None:
    """Scale the time of runs on this machine's same images by multiply-adds and epochs; medians throughout.

    Args:
        records: any runs.
        experiment: the spec of the search; what differs in ``data`` is no basis.
        macs: multiply-adds of feasible networks.
        host: this machine's name.

    Returns:
        Nothing where no such run has an epoch.
    """
    data = _data(settings(experiment))
    paces = [
        record.wall_seconds / (record.epochs * record.macs)
        for record in records
        if record.epochs
        and record.macs
        and record.wall_seconds
        and record.process.get("host") == host
        and _data(record.settings) == data
    ]
    networks = sorted(macs)
    if not paces or not networks:
        return None
    return Estimate(median(paces) * median(networks) * experiment.training.epochs, len(paces))


def _data(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key.startswith("data.")}
