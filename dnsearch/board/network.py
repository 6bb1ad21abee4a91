"""A network's parts and what each costs, as a table."""

from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from dnsearch.board import units
from dnsearch.plan.cost import node_cost
from dnsearch.plan.graph import NetworkPlan
from dnsearch.plan.memory import FLOAT_BYTES
from dnsearch.plan.summary import Part, Summary, parts

LEFT = ("part", "output", "node", "operation")


def network_table(title: str, plan: NetworkPlan, summary: Summary, batch_size: int) -> Table:
    """One row per part with its share of the whole, and the totals.

    Parameters are the trainable ones; MACs are multiply-adds of convolutions and classifier for one image;
    memory is what plain training keeps for the backward pass, for one image.
    """
    table = _table(title, ("part", "output", "layers", "edges", "parameters", "", "MACs", "", "memory", ""))
    rows = parts(plan)
    kept = sum(part.kept for part in rows)
    for part in rows:
        table.add_row(*_part_cells(part, summary, kept))
    table.add_section()
    whole = Part("all", plan.nodes[-1].shape, summary.layers, summary.edges, summary.cost, kept)
    table.add_row(*_part_cells(whole, summary, kept), style="bold")
    table.caption = Text(_totals(summary, batch_size))
    table.caption_justify = "left"
    return table


def layer_table(title: str, plan: NetworkPlan) -> Table:
    """One row per node."""
    table = _table(title, ("node", "operation", "output", "parameters", "other", "MACs"))
    for node in plan.nodes:
        cost = node_cost(plan, node)
        figures = (units.count(cost.trainable), units.count(cost.other), units.short_count(cost.macs))
        table.add_row(node.name, type(node.operation).__name__, _shape(node.shape), *figures)
    return table


def _table(title: str, headings: Sequence[str]) -> Table:
    table = Table(title=Text(title), title_justify="left", box=box.SIMPLE_HEAD, show_edge=False, padding=0)
    for heading in headings:
        table.add_column(heading, justify="left" if heading in LEFT else "right", no_wrap=True)
    return table


def _part_cells(part: Part, summary: Summary, kept: int) -> list[str]:
    whole = summary.cost
    return [
        part.name,
        _shape(part.shape),
        f"{part.layers}" if part.layers else "",
        f"{part.edges:,}" if part.edges else "",
        units.count(part.cost.trainable),
        _share(part.cost.trainable, whole.trainable),
        units.short_count(part.cost.macs),
        _share(part.cost.macs, whole.macs),
        units.size(FLOAT_BYTES * part.kept),
        _share(part.kept, kept),
    ]


def _shape(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))


def _share(amount: int, whole: int) -> str:
    return f"{100 * amount / whole:.0f}%" if whole else ""


def _totals(summary: Summary, batch_size: int) -> str:
    cost = summary.cost
    return "\n".join(
        (
            f"{cost.parameters:,} parameters in all: {cost.trainable:,} trainable, {cost.other:,} moving "
            f"statistics; {cost.macs:,} multiply-adds",
            f"weights {units.size(summary.weights_bytes)}, optimizer {units.size(summary.optimizer_bytes)}; "
            f"a training with batches of {batch_size} takes {units.size(summary.training_memory_bytes)}, "
            f"memory-saving {units.size(summary.saving_memory_bytes)}; "
            f"inference of one {units.size(summary.inference_peak_bytes)}",
            f"an output pixel sees {summary.receptive_field}x{summary.receptive_field} pixels, "
            f"{summary.output_stride:g} apart",
        )
    )
