"""Runs as a report: their ranks, mean curves over seeds, what they differ in, the best network."""

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from dnsearch.report import charts, units
from dnsearch.report.page import Code, Page, Part, Picture, Section, Words
from dnsearch.report.page_parts import (
    History,
    board,
    curve_table,
    data_sheet,
    environment,
    histories,
    mean_rows,
    metric,
    network,
    seed_groups,
)
from dnsearch.report.ranking import Row, rank
from dnsearch.runs.scan import scan

MOST_GROUPS = 6
SEVERAL = "Single runs say little about their settings: with another seed the order may change."


def runs_page(paths: Sequence[Path]) -> Page:
    """The report of some runs, from their folders alone."""
    found = scan(paths)
    places = dict(zip(map(id, found.records), found.folders, strict=True))
    rows = rank(found.records)
    title = found.records[0].name if len(found.records) == 1 else units.counted(len(found.records), "run")
    if not rows or not rows[0].rank:
        return Page(title, "How good are these runs?", ["No run has ended an epoch yet."], [])
    question = f"Which of {title} is best?" if len(rows) > 1 else f"How good is {title}?"
    runs = histories((row.record, places[id(row.record)]) for row in rows)
    return Page(title, question, [*_answer(rows)], _sections(rows, runs))


def _answer(rows: Sequence[Row]) -> Iterator[str]:
    record = rows[0].record
    figures = {"validation": record.last, "test": record.test}
    told = " and ".join(f"{name} {units.score(each)}" for name, each in figures.items() if each)
    best = "The best is" if len(rows) > 1 else "It is"
    yield f"{best} {record.name}: {told}, after {units.counted(record.epochs, 'epoch')}."
    if len(rows) > 1:
        yield SEVERAL
    if record.test is None:
        yield "The test images were not looked at: dnsearch evaluate does that once."


def _sections(rows: Sequence[Row], runs: Sequence[History]) -> list[Section]:
    best = runs[0]
    return [
        Section("Runs", [board(rows)]),
        Section("Learning curves", [*_curves(runs)]),
        network(best.folder.resolved, best.folder),
        data_sheet(best),
        environment([row.record for row in rows]),
        Section("How to repeat it", [*_repeat(runs)]),
    ]


def _curves(runs: Sequence[History]) -> Iterator[Part]:
    groups = dict([*seed_groups(runs).items()][:MOST_GROUPS])
    rows = mean_rows(groups)
    if not rows:
        return
    band = "; bands: 95 % intervals of the means over seeds" if any("low" in row for row in rows) else ""
    alt = f"Validation {metric(runs[0].record)} after each epoch of {', '.join(groups)}{band}."
    yield Picture(charts.svg(charts.mean_curves(rows)), alt, alt, curve_table(rows))


def _repeat(runs: Sequence[History]) -> Iterator[Part]:
    yield Words("Each run's folder has its spec with all values and seeds:")
    yield Code(
        "\n".join(f"dnsearch train {shlex.quote(str(run.folder.resolved))}" for run in runs[:MOST_GROUPS])
    )
