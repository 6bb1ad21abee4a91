"""A study as a report: the best trials, how the search went, what mattered, how to go on."""

import shlex
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from dnsearch.errors import SpecError
from dnsearch.report import charts, units
from dnsearch.report.columns import headings, interval
from dnsearch.report.page import Code, Page, Part, Picture, Section, Table, Words
from dnsearch.report.page_parts import History, board, data_sheet, environment, histories, metric, network
from dnsearch.report.ranking import Row, rank_trials
from dnsearch.report.study_facts import HEADINGS, NEXT, compare_command, effect_cells, facts, headline
from dnsearch.report.study_rows import (
    curve_rows,
    effect_rows,
    front_rows,
    history_rows,
    parallel_rows,
    rungs,
    spread,
)
from dnsearch.runs.folder import BEST, SPEC, hits_of
from dnsearch.runs.record import RunRecord, StudyRecord
from dnsearch.runs.scan import scan, study_as_it_is
from dnsearch.spec.document import load
from dnsearch.spec.experiment import Experiment

MOST_BARS = 10
STOPPED = {"pruned", "paused"}
FAR = 8  # costs so many times apart are drawn by their logarithms


def study_page(folder: Path) -> Page:
    """The report of a study, from its folder alone."""
    study, rows = study_rows(folder)
    title, question = f"Study {study.name}", _question(study, _spec(folder))
    if not rows or not rows[0].rank:
        return Page(title, question, ["No trial has ended an epoch yet."], [])
    return Page(title, question, [*_answer(study, rows)], _sections(folder, study, rows))


def study_rows(folder: Path) -> tuple[StudyRecord, list[Row]]:
    """A study and its trials, ranked."""
    found = scan([folder])
    study = study_as_it_is(folder, found.records)
    return study, rank_trials(found.records, study, hits=partial(hits_of, folder))


def drawn_trials(folder: Path, rows: Sequence[Row]) -> list[History]:
    """The trials that are drawn, the best first."""
    return histories((row.record, folder / row.record.name) for row in spread(rows))


def _sections(folder: Path, study: StudyRecord, rows: Sequence[Row]) -> list[Section]:
    drawn = drawn_trials(folder, rows)
    best = drawn[0]
    return [
        Section("Best trials", [*_best(rows), *_facts(study, rows)]),
        Section("What next", [*_next(folder, rows)]),
        Section("How the search went", [*_history(rows)]),
        Section("Learning curves", [*_curves(study, drawn)]),
        Section("Settings and scores", [*_parallel(study, rows)]),
        Section("Effects by value", [*_effects(study)]),
        Section("Score and cost", [*_front(study, rows)]),
        network(folder / BEST, best.folder),
        data_sheet(best),
        environment([row.record for row in rows]),
        Section("How to repeat it", [*_repeat(folder, study)]),
    ]


def _spec(folder: Path) -> Experiment | None:
    """What was searched; None of a study of an earlier version."""
    with suppress(SpecError):
        return load(str(folder / SPEC)).experiment
    return None


def _question(study: StudyRecord, spec: Experiment | None) -> str:
    trials, aims = units.counted(sum(study.trials.values()), "trial"), " and ".join(study.objectives)
    if spec is None or spec.tune is None:
        return f"What is best by {aims}? {trials}."
    tune, searched = spec.tune, ", ".join(headings(spec.tune.parameters).values())
    epochs = units.counted(spec.training.epochs, "epoch")
    return (
        f"Which values of {searched} make {spec.name} best by {aims}, on {spec.data.source}? "
        f"{trials} of up to {epochs}; sampler {tune.sampler}, pruner {tune.pruner}, seed {tune.seed}."
    )


def _answer(study: StudyRecord, rows: Sequence[Row]) -> Iterator[str]:
    first = rows[0]
    if confirmed := [*headline(rows)]:
        yield f"{confirmed[0][0].upper()}{confirmed[0][1:]}."
    elif first.standing and (figure := first.standing.validation):
        between = f" (95 % {interval(figure)})" if figure.interval else ""
        score = f"{metric(first.record)} {units.percent(figure.value)}{between}"
        yield f"The best trial is {first.record.name}: {score} on the validation images, which chose it."
    may_be = sum(bool(row.standing and row.standing.may_be_best) for row in rows)
    if may_be > 1:
        yield f"{may_be} finished trials may be the best: they are not shown to be worse than the first."
    yield "A search only finds candidates: its figures are exploratory."
    if study.state != "ended":
        condition = "is going on" if study.state == "searching" else "was interrupted"
        yield f"The search {condition}; this is what there is so far."


def _best(rows: Sequence[Row]) -> Iterator[Part]:
    figures = [(row.record.name, row.standing.validation) for row in rows[:MOST_BARS] if row.standing]
    bars = [
        {"name": name, "value": 100 * figure.value, "each": []}
        | ({"low": 100 * figure.interval[0], "high": 100 * figure.interval[1]} if figure.interval else {})
        for name, figure in figures
        if figure
    ]
    kind = metric(rows[0].record)
    alt = f"Validation {kind} of the {len(bars)} best trials with 95 % intervals; the table has the numbers."
    yield Picture(charts.svg(charts.intervals(bars, f"validation {kind}, %")), alt)
    yield board(rows)


def _facts(study: StudyRecord, rows: Sequence[Row]) -> Iterator[Part]:
    """What the leaderboard says below its rows, but for what has a section of its own."""
    yield from (Words(each) for each in facts(study, rows) if not each.startswith(("importance", "best:")))


def _next(folder: Path, rows: Sequence[Row]) -> Iterator[Part]:
    if command := compare_command(rows, folder):
        yield Words(NEXT)
        yield Code(command)


def _history(rows: Sequence[Row]) -> Iterator[Part]:
    found = history_rows(rows)
    best = [row["best"] for row in found if row["best"] is not None]
    reached = f"the best finished one reaches {best[-1]:.2f} %" if best else "none has finished"
    cells = [
        (f"{row['trial']}", row["state"], f"{row['epochs']}", _number(row["score"]), _number(row["best"]))
        for row in found
    ]
    table = Table((">trial", "state", ">epochs so far", ">score, %", ">best so far, %"), cells)
    for place, title in (("trial", "trial"), ("epochs", "epochs trained, in the order of the trials")):
        alt = f"Score of each trial by {title}, and the best finished one so far; {reached}."
        chart = charts.svg(charts.history(found, place, title))
        yield Picture(chart, alt, numbers=table if place == "trial" else None)


def _number(value: float | None) -> str:
    return units.NOTHING if value is None else f"{value:.2f}"


def _curves(study: StudyRecord, drawn: Sequence[History]) -> Iterator[Part]:
    rows, ends = curve_rows(drawn)
    if not rows:
        return
    records = [run.record for run in drawn]
    found = rungs(study, records)
    alt = f"Validation score of {len(drawn)} trials after each epoch, coloured by how they ended."
    if found:
        alt += f" Dashed: {'rung' if len(found) == 1 else 'rungs'} after epoch {', '.join(map(str, found))}."
    yield Picture(charts.svg(charts.trial_curves(rows, ends, found)), alt, alt)
    if found:
        yield Table((">after epoch", ">came", ">went on", "stopped there"), [*_rungs(found, records)])
    scores = (" ".join(f"{each:.1f}" for each in run.scores) for run in drawn)
    cells = [
        (record.name, record.state, f"{record.epochs}", each)
        for record, each in zip(records, scores, strict=True)
    ]
    yield Table(("trial", "state", ">epochs", "validation after each epoch, %"), cells, "each trial's curve")


def _rungs(found: Iterable[int], records: Sequence[RunRecord]) -> Iterator[tuple[str, ...]]:
    """Of each rung: how many came, how many went on, which trials stopped."""
    for rung in found:
        came = [record for record in records if record.epochs >= rung]
        stopped = sorted(each.trial or 0 for each in came if each.epochs == rung and each.state in STOPPED)
        on = sum(record.epochs > rung for record in came)
        yield f"{rung}", f"{len(came)}", f"{on}", ", ".join(map(str, stopped)) or "none"


def _parallel(study: StudyRecord, rows: Sequence[Row]) -> Iterator[Part]:
    lines, ticks, axes = parallel_rows(study, rows)
    if len(axes) < 2:
        return
    alt = f"A line for each trial through its {', '.join(axes)}; in colour the best fifth of the trials."
    yield Picture(charts.svg(charts.parallel(lines, ticks, axes)), alt, alt, wide=True)


def _effects(study: StudyRecord) -> Iterator[Part]:
    if not study.effects:
        yield Words(f"There are none: {study.importances_missing or 'the search has just begun'}.")
        return
    alt = (
        f"Means of the scores after epoch {study.scored_at}, of {study.scored} trials. "
        "Grey: where chance alone would put them."
    )
    heads = [f"{'>' * (place > 1)}{each.strip()}" for place, each in enumerate(HEADINGS)]
    chart = charts.svg(charts.effects(effect_rows(study)))
    yield Picture(chart, alt, alt, Table(heads, effect_cells(study)))
    names = headings(study.importances)
    shares = [
        (names[path], f"{share:.2f}", f"{study.chances[path]:.2f}")
        for path, share in study.importances.items()
        if path in study.chances
    ]
    yield Table(("setting", ">explains alone", ">by chance up to"), shares)


def _front(study: StudyRecord, rows: Sequence[Row]) -> Iterator[Part]:
    found, cost = front_rows(study, rows)
    if not found:
        return
    words = "This study has one objective, and so no front; a smaller network may do as well."
    if study.front:
        words = "No finished trial is better in all objectives than one of the front."
    costs = [row["cost"] for row in found]
    name = cost.replace("_", " ")
    chart = charts.svg(charts.front(found, name, logarithmic=max(costs) > FAR * min(costs)))
    cells = [(row["name"], f"{row['cost']:,}", f"{row['score']:.2f}", row["group"]) for row in found]
    table = Table(("trial", f">{name}", ">score, %", ""), cells)
    yield Picture(chart, f"Score of each finished trial by its {name}. {words}", words, table)


def _repeat(folder: Path, study: StudyRecord) -> Iterator[Part]:
    with suppress(OSError):
        spec = (folder / SPEC).read_text("utf-8")
        trials = sum(study.trials.get(state, 0) for state in ("finished", "pruned", "failed"))
        yield Words(
            "The spec has every value and seed. With several workers trials end in another order, and later "
            "proposals differ."
        )
        yield Code(
            f"dnsearch tune {shlex.quote(str(folder / SPEC))} --trials {trials} --study {study.name}-again"
        )
        yield Code(spec, "the spec")
