"""A study's trials in order: the confirmed ones first, by their mean over fresh seeds.

One row is one trial; the retrainings that confirm it are part of its row.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import fmean

from dnsearch.board.estimates import estimated, tied
from dnsearch.board.ranking import Row, Select, in_order, placed_rows
from dnsearch.board.standing import Standing
from dnsearch.records.record import Metrics, RunRecord
from dnsearch.records.study import StudyRecord

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
