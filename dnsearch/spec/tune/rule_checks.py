"""Whether the rules between searched fields make sense: their conditions and their relations."""

from collections.abc import Iterator
from graphlib import CycleError
from typing import Any

from dnsearch.errors import Place, Problem
from dnsearch.spec import json_schema, validation_errors
from dnsearch.spec.tree import Table, Tree, entry, walk
from dnsearch.spec.tune import Tune
from dnsearch.spec.tune.conditions import Relation, fits, mentioned, operands
from dnsearch.spec.tune.parameters import FloatRange, IntRange, Range, Searched, holds_value, labelled, when
from dnsearch.spec.tune.search_space import Parameters, extent, in_order


def problems(tune: Tune, tree: Tree) -> list[Problem]:
    """The problems of all conditions and relations, in the order of the text."""
    found = [
        problem for path in tune.parameters for problem in _condition_problems(path, tune.parameters, tree)
    ]
    found = found or _cycles(tune.parameters, tree) or _never(tune.parameters, tree)
    for number, relation in enumerate(tune.relations):
        *_, written = walk(tree, ("tune", "relations", number))
        where = f"tune.relations.{number}"
        found += (problem.at(written.place) for problem in _relation_problems(relation, tune, where))
    return found[: validation_errors.MAX_PROBLEMS]


def _condition_problems(path: str, parameters: Parameters, tree: Tree) -> Iterator[Problem]:
    for way, name, wanted in mentioned(when(parameters[path]) or {}):
        where, place = _where(path, way, name, tree)
        if name == path:
            yield Problem(where, "expected other parameters, found the parameter itself", place=place)
        elif name not in parameters:
            guess = validation_errors.did_you_mean(name, tuple(parameters))
            yield Problem(where, f"expected a parameter of this search{guess}", place=place)
        else:
            yield from _wanted_problems(parameters[name], wanted, where, place)


def _where(path: str, way: str, name: str, tree: Tree) -> tuple[str, Place]:
    """How to call a parameter in a condition, and where it is written."""
    section: Tree | None = tree
    for part in (
        ("tune", "parameters", path, "when", *validation_errors.parse_path(way))
        if way
        else (*("tune", "parameters", path, "when"),)
    ):
        section = entry(section, part)
    place = section.keys[name] if isinstance(section, Table) else tree.place
    return ".".join(filter(None, [f"tune.parameters.{path}.when", way, name])), place


def _wanted_problems(parent: Searched, wanted: Any, where: str, place: Place) -> Iterator[Problem]:  # noqa: ANN401  (whatever the YAML holds)
    """What a condition asks of a parameter that it can never be."""
    for each in wanted if isinstance(wanted, tuple | list) else (wanted,):
        if not _can_be(parent, each):
            expected = f"bounds for {_said(parent)}" if isinstance(each, dict) else _said(parent)
            yield Problem(where, expected, validation_errors.shown(each), place=place)


def _can_be(parent: Searched, wanted: Any) -> bool:  # noqa: ANN401  (a label or bounds)
    match parent:
        case IntRange() | FloatRange() if isinstance(wanted, dict):
            lowest, largest = parent.bounds
            low, high = wanted.get("at_least", lowest), wanted.get("at_most", largest)
            return bool(low <= high and low <= largest and high >= lowest)
        case IntRange() | FloatRange():
            return isinstance(wanted, int | float) and holds_value(parent, wanted)
        case choices:
            return any(fits(label, wanted) for label in labelled(choices))


def _said(parent: Searched) -> str:
    if isinstance(parent, Range):
        low, high = parent.bounds
        step = f" in steps of {parent.step:g}" if parent.step not in {None, 1} else ""
        return f"a number from {low:g} to {high:g}{step}"
    return validation_errors.either(validation_errors.shown(label) for label in labelled(parent))


def _cycles(parameters: Parameters, tree: Tree) -> list[Problem]:
    try:
        in_order(parameters)
    except CycleError as error:
        around = list(reversed(error.args[1]))
        where, place = _place(around[0], tree)
        hint = "Let one of them count always: remove its when."
        expected = f"conditions go round in a circle: {' → '.join(around)}"
        return [Problem(where, expected, hint=hint, place=place)]
    return []


def _never(parameters: Parameters, tree: Tree) -> list[Problem]:
    """Parameters whose conditions contradict each other, as far as all combinations can be gone through."""
    reached = extent(parameters)
    never = [] if reached is None else [path for path in parameters if path not in reached.counting]
    hint = "What it asks for never comes together: a parameter that does not count has no label."
    return [
        Problem(where, "a condition that can hold", hint=hint, place=place)
        for where, place in (_place(path, tree) for path in never)
    ]


def _place(path: str, tree: Tree) -> tuple[str, Place]:
    *_, written = walk(tree, ("tune", "parameters", path))
    place = written.keys.get("when", written.place) if isinstance(written, Table) else written.place
    return f"tune.parameters.{path}.when", place


def _relation_problems(relation: Relation, tune: Tune, where: str) -> Iterator[Problem]:
    if relation.equal is not None:
        yield from _equal_problems(relation.equal, tune, where)
        return
    for path in operands(relation):
        if not _numeric(path):
            yield Problem(where, "fields of network or training that hold numbers", found=path)


def _equal_problems(paths: tuple[str, ...], tune: Tune, where: str) -> Iterator[Problem]:
    first, *others = paths
    if first not in tune.parameters:
        guess = validation_errors.did_you_mean(first, tuple(tune.parameters))
        yield Problem(where, f"expected a parameter of this search first, found {first}{guess}")
    for path in others:
        if path in tune.parameters:
            hint = f"Remove it from tune.parameters, or leave it out here: it takes the value of {first}."
            yield Problem(where, "after the first, fields that are not searched themselves", path, hint)
    taken = [path for each in tune.relations for path in (each.equal or ())[1:]]
    if twice := [path for path in others if taken.count(path) > 1]:
        yield Problem(where, "each field once", found=f"{twice[0]} again")


def _numeric(path: str) -> bool:
    """Whether a field may hold a number or a list of numbers."""
    parts = validation_errors.parse_path(path)
    kinds = json_schema.at(parts) if parts[0] in ("network", "training") else ()
    items = json_schema.at((*parts, 0)) if parts[0] in ("network", "training") else ()
    return any(each.get("type") in ("integer", "number") for each in (*kinds, *items))
