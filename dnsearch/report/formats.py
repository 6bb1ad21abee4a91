"""A leaderboard for programs and documents: JSON, CSV and Markdown."""

import csv
import io
import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dnsearch.errors import escaped
from dnsearch.report.columns import arranged, listed
from dnsearch.report.ranking import FACTS, Row, Standing, fact
from dnsearch.report.study_facts import HEADINGS, NEXT, compare_command, effect_cells, facts
from dnsearch.report.units import one_line
from dnsearch.runs.record import StudyRecord


def as_json(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """One mapping per row, ready for ``json.dumps``; shares are from 0 to 1, what is unknown is None.

    ``validation_accuracy`` is the last epoch's whatever the rows are ranked by, ``parameters`` are trainable.
    A study's trial also has ``accuracy`` (``mean_iou``), the figure to quote, ``validation``, what it is
    ranked by, ``test``, and how sure they are; so has every run where one row is several seeds, whose other
    facts are the first's.
    """
    masks = any(fact(row.record, "validation_mean_iou") is not None for row in rows)
    metric = "mean_iou" if masks else "accuracy"
    return [
        {"rank": row.rank}
        | (_standing(row.standing, metric) if row.standing else {})
        | {key: fact(row.record, key) for key in FACTS}
        | {"name": row.name}
        | {"settings": listed(row.record.settings)}
        for row in rows
    ]


def study_json(study: StudyRecord, trials: list[dict[str, Any]]) -> dict[str, Any]:
    """A study and its trials, for ``json.dumps``; ``trials`` is what ``as_json`` returned."""
    return {"study": listed(asdict(study)), "trials": trials}


def _standing(standing: Standing, metric: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    figures = {metric: standing.figure, "validation": standing.validation, "test": standing.test}
    for name, estimate in figures.items():
        low, high = (estimate and estimate.interval) or (None, None)
        found |= {name: estimate and estimate.value, f"{name}_low": low, f"{name}_high": high}
    found |= {"seeds": list(standing.seeds), "confirmations": standing.confirmations}
    return found | {"may_be_best": standing.may_be_best, "front": standing.front}


def as_csv(rows: Sequence[Row]) -> str:
    """One line per row under one line of headings; every setting has a column, under its dotted path.

    Lists and truth values are as in JSON, unknown fields empty. Control characters but line ends are spelled
    out, and an apostrophe precedes what a spreadsheet would take for a formula.
    """
    facts = as_json(rows)
    settings = dict.fromkeys(key for row in facts for key in row["settings"])
    fixed = [key for key in (facts[0] if facts else ("rank", *FACTS)) if key != "settings"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(_plain, [*fixed, *settings]))
    for row in facts:
        values = [row[key] for key in fixed] + [row["settings"].get(key) for key in settings]
        writer.writerow(map(_plain, values))
    return text.getvalue()


def _plain(value: object) -> str | None:
    """A cell that is nothing but text: a name such as ``=HYPERLINK(…)`` is no formula."""
    if value is None or not isinstance(value, str):
        return None if value is None else json.dumps(value)
    return re.sub(r"^(?=\s*[=+@-])(?!-?\d+(\.\d*)?$)", "'", escaped(value, "\n"))


def as_markdown(rows: Sequence[Row], columns: Sequence[str] = ()) -> str:
    """The whole leaderboard as a GitHub table, however wide; a DnsearchError for an unknown column."""
    shown = arranged(rows, columns)
    lines = [
        [_escaped(column.heading) for column in shown],
        ["---:" if column.numeric else "---" for column in shown],
        *([_escaped(column.cell(row)) for column in shown] for row in rows),
    ]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def study_markdown(study: StudyRecord, rows: Sequence[Row], folder: Path | None) -> str:
    """What stands below a study's table: its facts as a list, the effects as a table, what to do next."""
    lines = ["", *(f"- {fact}" for fact in facts(study, rows))]
    if cells := effect_cells(study):
        table = (HEADINGS, ("---", "---", *["---:"] * (len(HEADINGS) - 2)), *cells)
        lines += ["", *(f"| {' | '.join(map(_escaped, row))} |" for row in table)]
    if folder is not None and (command := compare_command(rows, folder)):
        lines += ["", NEXT, "", f"    {command}"]
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    """A cell that Markdown shows letter by letter: no mark-up, no new cell."""
    return "".join(f"\\{letter}" if letter in "\\|`*[]<>" else letter for letter in one_line(text))
