"""From records to places: which run is best by which figure, and how sure that is.

Finished runs come first; those that were stopped follow, since figures after fewer epochs cannot be compared.
Of equal figures the one with fewer parameters comes first, then by name; runs without one have no place.

A row of a study is a trial with the retrainings that confirm it on fresh seeds. It is judged by these alone:
it was chosen for its own figure, which flatters it. Over seeds the interval is Student's; of one training it
is Wilson's, of the share of images, and says nothing of other seeds; the mean IoU of one training has none.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any, Literal

from dnsearch.errors import DnsearchError, Problem
from dnsearch.evaluate.intervals import difference_of_means, difference_of_shares, mean_over_seeds, wilson
from dnsearch.runs.record import Metrics, RunRecord, StudyRecord

Select = Literal["last", "best"]

_PARTS = {
    "validation_accuracy": ("last", "accuracy"),
    "best_validation_accuracy": ("best", "accuracy"),
    "test_accuracy": ("test", "accuracy"),
    "validation_mean_iou": ("last", "mean_iou"),
    "best_validation_mean_iou": ("best", "mean_iou"),
    "test_mean_iou": ("test", "mean_iou"),
    "parameters": ("parameters", "trainable"),
    "parameters_total": ("parameters", "total"),
}
_COUNTED = ("macs", "epochs", "epochs_planned", "wall_seconds", "first_step_seconds", "images_per_second")
_NAMED = ("seed", "study", "trial", "experiment", "fingerprint", "started_at", "reason")
FACTS = ("name", "state", *_PARTS, *_COUNTED, "peak_memory_bytes", "latency_seconds", *_NAMED)
"""Everything that is reported of a run, but for its rank and its settings."""

_SCORES = ("validation", "validation_accuracy", "validation_mean_iou", "test_accuracy", "test_mean_iou")
_COSTS = ("parameters", "macs", "epochs", "wall_seconds", "name", "first_step_seconds")
_MEASURED = {"images_per_second": True, "peak_memory_bytes": False, "latency_seconds": False}
HIGHER_IS_BETTER = dict.fromkeys(_SCORES, True) | dict.fromkeys(_COSTS, False) | _MEASURED
"""What runs can be ranked by; validation is the accuracy or, of a U-Net, the mean IoU."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A share from 0 to 1, a mean over so many seeds, and its 95 % interval if there is one."""

    value: float
    interval: tuple[float, float] | None
    seeds: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How a trial compares with the others of its study.

    It is ranked by ``validation``; ``seeds`` are of finished confirmations, ``confirmations`` were begun. A
    tied one cannot be told from the first; none beats one of the front in every objective (None: only one).
    """

    validation: Estimate | None
    test: Estimate | None
    seeds: tuple[int, ...] = ()
    confirmations: int = 0
    tied: bool = False
    front: bool | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One run and its place among others, from 1, or None without a figure to rank by.

    ``select`` says which epoch's validation figures count; only a study's trial has a ``standing``.
    """

    rank: int | None
    record: RunRecord
    select: Select = "last"
    standing: Standing | None = None


def fact(record: RunRecord, key: str) -> Any:  # noqa: ANN401  (whatever a record can hold)
    """A fact of ``FACTS``; None where it is unknown or not finite."""
    value: Any = record
    for name in _PARTS.get(key, (key,)):
        value = None if value is None else getattr(value, name)
    return None if isinstance(value, float) and not math.isfinite(value) else value


def rank(
    records: Iterable[RunRecord], sort: str = "validation", select: Select = "last", top: int | None = None
) -> list[Row]:
    """Put runs in order by a key of ``HIGHER_IS_BETTER``, the best first, and keep ``top`` or all."""
    if sort not in HIGHER_IS_BETTER:
        raise DnsearchError(str(Problem("sort", f"one of {', '.join(HIGHER_IS_BETTER)}", found=sort)))
    rows = [Row(None, record, select) for record in records]
    ordered = sorted(((_figure(row, sort), row) for row in rows), key=lambda pair: _order(sort, *pair))
    numbered = enumerate(ordered[:top], start=1)
    return [replace(row, rank=None if figure is None else place) for place, (figure, row) in numbered]


def _figure(row: Row, sort: str) -> Any:  # noqa: ANN401  (a number, a name or None)
    if sort == "validation":
        validation = row.record.best if row.select == "best" else row.record.last
        return validation.score if validation and math.isfinite(validation.score) else None
    if sort in {"epochs", "wall_seconds"} and not row.record.epochs:
        return None
    best = row.select == "best" and sort in {"validation_accuracy", "validation_mean_iou"}
    return fact(row.record, f"best_{sort}" if best else sort)


def _order(sort: str, figure: Any, row: Row) -> tuple[Any, ...]:  # noqa: ANN401  (a number, a name or None)
    record = row.record
    name = record.name, record.study or ""
    if figure is None:
        return True, name
    better_first = -figure if HIGHER_IS_BETTER[sort] else figure
    parameters = record.parameters.trainable if record.parameters else math.inf
    return False, record.state != "finished", better_first, parameters, name


def rank_trials(
    records: Iterable[RunRecord],
    study: StudyRecord,
    sort: str = "validation",
    select: Select | None = None,
    top: int | None = None,
) -> list[Row]:
    """Put a study's trials in order, the best first.

    By ``validation`` the confirmed ones come first, by their mean; the others follow as ``rank`` has them. A
    trial that was stopped early is never tied. Without ``select`` that epoch counts which the study chose by.
    """
    trials: list[RunRecord] = []
    confirmations: dict[int | None, list[RunRecord]] = defaultdict(list)
    for record in records:
        (confirmations[record.trial] if record.confirmation else trials).append(record)
    rows = rank(trials, sort, select or study.select)
    if sort == "validation":
        rows.sort(key=lambda row: _confirmed_first(row, confirmations[row.record.trial]))
        rows = [replace(row, rank=row.rank and place) for place, row in enumerate(rows, start=1)]
    first = _trainings(rows[0], confirmations[rows[0].record.trial]) if rows and sort == "validation" else []
    standings = [_standing(row, confirmations[row.record.trial], study, first) for row in rows[:top]]
    return [replace(row, standing=standing) for row, standing in zip(rows, standings, strict=False)]


def _finished(confirmations: Iterable[RunRecord]) -> list[RunRecord]:
    return [each for each in confirmations if each.state == "finished"]


def _trainings(row: Row, confirmations: Iterable[RunRecord]) -> list[Metrics]:
    """The validation figures that a trial is ranked by: its confirmations' or else its own."""
    records = _finished(confirmations) or [row.record]
    figures = (record.best if row.select == "best" else record.last for record in records)
    return [figure for figure in figures if figure is not None]


def _confirmed_first(row: Row, confirmations: Iterable[RunRecord]) -> tuple[bool, float, int]:
    """By the mean over fresh seeds; of equal ones the smallest network, as for ``best.yaml``."""
    finished = _finished(confirmations)
    scores = [metrics.score for metrics in _trainings(row, finished)] if finished else []
    parameters = [record.parameters.trainable for record in finished if record.parameters is not None]
    return not scores, -fmean(scores) if scores else 0.0, parameters[0] if parameters else 0


def _standing(
    row: Row, confirmations: Sequence[RunRecord], study: StudyRecord, first: Sequence[Metrics]
) -> Standing:
    trial, finished, validation = row.record, _finished(confirmations), _trainings(row, confirmations)
    return Standing(
        validation=estimated(validation),
        test=estimated([record.test for record in finished or [trial] if record.test is not None]),
        seeds=tuple(sorted(record.seed for record in finished)),
        confirmations=len(confirmations),
        tied=row.rank != 1 and trial.state == "finished" and tied(first, validation),
        front=trial.trial in study.front if len(study.objectives) > 1 else None,
    )


def estimated(trainings: Sequence[Metrics]) -> Estimate | None:
    """The figure of one training, or the mean of several that differ only in their seeds.

    >>> found = estimated([Metrics(0.3, 0.90, 180)])
    >>> found.value, [round(end, 3) for end in found.interval]
    (0.9, [0.847, 0.936])
    """
    scores = [each.score for each in trainings]
    if not scores or not all(map(math.isfinite, scores)):
        return None
    if len(scores) > 1:
        found = mean_over_seeds(scores)
        return Estimate(found.value, (found.low, found.high), len(scores))
    (only,) = trainings
    interval = wilson(round(only.accuracy * only.examples), only.examples) if _is_share(only) else None
    return Estimate(only.score, interval, 1)


def tied(first: Sequence[Metrics], other: Sequence[Metrics]) -> bool:
    """Whether the 95 % interval of a difference includes 0: Welch's over seeds, else Newcombe's of shares."""
    if not first or not other:
        return False
    if len(first) > 1 and len(other) > 1:
        found = difference_of_means([each.score for each in first], [each.score for each in other])
    elif all(map(_is_share, [*first, *other])):
        higher, lower = (fmean(each.accuracy for each in group) for group in (first, other))
        found = difference_of_shares(higher, lower, (first[0].examples, other[0].examples))
    else:
        return False
    return found.low <= 0 <= found.high


def _is_share(metrics: Metrics) -> bool:
    """Whether a score is the share of so many independent examples; those of a mean IoU are pixels."""
    return metrics.mean_iou is None and metrics.examples > 0 and math.isfinite(metrics.accuracy)
