"""What is reported below a study's leaderboard: counts, signs, effects by value, and what to do next."""

import json
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from dnsearch.report.columns import headings, interval, listed
from dnsearch.report.ranking import Row
from dnsearch.report.units import one_line, percent, setting, shortened
from dnsearch.runs.record import Effect, RunRecord, StudyRecord

MOST_REASONS, LONGEST_REASON = 3, 100
MOST_SETTINGS, MOST_VALUES, WIDEST_SETTING, WIDEST_VALUE = 12, 6, 20, 18
STATES = ("finished", "pruned", "paused", "failed", "running", "interrupted")
NEXT = "A search only finds candidates. Whether the first is better than the second:"


def facts(study: StudyRecord, rows: Sequence[Row]) -> list[str]:
    r"""One line of text per fact.

    >>> study = StudyRecord("a", trials={"finished": 4, "pruned": 6}, proposals=12, infeasible={"macs": 2},
    ...     infeasible_proposals=2, epochs_trained=30, epochs_saved=10, importances_missing="too few trials")
    >>> print("\n".join(facts(study, [])))
    trials: 4 finished, 6 pruned (searching)
    proposals: 10 of 12 feasible (83 %); infeasible: macs 2
    epochs: 30 trained, 10 saved by stopping early (25 %)
    importance: too few trials
    """
    return [*headline(rows), *_counts(study), *_failures(rows), *_signs(study, rows), *_importances(study)]


def headline(rows: Sequence[Row]) -> Iterator[str]:
    """What to quote of the first row, if it was confirmed."""
    standing = rows[0].standing if rows else None
    if standing is None or not standing.seeds or standing.validation is None:
        return
    name, seeds = one_line(rows[0].record.name), len(standing.seeds)
    over = "(1 fresh seed)" if seeds == 1 else f"({seeds} fresh seeds)"
    figure = standing.test or standing.validation
    kind, warning = (
        ("test", "validation flatters it")
        if standing.test
        else ("validation", "the images that chose it flatter it")
    )
    written = f"{percent(figure.value)} {interval(figure) if figure.seeds > 1 else ''}".rstrip()
    yield f"best: {name}, {kind} {written} {over}; {warning}"


def _counts(study: StudyRecord) -> Iterator[str]:
    counts, condition = dict(study.trials), str(study.state)
    if condition == "interrupted" and (stopped := counts.pop("running", 0)):
        counts["interrupted"] = stopped
        condition += f"; the next search continues {'it' if stopped == 1 else 'them'}"
    states = ", ".join(f"{counts[state]} {state}" for state in STATES if counts.get(state))
    yield f"trials: {states or 'none yet'}{'' if condition == 'ended' else f' ({condition})'}"
    if study.infeasible_proposals:
        feasible = study.proposals - study.infeasible_proposals
        broken = ", ".join(f"{one_line(name)} {count}" for name, count in study.infeasible.items())
        share = 100 * feasible / study.proposals
        yield f"proposals: {feasible} of {study.proposals} feasible ({share:.0f} %); infeasible: {broken}"
    if study.epochs_trained or study.epochs_saved:
        share = 100 * study.epochs_saved / (study.epochs_trained + study.epochs_saved)
        saved = f", {study.epochs_saved:,} saved by stopping early ({share:.0f} %)" * (study.epochs_saved > 0)
        yield f"epochs: {study.epochs_trained:,} trained{saved}"


def _failures(rows: Sequence[Row]) -> Iterator[str]:
    """Why trials failed, the most frequent reasons first."""
    failed = [row.record for row in rows if row.record.state == "failed"]
    reasons = Counter(one_line(record.reason) for record in failed if record.reason).most_common()
    for reason, count in reasons[:MOST_REASONS]:
        yield f"failed: {count} x {shortened(reason, LONGEST_REASON)}"
    if len(reasons) > MOST_REASONS:
        yield f"failed: {sum(count for _, count in reasons[MOST_REASONS:])} for other reasons"


def _signs(study: StudyRecord, rows: Sequence[Row]) -> Iterator[str]:
    """What the signs in the table mean."""
    standings = [row.standing for row in rows if row.standing is not None]
    if any(standing.confirmations for standing in standings):
        yield "±: of the mean over fresh seeds (Student); else of the images alone (Wilson)"
    if any(standing.may_be_best for standing in standings):
        yield "may be best: not shown to be worse than #1, all finished trials together (95 %)"
    if any(standing.front for standing in standings):
        yield f"◆: no other finished trial is better in all of {', '.join(study.objectives)}"


def _importances(study: StudyRecord) -> Iterator[str]:
    """How much each setting explains; without ``chances`` they are an earlier version's, of another kind."""
    names = headings(study.effects)
    shares = ", ".join(
        f"{one_line(names[path])} {study.importances[path]:.2f} ({study.chances[path]:.2f})"
        for path in list(study.effects)[:MOST_SETTINGS]
        if path in study.importances and path in study.chances
    )
    if shares:
        yield f"importance (by chance up to): {shares}"
    elif study.importances_missing:
        yield f"importance: {one_line(study.importances_missing)}"


def effect_cells(study: StudyRecord) -> list[tuple[str, ...]]:
    """Setting, value, trials, mean, by chance, best of each value; the most important setting first.

    A setting's name is in its first row. A mean that chance does not explain has an asterisk.
    """
    names, cells = headings(study.effects), []
    for path, values in list(study.effects.items())[:MOST_SETTINGS]:
        shown = values if len(values) <= MOST_VALUES else sorted(values, key=lambda each: -each.trials)
        for place, each in enumerate(shown[:MOST_VALUES]):
            name = shortened(one_line(names[path]), WIDEST_SETTING) if place == 0 else ""
            cells.append((name, *_cells(each)))
    return cells


def _cells(effect: Effect) -> tuple[str, ...]:
    low, high = effect.chance
    outside = "*" if not low <= effect.mean <= high else ""
    between = f"{100 * low:.1f}–{100 * high:.1f}"
    mean = f"{100 * effect.mean:.2f}{outside or ' '}"
    return (
        shortened(span(effect), WIDEST_VALUE),
        f"{effect.trials}",
        mean,
        between,
        f"{100 * effect.best:.2f}",
    )


def span(effect: Effect) -> str:
    """The value, or the lowest and the highest number, that an effect is about."""
    return "–".join([setting(effect.low)] + [setting(effect.high)] * (effect.high != effect.low))


HEADINGS = ("setting", "value", "trials", "mean ", "by chance", "best")


def effect_lines(study: StudyRecord) -> list[str]:
    """The effects by value as a table of plain lines, no wider than 80 letters."""
    if not (cells := effect_cells(study)):
        return []
    about = f"effects by value: scores of {study.scored:,} trials after epoch {study.scored_at}, in percent"
    widths = [max(map(len, column)) for column in zip(HEADINGS, *cells, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if place < 2 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in (HEADINGS, *cells)
    ]
    note = ["*: not explained by chance"] if any("*" in row[3] for row in cells) else []
    return ["", about, *lines, *note, ""]


def compare_command(rows: Sequence[Row], folder: Path, width: int = 1000) -> str:
    """The command that compares the first two of a study's trials; empty where there are not two.

    On two lines where it would be wider than ``width``. If they differ in one plain value it is about the
    value: both are trained anew in pairs. Else it sets the two runs side by side.
    """
    best = [row.record for row in rows[:2] if row.rank and row.record.state == "finished"]
    if len(best) < 2 or best[0].confirmation:
        return ""
    first, second = best
    runs = [shlex.quote(str(folder / each.name)) for each in best]
    if (varied := _varied(first, second)) is not None:
        runs = [shlex.quote(str(folder / first.name / "resolved.yaml")), f"--vary {shlex.quote(varied)}"]
    line = f"dnsearch compare {' '.join(runs)}"
    return line if len(line) <= width else f"dnsearch compare {runs[0]} \\\n    {runs[1]}"


def _varied(first: RunRecord, second: RunRecord) -> str | None:
    """The only setting in which two runs differ, with both values: ``network.pooling=avg,max``."""
    keys = first.settings.keys() | second.settings.keys()
    one, other = (listed(dict(each.settings)) for each in (first, second))
    differing = sorted(key for key in keys if one.get(key) != other.get(key))
    pairs = {(_plain(one.get(key)), _plain(other.get(key))) for key in differing}
    if len(pairs) != 1 or None in (found := pairs.pop()):
        return None
    path = differing[0]
    if len(differing) > 1:  # what one number sets for all places, such as alpha
        path = path.rpartition(".")[0]
        if differing != sorted(key for key in keys if key.startswith(f"{path}.")):
            return None
    return f"{path}={','.join(map(str, found))}"


def _plain(value: object) -> str | None:
    """A value as ``--vary`` names it; None of a whole section."""
    if isinstance(value, Mapping):
        return None
    return value if isinstance(value, str) and value.isidentifier() else json.dumps(value)
