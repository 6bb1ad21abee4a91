"""``dnsearch init``: a commented spec to start from.

``dnsearch presets``: the specs that come with dnsearch.

``dnsearch check``: is a spec right?

``dnsearch schema``: the format of a spec.
"""

from pathlib import Path
from typing import Annotated

import typer

from dnsearch.cli import console
from dnsearch.cli.options import Json, NoLimits, Set
from dnsearch.errors import DataError, Problem, SpecError


def init(
    file: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("spec.yaml"),
    preset: Annotated[str, typer.Option(help="Which preset to start from.")] = "starter",
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file if it exists.")] = False,
) -> None:
    """Write a commented YAML spec to start from.

    Example: [cyan]dnsearch init spec.yaml[/cyan]
    """
    from dnsearch.errors import Problem, SpecError
    from dnsearch.spec import presets
    from dnsearch.spec.validation_errors import did_you_mean

    content = presets.content(preset)
    if not content:
        hint = did_you_mean(preset, presets.names()).removeprefix("; ")
        raise SpecError([Problem("--preset", "expected a preset's name", hint=hint)])
    if file.exists() and not force:
        raise SpecError(
            [
                Problem(
                    str(file),
                    "expected a new file, and this one exists",
                    hint="Choose another name, or overwrite it with --force.",
                )
            ]
        )
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    except OSError as error:
        raise SpecError(
            [Problem(str(file), f"expected a place that can be written to: {error.strerror}")]
        ) from None
    console.say(f"wrote {file}\nnext: dnsearch check {file}; dnsearch inspect {file}; dnsearch train {file}")


def presets(as_json: Json = False) -> None:
    """List the presets: source, parameters, multiply-adds, published result.

    Example: [cyan]dnsearch presets[/cyan]
    """
    from dnsearch.cli.planning import planned_spec
    from dnsearch.report.tables import preset_table
    from dnsearch.spec import presets as known

    listed = []
    for name in known.names():
        about, costs = known.about(name), planned_spec(name, ()).summary.cost
        told = {"name": name, "title": about.title, "source": about.source, "published": about.published}
        listed.append({**told, "parameters": costs.trainable, "macs": costs.macs})
    if as_json:
        console.show_json(listed)
    else:
        console.show(preset_table(listed))


def check(
    specs: Annotated[list[str], typer.Argument(metavar="SPEC...", help="YAML files or presets' names.")],
    overrides: Set = None,
    no_limits: NoLimits = False,
    as_json: Json = False,
) -> None:
    """Validate specs: every problem at once, with file, line and column.

    Example: [cyan]dnsearch check spec.yaml[/cyan]
    """
    from dnsearch.cli.planning import planned_spec

    problems: list[Problem] = []
    missing: list[DataError] = []
    for spec in specs:
        try:
            found = planned_spec(spec, overrides, limits=not no_limits)
            costs = found.summary.cost
            console.say(
                f"{spec}: valid, {costs.trainable:,} trainable parameters, {costs.macs:,} multiply-adds"
                + (f"; {found.match}" if found.match else "")
            )
        except SpecError as error:
            problems += error.problems
        except DataError as error:
            missing.append(error)
    if as_json:
        told = [*problems, *(Problem("data", str(error)) for error in missing)]
        console.show_json({"valid": not told, "problems": [_as_json(problem) for problem in told]})
    _raise(problems, missing)


def _raise(problems: list[Problem], missing: list[DataError]) -> None:
    """Everything that was found; what is wrong with a spec counts for more than data that is not there."""
    last = missing.pop() if missing and not problems else None
    for error in missing:
        console.complain(error)
    if problems:
        raise SpecError(problems)
    if last is not None:
        raise last


def _as_json(problem: Problem) -> dict[str, object]:
    place = problem.place
    return {
        "file": place.file if place else None,
        "line": place.line if place else None,
        "column": place.column if place else None,
        "path": problem.where,
        "expected": problem.expected,
        "found": problem.found,
        "hint": problem.hint,
    }


def schema(
    markdown: Annotated[
        bool, typer.Option("--markdown", help="A reference to read, instead of JSON.")
    ] = False,
) -> None:
    """Print the JSON Schema of a spec, for editors that complete and check YAML.

    Example: [cyan]dnsearch schema > dnsearch.schema.json[/cyan]
    """
    from dnsearch.spec.json_schema import json_schema, markdown_reference

    if markdown:
        console.raw(markdown_reference())
    else:
        console.show_json(json_schema())
