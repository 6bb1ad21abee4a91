"""What every report has: runs with their epochs, mean curves, a network's picture, data, environment."""

import json
import shlex
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from matplotlib import style

from dnsearch.errors import DnsearchError, RunError
from dnsearch.evaluate.intervals import mean_over_seeds
from dnsearch.plan.network import plan_network
from dnsearch.report import units
from dnsearch.report.columns import arranged
from dnsearch.report.drawing.picture import SETTINGS, network_figure
from dnsearch.report.page import Code, Part, Picture, Section, Table, Words
from dnsearch.report.ranking import Row
from dnsearch.runs.folder import RunFolder
from dnsearch.runs.record import EpochRecord, RunRecord
from dnsearch.spec.document import load

MOST_ROWS = 20
WITHOUT = ("Date", "Creator", "Format", "Type")  # of what matplotlib would say in a picture
SEEDS = ("training.seed", "data.split_seed")


@dataclass(frozen=True, slots=True)
class History:
    """A run, its folder and the epochs that ended; none where their file is damaged."""

    record: RunRecord
    folder: RunFolder
    epochs: tuple[EpochRecord, ...]

    @property
    def scores(self) -> list[float]:
        """The validation score after each epoch, in percent."""
        return [100 * epoch.validation.score for epoch in self.epochs]


def histories(runs: Iterable[tuple[RunRecord, Path]]) -> list[History]:
    """Runs with their epochs, from their folders."""
    found = []
    for record, path in runs:
        epochs: list[EpochRecord] = []
        with suppress(RunError):
            epochs = RunFolder(path).epochs()
        found.append(History(record, RunFolder(path), tuple(epochs)))
    return found


def metric(record: RunRecord) -> str:
    """What a run is judged by."""
    return "accuracy" if record.last is None or record.last.mean_iou is None else "mean IoU"


def without_seeds(record: RunRecord) -> str:
    """Equal for runs that differ in their seeds alone."""
    kept = {key: value for key, value in record.settings.items() if key not in SEEDS}
    return json.dumps(kept, sort_keys=True, default=str)


def mean_rows(groups: Mapping[str, Sequence[History]]) -> list[dict[str, Any]]:
    """The mean curve of each group of runs, with Student's interval over them where there are several."""
    rows = []
    for name, runs in groups.items():
        for place in range(max((len(run.epochs) for run in runs), default=0)):
            scores = [run.scores[place] for run in runs if place < len(run.epochs)]
            if len(scores) == len(runs):  # else the curve would jump where a run ends
                figure = mean_over_seeds(scores) if len(scores) > 1 else None
                band = {"low": figure.low, "high": figure.high} if figure else {}
                rows.append({"group": name, "epoch": place + 1, "score": sum(scores) / len(scores)} | band)
    return rows


def seed_groups(runs: Iterable[History]) -> dict[str, list[History]]:
    """Runs that differ in their seeds alone, by the name of the first and how many they are."""
    groups: dict[str, list[History]] = defaultdict(list)
    for run in runs:
        groups[without_seeds(run.record)].append(run)
    names = {
        f"{each[0].record.name}, {len(each)} seeds" if len(each) > 1 else each[0].record.name: each
        for each in groups.values()
    }
    return names if len(names) == len(groups) else {str(run.folder.path): [run] for run in runs}


def curve_table(rows: Sequence[Mapping[str, Any]], summary: str = "") -> Table:
    """The numbers of mean curves."""
    cells = [
        (row["group"], f"{row['epoch']}", f"{row['score']:.2f}", f"{row['low']:.2f} to {row['high']:.2f}")
        if "low" in row
        else (row["group"], f"{row['epoch']}", f"{row['score']:.2f}", "")
        for row in rows
    ]
    return Table(("", ">epoch", ">validation, %", ">95 % interval"), cells, summary)


def board(rows: Sequence[Row]) -> Table:
    """The first rows of a leaderboard, with all its columns."""
    shown = rows[:MOST_ROWS]
    columns = arranged(shown)
    headings = [f"{'>' * column.numeric}{column.heading}" for column in columns]
    return Table(headings, [[column.cell(row) for column in columns] for row in shown])


def network(spec: Path, run: RunFolder, title: str = "The best network") -> Section:
    """A network's picture, where its images are known, and its YAML."""
    parts: list[Part] = []
    with suppress(DnsearchError, OSError):
        parts.append(_picture(spec, run))
    with suppress(OSError):
        parts.append(Code(spec.read_text("utf-8"), "its YAML"))
        parts += [Words("To train it:"), Code(f"dnsearch train {shlex.quote(str(spec))}")]
    return Section(title, parts)


def _picture(spec: Path, run: RunFolder) -> Picture:
    experiment = load(str(spec)).experiment
    shape, names = run.images()
    plan = plan_network(experiment.network, shape, len(names))
    content = BytesIO()
    with style.context(["default", SETTINGS]):
        figure = network_figure(plan, experiment.name)
        figure.savefig(content, format="svg", metadata=dict.fromkeys(WITHOUT))
    blocks = units.counted(len(plan.blocks), "dense block")
    layers = " and ".join(str(len(block.reads)) for block in plan.blocks)
    alt = f"The network {experiment.name}: {blocks} of {layers} layers; the YAML below says all of it."
    return Picture(content.getvalue().decode(), alt, paper=True)


def data_sheet(run: History) -> Section:
    """What was learned from."""
    record = run.record
    rows = []
    with suppress(RunError):
        shape, names = run.folder.images()
        rows = [("image shape", units.shape(shape)), ("classes", _classes(names))]
    label = "labels" if metric(record) == "mean IoU" else "images"
    parts = {"training": run.epochs[0].training if run.epochs else None, "validation": record.last}
    for part, metrics in (parts | {"test": record.test}).items():
        told = f"{metrics.examples:,}" if metrics else "not looked at" if part == "test" else units.NOTHING
        rows.append((f"{part} {label}", told))
    for path, value in record.settings.items():
        if path.startswith("data.") and value is not None:
            rows.append((path.removeprefix("data."), units.setting(value)))
    augmentation = record.settings.get("training.augmentation")
    rows.append(("augmentation", units.setting(augmentation) if augmentation else "none"))
    return Section("Data", [Table(("", ""), rows)])


def _classes(names: Sequence[str]) -> str:
    shown = ", ".join(units.one_line(name) for name in names[:12])
    return f"{len(names)}: {shown}{', …' if len(names) > 12 else ''}"


def environment(records: Sequence[RunRecord]) -> Section:
    """What trained, and how long: versions, machines, seconds."""
    rows: list[tuple[str, str]] = []
    for name in dict.fromkeys(name for record in records for name in record.versions):
        found = dict.fromkeys(str(record.versions.get(name, units.NOTHING)) for record in records)
        rows.append((name, ", ".join(found)))
    machines = dict.fromkeys(_machine(record.hardware) for record in records if record.hardware)
    started = sorted(record.started_at for record in records)
    spent = sum(record.wall_seconds for record in records)
    rows += [("machine", each) for each in machines]
    rows += [("first run began", started[0])] if started else []
    rows.append(("time of all runs", units.duration(spent)))
    return Section("Environment", [Table(("", ""), rows)])


def _machine(hardware: Mapping[str, Any]) -> str:
    gpus = ", ".join(map(str, hardware.get("gpus") or ())) or "no GPU"
    memory = hardware.get("memory_bytes")
    parts = [str(hardware.get("processor", "")), f"{hardware.get('cores', '')} cores"]
    return ", ".join(filter(None, [*parts, units.size(memory) if isinstance(memory, int) else "", gpus]))
