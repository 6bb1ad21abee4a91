"""What finished runs differ in: settings, figures, and which images only one of them got right."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dnsearch.evaluate.intervals import Figure
from dnsearch.evaluate.paired_hits import Agreement, agreement, mcnemar, paired_difference
from dnsearch.runs.folder import RunFolder
from dnsearch.runs.hits import read_hits
from dnsearch.runs.record import RunRecord


@dataclass(frozen=True, slots=True)
class RunsCompared:
    """Runs side by side.

    Args:
        runs: their folders.
        records: what they were and how they ended.
        settings: dotted path → its value in each run, of those that differ.
        pairs: each other run against the first one, where both know which validation images they got right.
    """

    runs: tuple[str, ...]
    records: tuple[RunRecord, ...]
    settings: Mapping[str, tuple[Any, ...]]
    pairs: tuple["Paired", ...]


@dataclass(frozen=True, slots=True)
class Paired:
    """A run against the first one, on the same validation images; the difference is in points."""

    run: str
    counts: Agreement
    difference: Figure
    p: float  # McNemar's mid-p


def compared(folders: list[Path]) -> RunsCompared:
    """Compare runs with the first of them."""
    runs = [RunFolder.open(folder) for folder in folders]
    records = [run.read() for run in runs]
    paths = dict.fromkeys(path for record in records for path in record.settings)
    values = {path: tuple(record.settings.get(path) for record in records) for path in paths}
    differing = {path: each for path, each in values.items() if any(value != each[0] for value in each)}
    pairs = [found for run in runs[1:] if (found := _paired(runs[0], run)) is not None]
    return RunsCompared(tuple(map(str, folders)), tuple(records), differing, tuple(pairs))


def _paired(first: RunFolder, other: RunFolder) -> Paired | None:
    """None where the runs do not know their hits, or had other validation images."""
    own, mine = (read_hits(run.hits).get("last") for run in (first, other))
    if own is None or mine is None or (own.examples, own.images) != (mine.examples, mine.images):
        return None
    counts = agreement(mine.bits, own.bits, own.examples)
    share = paired_difference(counts)
    points = Figure(100 * share.value, 100 * share.low, 100 * share.high)
    return Paired(str(other.path), counts, points, mcnemar(counts.first_only, counts.second_only).mid_p)
