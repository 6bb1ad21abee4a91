"""Networks, presets and data sets as tables and for programs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from dnsearch.plan.cost import Cost, node_cost
from dnsearch.plan.graph import Block, NetworkPlan
from dnsearch.plan.memory import FLOAT_BYTES, Part, Summary, parts
from dnsearch.report import units
from dnsearch.report.units import count, counted, short_count, size

READ, UNREAD = "■", "·"
WIDTH = 80
ROW_LABEL = 6
BYTES = ("weights_bytes", "optimizer_bytes", "inference_peak_bytes")
JSON_FIGURES = ("edges", "layers", "receptive_field", "output_stride", *BYTES)
SHOWN_CHANNELS = 4  # --json has all


def table(title: str, *headings: str, gap: int = 0) -> Table:
    """A table without a frame; a heading that begins with > is aligned right."""
    made = Table(title=Text(title, "bold") if title else None, box=box.SIMPLE_HEAD, show_edge=False)
    made.title_justify = made.caption_justify = "left"
    made.padding = (0, gap, 0, 0)
    for heading in headings:
        justify: Literal["left", "right"] = "right" if heading.startswith(">") else "left"
        made.add_column(heading.removeprefix(">"), justify=justify, no_wrap=True)
    return made


def matrix_lines(block: Block) -> list[str]:
    r"""The connectivity of a block: a row per layer, a column per feature, the output last; ■ is read.

    Columns are three characters apart if that fits into 80, else one, below numbers from top to bottom.

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
    lines = [f"{label:>{ROW_LABEL}} {''.join(mark.rjust(pitch) for mark in row)}" for label, row in rows]
    return [line.rstrip() for line in lines]


def matrices(plan: NetworkPlan) -> str:
    """The matrices of all blocks, each wiring once."""
    blocks: dict[tuple[object, ...], list[Block]] = {}
    for block in plan.blocks:
        blocks.setdefault((block.reads, block.output), []).append(block)
    if not blocks:
        return "no dense blocks, and so no connectivity"
    shown = []
    for first, *rest in blocks.values():
        *others, last = (block.part for block in (first, *rest))
        parts = f"{', '.join(others)} and {last}" if others else last
        figures = (
            f"{counted(len(first.reads), 'layer')}, {counted(first.edges, 'edge')}{' each' * bool(others)}"
        )
        title = f"{parts}: {figures}; a layer (row) reads features (columns)"
        shown.append("\n".join([title, "", *matrix_lines(first)]))
    return "\n\n".join(shown)


def network_table(title: str, plan: NetworkPlan, summary: Summary, batch_size: int) -> Table:
    """One row per part with its share of the whole, and the totals.

    Parameters are the trainable ones; MACs are multiply-adds of convolutions and classifier for one image;
    memory is what plain training keeps for the backward pass, for one image.
    """
    headings = ">layers", ">edges", ">parameters", ">", ">MACs", ">", ">memory", ">"
    made = table(title, "part", "output", *headings)
    rows, cost = parts(plan), summary.cost
    kept = sum(part.kept for part in rows)
    whole = Part("all", plan.nodes[-1].shape, summary.layers, summary.edges, cost, kept)
    for part in [*rows, whole]:
        if part is whole:
            made.add_section()
        cells = [f"{part.layers or ''}", f"{part.edges:,}" if part.edges else ""]
        cells += [count(part.cost.trainable), _share(part.cost.trainable, cost.trainable)]
        cells += [short_count(part.cost.macs), _share(part.cost.macs, cost.macs)]
        cells += [size(FLOAT_BYTES * part.kept), _share(part.kept, whole.kept)]
        made.add_row(part.name, units.shape(part.shape), *cells, style="bold" if part is whole else "")
    made.caption = Text(
        f"{cost.parameters:,} parameters in all: {cost.trainable:,} trainable, {cost.other:,} moving "
        f"statistics; {cost.macs:,} multiply-adds\n"
        f"weights {size(summary.weights_bytes)}, optimizer {size(summary.optimizer_bytes)}; "
        f"a training with batches of {batch_size} takes {size(summary.training_memory_bytes)}, "
        f"recomputing {size(summary.recompute_memory_bytes)}; "
        f"inference of one {size(summary.inference_peak_bytes)}\n"
        f"an output pixel sees {summary.receptive_field}x{summary.receptive_field} pixels, "
        f"{summary.output_stride:g} apart"
    )
    return made


def layer_table(title: str, plan: NetworkPlan) -> Table:
    """One row per node."""
    made = table(title, "node", "operation", "output", ">parameters", ">other", ">MACs")
    for node in plan.nodes:
        cost = node_cost(plan, node)
        figures = count(cost.trainable), count(cost.other), short_count(cost.macs)
        made.add_row(node.name, type(node.operation).__name__, units.shape(node.shape), *figures)
    return made


def _share(amount: int, whole: int) -> str:
    return f"{100 * amount / whole:.0f}%" if whole else ""


def network_json(name: str, plan: NetworkPlan, summary: Summary) -> dict[str, Any]:
    """Everything that ``inspect`` shows, ready for ``json.dumps``."""
    memory = {"plain": summary.training_memory_bytes, "recompute": summary.recompute_memory_bytes}
    return {
        "name": name,
        **_counts(summary.cost),
        **{name: getattr(summary, name) for name in JSON_FIGURES},
        "training_memory_bytes": memory,
        "parts": [
            {"name": part.name, "shape": list(part.shape), "layers": part.layers, "edges": part.edges}
            | {"kept_elements": part.kept, **_counts(part.cost)}
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
    "parameters": (lambda summary: summary.cost.trainable, count),
    "MACs": (lambda summary: summary.cost.macs, short_count),
    "edges": (lambda summary: summary.edges, count),
    "training": (lambda summary: summary.training_memory_bytes, size),
    "recompute": (lambda summary: summary.recompute_memory_bytes, size),
    "inference": (lambda summary: summary.inference_peak_bytes, size),
    "sees": (lambda summary: summary.receptive_field, count),
}
"""Heading → the figure of a summary, and how it is written."""


def comparison(networks: Sequence[tuple[str, str, Summary]]) -> Table:
    """One row per network: its name, its growth rate in words, and its totals."""
    made = table("", "network", *(f">{heading}" for heading in FIGURES))
    first = networks[0][2]
    for name, growth, summary in networks:
        cells = []
        for figure, written in FIGURES.values():
            amount, whole = figure(summary), figure(first)
            ratio = f"\n{amount / whole:.2f}x" if summary is not first and whole else ""
            cells.append(written(int(amount)) + ratio)
        made.add_row(Text(f"{name}\n{growth and f'k {growth}'}"), *cells)
    made.caption = Text(
        "training, recompute: memory of a training, plain and recompute; inference: activations of "
        "one image; sees: side of what an output pixel sees; below each its ratio to the first network's"
    )
    return made


def preset_table(presets: Sequence[Mapping[str, Any]]) -> Table:
    """One preset per row, its source below its published result; ``presets`` is what ``--json`` prints."""
    made = table("", "preset", ">parameters", ">MACs", gap=1)
    made.add_column("published, source")
    for preset in presets:
        result = Text(preset["published"]).append(f"\n{preset['source']}", style="dim")
        made.add_row(preset["name"], count(preset["parameters"]), short_count(preset["macs"]), result)
    return made


def image_table(images: Mapping[str, Any]) -> Group:
    """A row per class, a column per part, and how pixels are scaled; ``images`` is what ``--json`` prints."""
    parts, classes = images["images"], images["classes"]
    title = f"{images['name']}, {units.shape(images['image_shape'])}, {len(classes)} classes"
    heading = "class" if images["counted"] == "images" else f"{images['counted']} of class"
    made = table(title, heading, *(f">{part}" for part in parts), gap=1)
    for each in classes:
        made.add_row(Text(units.one_line(each["name"])), *(count(each[part]) for part in parts))
    made.add_section()
    made.add_row("images", *map(count, parts.values()), style="bold")
    pixels = zip(images["scaling"]["offset"], images["scaling"]["scale"], strict=True)
    scaled = [f"(pixel - {offset:.4g}) / {scale:.4g}" for offset, scale in pixels]
    lines = [f"channel {number}: {words}" for number, words in enumerate(scaled, start=1)]
    if (hidden := len(lines) - SHOWN_CHANNELS) > 0:
        lines[SHOWN_CHANNELS:] = [f"and {counted(hidden, 'more channel')}"]
    return Group(made, Text("\n".join(lines)))
