"""How good a network is, on a terminal and for programs: figures, classes, and what is taken for what."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dnsearch.evaluate.intervals import Figure
from dnsearch.evaluate.metrics import Assessment, Counts, mistakes
from dnsearch.evaluate.segmentation import Segmentation
from dnsearch.report.tables import table
from dnsearch.report.units import NOTHING, one_line, percent, shortened

MOST_CLASSES = 20
MOST_MISTAKES = 10
LONGEST_NAME = 20


def evaluation_table(found: Assessment | Segmentation, title: str, width: int) -> Group:
    """The headline figures, a table of the classes, and the confusion matrix or, if too wide, a list."""
    names = [shortened(one_line(each.name), LONGEST_NAME) for each in found.classes]
    unit = "images" if isinstance(found, Assessment) else "pixels"
    lines = matrix_lines(found.confusion, names)
    confused: RenderableType = _mistakes(found.confusion, names, unit)
    if max(map(cell_len, lines)) <= width:
        heading = f"rows: what the {unit} show; columns: what was predicted\n"
        confused = Text.assemble((heading, "bold"), "\n".join(lines), no_wrap=True)
    headline = table(title, "", ">", ">95 % interval", "", gap=2)
    for row in _headline(found):
        headline.add_row(*row[:-1], Text(row[-1], "dim"))
    return Group(headline, "", _classes(found, names), "", confused)


def _headline(found: Assessment | Segmentation) -> list[tuple[str, str, str, str]]:
    loss = f"{found.loss.value:.4f}", f"{found.loss.low:.4f} – {found.loss.high:.4f}"
    match found:
        case Assessment():
            low, high = found.wilson
            top5, chance = found.top5_accuracy, f"by chance up to {percent(found.calibration.band[1])}"
            return [
                ("accuracy", *_share(found.accuracy), f"Wilson {100 * low:.2f} – {percent(high)}"),
                *([("top-5 accuracy", *_share(top5), "")] if top5 else []),
                ("loss", *loss, "nats"),
                ("calibration error", *_share(found.calibration.error), chance),
            ]
        case Segmentation():
            return [
                ("mean IoU", *_share(found.mean_iou), ""),
                ("pixel accuracy", *_share(found.accuracy), f"{found.pixels:,} pixels"),
                ("loss", *loss, "nats a pixel"),
            ]


def _share(figure: Figure | None) -> tuple[str, str]:
    interval = f"{100 * figure.low:.2f} – {percent(figure.high)}" if figure else NOTHING
    return percent(figure.value if figure else None), interval


def _classes(found: Assessment | Segmentation, names: Sequence[str]) -> Table:
    """All classes in their order or, where they are many, the worst of them."""
    headings: tuple[str, ...]
    match found:
        case Assessment():
            figure, headings = "F1", (">precision", ">recall", ">F1", ">images")
            scores = [each.f1 for each in found.classes]
            cells = [[*map(percent, (each.precision, each.recall, each.f1))] for each in found.classes]
        case Segmentation():
            figure, headings = "IoU", (">IoU", ">95 % interval", ">precision", ">recall", ">pixels")
            scores = [iou.value if iou else None for iou in found.ious]
            pairs = zip(found.classes, found.ious, strict=True)
            cells = [[*_share(iou), percent(each.precision), percent(each.recall)] for each, iou in pairs]
    made = table("", "class", *headings, gap=2)
    shown = list(range(len(names)))
    if len(names) > MOST_CLASSES:
        scored = [1.0 if score is None else score for score in scores]
        shown = sorted(shown, key=scored.__getitem__)[:MOST_CLASSES]
        made.caption = Text(f"the {MOST_CLASSES} lowest {figure} of {len(names)} classes; --json has all")
    for place in shown:
        made.add_row(Text(names[place]), *cells[place], f"{found.classes[place].support:,}")
    return made


def matrix_lines(counts: Counts, names: Sequence[str]) -> list[str]:
    r"""A confusion matrix as characters: a row per class, a column per class that was predicted.

    Columns are headed by the classes' numbers, from 0; names that are just these are not repeated.

    >>> import numpy as np
    >>> print("\n".join(matrix_lines(np.array([[5, 2], [0, 7]]), ["cat", "dog"])))
             0  1
    0  cat   5  2
    1  dog   ·  7
    """
    numbers = [str(place) for place in range(len(names))]
    digits, longest = len(numbers[-1]), max(map(cell_len, names))
    labels = [f"{number:>{digits}} " for number in numbers]
    if list(names) != numbers:
        padded = [f" {set_cell_size(name, longest)} " for name in names]
        labels = list(map("".join, zip(labels, padded, strict=True)))
    cell = max(digits, len(str(counts.max()))) + 2
    marks = [numbers, *([f"{count}" if count else "·" for count in row] for row in counts.tolist())]
    labels.insert(0, " " * cell_len(labels[0]))
    rows = ["".join(f"{mark:>{cell}}" for mark in row) for row in marks]
    return [label + row for label, row in zip(labels, rows, strict=True)]


def _mistakes(counts: Counts, names: Sequence[str], unit: str) -> RenderableType:
    """The most frequent confusions, for a matrix that is wider than the terminal."""
    wrong = mistakes(counts, MOST_MISTAKES)
    if not wrong:
        return Text("nothing was taken for anything else")
    made = table("most often confused", "class", "predicted", f">{unit}", ">of its class", gap=2)
    for truth, taken, count in wrong:
        share = percent(count / int(counts[truth].sum()))
        made.add_row(Text(names[truth]), Text(names[taken]), f"{count:,}", share)
    return made


def evaluation_json(found: Assessment | Segmentation) -> dict[str, Any]:
    """All of it for ``json.dumps``: shares from 0 to 1; None where there is no such figure."""
    figures: dict[str, Figure | None]
    counted: dict[str, float] = {"examples": found.examples}
    intervals: dict[str, list[float]] = {}
    match found:
        case Assessment():
            figures = {"accuracy": found.accuracy, "top5_accuracy": found.top5_accuracy, "loss": found.loss}
            figures["calibration_error"] = found.calibration.error
            counted["plain_calibration_error"] = found.calibration.plain
            intervals = {"accuracy_wilson": list(found.wilson), "calibrated": list(found.calibration.band)}
            classes = [asdict(each) for each in found.classes]
        case Segmentation():
            counted["pixels"] = found.pixels
            figures = {"mean_iou": found.mean_iou, "accuracy": found.accuracy, "loss": found.loss}
            classes = [
                {"name": each.name, "iou": iou and iou.value, "iou_interval": _ends(iou)}
                | {
                    "precision": each.precision,
                    "recall": each.recall,
                    "dice": each.f1,
                    "pixels": each.support,
                }
                for each, iou in zip(found.classes, found.ious, strict=True)
            ]
    return {
        **counted,
        **{name: figure and figure.value for name, figure in figures.items()},
        "intervals": {name: _ends(figure) for name, figure in figures.items()} | intervals,
        "classes": classes,
        "confusion": found.confusion.tolist(),
    }


def _ends(figure: Figure | None) -> list[float] | None:
    return [figure.low, figure.high] if figure else None
