"""What a data set consists of, as a table: images or pixels per class and part, size and scaling."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from dnsearch.report.units import count, one_line

SHOWN_CHANNELS = 4
"""``--json`` has all."""


@dataclass(frozen=True, slots=True)
class Collection:
    """The images of a spec.

    Args:
        name: the spec's name.
        image_shape: (height, width, channels).
        class_names: in the order of the labels.
        counts: part → images or, of masks, pixels of each class.
        images: part → images.
        masks: whether pixels are counted.
        offset: subtracted from the pixels, one number per channel.
        scale: divides the pixels, one number per channel.
    """

    name: str
    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    counts: Mapping[str, Sequence[int]]
    images: Mapping[str, int]
    masks: bool
    offset: tuple[float, ...]
    scale: tuple[float, ...]


def image_table(images: Collection) -> Group:
    """One row per class, one column per part; below it, how pixels are scaled."""
    height, width, channels = images.image_shape
    title = f"{images.name}, {height}x{width}x{channels}, {len(images.class_names)} classes"
    table = Table(title=Text(title), title_justify="left", box=box.SIMPLE_HEAD, show_edge=False, padding=0)
    table.add_column("pixels of class" if images.masks else "class", overflow="ellipsis", no_wrap=True)
    for part in images.counts:
        table.add_column(f"  {part}", justify="right", no_wrap=True)
    for name, *row in zip(images.class_names, *images.counts.values(), strict=True):
        table.add_row(Text(one_line(name)), *map(count, row))
    table.add_section()
    table.add_row("images", *map(count, images.images.values()), style="bold")
    return Group(table, Text(_scaling(images.offset, images.scale)))


def _scaling(offset: tuple[float, ...], scale: tuple[float, ...]) -> str:
    r"""The scaling, a line per channel.

    >>> print(_scaling((125.3, 0.0), (63.0, 255.0)))
    channel 1: (pixel - 125.3) / 63
    channel 2: (pixel - 0) / 255
    """
    lines = [
        f"channel {number}: (pixel - {each:.4g}) / {by:.4g}"
        for number, (each, by) in enumerate(zip(offset, scale, strict=True), start=1)
    ]
    if (hidden := len(lines) - SHOWN_CHANNELS) > 0:
        lines[SHOWN_CHANNELS:] = [f"and {hidden} more channels"]
    return "\n".join(lines)


def images_json(images: Collection) -> dict[str, Any]:
    """The same for programs."""
    return {
        "name": images.name,
        "image_shape": images.image_shape,
        "classes": [
            {"name": name, **dict(zip(images.counts, row, strict=True))}
            for name, *row in zip(images.class_names, *images.counts.values(), strict=True)
        ],
        "images": dict(images.images),
        "counted": "pixels" if images.masks else "images",
        "scaling": {"offset": images.offset, "scale": images.scale},
    }
