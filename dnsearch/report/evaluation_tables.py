"""How good a network is, on a terminal and for programs: figures, classes, and what is taken for what."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich import box
from rich.cells import cell_len, set_cell_size
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dnsearch.evaluate.intervals import Figure
from dnsearch.evaluate.metrics import Assessment, Counts, mistakes
from dnsearch.evaluate.segmentation import Segmentation
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
    headline = _table(title, "", ">", ">95 % interval", "")
    for row in _headline(found):
        headline.add_row(*row[:-1], Text(row[-1], "dim"))
    return Group(headline, "", _classes(found, names), "", confused)


def _headline(found: Assessment | Segmentation) -> list[tuple[str, str, str, str]]:
    """Name, figure, interval and a remark."""
    loss = f"{found.loss.value:.4f}", f"{found.loss.low:.4f} – {found.loss.high:.4f}"
    match found:
        case Assessment():
            low, high = found.wilson
            top5 = found.top5_accuracy
            return [
                ("accuracy", *_share(found.accuracy), f"Wilson {100 * low:.2f} – {percent(high)}"),
                *([("top-5 accuracy", *_share(top5), "")] if top5 else []),
                ("loss", *loss, "nats"),
                ("calibration error", *_share(found.calibration_error), "15 bins"),
            ]
        case Segmentation():
            return [
                ("mean IoU", *_share(found.mean_iou), ""),
                ("pixel accuracy", *_share(found.accuracy), f"{found.pixels:,} pixels"),
                ("loss", *loss, "nats a pixel"),
            ]


def _share(figure: Figure | None) -> tuple[str, str]:
    """A share and its interval, in percent."""
    if figure is None:
        return NOTHING, NOTHING
    return percent(figure.value), f"{100 * figure.low:.2f} – {percent(figure.high)}"


def _classes(found: Assessment | Segmentation, names: Sequence[str]) -> Table:
    """All classes in their order or, where they are many, the worst of them."""
    rows: list[tuple[float | None, list[str]]]
    headings: tuple[str, ...]
    match found:
        case Assessment():
            figure, headings = "F1", (">precision", ">recall", ">F1", ">images")
            rows = [
                (each.f1, [*map(percent, (each.precision, each.recall, each.f1)), f"{each.support:,}"])
                for each in found.classes
            ]
        case Segmentation():
            figure, headings = "IoU", (">IoU", ">95 % interval", ">precision", ">recall", ">pixels")
            rows = [
                (
                    iou.value if iou else None,
                    [*_share(iou), percent(each.precision), percent(each.recall), f"{each.support:,}"],
                )
                for each, iou in zip(found.classes, found.ious, strict=True)
            ]
    table = _table("", "class", *headings)
    shown = [(score, [name, *cells]) for name, (score, cells) in zip(names, rows, strict=True)]
    if len(shown) > MOST_CLASSES:
        shown = sorted(shown, key=lambda row: 1.0 if row[0] is None else row[0])[:MOST_CLASSES]
        caption = f"the {MOST_CLASSES} lowest {figure} of {len(names)} classes; --json has all"
        table.caption, table.caption_justify = Text(caption), "left"
    for _, cells in shown:
        table.add_row(*map(Text, cells))
    return table


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
        labels = [
            f"{label} {set_cell_size(name, longest)} " for label, name in zip(labels, names, strict=True)
        ]
    cell = max(digits, len(str(counts.max()))) + 2
    return [
        label + "".join(f"{mark:>{cell}}" for mark in marks)
        for label, marks in zip(
            [" " * cell_len(labels[0]), *labels],
            [numbers, *([f"{count}" if count else "·" for count in row] for row in counts.tolist())],
            strict=True,
        )
    ]


def _mistakes(counts: Counts, names: Sequence[str], unit: str) -> RenderableType:
    """The most frequent confusions, for a matrix that is wider than the terminal."""
    wrong = mistakes(counts, MOST_MISTAKES)
    if not wrong:
        return Text("nothing was taken for anything else")
    table = _table("most often confused", "class", "predicted", f">{unit}", ">of its class")
    for truth, taken, count in wrong:
        share = percent(count / int(counts[truth].sum()))
        table.add_row(Text(names[truth]), Text(names[taken]), f"{count:,}", share)
    return table


def _table(title: str, *headings: str) -> Table:
    """A table without a frame; a heading that begins with > is aligned right."""
    table = Table(
        title=Text(title, style="bold") if title else None,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        padding=(0, 2, 0, 0),
        header_style="bold",
    )
    for heading in headings:
        table.add_column(heading.removeprefix(">"), justify="right" if heading.startswith(">") else "left")
    return table


def evaluation_json(found: Assessment | Segmentation) -> dict[str, Any]:
    """All of it for ``json.dumps``: shares from 0 to 1; None where there is no such figure."""
    names: tuple[str, ...]
    match found:
        case Assessment():
            names = ("accuracy", "top5_accuracy", "loss", "calibration_error")
            counted: dict[str, Any] = {"examples": found.examples}
            intervals = {"accuracy_wilson": list(found.wilson)}
            classes = [asdict(each) for each in found.classes]
        case Segmentation():
            names = ("mean_iou", "accuracy", "loss")
            counted, intervals = {"examples": found.examples, "pixels": found.pixels}, {}
            classes = [
                {
                    "name": each.name,
                    "iou": iou.value if iou else None,
                    "iou_interval": _ends(iou),
                    "precision": each.precision,
                    "recall": each.recall,
                    "dice": each.f1,
                    "pixels": each.support,
                }
                for each, iou in zip(found.classes, found.ious, strict=True)
            ]
    figures: dict[str, Figure | None] = {name: getattr(found, name) for name in names}
    return {
        **counted,
        **{name: figure.value if figure else None for name, figure in figures.items()},
        "intervals": {name: _ends(figure) for name, figure in figures.items()} | intervals,
        "classes": classes,
        "confusion": found.confusion.tolist(),
    }


def _ends(figure: Figure | None) -> list[float] | None:
    return [figure.low, figure.high] if figure else None
