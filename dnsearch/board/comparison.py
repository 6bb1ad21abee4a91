"""Networks side by side, each figure with its ratio to the first network's."""

from collections.abc import Callable, Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from dnsearch.board import units
from dnsearch.plan.summary import Summary

FIGURES: dict[str, tuple[Callable[[Summary], float], Callable[[int], str]]] = {
    "parameters": (lambda summary: summary.cost.trainable, units.count),
    "MACs": (lambda summary: summary.cost.macs, units.short_count),
    "edges": (lambda summary: summary.edges, units.count),
    "training": (lambda summary: summary.training_memory_bytes, units.size),
    "saving": (lambda summary: summary.saving_memory_bytes, units.size),
    "inference": (lambda summary: summary.inference_peak_bytes, units.size),
    "sees": (lambda summary: summary.receptive_field, units.count),
}
"""Heading → the figure of a summary, and how it is written."""


def comparison(networks: Sequence[tuple[str, str, Summary]]) -> Table:
    """One row per network.

    Args:
        networks: for each its name, its growth rate in words, and its totals.
    """
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0)
    table.add_column("network", no_wrap=True)
    for heading in FIGURES:
        table.add_column(heading, justify="right", no_wrap=True)
    first = networks[0][2]
    for name, growth, summary in networks:
        table.add_row(
            Text(f"{name}\n{growth and f'k {growth}'}"),
            *(_cell(heading, summary, first) for heading in FIGURES),
        )
    table.caption = Text(
        "training, saving: memory of a training, plain and saving; inference: activations of "
        "one image; sees: side of what an output pixel sees; below each its ratio to the first network's"
    )
    table.caption_justify = "left"
    return table


def _cell(heading: str, summary: Summary, first: Summary) -> str:
    figure, written = FIGURES[heading]
    amount, whole = figure(summary), figure(first)
    ratio = f"\n{amount / whole:.2f}x" if summary is not first and whole else ""
    return written(int(amount)) + ratio
