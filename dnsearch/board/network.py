"""A network's parts and what each costs, as a table."""

from rich import box
from rich.table import Table
from rich.text import Text

from dnsearch.board import units
from dnsearch.plan.cost import Cost, part_costs, total
from dnsearch.plan.graph import Convolution, NetworkPlan

HEADINGS = ("part", "output", "convs", "parameters", "share", "MACs", "share", "elements")


def network_table(title: str, plan: NetworkPlan) -> Table:
    """One row per part, and the totals.

    Parameters are the trainable ones; MACs are multiply-adds of convolutions and classifier for one image;
    elements are the numbers that a part's nodes put out, all together, for one image.
    """
    table = Table(
        title=Text(title), title_justify="left", box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0)
    )
    for heading in HEADINGS:
        left = heading in {"part", "output"}
        table.add_column(heading, justify="left" if left else "right", no_wrap=True)
    costs = part_costs(plan)
    whole = total(costs.values())
    for part, cost in costs.items():
        table.add_row(*_cells(plan, part, cost, whole))
    table.add_section()
    table.add_row(*_cells(plan, "", whole, whole), style="bold")
    counts = f"{whole.trainable:,} trainable, {whole.other:,} moving statistics"
    table.caption = Text(f"{whole.parameters:,} parameters in all: {counts}")
    table.caption_justify = "left"
    return table


def _cells(plan: NetworkPlan, part: str, cost: Cost, whole: Cost) -> list[str]:
    nodes = [node for node in plan.nodes if part in {node.part, ""}]
    convolutions = sum(isinstance(node.operation, Convolution) for node in nodes)
    return [
        part or "all",
        "x".join(map(str, nodes[-1].shape)),
        f"{convolutions:,}",
        units.count(cost.trainable),
        _share(cost.trainable, whole.trainable),
        units.short_count(cost.macs),
        _share(cost.macs, whole.macs),
        units.short_count(cost.output_elements),
    ]


def _share(amount: int, whole: int) -> str:
    return f"{100 * amount / whole:.1f} %"
