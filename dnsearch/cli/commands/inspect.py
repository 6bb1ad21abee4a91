"""``dnsearch inspect``: what a spec's network looks like and costs."""

from typing import TYPE_CHECKING

from dnsearch.cli import console
from dnsearch.cli.options import Json, Set, Spec

if TYPE_CHECKING:
    from dnsearch.cli.planning import Planned


def inspect(spec: Spec, overrides: Set = None, as_json: Json = False) -> None:
    """Show a network's parts, shapes and exact cost, without building it.

    Example: [cyan]dnsearch inspect densenet-bc-100-12[/cyan]
    """
    from dnsearch.cli.planning import planned
    from dnsearch.spec.document import load

    document = load(spec, overrides or ())
    found = planned(document)
    name = document.experiment.name
    if as_json:
        console.show_json(_as_json(name, found))
    else:
        from dnsearch.board.network import network_table

        height, width, channels = found.facts.image_shape
        console.show(
            network_table(f"{name}, {height}x{width}x{channels}, {found.facts.classes} classes", found.plan)
        )


def _as_json(name: str, found: "Planned") -> dict[str, object]:
    from dnsearch.plan.cost import Cost, part_costs

    def counts(cost: Cost) -> dict[str, object]:
        return {
            "parameters": {"trainable": cost.trainable, "other": cost.other, "total": cost.parameters},
            "macs": cost.macs,
            "output_elements": cost.output_elements,
        }

    shapes = {node.part: node.shape for node in found.plan.nodes}
    parts = [
        {"name": part, "shape": shapes[part], **counts(cost)} for part, cost in part_costs(found.plan).items()
    ]
    return {
        "name": name,
        **counts(found.cost),
        "image_shape": found.facts.image_shape,
        "classes": found.facts.classes,
        "parts": parts,
    }
