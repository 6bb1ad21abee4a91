"""How good a network is, on a terminal: headline figures, classes, and what is taken for what.

The same of masks is in ``segmentation``, which takes the pieces that both have from here.

How good masks are, on a terminal: headline figures, the overlap of each class, what is taken for what.
"""

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dnsearch.evaluate.intervals import Figure
from dnsearch.evaluate.metrics import Assessment, ClassFigures, Counts, mistakes
from dnsearch.evaluate.segmentation import Segmentation
from dnsearch.report.units import NOTHING, one_line, percent, shortened

MOST_CLASSES = 20
MOST_MISTAKES = 10
LONGEST_NAME = 20


def assessment(found: Assessment, title: str, width: int) -> RenderableType:
    """The headline figures, a table of the classes, and the confusion matrix or, if too wide, a list.

    Args:
        found: the figures.
        title: what stands above them.
        width: cells of the terminal.
    """
    names = [shortened(one_line(each.name), LONGEST_NAME) for each in found.classes]
    confused = what_for_what(found.confusion, names, width, "images")
    return Group(_headline(found, title), "", _classes(found.classes, names), "", confused)


def what_for_what(counts: Counts, names: Sequence[str], width: int, unit: str) -> RenderableType:
    """The confusion matrix or, where it is wider than the terminal, the most frequent confusions.

    Args:
        counts: (classes, classes), rows are what is shown.
        names: one per class.
        width: cells of the terminal.
        unit: what is counted: images or pixels.
    """
    lines = matrix_lines(counts, names)
    return _matrix(lines, unit) if max(map(cell_len, lines)) <= width else _mistakes(counts, names, unit)


def headline_table(title: str) -> Table:
    """A table of figures with their intervals and a remark each."""
    table = plain_table(title)
    table.add_column("")
    table.add_column("", justify="right")
    table.add_column("95 % interval", justify="right")
    table.add_column("", style="dim")
    return table


def _headline(found: Assessment, title: str) -> Table:
    table = headline_table(title)
    low, high = found.wilson
    table.add_row(*shares("accuracy", found.accuracy), f"Wilson {100 * low:.2f} – {percent(high)}")
    if found.top5_accuracy is not None:
        table.add_row(*shares("top-5 accuracy", found.top5_accuracy), "")
    loss = found.loss
    table.add_row("loss", f"{loss.value:.4f}", f"{loss.low:.4f} – {loss.high:.4f}", "nats")
    table.add_row(*shares("calibration error", found.calibration_error), "15 bins")
    return table


def shares(name: str, figure: Figure) -> tuple[str, str, str]:
    """A share and its interval, in percent."""
    return name, percent(figure.value), f"{100 * figure.low:.2f} – {percent(figure.high)}"


def _classes(classes: Sequence[ClassFigures], names: Sequence[str]) -> Table:
    """All classes in their order or, where they are many, those with the lowest F1."""
    table = plain_table("")
    table.add_column("class")
    for heading in ("precision", "recall", "F1", "images"):
        table.add_column(heading, justify="right")
    shown = list(zip(classes, names, strict=True))
    if len(shown) > MOST_CLASSES:
        shown = sorted(shown, key=lambda pair: 1.0 if pair[0].f1 is None else pair[0].f1)[:MOST_CLASSES]
        table.caption = Text(f"the {MOST_CLASSES} lowest F1 of {len(classes)} classes; --json has all")
        table.caption_justify = "left"
    for each, name in shown:
        figures = map(percent, (each.precision, each.recall, each.f1))
        table.add_row(Text(name), *figures, f"{each.support:,}")
    return table


def matrix_lines(counts: Counts, names: Sequence[str]) -> list[str]:
    r"""A confusion matrix as characters: a row per class, a column per class that was predicted.

    Columns are headed by the classes' numbers, from 0; names that are just these stand alone.

    >>> import numpy as np
    >>> print("\n".join(matrix_lines(np.array([[5, 2], [0, 7]]), ["cat", "dog"])))
             0  1
    0  cat   5  2
    1  dog   ·  7
    """
    numbers = [str(place) for place in range(len(names))]
    digits = len(numbers[-1])
    if list(names) == numbers:
        labels = [f"{number:>{digits}} " for number in numbers]
    else:
        longest = max(map(cell_len, names))
        padded = (f"{name}{' ' * (longest - cell_len(name))}" for name in names)
        labels = [f"{number:>{digits}}  {name} " for number, name in zip(numbers, padded, strict=True)]
    cell = max(digits, len(str(counts.max()))) + 2
    rows = [
        label + "".join(f"{int(count) or '·':>{cell}}" for count in row)
        for label, row in zip(labels, counts, strict=True)
    ]
    return [" " * cell_len(labels[0]) + "".join(f"{number:>{cell}}" for number in numbers), *rows]


def _matrix(lines: Sequence[str], unit: str) -> Text:
    return Text.assemble(
        (f"rows: what the {unit} show; columns: what was predicted\n", "bold"), "\n".join(lines), no_wrap=True
    )


def _mistakes(counts: Counts, names: Sequence[str], unit: str) -> RenderableType:
    """The most frequent confusions, for a matrix that is wider than the terminal."""
    wrong = mistakes(counts, MOST_MISTAKES)
    if not wrong:
        return Text("nothing was taken for anything else")
    table = plain_table("most often confused")
    table.add_column("class")
    table.add_column("predicted")
    table.add_column(unit, justify="right")
    table.add_column("of its class", justify="right")
    for truth, taken, count in wrong:
        share = percent(count / int(counts[truth].sum()))
        table.add_row(Text(names[truth]), Text(names[taken]), f"{count:,}", share)
    return table


def plain_table(title: str) -> Table:
    """A table without a frame; no title where it is empty."""
    return Table(
        title=Text(title, style="bold") if title else None,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        padding=(0, 2, 0, 0),
        header_style="bold",
    )


def assessment_as_dict(found: Assessment) -> dict[str, Any]:
    """All of it for ``json.dumps``: shares from 0 to 1; None where there is no such figure."""
    intervals = {
        "accuracy": found.accuracy,
        "top5_accuracy": found.top5_accuracy,
        "loss": found.loss,
        "calibration_error": found.calibration_error,
    }
    return {
        "examples": found.examples,
        **{name: figure.value if figure else None for name, figure in intervals.items()},
        "intervals": {
            **{name: [figure.low, figure.high] if figure else None for name, figure in intervals.items()},
            "accuracy_wilson": list(found.wilson),
        },
        "classes": [
            {
                "name": each.name,
                "precision": each.precision,
                "recall": each.recall,
                "f1": each.f1,
                "support": each.support,
            }
            for each in found.classes
        ],
        "confusion": found.confusion.tolist(),
    }


def segmentation(found: Segmentation, title: str, width: int) -> RenderableType:
    """The headline figures, a table of the classes, and what pixels are taken for.

    Args:
        found: the figures.
        title: what stands above them.
        width: cells of the terminal.
    """
    names = [shortened(one_line(each.name), LONGEST_NAME) for each in found.classes]
    confused = what_for_what(found.confusion, names, width, "pixels")
    return Group(_mask_headline(found, title), "", _mask_classes(found, names), "", confused)


def _mask_headline(found: Segmentation, title: str) -> Table:
    table = headline_table(title)
    table.add_row(*shares("mean IoU", found.mean_iou), "")
    table.add_row(*shares("pixel accuracy", found.accuracy), f"{found.pixels:,} pixels")
    loss = found.loss
    table.add_row("loss", f"{loss.value:.4f}", f"{loss.low:.4f} – {loss.high:.4f}", "nats a pixel")
    return table


def _mask_classes(found: Segmentation, names: list[str]) -> Table:
    """All classes in their order or, where they are many, those with the lowest IoU."""
    table = plain_table("")
    table.add_column("class")
    for heading in ("IoU", "95 % interval", "precision", "recall", "pixels"):
        table.add_column(heading, justify="right")
    shown = list(zip(found.classes, found.ious, names, strict=True))
    if len(shown) > MOST_CLASSES:
        shown = sorted(shown, key=lambda row: 1.0 if row[1] is None else row[1].value)[:MOST_CLASSES]
        table.caption = Text(f"the {MOST_CLASSES} lowest IoU of {len(names)} classes; --json has all")
        table.caption_justify = "left"
    for each, iou, name in shown:
        _, *overlap = shares(name, iou) if iou else (name, NOTHING, NOTHING)
        table.add_row(
            Text(name), *overlap, percent(each.precision), percent(each.recall), f"{each.support:,}"
        )
    return table


def masks_as_dict(found: Segmentation) -> dict[str, Any]:
    """All of it for ``json.dumps``: shares from 0 to 1; None where there is no such figure."""
    figures = {"mean_iou": found.mean_iou, "accuracy": found.accuracy, "loss": found.loss}
    return {
        "examples": found.examples,
        "pixels": found.pixels,
        **{name: figure.value for name, figure in figures.items()},
        "intervals": {name: [figure.low, figure.high] for name, figure in figures.items()},
        "classes": [
            {
                "name": each.name,
                "iou": iou.value if iou else None,
                "iou_interval": [iou.low, iou.high] if iou else None,
                "precision": each.precision,
                "recall": each.recall,
                "dice": each.f1,
                "pixels": each.support,
            }
            for each, iou in zip(found.classes, found.ious, strict=True)
        ],
        "confusion": found.confusion.tolist(),
    }
