"""A leaderboard for programs and documents: JSON, CSV and Markdown."""

import csv
import io
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from dnsearch.report.columns import Column, arranged
from dnsearch.report.estimates import Estimate, Standing
from dnsearch.report.ranking import Row
from dnsearch.report.units import one_line
from dnsearch.runs.record import Metrics, RunRecord
from dnsearch.runs.study_record import StudyRecord


def _accuracy(metrics: Metrics | None) -> float | None:
    return _finite(metrics.accuracy) if metrics else None


def _mean_iou(metrics: Metrics | None) -> float | None:
    return metrics.mean_iou if metrics else None


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None


def _listed(value: Any) -> Any:  # noqa: ANN401  (whatever a spec can hold)
    return [_listed(item) for item in value] if isinstance(value, list | tuple) else value


FACTS: dict[str, Callable[[RunRecord], Any]] = {
    "name": lambda record: record.name,
    "state": lambda record: record.state,
    "validation_accuracy": lambda record: _accuracy(record.last),
    "best_validation_accuracy": lambda record: _accuracy(record.best),
    "test_accuracy": lambda record: _accuracy(record.test),
    "validation_mean_iou": lambda record: _mean_iou(record.last),
    "best_validation_mean_iou": lambda record: _mean_iou(record.best),
    "test_mean_iou": lambda record: _mean_iou(record.test),
    "parameters": lambda record: record.parameters.trainable if record.parameters else None,
    "parameters_total": lambda record: record.parameters.total if record.parameters else None,
    "macs": lambda record: record.macs,
    "epochs": lambda record: record.epochs,
    "epochs_planned": lambda record: record.epochs_planned,
    "wall_seconds": lambda record: _finite(record.wall_seconds),
    "first_step_seconds": lambda record: _finite(record.first_step_seconds),
    "images_per_second": lambda record: _finite(record.images_per_second),
    "peak_memory_bytes": lambda record: record.peak_memory_bytes,
    "latency_seconds": lambda record: _finite(record.latency_seconds),
    "seed": lambda record: record.seed,
    "study": lambda record: record.study,
    "trial": lambda record: record.trial,
    "experiment": lambda record: record.experiment,
    "fingerprint": lambda record: record.fingerprint,
    "started_at": lambda record: record.started_at,
    "reason": lambda record: record.reason,
    "settings": lambda record: {key: _listed(value) for key, value in record.settings.items()},
}
"""Everything that is told of a run, beside its rank."""


def as_json(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """One mapping per row, ready for ``json.dumps``; shares are from 0 to 1, what is unknown is None.

    ``validation_accuracy`` is the last epoch's whatever the rows are ranked by. ``settings`` holds all
    settings by their dotted paths, ``parameters`` the trainable ones alone. Of a study's trial it also tells
    ``figure``, what the trial is ranked by, and how sure that is.
    """
    return [
        {"rank": row.rank}
        | (_standing(row.standing) if row.standing else {})
        | {key: fact(row.record) for key, fact in FACTS.items()}
        for row in rows
    ]


def study_json(study: StudyRecord, trials: list[dict[str, Any]]) -> dict[str, Any]:
    """A study and its trials, for ``json.dumps``; ``trials`` is what ``as_json`` made."""
    return {"study": {name: _listed(value) for name, value in asdict(study).items()}, "trials": trials}


def _standing(standing: Standing) -> dict[str, Any]:
    return {
        **_estimate("figure", standing.validation),
        **_estimate("test_figure", standing.test),
        "seeds": list(standing.seeds),
        "confirmations": standing.confirmations,
        "tied_with_first": standing.tied,
        "front": standing.front,
    }


def _estimate(name: str, estimate: Estimate | None) -> dict[str, float | None]:
    low, high = (estimate.interval if estimate else None) or (None, None)
    return {name: estimate.value if estimate else None, f"{name}_low": low, f"{name}_high": high}


def as_csv(rows: Sequence[Row]) -> str:
    """One line per row under one line of headings; every setting has a column, under its dotted path.

    Texts stand as they are, lists and truth values as in JSON, and what is unknown is an empty field.
    """
    facts = as_json(rows)
    settings = dict.fromkeys(key for row in facts for key in row["settings"])
    fixed = [key for key in (facts[0] if facts else {"rank": None} | FACTS) if key != "settings"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*fixed, *settings])
    for row in facts:
        values = [row[key] for key in fixed] + [row["settings"].get(key) for key in settings]
        writer.writerow(map(_field, values))
    return text.getvalue()


def _field(value: Any) -> str:  # noqa: ANN401  (whatever JSON holds)
    match value:
        case None:
            return ""
        case str():
            return value
        case _:
            return json.dumps(value)


def as_markdown(rows: Sequence[Row], columns: Sequence[str] = ()) -> str:
    """The whole leaderboard as a GitHub table, however wide.

    Raises:
        DnsearchError: an unknown column.
    """
    shown = [column for _, column in arranged(rows, columns)]
    lines = [
        [column.heading for column in shown],
        ["---:" if column.numeric else "---" for column in shown],
        *([_escaped(column, row) for column in shown] for row in rows),
    ]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _escaped(column: Column, row: Row) -> str:
    """A cell that Markdown shows letter by letter: no mark-up, no new cell."""
    text = one_line(column.cell(row))
    return "".join(f"\\{letter}" if letter in "\\|`*[]<>" else letter for letter in text)
