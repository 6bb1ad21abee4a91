"""From records to places: which run is best by which figure, and how sure that is.

Finished runs come first; those that were stopped follow, since figures after fewer epochs cannot be compared.
Of equal figures the one with fewer parameters comes first (``order``); runs without one have no place.
Finished runs that differ in nothing but their seeds are one row, with the mean and its interval.

A row of a study is a trial with the retrainings that confirm it on fresh seeds. It is judged by these alone:
it was chosen for its own figure, which flatters it. They are ranked by the validation images, which have
chosen it too, so what they show is the test images' mean. Over seeds the interval is Student's; of one
training it is Wilson's, of the share of images, and says nothing of other seeds; a mean IoU has none then.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any, Literal

from dnsearch.errors import DnsearchError, Problem
from dnsearch.evaluate.intervals import mean_over_seeds, wilson
from dnsearch.evaluate.multiple_comparisons import Measured, Spread, may_be_best, spread_of_seeds
from dnsearch.runs.hits import Hits, Part
from dnsearch.runs.record import Metrics, Order, RunRecord, StudyRecord, order

Select = Literal["last", "best"]
ReadHits = Callable[[RunRecord], Mapping[Part, Hits]]
"""Which images a run of a study got right; nothing where it is not known."""

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

    Args:
        validation: what it is ranked by.
        test: on the test images, where they were looked at.
        seeds: of its finished confirmations; ``confirmations`` were begun.
        may_be_best: False if it is worse than the first, of all trials that finished; None: not compared.
        front: whether no other trial beats it in every objective; None where there is only one.
    """

    validation: Estimate | None
    test: Estimate | None
    seeds: tuple[int, ...] = ()
    confirmations: int = 0
    may_be_best: bool | None = None
    front: bool | None = None

    @property
    def figure(self) -> Estimate | None:
        """The figure to quote: a confirmed trial's on the test images, which had no part in choosing it."""
        return self.test if self.seeds and self.test else self.validation


@dataclass(frozen=True, slots=True)
class Row:
    """One run and its place among others, from 1, or None without a figure to rank by.

    ``select`` says which epoch's validation figures count; ``others`` are runs of the same settings with
    other seeds. A ``standing`` have a study's trials, and all rows where one has others.
    """

    rank: int | None
    record: RunRecord
    select: Select = "last"
    standing: Standing | None = None
    others: tuple[RunRecord, ...] = ()

    @property
    def name(self) -> str:
        """The run's name, or the first one's and how many more there are."""
        return f"{self.record.name} and {len(self.others)} more" if self.others else self.record.name


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
    rows = [Row(None, first, select, others=tuple(others)) for first, *others in _by_settings(records)]
    if any(row.others for row in rows):
        rows = [replace(row, standing=_over_seeds(row)) for row in rows]
    ordered = sorted(((_figure(row, sort), row) for row in rows), key=lambda pair: _order(sort, *pair))
    numbered = enumerate(ordered[:top], start=1)
    return [replace(row, rank=None if figure is None else place) for place, (figure, row) in numbered]


def _by_settings(records: Iterable[RunRecord]) -> Iterable[tuple[RunRecord, ...]]:
    """Runs that belong together: finished, of no study, each with a seed of its own and all else equal."""
    groups: dict[object, list[RunRecord]] = {}
    for record in records:
        others = {key: value for key, value in record.settings.items() if key != "training.seed"}
        key: object = repr(sorted(others.items())) if others else id(record)
        if record.study is not None or record.state != "finished":
            key = id(record)
        elif any(each.seed == record.seed for each in groups.get(key, ())):
            key = id(record)  # trained twice: it says nothing of other seeds
        groups.setdefault(key, []).append(record)
    return map(tuple, groups.values())


def _over_seeds(row: Row) -> Standing:
    runs = (row.record, *row.others)
    figures = [figure for _, figure in _trainings(row, runs)]
    return Standing(
        validation=estimated(figures),
        test=estimated([record.test for record in runs if record.test is not None]),
        seeds=tuple(sorted(record.seed for record in runs)) if row.others else (),
        confirmations=len(runs) if row.others else 0,
    )


def _figure(row: Row, sort: str) -> Any:  # noqa: ANN401  (a number, a name or None)
    """What a row is ranked by: of several runs the mean."""
    figures = [_figure_of(record, sort, row.select) for record in (row.record, *row.others)]
    numbers = [each for each in figures if isinstance(each, int | float)]
    return fmean(numbers) if len(numbers) == len(figures) > 1 else figures[0]


def _figure_of(record: RunRecord, sort: str, select: Select) -> Any:  # noqa: ANN401  (the same)
    if sort == "validation":
        validation = record.best if select == "best" else record.last
        return validation.score if validation and math.isfinite(validation.score) else None
    if sort in {"epochs", "wall_seconds"} and not record.epochs:
        return None
    best = select == "best" and sort in {"validation_accuracy", "validation_mean_iou"}
    return fact(record, f"best_{sort}" if best else sort)


def _order(sort: str, figure: Any, row: Row) -> tuple[Any, ...]:  # noqa: ANN401  (a number, a name or None)
    record = row.record
    names = record.name, record.study or ""
    if figure is None:
        return True, True, names
    unfinished = record.state != "finished"
    if isinstance(figure, str):
        return False, unfinished, names
    parameters = record.parameters.trainable if record.parameters else None
    score = figure if HIGHER_IS_BETTER[sort] else -figure
    return False, unfinished, order(score, parameters, record.trial, "/".join(names))


def rank_trials(
    records: Iterable[RunRecord],
    study: StudyRecord,
    sort: str = "validation",
    select: Select | None = None,
    top: int | None = None,
    hits: ReadHits = lambda _: {},
) -> list[Row]:
    """Put a study's trials in order, the best first.

    By ``validation`` the confirmed ones come first, by their mean; the others follow as ``rank`` has them.
    Without ``select`` that epoch counts which the study chose by. ``hits`` is asked for the rows that stay.
    """
    trials: list[RunRecord] = []
    confirmations: dict[int | None, list[RunRecord]] = defaultdict(list)
    for record in records:
        (confirmations[record.trial] if record.confirmation else trials).append(record)
    rows = rank(trials, sort, select or study.select)
    if sort == "validation":
        rows.sort(key=lambda row: _confirmed_first(row, confirmations[row.record.trial]))
        rows = [replace(row, rank=row.rank and place) for place, row in enumerate(rows, start=1)]
    shown = [
        replace(row, standing=_standing(row, confirmations[row.record.trial], study)) for row in rows[:top]
    ]
    count = sum(row.rank is not None and row.record.state == "finished" for row in rows)
    if sort != "validation" or count < 2:
        return shown
    retrained = [row for row in rows if confirmations[row.record.trial]]
    spread = spread_of_seeds(_measured(row, confirmations[row.record.trial]) for row in retrained)
    return _compared(shown, confirmations, count, spread, hits)


def _compared(
    rows: Sequence[Row],
    confirmations: Mapping[int | None, Sequence[RunRecord]],
    count: int,
    spread: Spread,
    hits: ReadHits,
) -> list[Row]:
    """The rows; those of finished trials, of which there are ``count`` in all, held against the first."""
    found: list[Row] = []
    first: Measured | None = None
    for row in rows:
        standing = row.standing
        if standing and standing.validation and row.record.state == "finished":
            trial = _measured(row, confirmations[row.record.trial], hits)
            first = first or trial
            standing = replace(standing, may_be_best=may_be_best(first, trial, count, spread))
        found.append(replace(row, standing=standing))
    return found


def _finished(confirmations: Iterable[RunRecord]) -> list[RunRecord]:
    return [each for each in confirmations if each.state == "finished"]


def _trainings(row: Row, confirmations: Iterable[RunRecord]) -> list[tuple[RunRecord, Metrics]]:
    """The validation figures that a trial is ranked by: its confirmations' or else its own."""
    records = _finished(confirmations) or [row.record]
    figures = ((each, each.best if row.select == "best" else each.last) for each in records)
    return [(record, figure) for record, figure in figures if figure and math.isfinite(figure.score)]


def _measured(row: Row, confirmations: Iterable[RunRecord], hits: ReadHits = lambda _: {}) -> Measured:
    trainings = _trainings(row, confirmations)
    metrics = [each for _, each in trainings]
    examples = {each.examples if _is_share(each) else None for each in metrics}
    return Measured(
        tuple(each.score for each in metrics),
        examples.pop() if len(examples) == 1 else None,
        _hits(trainings, row.select, hits),
    )


def _hits(trainings: Sequence[tuple[RunRecord, Metrics]], part: Part, read: ReadHits) -> tuple[Hits, ...]:
    """The hits of all trainings; none where those of one are not kept, or are not what its figure counts."""
    found = [(read(record).get(part), metrics) for record, metrics in trainings]
    fitting = [
        hits
        for hits, metrics in found
        if hits
        and (hits.right, hits.examples) == (round(metrics.accuracy * metrics.examples), metrics.examples)
    ]
    return tuple(fitting) if len(fitting) == len(found) else ()


def _confirmed_first(row: Row, confirmations: Iterable[RunRecord]) -> tuple[bool, Order | None]:
    """By the mean over fresh seeds, as for ``best.yaml``; the others stay as they are."""
    if not (finished := _finished(confirmations)):
        return True, None
    scores = [metrics.score for _, metrics in _trainings(row, finished)]
    parameters = finished[0].parameters
    trainable = parameters.trainable if parameters else None
    return False, order(fmean(scores) if scores else -math.inf, trainable, row.record.trial)


def _standing(row: Row, confirmations: Sequence[RunRecord], study: StudyRecord) -> Standing:
    trial, finished = row.record, _finished(confirmations)
    return Standing(
        validation=estimated([metrics for _, metrics in _trainings(row, confirmations)]),
        test=estimated([record.test for record in finished or [trial] if record.test is not None]),
        seeds=tuple(sorted(record.seed for record in finished)),
        confirmations=len(confirmations),
        front=trial.trial in study.front if len(study.objectives) > 1 else None,
    )


def estimated(trainings: Sequence[Metrics]) -> Estimate | None:
    """The figure of one training, or the mean of several that differ only in their seeds.

    Equal figures of all seeds, which are shares of few images, say nothing of the spread: no interval.

    >>> found = estimated([Metrics(0.3, 0.90, 180)])
    >>> found.value, [round(end, 3) for end in found.interval]
    (0.9, [0.847, 0.936])
    """
    scores = [each.score for each in trainings]
    if not scores or not all(map(math.isfinite, scores)):
        return None
    if len(scores) > 1:
        found = mean_over_seeds(scores)
        spread = found.high - found.low > 1e-6
        return Estimate(found.value, (found.low, found.high) if spread else None, len(scores))
    (only,) = trainings
    interval = wilson(round(only.accuracy * only.examples), only.examples) if _is_share(only) else None
    return Estimate(only.score, interval, 1)


def _is_share(metrics: Metrics) -> bool:
    """Whether a score is the share of so many independent examples; those of a mean IoU are pixels."""
    return metrics.mean_iou is None and metrics.examples > 0 and math.isfinite(metrics.accuracy)
