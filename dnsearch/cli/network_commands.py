"""``dnsearch inspect``: what networks look like and cost. ``dnsearch draw``: a picture of a network."""

from pathlib import Path

from typer import Option

from dnsearch.cli import console
from dnsearch.cli.options import Force, Json, NoLimits, Set, Spec, Specs
from dnsearch.errors import Problem, SpecError
from dnsearch.front_door import planned_spec
from dnsearch.plan.limits import Planned
from dnsearch.report.tables import comparison, layer_table, matrices, network_json, network_table
from dnsearch.runs.atomic import check_new
from dnsearch.spec.training import in_words


def inspect(
    specs: Specs,
    overrides: Set = None,
    layers: bool = Option(False, "--layers", help="One row per operation."),
    matrix: bool = Option(False, "--matrix", help="Which features each layer reads."),
    no_limits: NoLimits = False,
    as_json: Json = False,
) -> None:
    """Show a network's parts, shapes and exact cost, without building it; several specs side by side."""
    found = _planned(specs, overrides, limits=not no_limits)
    if as_json:
        rows = [_as_json(each) for each in found]
        console.show_json(rows if len(rows) > 1 else rows[0])
        return
    if len(found) > 1:
        console.show(comparison([(each.experiment.name, _growth(each), each.summary) for each in found]))
    for each in found if len(found) == 1 or layers or matrix else ():
        _show(each, layers=layers, matrix=matrix)
    for each in found:
        if each.match is not None:
            console.say(f"{each.experiment.name}: {each.match}")
        if stages := each.experiment.training.progressive:
            console.say(f"{each.experiment.name}: {in_words(stages)}")


def _planned(specs: list[str], overrides: list[str] | None, *, limits: bool) -> list[Planned]:
    """Every spec's network; what is wrong with any of them is told at once."""
    found: list[Planned] = []
    problems: list[Problem] = []
    for spec in specs:
        try:
            found.append(planned_spec(spec, overrides, limits=limits))
        except SpecError as error:
            problems += error.problems
    if problems:
        raise SpecError(problems)
    return found


def _as_json(found: Planned) -> dict[str, object]:
    match = found.match
    return {
        **network_json(found.experiment.name, found.plan, found.summary),
        "image_shape": found.facts.image_shape,
        "classes": found.facts.classes,
        "growth_rate": found.experiment.network.growth_rate,
        "match": {"figure": match.figure, "target": match.target, "off": match.off} if match else None,
    }


def _growth(found: Planned) -> str:
    rates = found.experiment.network.growth_rate
    return "-".join(map(str, rates)) if isinstance(rates, tuple) else str(rates or "")


def _title(found: Planned) -> str:
    height, width, channels = found.facts.image_shape
    return f"{found.experiment.name}, {height}x{width}x{channels}"


def _show(found: Planned, *, layers: bool, matrix: bool) -> None:
    title = f"{_title(found)}, {found.facts.classes} classes"
    if matrix:
        console.raw(f"{title}\n\n{matrices(found.plan)}")
    elif layers:
        console.show(layer_table(title, found.plan))
    else:
        console.show(network_table(title, found.plan, found.summary, found.experiment.training.batch_size))


def draw(
    spec: Spec,
    output: Path = Option(
        ..., "--output", "-o", metavar="FILE", help="Where to draw: FILE.png, FILE.svg or FILE.pdf."
    ),
    overrides: Set = None,
    force: Force = False,
    no_limits: NoLimits = False,
) -> None:
    """Draw a network: blocks, edges, links, changes of scale, and which features each layer reads."""
    from dnsearch.report.drawing.picture import draw as paint

    check_new([output], force=force)
    found = planned_spec(spec, overrides, limits=not no_limits)
    paint(found.plan, _title(found), output)
    console.say(f"drew {output}")
