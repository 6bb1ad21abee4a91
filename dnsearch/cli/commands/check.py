"""``dnsearch check``: is a spec right?"""

from typing import Annotated

import typer

from dnsearch.cli import console
from dnsearch.cli.options import Json, Set
from dnsearch.errors import Problem, SpecError


def check(
    specs: Annotated[
        list[str], typer.Argument(metavar="SPEC...", help="YAML files or presets' names.", show_default=False)
    ],
    overrides: Set = None,
    as_json: Json = False,
) -> None:
    """Validate specs: every problem at once, with file, line and column.
    [cyan]dnsearch check spec.yaml[/cyan]
    """
    from dnsearch.cli.planning import planned
    from dnsearch.spec.document import load

    problems: list[Problem] = []
    for spec in specs:
        try:
            costs = planned(load(spec, overrides or ())).cost
            console.say(
                f"{spec}: valid, {costs.trainable:,} trainable parameters, {costs.macs:,} multiply-adds"
            )
        except SpecError as error:
            problems += error.problems
    if as_json:
        console.show_json({"valid": not problems, "problems": [_as_json(problem) for problem in problems]})
    if problems:
        raise SpecError(problems)


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
