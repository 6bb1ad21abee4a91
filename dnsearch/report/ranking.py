"""From records to places: who is best, and by which figure.

Finished runs come first, by their figure alone. Pruned, interrupted, running and failed runs follow, by their
last figure: the accuracy after one epoch of a run that was stopped cannot be compared with that of a run that
had all its epochs. Runs without a figure come last and have no place. Ties go to fewer parameters, then to
the name.

A study's trials in order: the confirmed ones first, by their mean over fresh seeds.

One row is one trial; the retrainings that confirm it are part of its row.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import Any, Literal

from dnsearch.errors import DnsearchError, Problem
from dnsearch.report.estimates import Standing, estimated, tied
from dnsearch.report.settings import differing
from dnsearch.runs.record import Metrics, RunRecord
from dnsearch.runs.study_record import StudyRecord

Select = Literal["last", "best"]

HIGHER_IS_BETTER = {
    "validation": True,
    "validation_accuracy": True,
    "validation_mean_iou": True,
    "test_accuracy": True,
    "test_mean_iou": True,
    "parameters": False,
    "macs": False,
    "epochs": False,
    "wall_seconds": False,
    "name": False,
    "first_step_seconds": False,
    "images_per_second": True,
    "peak_memory_bytes": False,
    "latency_seconds": False,
}
"""What runs can be ranked by; validation is the accuracy or, of a U-Net, the mean IoU."""


@dataclass(frozen=True, slots=True)
class Row:
    """One run and its place among others.

    Args:
        rank: place from 1, or None without a figure to rank by.
        record: the run.
        settings: heading → value, of the settings that differ among the rows.
        select: whether the run is judged by its last or its best epoch's validation figures.
        standing: of a study's trial, how sure its figures are; None for other runs.
    """

    rank: int | None
    record: RunRecord
    settings: Mapping[str, Any] = field(default_factory=dict)
    select: Select = "last"
    standing: Standing | None = None


def rank(
    records: Iterable[RunRecord],
    sort: str = "validation",
    select: Select = "last",
    top: int | None = None,
) -> list[Row]:
    """Put runs in order, the best first.

    Args:
        records: the runs.
        sort: what to rank by, a key of ``HIGHER_IS_BETTER``.
        select: which epoch's validation figures count.
        top: how many rows to keep; None keeps all.

    Raises:
        DnsearchError: an unknown ``sort``.
    """
    return placed_rows(*in_order(records, sort, select), select, top)


def in_order(
    records: Iterable[RunRecord], sort: str, select: Select
) -> tuple[list[RunRecord], list[RunRecord]]:
    """The runs that have a figure, the best first, and those that have none, by their names.

    Raises:
        DnsearchError: an unknown ``sort``.
    """
    if sort not in HIGHER_IS_BETTER:
        expected = ", ".join(HIGHER_IS_BETTER)
        raise DnsearchError(str(Problem("sort", f"one of {expected}", found=sort)))
    figures = [(record, _figure(record, sort, select)) for record in records]
    having = [(record, figure) for record, figure in figures if figure is not None]
    placed = sorted(having, key=lambda pair: _order(pair[0], pair[1], sort))
    others = sorted((record for record, figure in figures if figure is None), key=_name)
    return [record for record, _ in placed], others


def placed_rows(
    placed: list[RunRecord], others: list[RunRecord], select: Select, top: int | None
) -> list[Row]:
    """Rows with places for some runs and, below them, without places for the others."""
    shown = [*placed, *others][:top]
    ranks = [*range(1, len(placed) + 1), *[None] * len(others)]
    return [Row(*parts, select) for parts in zip(ranks[: len(shown)], shown, differing(shown), strict=True)]


def _figure(record: RunRecord, sort: str, select: Select) -> float | str | None:
    figure: float | str | None
    validation = record.best if select == "best" else record.last
    match sort:
        case "validation":
            figure = validation.score if validation else None
        case "validation_accuracy":
            figure = validation.accuracy if validation else None
        case "validation_mean_iou":
            figure = validation.mean_iou if validation else None
        case "test_accuracy":
            figure = record.test.accuracy if record.test else None
        case "test_mean_iou":
            figure = record.test.mean_iou if record.test else None
        case "parameters":
            figure = record.parameters.trainable if record.parameters else None
        case "epochs" | "wall_seconds":
            figure = getattr(record, sort) if record.epochs else None
        case _:
            figure = getattr(record, sort)
    return None if isinstance(figure, float) and not math.isfinite(figure) else figure


def _order(record: RunRecord, figure: Any, sort: str) -> tuple[Any, ...]:  # noqa: ANN401  (a number or a name)
    better_first = -figure if HIGHER_IS_BETTER[sort] else figure
    parameters = record.parameters.trainable if record.parameters else math.inf
    return record.state != "finished", better_first, parameters, _name(record)


def _name(record: RunRecord) -> tuple[str, str]:
    return record.name, record.study or ""


Confirmations = Mapping[int | None, Sequence[RunRecord]]


def rank_trials(
    records: Iterable[RunRecord],
    study: StudyRecord,
    sort: str = "validation",
    select: Select | None = None,
    top: int | None = None,
) -> list[Row]:
    """Put a study's trials in order, the best first.

    By ``validation`` the confirmed ones come first, by their mean; the others follow as ``rank`` has them. A
    trial that was stopped early is never tied: what it would have reached is not known.

    Args:
        records: trials and confirmations.
        study: the study.
        sort: what to rank by, a key of ``ranking.HIGHER_IS_BETTER``.
        select: which epoch's validation figures count; None: those that the study was searched by.
        top: how many rows to keep; None keeps all.

    Raises:
        DnsearchError: an unknown ``sort``.
    """
    chosen = select or study.select
    trials, confirmations = _divided(records)
    placed, others = in_order(trials, sort, chosen)
    if sort == "validation":
        placed = sorted(placed, key=lambda trial: _confirmed_first(_finished(confirmations, trial), chosen))
    rows = placed_rows(placed, others, chosen, top)
    first = _trainings(rows[0].record, confirmations, chosen) if rows and sort == "validation" else []
    return [replace(row, standing=_standing(row, confirmations, study, first)) for row in rows]


def _divided(records: Iterable[RunRecord]) -> tuple[list[RunRecord], Confirmations]:
    trials: list[RunRecord] = []
    confirmations: dict[int | None, list[RunRecord]] = defaultdict(list)
    for record in records:
        (confirmations[record.trial] if record.confirmation else trials).append(record)
    return trials, confirmations


def _finished(confirmations: Confirmations, trial: RunRecord) -> list[RunRecord]:
    return [each for each in confirmations.get(trial.trial, ()) if each.state == "finished"]


def _confirmed_first(finished: Sequence[RunRecord], select: Select) -> tuple[bool, float, int]:
    """By the mean over fresh seeds; of equal ones the smallest network, as for ``best.yaml``."""
    scores = [metrics.score for metrics in _validation(finished, select)]
    parameters = [record.parameters.trainable for record in finished if record.parameters is not None]
    return not scores, -fmean(scores) if scores else 0.0, parameters[0] if parameters else 0


def _validation(records: Iterable[RunRecord], select: Select) -> list[Metrics]:
    figures = (record.best if select == "best" else record.last for record in records)
    return [figure for figure in figures if figure is not None]


def _trainings(trial: RunRecord, confirmations: Confirmations, select: Select) -> list[Metrics]:
    """The validation figures that a trial is ranked by: its confirmations' or else its own."""
    return _validation(_finished(confirmations, trial) or [trial], select)


def _standing(row: Row, confirmations: Confirmations, study: StudyRecord, first: list[Metrics]) -> Standing:
    trial, finished = row.record, _finished(confirmations, row.record)
    validation = _trainings(trial, confirmations, row.select)
    comparable = row.rank != 1 and trial.state == "finished"
    return Standing(
        validation=estimated(validation),
        test=estimated([record.test for record in finished or [trial] if record.test is not None]),
        seeds=tuple(sorted(record.seed for record in finished)),
        confirmations=len(confirmations.get(trial.trial, ())),
        tied=comparable and tied(first, validation),
        front=trial.trial in study.front if len(study.objectives) > 1 else None,
    )
