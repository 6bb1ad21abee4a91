"""Networks as tables and for programs: what parts and layers cost, connectivity, comparisons, presets."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from rich import box
from rich.table import Table
from rich.text import Text

from dnsearch.plan.cost import Cost, node_cost
from dnsearch.plan.graph import Block, NetworkPlan
from dnsearch.plan.memory import FLOAT_BYTES, Part, Summary, parts
from dnsearch.report import units

READ, UNREAD = "■", "·"
WIDTH = 80
ROW_LABEL = 6


def matrix_lines(block: Block) -> list[str]:
    r"""The connectivity of a block: a row per layer, a column per feature, the output last; ■ is read.

    Columns are three characters apart where that fits into 80, else one; the numbers of the features are then
    written from top to bottom.

    >>> print("\n".join(matrix_lines(Block("block1", 0, ((0,), (1,), (0, 2)), (0, 3)))))
             0  1  2  3
         1   ■
         2   ·  ■
         3   ■  ·  ■
       out   ■  ·  ·  ■
    """
    features = len(block.reads) + 1
    pitch = 3 if ROW_LABEL + 1 + 3 * features <= WIDTH else 1
    digits = len(str(features - 1))
    numbers = [f"{feature:>{digits}}" for feature in range(features)]
    marks = [[number.strip() for number in numbers]] if pitch > 1 else [*zip(*numbers, strict=True)]
    rows = [("", each) for each in marks]
    for layer, read in enumerate([*block.reads, block.output], start=1):
        label = str(layer) if layer < features else "out"
        rows.append((label, [READ if feature in read else UNREAD for feature in range(layer)]))
    return [
        f"{label:>{ROW_LABEL}} {''.join(mark.rjust(pitch) for mark in row)}".rstrip() for label, row in rows
    ]


def matrices(plan: NetworkPlan) -> str:
    """The matrices of all blocks, each wiring once."""
    blocks: dict[tuple[object, ...], list[Block]] = {}
    for block in plan.blocks:
        blocks.setdefault((block.reads, block.output), []).append(block)
    if not blocks:
        return "no dense blocks, and so no connectivity"
    return "\n\n".join("\n".join([_title(same), "", *matrix_lines(same[0])]) for same in blocks.values())


def _title(blocks: list[Block]) -> str:
    names, first = [block.part for block in blocks], blocks[0]
    named = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    each = " each" if len(names) > 1 else ""
    layers, edges = len(first.reads), first.edges
    return (
        f"{named}: {layers} layer{'s' * (layers > 1)}, {edges:,} edge{'s' * (edges > 1)}{each}; "
        f"a layer (row) reads features (columns)"
    )


def network_table(title: str, plan: NetworkPlan, summary: Summary, batch_size: int) -> Table:
    """One row per part with its share of the whole, and the totals.

    Parameters are the trainable ones; MACs are multiply-adds of convolutions and classifier for one image;
    memory is what plain training keeps for the backward pass, for one image.
    """
    table = _table("part", "output", ">layers", ">edges", ">parameters", ">", ">MACs", ">", ">memory", ">")
    table.title = Text(title)
    rows = parts(plan)
    kept = sum(part.kept for part in rows)
    for part in rows:
        table.add_row(*_part_cells(part, summary, kept))
    table.add_section()
    whole = Part("all", plan.nodes[-1].shape, summary.layers, summary.edges, summary.cost, kept)
    table.add_row(*_part_cells(whole, summary, kept), style="bold")
    table.caption = Text(_totals(summary, batch_size))
    return table


def layer_table(title: str, plan: NetworkPlan) -> Table:
    """One row per node."""
    table = _table("node", "operation", "output", ">parameters", ">other", ">MACs")
    table.title = Text(title)
    for node in plan.nodes:
        cost = node_cost(plan, node)
        figures = (units.count(cost.trainable), units.count(cost.other), units.short_count(cost.macs))
        table.add_row(node.name, type(node.operation).__name__, _shape(node.shape), *figures)
    return table


def _table(*headings: str) -> Table:
    """A table without a frame; a heading that begins with > is aligned right."""
    table = Table(
        title_justify="left", caption_justify="left", box=box.SIMPLE_HEAD, show_edge=False, padding=0
    )
    for heading in headings:
        justify: Literal["left", "right"] = "right" if heading.startswith(">") else "left"
        table.add_column(heading.removeprefix(">"), justify=justify, no_wrap=True)
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
    return (
        f"{cost.parameters:,} parameters in all: {cost.trainable:,} trainable, {cost.other:,} moving "
        f"statistics; {cost.macs:,} multiply-adds\n"
        f"weights {units.size(summary.weights_bytes)}, optimizer {units.size(summary.optimizer_bytes)}; "
        f"a training with batches of {batch_size} takes {units.size(summary.training_memory_bytes)}, "
        f"recomputing {units.size(summary.recompute_memory_bytes)}; "
        f"inference of one {units.size(summary.inference_peak_bytes)}\n"
        f"an output pixel sees {summary.receptive_field}x{summary.receptive_field} pixels, "
        f"{summary.output_stride:g} apart"
    )


def network_json(name: str, plan: NetworkPlan, summary: Summary) -> dict[str, Any]:
    """Everything that ``inspect`` shows, ready for ``json.dumps``."""
    return {
        "name": name,
        **_counts(summary.cost),
        "edges": summary.edges,
        "layers": summary.layers,
        "receptive_field": summary.receptive_field,
        "output_stride": summary.output_stride,
        "weights_bytes": summary.weights_bytes,
        "optimizer_bytes": summary.optimizer_bytes,
        "inference_peak_bytes": summary.inference_peak_bytes,
        "training_memory_bytes": {
            "plain": summary.training_memory_bytes,
            "recompute": summary.recompute_memory_bytes,
        },
        "parts": [
            {
                "name": part.name,
                "shape": list(part.shape),
                "layers": part.layers,
                "edges": part.edges,
                "kept_elements": part.kept,
                **_counts(part.cost),
            }
            for part in parts(plan)
        ],
        "links": [{"from": link.source, "to": link.target, "kind": link.kind} for link in plan.links],
    }


def _counts(cost: Cost) -> dict[str, Any]:
    return {
        "parameters": {"trainable": cost.trainable, "other": cost.other, "total": cost.parameters},
        "macs": cost.macs,
        "output_elements": cost.output_elements,
    }


FIGURES: dict[str, tuple[Callable[[Summary], float], Callable[[int], str]]] = {
    "parameters": (lambda summary: summary.cost.trainable, units.count),
    "MACs": (lambda summary: summary.cost.macs, units.short_count),
    "edges": (lambda summary: summary.edges, units.count),
    "training": (lambda summary: summary.training_memory_bytes, units.size),
    "recompute": (lambda summary: summary.recompute_memory_bytes, units.size),
    "inference": (lambda summary: summary.inference_peak_bytes, units.size),
    "sees": (lambda summary: summary.receptive_field, units.count),
}
"""Heading → the figure of a summary, and how it is written."""


def comparison(networks: Sequence[tuple[str, str, Summary]]) -> Table:
    """One row per network.

    Args:
        networks: for each its name, its growth rate in words, and its totals.
    """
    table = _table("network", *(f">{heading}" for heading in FIGURES))
    first = networks[0][2]
    for name, growth, summary in networks:
        cells = (_cell(heading, summary, first) for heading in FIGURES)
        table.add_row(Text(f"{name}\n{growth and f'k {growth}'}"), *cells)
    table.caption = Text(
        "training, recompute: memory of a training, plain and recompute; inference: activations of "
        "one image; sees: side of what an output pixel sees; below each its ratio to the first network's"
    )
    return table


def _cell(heading: str, summary: Summary, first: Summary) -> str:
    figure, written = FIGURES[heading]
    amount, whole = figure(summary), figure(first)
    ratio = f"\n{amount / whole:.2f}x" if summary is not first and whole else ""
    return written(int(amount)) + ratio


@dataclass(frozen=True, slots=True)
class Listed:
    """One preset: its name for a command, what it is, who published it and what, and its cost.

    ``parameters`` are the trainable ones, ``macs`` multiply-adds for one image.
    """

    name: str
    title: str
    source: str
    published: str
    parameters: int
    macs: int


def preset_table(presets: Sequence[Listed]) -> Table:
    """One preset per row, its source below its published result."""
    table = _table("preset", ">parameters", ">MACs")
    table.add_column("published, source")
    table.padding = (0, 1, 0, 0)
    for preset in presets:
        result = Text(preset.published).append(f"\n{preset.source}", style="dim")
        table.add_row(preset.name, units.count(preset.parameters), units.short_count(preset.macs), result)
    return table


def preset_json(presets: Sequence[Listed]) -> list[dict[str, Any]]:
    """One mapping per preset."""
    return [asdict(preset) for preset in presets]
