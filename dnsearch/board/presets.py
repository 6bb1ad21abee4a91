"""The presets as a table."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from dnsearch.board import units


@dataclass(frozen=True, slots=True)
class Listed:
    """One preset.

    Args:
        name: how a command is given it.
        title: what it is.
        source: where its figures come from.
        published: what was published of it.
        parameters: trainable parameters.
        macs: multiply-adds for one image.
    """

    name: str
    title: str
    source: str
    published: str
    parameters: int
    macs: int


def preset_table(presets: Sequence[Listed]) -> Table:
    """One preset per row; its source stands below its published result."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column("preset", no_wrap=True)
    table.add_column("parameters", justify="right", no_wrap=True)
    table.add_column("MACs", justify="right", no_wrap=True)
    table.add_column("published, source")
    for preset in presets:
        said = Text(preset.published).append(f"\n{preset.source}", style="dim")
        table.add_row(preset.name, units.count(preset.parameters), units.short_count(preset.macs), said)
    return table


def preset_json(presets: Sequence[Listed]) -> list[dict[str, Any]]:
    """One mapping per preset."""
    return [asdict(preset) for preset in presets]
