"""How good masks are, on a terminal: headline figures, the overlap of each class, what is taken for what."""

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dnsearch.assess.segmentation import Segmentation
from dnsearch.board.assessment import (
    LONGEST_NAME,
    MOST_CLASSES,
    headline_table,
    plain_table,
    shares,
    what_for_what,
)
from dnsearch.board.units import NOTHING, one_line, percent, shortened


def segmentation(found: Segmentation, title: str, width: int) -> RenderableType:
    """The headline figures, a table of the classes, and what pixels are taken for.

    Args:
        found: the figures.
        title: what stands above them.
        width: cells of the terminal.
    """
    names = [shortened(one_line(each.name), LONGEST_NAME) for each in found.classes]
    confused = what_for_what(found.confusion, names, width, "pixels")
    return Group(_headline(found, title), "", _classes(found, names), "", confused)


def _headline(found: Segmentation, title: str) -> Table:
    table = headline_table(title)
    table.add_row(*shares("mean IoU", found.mean_iou), "")
    table.add_row(*shares("pixel accuracy", found.accuracy), f"{found.pixels:,} pixels")
    loss = found.loss
    table.add_row("loss", f"{loss.value:.4f}", f"{loss.low:.4f} – {loss.high:.4f}", "nats a pixel")
    return table


def _classes(found: Segmentation, names: list[str]) -> Table:
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


def as_dict(found: Segmentation) -> dict[str, Any]:
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
