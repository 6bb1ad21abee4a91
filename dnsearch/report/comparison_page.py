"""A comparison as a report: the verdicts and their forest plot, every pair, the arms and their curves."""

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dnsearch.compare.result import Result
from dnsearch.report import charts, units
from dnsearch.report.comparison import ARMS, CONTRASTS, arm_cells, contrast_cells, rate_rows
from dnsearch.report.page import Code, Page, Part, Picture, Section, Table, Words
from dnsearch.report.page_parts import (
    History,
    curve_table,
    data_sheet,
    environment,
    histories,
    mean_rows,
    network,
)
from dnsearch.runs.folder import SPEC, RunFolder


def comparison_page(found: Result) -> Page:
    """The report of a comparison whose pairs have all ended."""
    folder = Path(found.folder)
    runs = {
        arm.name: histories((RunFolder(folder / run).read(), folder / run) for run in arm.runs)
        for arm in found.arms
    }
    best = max(found.arms, key=lambda arm: arm.validation.value).name
    others = " or ".join(arm.name for arm in found.arms[1:])
    question = (
        f"Is {others} better than {found.baseline}, by {found.metric}? {found.pairs} pairs of trainings with "
        f"the same seed; a difference of {found.margin:g} points matters."
    )
    sentences = [f"{line[0].upper()}{line[1:]}." for line in found.sentences]
    every = [run.record for each in runs.values() for run in each]
    sections = [
        Section("Differences", [*_differences(found, runs)]),
        Section("Arms", [*_arms(found)]),
        Section("Learning curves", [*_curves(found, runs)]),
        network(
            runs[best][0].folder.resolved, runs[best][0].folder, f"The network of {best}, the highest mean"
        ),
        data_sheet(runs[best][0]),
        environment(every),
        Section("How to repeat it", [*_repeat(found)]),
    ]
    return Page(f"Comparison {found.name}", question, sentences, sections)


def pair_rows(found: Result, runs: dict[str, list[History]]) -> list[dict[str, Any]]:
    """A row for each contrast: the mean difference, its interval, and the difference of each pair."""
    scores = {
        name: [100 * run.record.last.score for run in each if run.record.last] for name, each in runs.items()
    }
    return [
        {"name": f"{each.arm} less {each.other}", "value": each.difference.value}
        | {"low": each.difference.low, "high": each.difference.high}
        | {"each": [one - other for one, other in zip(scores[each.arm], scores[each.other], strict=True)]}
        for each in found.contrasts
    ]


def _differences(found: Result, runs: dict[str, list[History]]) -> Iterator[Part]:
    rows = pair_rows(found, runs)
    chart = charts.intervals(rows, f"difference, points of {found.metric}", 0.0, found.margin)
    alt = (
        f"The difference of each arm from {found.baseline} with its 95 % interval, in points; small ticks "
        f"are single pairs, the grey band is the margin of {found.margin:g} points."
    )
    numbers = [(str(row["name"]), *(f"{each:+.2f}" for each in row["each"])) for row in rows]
    pairs = Table(("", *(f">pair {number}" for number in range(1, found.pairs + 1))), numbers)
    yield Picture(charts.svg(chart), alt, alt, pairs)
    yield Table(
        (f"than {found.baseline}", *CONTRASTS),
        [contrast_cells(each, found.test.get(each.arm)) for each in found.contrasts],
    )


def _arms(found: Result) -> Iterator[Part]:
    yield Table(("arm", *ARMS), [arm_cells(arm) for arm in found.arms])
    values = [
        (
            arm.name,
            ", ".join(f"{path} {units.setting(value)}" for path, value in arm.values.items())
            or "the spec itself",
        )
        for arm in found.arms
    ]
    yield Table(("arm", "values"), values)
    if found.plan.tried:
        yield Words("What each arm scored with each learning rate, the chosen one in brackets:")
        yield Table(("learning rate", *(f">{name}" for name in found.plan.tried)), rate_rows(found))


def _curves(found: Result, runs: dict[str, list[History]]) -> Iterator[Part]:
    if rows := mean_rows(runs):
        alt = (
            f"Mean validation {found.metric} of each arm after each epoch, over {found.pairs} pairs, with "
            "95 % intervals."
        )
        yield Picture(charts.svg(charts.mean_curves(rows)), alt, alt, curve_table(rows))


def _repeat(found: Result) -> Iterator[Part]:
    folder = Path(found.folder)
    plan = folder / "plan.json"
    yield Words(f"The plan was frozen before the first pair, in {plan}; its hash is {found.plan.hash}.")
    if (folder / SPEC).exists():
        yield Code(f"dnsearch compare {shlex.quote(str(folder / SPEC))} --name {found.name}-again")
