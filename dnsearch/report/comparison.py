"""A comparison as a person reads it: verdicts, a forest plot, the arms; and single runs side by side."""

from collections.abc import Sequence

from rich.console import Group
from rich.table import Table
from rich.text import Text

from dnsearch.compare.result import ArmResult, Result
from dnsearch.compare.single_runs import Paired, RunsCompared
from dnsearch.compare.verdict import Contrast
from dnsearch.evaluate.intervals import Figure
from dnsearch.report import units
from dnsearch.report.tables import table
from dnsearch.runs.record import RunRecord

PLOT_WIDTH = 51  # characters of the forest plot's axis; odd, so that 0 has one of its own
CAUTION = """\
Single runs say little about their settings: with another seed the order may change.
To find out: dnsearch compare SPEC --vary FIELD=VALUES"""


def comparison(found: Result) -> Group:
    """Everything about a comparison, in 80 columns."""
    heading = f"{found.name}: {found.pairs} pairs, margin {found.margin:g} points of {found.metric}"
    sentences = [Text(f"{line[0].upper()}{line[1:]}.") for line in found.sentences]
    where = f"runs: {found.folder}/pairs; the plan, frozen before them: {found.folder}/plan.json"
    parts = Text(), Text(forest(found)), Text(), _contrasts(found), Text(), _arms(found.arms)
    rates = (Text(), _rates(found)) if found.plan.tried else ()
    return Group(Text(heading, "bold"), Text(), *sentences, *parts, *rates, Text(where, "dim"))


def forest(found: Result) -> str:
    """Each contrast's interval on one axis: o is the mean, | is 0, and : are the margins."""
    figures = [contrast.difference for contrast in found.contrasts]
    ends = [abs(end) for figure in figures for end in (figure.low, figure.high)]
    reach = max([*ends, 1.2 * found.margin]) or 1.0
    indent = max(len(contrast.arm) for contrast in found.contrasts)
    bars = [_bar(figure, reach, found.margin) for figure in figures]
    lines = [f"{each.arm:>{indent}}  {bar}" for each, bar in zip(found.contrasts, bars, strict=True)]
    half, worse = PLOT_WIDTH // 2, f"worse than {found.baseline}"
    scale = f"{-reach:<+{half}.2f}0{reach:>+{half}.2f}"
    return "\n".join(
        [*lines, f"{'':>{indent}}  {scale}", f"{'':>{indent}}  {worse:<{half}} {'better':>{half}}"]
    )


def _bar(figure: Figure, reach: float, margin: float) -> str:
    def place(value: float) -> int:
        return round((value / reach + 1) / 2 * (PLOT_WIDTH - 1))

    cells = [" "] * PLOT_WIDTH
    cells[place(figure.low) : place(figure.high) + 1] = "─" * (place(figure.high) + 1 - place(figure.low))
    for value, mark in ((-margin, ":"), (margin, ":"), (0.0, "|"), (figure.value, "o")):
        cells[place(value)] = mark
    return "".join(cells).rstrip()


CONTRASTS = "verdict", ">difference", ">95 % interval", ">p", ">wins", ">on test"
ARMS = ">validation", ">test", ">rate", ">growth", ">parameters", ">MACs", ">time"


def _contrasts(found: Result) -> Table:
    made = table("", f"than {found.baseline}", *CONTRASTS, gap=2)
    for each in found.contrasts:
        made.add_row(*contrast_cells(each, found.test.get(each.arm)))
    return made


def contrast_cells(each: Contrast, test: Figure | None) -> Sequence[str]:
    """A contrast below ``CONTRASTS``, after the arm's name."""
    between = f"{each.difference.low:+.2f} to {each.difference.high:+.2f}"
    figures = f"{each.p:.3f}", f"{100 * each.superiority:.0f} %"
    tested = units.NOTHING if test is None else f"{test.value:+.2f}"
    return each.arm, each.verdict, f"{each.difference.value:+.2f}", between, *figures, tested


def _arms(arms: Sequence[ArmResult]) -> Table:
    made = table("", "arm", *ARMS, gap=2)
    for arm in arms:
        made.add_row(*arm_cells(arm))
    return made


def arm_cells(arm: ArmResult) -> Sequence[str]:
    """An arm below ``ARMS``, after its name."""
    test = units.NOTHING if arm.test is None else f"{arm.test.value:.2f}"
    growth = str(list(arm.growth_rate) if isinstance(arm.growth_rate, tuple) else arm.growth_rate)
    cost = units.count(arm.parameters), units.short_count(arm.macs), units.duration(arm.wall_seconds)
    return arm.name, f"{arm.validation.value:.2f}", test, f"{arm.learning_rate:.3g}", growth, *cost


def _rates(found: Result) -> Table:
    made = table("", "learning rate", *(f">{name}" for name in found.plan.tried), gap=2)
    for row in rate_rows(found):
        made.add_row(*row)
    return made


def rate_rows(found: Result) -> list[list[str]]:
    """What each arm scored with each learning rate, the chosen one in brackets."""
    tried, rows = found.plan.tried, []
    for rate in next(iter(tried.values())):
        scores = {name: f"{curve[rate]:.2f}" for name, curve in tried.items()}
        chosen = found.plan.rates
        rows.append(
            [rate, *(f"[{each}]" if f"{chosen[name]:g}" == rate else each for name, each in scores.items())]
        )
    return rows


def single_runs(found: RunsCompared) -> Group:
    """Settings that differ, figures side by side, and who got which images right."""
    made = table("", "", *(f">{record.name}" for record in found.records), gap=2)
    for path, values in found.settings.items():
        made.add_row(path, *map(units.setting, values))
    made.add_section()
    columns = [_figures(record) for record in found.records]
    for figure in columns[0]:
        made.add_row(figure, *(column[figure] for column in columns))
    return Group(made, *(Text(_paired(each, found.runs[0])) for each in found.pairs), Text(CAUTION, "yellow"))


def _figures(record: RunRecord) -> dict[str, str]:
    return {
        "validation": units.percent(record.last.score if record.last else None),
        "test": units.percent(record.test.score if record.test else None),
        "parameters": units.count(record.parameters.trainable) if record.parameters else units.NOTHING,
        "epochs": f"{record.epochs}",
        "time": units.duration(record.wall_seconds),
    }


def _paired(each: Paired, first: str) -> str:
    counts, difference = each.counts, each.difference
    return (
        f"{each.run} and {first}, on the same {sum(counts)} validation images: {counts.first_only} that only "
        f"it got right, {counts.second_only} that only the other did; {difference.value:+.2f} points "
        f"(95 % {difference.low:+.2f} to {difference.high:+.2f}), p {each.p:.3f} (McNemar)"
    )
