"""What charts of a study are drawn from: plain rows of numbers and names."""

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from dnsearch.report import units
from dnsearch.report.columns import differing, headings, listed
from dnsearch.report.page_parts import History
from dnsearch.report.ranking import Row, fact
from dnsearch.report.study_facts import span
from dnsearch.runs.record import RunRecord, StudyRecord

Rows = list[dict[str, Any]]

MOST_DRAWN = 300  # trials; of more, the best ones are drawn, and some of the others, evenly spaced
MOST_AXES, MOST_RUNGS = 8, 6
MOST_TICKS, MOST_NAMES = 6, 12  # numbers or names that are written beside an axis
FAR = 8  # numbers so many times apart are drawn by their logarithms
COSTS = ("parameters", "macs", "latency_seconds")
BEST_SHARE = 5  # one trial in so many is drawn in colour in parallel coordinates


def spread(rows: Sequence[Row]) -> list[Row]:
    """The rows that are drawn: all, or of very many the best and some of the others, evenly spaced."""
    if len(rows) <= MOST_DRAWN:
        return list(rows)
    best, rest = rows[: MOST_DRAWN // 2], rows[MOST_DRAWN // 2 :]
    return [*best, *rest[:: math.ceil(len(rest) / (MOST_DRAWN // 2))]]


def score(row: Row) -> float | None:
    """What a trial is ranked by unless it was confirmed, in percent."""
    metrics = row.record.best if row.select == "best" else row.record.last
    return 100 * metrics.score if metrics and math.isfinite(metrics.score) else None


def history_rows(rows: Sequence[Row]) -> Rows:
    """In the order of the trials: state, score, best finished one so far, epochs trained so far."""
    trials = sorted(rows, key=lambda row: row.record.trial or 0)
    finished = [score(row) if row.record.state == "finished" else None for row in trials]
    best = accumulate((-math.inf if each is None else each for each in finished), max)
    epochs = accumulate(row.record.epochs for row in trials)
    kept = {id(row) for row in spread(rows)}
    return [
        {"trial": row.record.trial, "state": row.record.state, "epochs": spent, "score": score(row)}
        | {"best": so_far if math.isfinite(so_far) else None}
        for row, spent, so_far in zip(trials, epochs, best, strict=True)
        if id(row) in kept
    ]


def rungs(study: StudyRecord, records: Sequence[RunRecord]) -> list[int]:
    """The epochs after which trials were stopped or waited; none where that is nearly everywhere."""
    stopped = {record.epochs for record in records if record.state in {"pruned", "paused"} and record.epochs}
    found = sorted((stopped | {study.scored_at}) - {0}) if stopped else []
    return found if len(found) <= MOST_RUNGS else []


def curve_rows(runs: Sequence[History]) -> tuple[Rows, Rows]:
    """A row for each epoch of each run, and the last one of each."""
    curves = [
        [
            {"run": run.record.name, "epoch": epoch.epoch, "score": percent, "state": run.record.state}
            for epoch, percent in zip(run.epochs, run.scores, strict=True)
        ]
        for run in runs
        if run.epochs
    ]
    return [row for curve in curves for row in curve], [curve[-1] for curve in curves]


def parallel_rows(study: StudyRecord, rows: Sequence[Row]) -> tuple[Rows, Rows, list[str]]:
    """Lines, labels and axes of parallel coordinates: the settings that matter most, then the score."""
    drawn = [row for row in spread(rows) if score(row) is not None]
    records = [row.record for row in drawn]
    order = list(study.importances)
    found = sorted(differing(records).items(), key=lambda each: _place(each[1], order))[:MOST_AXES]
    axes = {heading: [listed(record.settings.get(key)) for record in records] for heading, key in found}
    axes["validation, %"] = [score(row) for row in drawn]
    lines: Rows = []
    labels: Rows = []
    for axis, values in axes.items():
        places, marked = _numbers(values) if all(map(_is_number, values)) else _names(values)
        labels += [{"axis": axis, "at": at, "label": label} for label, at in marked.items()]
        lines += [
            {"trial": row.record.name, "axis": axis, "at": at, "best": place < len(drawn) / BEST_SHARE}
            for place, (row, at) in enumerate(zip(drawn, places, strict=True))
            if at is not None
        ]
    return lines, labels, list(axes)


def _place(key: str, order: Sequence[str]) -> int:
    """Where the first of some searched paths is that is the setting or below it."""
    return next((place for place, path in enumerate(order) if path.startswith(key)), len(order))


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _numbers(values: Sequence[float | None]) -> tuple[list[float | None], dict[str, float]]:
    """Where each number is on an axis, from 0 to 1, and labels with their places."""
    levels = sorted({value for value in values if value is not None}) or [0.0]
    logarithmic = levels[0] > 0 and levels[-1] / levels[0] > FAR
    low, high = (math.log(each) if logarithmic else each for each in (levels[0], levels[-1]))

    def place(value: float) -> float:
        return ((math.log(value) if logarithmic else value) - low) / ((high - low) or 1.0)

    ends = levels if len(levels) <= MOST_TICKS else [levels[0], levels[-1]]
    places = [None if value is None else place(value) for value in values]
    return places, {units.setting(value): place(value) for value in ends}


def _names(values: Sequence[Any]) -> tuple[list[float | None], dict[str, float]]:
    """The same for names, in their order."""
    shown = [units.setting(value) for value in values]
    names = sorted(set(shown))
    at = {name: place / max(1, len(names) - 1) for place, name in enumerate(names)}
    ends = names if len(names) <= MOST_NAMES else [names[0], names[-1]]
    return [at[name] for name in shown], {name: at[name] for name in ends}


def effect_rows(study: StudyRecord) -> Rows:
    """A row for each value of each searched setting, the most important setting first; scores in percent."""
    names = headings(study.effects)
    return [
        {"setting": names[path], "value": span(each), "mean": 100 * each.mean}
        | {"low": 100 * each.chance[0], "high": 100 * each.chance[1]}
        | {"outside": "by chance" if each.chance[0] <= each.mean <= each.chance[1] else "not by chance"}
        for path, values in study.effects.items()
        for each in values
    ]


def front_rows(study: StudyRecord, rows: Sequence[Row]) -> tuple[Rows, str]:
    """Score and cost of each trial that finished, and which cost that is."""
    cost = next((each for each in study.objectives if each in COSTS), COSTS[0])
    finished = [row for row in spread(rows) if row.record.state == "finished" and score(row) is not None]
    found = [
        {"name": row.record.name, "score": score(row), "cost": amount, "group": _group(row, study)}
        for row in finished
        if (amount := fact(row.record, cost))
    ]
    return found, cost


def _group(row: Row, study: StudyRecord) -> str:
    if not study.front:
        return "trials"
    return "front" if row.record.trial in study.front else "others"
