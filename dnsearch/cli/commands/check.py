"""``dnsearch check``: is a spec right?"""

from typing import Annotated

import typer

from dnsearch.cli import console
from dnsearch.cli.options import Json, NoLimits, Set
from dnsearch.errors import DataError, Problem, SpecError


def check(
    specs: Annotated[
        list[str], typer.Argument(metavar="SPEC...", help="YAML files or presets' names.", show_default=False)
    ],
    overrides: Set = None,
    no_limits: NoLimits = False,
    as_json: Json = False,
) -> None:
    """Validate specs: every problem at once, with file, line and column.

    Example: [cyan]dnsearch check spec.yaml[/cyan]
    """
    from dnsearch.cli.planning import planned

    problems: list[Problem] = []
    missing: list[DataError] = []
    for spec in specs:
        try:
            budget = planned(spec, overrides, limits=not no_limits).budget
            costs = budget.summary.cost
            console.say(
                f"{spec}: valid, {costs.trainable:,} trainable parameters, {costs.macs:,} multiply-adds"
                + (f"; {budget.match}" if budget.match else "")
            )
        except SpecError as error:
            problems += error.problems
        except DataError as error:
            missing.append(error)
    if as_json:
        found = [*problems, *(Problem("data", str(error)) for error in missing)]
        console.show_json({"valid": not found, "problems": [_as_json(problem) for problem in found]})
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
