"""``dnsearch draw``: a picture of a network."""

from pathlib import Path
from typing import Annotated

import typer

from dnsearch.cli import console
from dnsearch.cli.options import NoLimits, Set, Spec


def draw(
    spec: Spec,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Where to draw: FILE.svg or FILE.png.")
    ],
    overrides: Set = None,
    no_limits: NoLimits = False,
) -> None:
    """Draw a network: blocks, edges, links, changes of scale, and which features each layer reads.

    Example: [cyan]dnsearch draw article-cross-block -o network.svg[/cyan]
    """
    from dnsearch.board.drawing.page import draw as paint
    from dnsearch.cli.planning import planned

    found = planned(spec, overrides, limits=not no_limits)
    height, width, channels = found.facts.image_shape
    name = found.budget.document.experiment.name
    paint(found.budget.plan, f"{name}, {height}x{width}x{channels}", output)
    console.say(f"drew {output}")
