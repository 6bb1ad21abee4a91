"""``dnsearch init``, ``presets``, ``check`` and ``schema``: specs, before anything is built or trained."""

from dataclasses import asdict
from pathlib import Path

from typer import Argument, Option

from dnsearch.cli import console
from dnsearch.cli.options import Force, Json, NoLimits, Set, Specs
from dnsearch.errors import DataError, Problem, SpecError
from dnsearch.front_door import cost, planned_spec
from dnsearch.runs.atomic import check_new
from dnsearch.spec import presets as known
from dnsearch.spec.json_schema import json_schema
from dnsearch.spec.reference import markdown_reference
from dnsearch.spec.validation_errors import did_you_mean


def init(
    file: Path = Argument(Path("spec.yaml"), help="Where to write it."),
    preset: str = Option("starter", help="Which preset to start from."),
    force: Force = False,
) -> None:
    """Write a commented YAML spec to start from."""
    if not (content := known.content(preset)):
        hint = did_you_mean(preset, known.names()).removeprefix("; ")
        raise SpecError([Problem("--preset", "expected a preset's name", hint=hint)])
    check_new([file], force=force)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    except OSError as error:
        expected = f"expected a place that can be written to: {error.strerror}"
        raise SpecError([Problem(str(file), expected)]) from None
    console.say(f"wrote {file}\nnext: dnsearch check {file}; dnsearch inspect {file}; dnsearch train {file}")


def presets(as_json: Json = False) -> None:
    """List the presets: source, parameters, multiply-adds, published result."""
    from dnsearch.report.tables import preset_table

    listed = []
    for name in known.names():
        about, costs = known.about(name), cost(name).cost
        told = {"name": name, "title": about.title, "source": about.source, "published": about.published}
        listed.append({**told, "parameters": costs.trainable, "macs": costs.macs})
    if as_json:
        console.show_json(listed)
    else:
        console.show(preset_table(listed))


def check(specs: Specs, overrides: Set = None, no_limits: NoLimits = False, as_json: Json = False) -> None:
    """Validate specs: every problem at once, with file, line and column."""
    problems: list[Problem] = []
    missing: list[DataError] = []
    for spec in specs:
        try:
            found = planned_spec(spec, overrides, limits=not no_limits)
            if found.written.experiment.compare is not None:
                from dnsearch.compare.design import designed

                designed(found)
        except SpecError as error:
            problems += error.problems
        except DataError as error:
            missing.append(error)
        else:
            costs, match = found.summary.cost, f"; {found.match}" if found.match else ""
            counted = f"{costs.trainable:,} trainable parameters, {costs.macs:,} multiply-adds"
            console.say(f"{spec}: valid, {counted}{match}")
    if as_json:
        told = [*problems, *(Problem("data", str(error)) for error in missing)]
        console.show_json({"valid": not told, "problems": [_as_json(problem) for problem in told]})
    # What is wrong with a spec counts for more than data that is not there.
    for other in missing if problems else missing[:-1]:
        console.complain(other)
    if problems:
        raise SpecError(problems)
    if missing:
        raise missing[-1]


def _as_json(problem: Problem) -> dict[str, object]:
    place = asdict(problem.place) if problem.place else {}
    told = {"path": problem.where, "expected": problem.expected, "found": problem.found, "hint": problem.hint}
    return {key: place.get(key) for key in ("file", "line", "column")} | told


def schema(
    markdown: bool = Option(False, "--markdown", help="A reference to read, instead of JSON."),
) -> None:
    """Print the JSON Schema of a spec, for editors that complete and check YAML."""
    if markdown:
        console.raw(markdown_reference())
    else:
        console.show_json(json_schema())
