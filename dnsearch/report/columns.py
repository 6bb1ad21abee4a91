"""The columns that a leaderboard can have: headings, cells, and which of them matter most."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dnsearch.errors import DnsearchError, Problem
from dnsearch.report import units
from dnsearch.report.ranking import Estimate, Row, Standing, fact
from dnsearch.runs.record import RunRecord


@dataclass(frozen=True, slots=True)
class Column:
    """A column. Of those whose importance is not 0, the one with the highest number is left out first."""

    heading: str
    cell: Callable[[Row], str]
    numeric: bool = True
    importance: int = 0


def _fact(key: str, heading: str, show: Callable[[Any], str] = units.setting, numeric: bool = True) -> Column:
    def cell(row: Row) -> str:
        value = fact(row.record, key)
        return units.NOTHING if value is None else show(value)

    return Column(heading, cell, numeric)


def _standing(heading: str, show: Callable[[Standing], str], empty: str = "", numeric: bool = True) -> Column:
    return Column(heading, lambda row: show(row.standing) if row.standing else empty, numeric)


def _state(row: Row) -> str:
    """The state, with the reason where a run went wrong."""
    record = row.record
    state = f"{record.state} {units.in_parts(record.parts)}" if record.parts else record.state
    explained = record.state in {"failed", "interrupted"} and record.reason
    return f"{state}: {units.one_line(record.reason)}" if explained else state


def _figure(estimate: Estimate | None) -> str:
    return units.percent(estimate.value if estimate else None)


def interval(estimate: Estimate | None) -> str:
    """The interval of an estimate in percent: over seeds by its half width, else by its two ends.

    >>> interval(Estimate(0.92, (0.87, 0.97), 3)), interval(Estimate(0.9, (0.848, 0.936), 1))
    ('± 5.00', '84.8–93.6')
    """
    if estimate is None or estimate.interval is None:
        return ""
    low, high = estimate.interval
    return f"± {50 * (high - low):.2f}" if estimate.seeds > 1 else f"{100 * low:.1f}–{100 * high:.1f}"


def _test_figure(estimate: Estimate | None) -> str:
    """Over seeds with its interval; that of a single training is in the JSON."""
    if estimate is None or estimate.seeds == 1 or estimate.interval is None:
        return _figure(estimate)
    return f"{100 * estimate.value:.2f} {interval(estimate)} %"


def _seeds(standing: Standing) -> str:
    """How many fresh seeds confirm a trial, and of how many where some failed or are still training."""
    done, begun = len(standing.seeds), standing.confirmations
    return f"{done} of {begun}" if done != begun else str(done or "")


COLUMNS = {
    "rank": Column("#", lambda row: f"{row.rank or units.NOTHING}"),
    "name": Column("name", lambda row: units.one_line(row.name), numeric=False),
    "may_be_best": _standing("may be best", lambda each: "yes" if each.may_be_best else "", numeric=False),
    "front": _standing("front", lambda standing: "◆" * bool(standing.front), numeric=False),
    "figure": _standing("validation", lambda standing: _figure(standing.validation), units.NOTHING),
    "interval": _standing("95 % interval", lambda standing: interval(standing.validation)),
    "seeds": _standing("seeds", _seeds),
    "test_figure": _standing("test", lambda standing: _test_figure(standing.test), units.NOTHING),
    "validation_accuracy": _fact("validation_accuracy", "validation", units.percent),
    "best_validation_accuracy": _fact("best_validation_accuracy", "best epoch", units.percent),
    "test_accuracy": _fact("test_accuracy", "test", units.percent),
    "validation_mean_iou": _fact("validation_mean_iou", "mean IoU", units.percent),
    "best_validation_mean_iou": _fact("best_validation_mean_iou", "best mean IoU", units.percent),
    "test_mean_iou": _fact("test_mean_iou", "test mean IoU", units.percent),
    "parameters": _fact("parameters", "parameters", units.count),
    "parameters_total": _fact("parameters_total", "all parameters", units.count),
    "macs": _fact("macs", "macs", units.short_count),
    "epochs": Column("epochs", lambda row: f"{row.record.epochs}/{row.record.epochs_planned}"),
    "wall_seconds": _fact("wall_seconds", "time", lambda took: units.duration(took) if took else "–"),
    "first_step_seconds": _fact("first_step_seconds", "first step", units.duration),
    "images_per_second": _fact("images_per_second", "images/s", lambda speed: f"{speed:,.0f}"),
    "peak_memory_bytes": _fact("peak_memory_bytes", "memory", units.size),
    "latency_seconds": _fact("latency_seconds", "latency", lambda seconds: f"{1000 * seconds:.3g} ms"),
    "experiment": _fact("experiment", "experiment", numeric=False),
    "study": _fact("study", "study", numeric=False),
    "trial": _fact("trial", "trial"),
    "seed": _fact("seed", "seed"),
    "fingerprint": _fact("fingerprint", "fingerprint", numeric=False),
    "started_at": _fact("started_at", "started", numeric=False),
    "state": Column("state", _state, numeric=False),
}

USUAL = {"test_accuracy": 1, "test_mean_iou": 1, "parameters": 0, "macs": 7, "epochs": 4, "wall_seconds": 6}
IN_STUDIES = USUAL | {"seeds": 1, "parameters": 1, "interval": 6}
"""The importance of columns that are not always shown."""
SETTINGS, MANY, FURTHER = 2, 5, 8
"""The importance of the first settings, how many those are, and that of the next one."""


def arranged(rows: Sequence[Row], extra: Sequence[str] = (), effects: Iterable[str] = ()) -> list[Column]:
    """The columns of a leaderboard, from left to right; settings that differ come first.

    ``extra`` has keys of ``COLUMNS``, dotted settings and headings of settings; a DnsearchError if others.
    ``effects`` are the paths of searched settings, that with the largest effect first.
    """

    def full_name(row: Row) -> str:
        return units.one_line("/".join(filter(None, [row.record.study, row.name])))

    of_study = any(row.standing for row in rows)
    usual = [key for key in USUAL if not key.startswith("test") or (not of_study and _any(rows, key))]
    # Trials of one study need no more than their names; beside other runs they need the study's.
    several = len({row.record.study for row in rows}) > 1
    columns = {
        "rank": COLUMNS["rank"],
        "name": Column("name", full_name, numeric=False) if several else COLUMNS["name"],
    }
    others = {
        **(_study_figures(rows) if of_study else _run_figures(rows)),
        **{key: COLUMNS[key] for key in usual},
    }
    order = {path: place for place, path in enumerate(effects)}
    searched = sorted(
        differing([row.record for row in rows]).items(), key=lambda item: order.get(item[1], len(order))
    )
    settings = {
        heading: _setting_column(heading, key, SETTINGS if place < MANY else FURTHER + place)
        for place, (heading, key) in enumerate(searched)
    }
    columns |= settings | others
    for key in [key for key in extra if key not in columns and key != "state"]:
        if key not in COLUMNS and not any(key in row.record.settings for row in rows):
            expected = f"one of {', '.join(COLUMNS)}, or a setting such as network.growth_rate"
            raise DnsearchError(str(Problem("column", expected, found=key)))
        columns[key] = COLUMNS.get(key, _setting_column(key, key))
    columns["state"] = COLUMNS["state"]
    importance = (IN_STUDIES if of_study else USUAL) | dict.fromkeys(extra, 0)
    if of_study and not any(row.record.state == "failed" for row in rows):
        importance = {"state": 5} | importance  # whether a trial finished is seen without it, too
    return [replace(each, importance=importance.get(key, each.importance)) for key, each in columns.items()]


def _any(rows: Sequence[Row], key: str) -> bool:
    return any(fact(row.record, key) is not None for row in rows)


def _run_figures(rows: Sequence[Row]) -> dict[str, Column]:
    best = "best_" if any(row.select == "best" for row in rows) else ""
    kinds = ("mean_iou", "accuracy") if _any(rows, "validation_mean_iou") else ("accuracy",)
    return {key: COLUMNS[key] for key in (f"{best}validation_{kind}" for kind in kinds)}


def _study_figures(rows: Sequence[Row]) -> dict[str, Column]:
    """What a study's trials are ranked by, and how sure that is; columns that would be empty are left out."""
    keys = ("may_be_best", "front", "test_figure", "figure", "interval", "seeds")
    shown = {
        key: COLUMNS[key]
        for key in keys
        if key == "figure" or any(COLUMNS[key].cell(row).strip("–") for row in rows)
    }
    heading = next(iter(_run_figures(rows).values())).heading
    return shown | {"figure": replace(COLUMNS["figure"], heading=heading)}


def _setting_column(heading: str, key: str, importance: int = 0) -> Column:
    def cell(row: Row) -> str:
        return units.setting(row.record.settings[key]) if key in row.record.settings else ""

    return Column(heading, cell, importance=importance)


OTHER_COLUMNS = {"epochs", "macs", "name", "parameters", "state", "study", "test", "time", "trial"}
PLACES = {"head", "layers", "stem", "transitions"}  # they name a place and not what is set there


def differing(records: Sequence[RunRecord]) -> dict[str, str]:
    """Heading → dotted key, of only the settings that differ among the records.

    A setting that a record does not have counts as different. Settings that are all there is below one key
    and always equal (``alpha`` set by one number) are shown as that key.
    """
    siblings: dict[str, list[str]] = {}
    values: dict[str, list[Any]] = {}
    keys = dict.fromkeys(key for record in records for key in record.settings)
    for key in keys:
        siblings.setdefault(key.rpartition(".")[0], []).append(key)
        found = [(key in record.settings, record.settings.get(key)) for record in records]
        if found.count(found[0]) < len(found):  # of ten thousand runs most settings are equal
            found = [(given, listed(value)) for given, value in found]
        values[key] = found
    names: dict[str, str] = {}  # key to look up → key to show
    for parent, family in siblings.items():
        varying = [key for key in family if any(value != values[key][0] for value in values[key])]
        alike = parent and len(family) > 1 and all(values[key] == values[family[0]] for key in family)
        names |= {family[0]: parent} if varying == family and alike else {key: key for key in varying}
    short = headings(names.values())
    return {short[names[key]]: key for key in keys if key in names}


def listed(value: Any) -> Any:  # noqa: ANN401  (whatever a spec can hold)
    """A record that was read has lists where one that was just made may have tuples."""
    if isinstance(value, Mapping):
        return {key: listed(item) for key, item in value.items()}
    return [listed(item) for item in value] if isinstance(value, list | tuple) else value


def headings(keys: Iterable[str]) -> dict[str, str]:
    """The shortest unambiguous name of each dotted key: its last part but ``.name``, more where two collide.

    >>> headings(["network.growth_rate", "training.optimizer.name", "network.layers_per_block.2"]).values()
    dict_values(['growth_rate', 'optimizer', 'layers_per_block.2'])
    >>> headings(["network.stem.normalize", "data.normalize"]).values()
    dict_values(['stem.normalize', 'data.normalize'])
    """
    parts = {key: tuple(key.removesuffix(".name").split(".")) for key in keys}
    found = {}
    for key, mine in parts.items():
        shortest = 2 if mine[-1].isdecimal() else 1  # a position in a list says nothing alone
        tails = (mine[-length:] for length in range(shortest, len(mine) + 1))
        own = [tail for tail in tails if sum(other[-len(tail) :] == tail for other in parts.values()) == 1]
        names = (".".join(tail) for tail in own)
        found[key] = next((name for name in names if name not in OTHER_COLUMNS | PLACES), key)
    return found
