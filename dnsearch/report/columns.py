"""The columns that a leaderboard can have: a heading and what to write in a cell."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from dnsearch.errors import DnsearchError, Problem
from dnsearch.report import units
from dnsearch.report.estimates import Estimate
from dnsearch.report.ranking import Row
from dnsearch.report.units import in_parts
from dnsearch.runs.record import Metrics


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Args:
        heading: what stands above it.
        cell: what to write for a row.
        numeric: whether it is set flush right.
    """

    heading: str
    cell: Callable[[Row], str]
    numeric: bool = True


def _accuracy(row: Row) -> str:
    return units.percent(row.record.last.accuracy if row.record.last else None)


def _best_accuracy(row: Row) -> str:
    return units.percent(row.record.best.accuracy if row.record.best else None)


def _test_accuracy(row: Row) -> str:
    return units.percent(row.record.test.accuracy if row.record.test else None)


def _mean_iou(metrics: Metrics | None) -> str:
    return units.percent(metrics.mean_iou if metrics else None)


def _parameters(row: Row) -> str:
    return units.count(row.record.parameters.trainable if row.record.parameters else None)


def _all_parameters(row: Row) -> str:
    return units.count(row.record.parameters.total if row.record.parameters else None)


def _speed(row: Row) -> str:
    speed = row.record.images_per_second
    return units.NOTHING if speed is None else f"{speed:,.0f}"


def _time(row: Row) -> str:
    return units.duration(row.record.wall_seconds) if row.record.wall_seconds else units.NOTHING


def _latency(row: Row) -> str:
    seconds = row.record.latency_seconds
    return units.NOTHING if seconds is None else f"{1000 * seconds:.3g} ms"


def _state(row: Row) -> str:
    """The state, with the reason where a run went wrong."""
    record = row.record
    state = f"{record.state} {in_parts(record.parts)}" if record.parts else record.state
    told = record.state in {"failed", "interrupted"} and record.reason
    return f"{state}: {units.one_line(record.reason)}" if told else state


def _figure(row: Row) -> str:
    estimate = row.standing.validation if row.standing else None
    return units.percent(estimate.value if estimate else None)


def _interval(row: Row) -> str:
    return (row.standing and row.standing.validation and units.interval(row.standing.validation)) or ""


def _test_figure(row: Row) -> str:
    return _with_interval(row.standing.test) if row.standing and row.standing.test else units.NOTHING


def _with_interval(estimate: Estimate) -> str:
    """Over seeds with its interval; that of a single training is in the JSON."""
    interval = units.interval(estimate) if estimate.seeds > 1 else ""
    return f"{100 * estimate.value:.2f} {interval} %" if interval else units.percent(estimate.value)


def _seeds(row: Row) -> str:
    """How many fresh seeds confirm a trial, and of how many where some failed or are still trained."""
    if row.standing is None or not row.standing.confirmations:
        return ""
    done, begun = len(row.standing.seeds), row.standing.confirmations
    return str(done) if done == begun else f"{done} of {begun}"


def _tied(row: Row) -> str:
    return "= #1" if row.standing and row.standing.tied else ""


def _front(row: Row) -> str:
    return "◆" if row.standing and row.standing.front else ""


COLUMNS = {
    "rank": Column("#", lambda row: str(row.rank or units.NOTHING)),
    "name": Column("name", lambda row: units.one_line(row.record.name), numeric=False),
    "tied": Column("tied", _tied, numeric=False),
    "front": Column("front", _front, numeric=False),
    "figure": Column("validation", _figure),
    "interval": Column("95 % interval", _interval),
    "seeds": Column("seeds", _seeds),
    "test_figure": Column("test", _test_figure),
    "validation_accuracy": Column("validation", _accuracy),
    "best_validation_accuracy": Column("best epoch", _best_accuracy),
    "test_accuracy": Column("test", _test_accuracy),
    "validation_mean_iou": Column("mean IoU", lambda row: _mean_iou(row.record.last)),
    "best_validation_mean_iou": Column("best mean IoU", lambda row: _mean_iou(row.record.best)),
    "test_mean_iou": Column("test mean IoU", lambda row: _mean_iou(row.record.test)),
    "parameters": Column("parameters", _parameters),
    "parameters_total": Column("all parameters", _all_parameters),
    "macs": Column("macs", lambda row: units.short_count(row.record.macs)),
    "epochs": Column("epochs", lambda row: f"{row.record.epochs}/{row.record.epochs_planned}"),
    "wall_seconds": Column("time", _time),
    "first_step_seconds": Column("first step", lambda row: units.duration(row.record.first_step_seconds)),
    "images_per_second": Column("images/s", _speed),
    "peak_memory_bytes": Column("memory", lambda row: units.size(row.record.peak_memory_bytes)),
    "latency_seconds": Column("latency", _latency),
    "experiment": Column("experiment", lambda row: units.one_line(row.record.experiment), numeric=False),
    "study": Column("study", lambda row: units.one_line(row.record.study or units.NOTHING), numeric=False),
    "trial": Column(
        "trial", lambda row: units.NOTHING if row.record.trial is None else str(row.record.trial)
    ),
    "seed": Column("seed", lambda row: str(row.record.seed)),
    "fingerprint": Column("fingerprint", lambda row: units.one_line(row.record.fingerprint), numeric=False),
    "started_at": Column("started", lambda row: units.one_line(row.record.started_at), numeric=False),
    "state": Column("state", _state, numeric=False),
}
"""Every column but the settings."""


Arranged = list[tuple[int, Column]]
"""Columns from left to right, each with its importance: 0 is always shown, the higher the sooner left out."""

USUAL = {"test_accuracy": 1, "test_mean_iou": 1, "parameters": 0, "macs": 6, "epochs": 2, "wall_seconds": 4}
IN_STUDIES = USUAL | {"seeds": 1, "parameters": 2}
FIRST_SETTINGS, OTHER_SETTINGS = 3, 7
TESTS: dict[str, Callable[[Row], bool]] = {
    "test_accuracy": lambda row: row.record.test is not None,
    "test_mean_iou": lambda row: row.record.test is not None and row.record.test.mean_iou is not None,
}
"""Columns that are there only where somebody looked at the test images."""


def arranged(rows: Sequence[Row], extra: Sequence[str] = ()) -> Arranged:
    """The columns of a leaderboard.

    Args:
        rows: what will be shown; settings that differ among them have columns of their own.
        extra: further columns, by the keys of ``COLUMNS``, by a dotted setting or by its heading.

    Raises:
        DnsearchError: an extra column that there is not.
    """
    of_study = any(row.standing for row in rows)
    figures = _study_figures(rows) if of_study else _run_figures(rows)
    importance = IN_STUDIES if of_study else USUAL
    absent = {key for key in TESTS if of_study or not any(map(TESTS[key], rows))}
    usual = [key for key in USUAL if key not in absent]
    varying = list(dict.fromkeys(heading for row in rows for heading in row.settings))
    fixed = {"rank", "name", *figures, "state", *usual, *varying}
    settings = [(0 if key in extra else _setting_importance(place), key) for place, key in enumerate(varying)]
    return [
        (0, COLUMNS["rank"]),
        (0, _name_column(rows)),
        *((importance.get(key, 0), column) for key, column in figures.items()),
        *((0 if key in extra else importance[key], COLUMNS[key]) for key in usual),
        *((0, _extra_column(key, rows)) for key in dict.fromkeys(extra) if key not in fixed),
        *((importance, _setting_column(key)) for importance, key in settings),
        (0, COLUMNS["state"]),
    ]


def _run_figures(rows: Sequence[Row]) -> dict[str, Column]:
    """The validation figures of runs that stand for themselves."""
    best = "best_" if any(row.select == "best" for row in rows) else ""
    kinds = ("mean_iou", "accuracy")[not _have_masks(rows) :]
    return {key: COLUMNS[key] for key in (f"{best}validation_{kind}" for kind in kinds)}


def _study_figures(rows: Sequence[Row]) -> dict[str, Column]:
    """What a study's trials are ranked by, and how sure that is; columns that would be empty are left out."""
    told = {key: COLUMNS[key] for key in ("tied", "front", "figure", "interval", "seeds", "test_figure")}
    found = {key: column for key, column in told.items() if any(column.cell(row) for row in rows)}
    if not any(row.standing and row.standing.test for row in rows):
        del found["test_figure"]
    heading = next(iter(_run_figures(rows).values())).heading
    return found | {"figure": Column(heading, _figure)}


def _have_masks(rows: Sequence[Row]) -> bool:
    return any(row.record.last and row.record.last.mean_iou is not None for row in rows)


def _setting_importance(place: int) -> int:
    return FIRST_SETTINGS if place < 2 else OTHER_SETTINGS + place


def _name_column(rows: Iterable[Row]) -> Column:
    """Trials of one study need no more than their names; beside other runs they need the study's."""
    if len({row.record.study for row in rows}) <= 1:
        return COLUMNS["name"]
    return Column("name", _full_name, numeric=False)


def _full_name(row: Row) -> str:
    return units.one_line("/".join(filter(None, [row.record.study, row.record.name])))


def _setting_column(heading: str) -> Column:
    return Column(
        heading, lambda row: units.setting(row.settings[heading]) if heading in row.settings else ""
    )


def _extra_column(key: str, rows: Sequence[Row]) -> Column:
    if key in COLUMNS:
        return COLUMNS[key]
    if any(key in row.record.settings for row in rows):
        return Column(key, lambda row: units.setting(row.record.settings.get(key, "")))
    expected = f"one of {', '.join(COLUMNS)}, or a setting such as network.growth_rate"
    raise DnsearchError(str(Problem("column", expected, found=key)))
