"""Whether a search makes sense: its fields, their values, its conditions and relations, before any training.

Each choice, and each end of a range, overrides the spec alone, or together with each of the choices that its
condition asks for. Values that only do not fit the values of other fields pass: another searched field may
make them fit.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from graphlib import CycleError
from itertools import islice, product
from typing import Any

from pydantic import TypeAdapter, ValidationError

from dnsearch.errors import Place, Problem
from dnsearch.spec import json_schema, validation_errors
from dnsearch.spec.experiment import Experiment
from dnsearch.spec.merge import nested, overlay
from dnsearch.spec.section import RULE
from dnsearch.spec.tree import Items, Table, Tree, entry, from_plain, plain, walk, without
from dnsearch.spec.tune import Tune
from dnsearch.spec.tune.conditions import Relation, fits, holds, mentioned, operands
from dnsearch.spec.tune.parameters import (
    Choices,
    FloatRange,
    IntRange,
    Range,
    Searched,
    holds_value,
    labelled,
    when,
)
from dnsearch.spec.tune.search_space import Parameters, extent, in_order, parents, told_apart, value_of

SECTIONS = ("network", "training")
GROWTH = "network.growth_rate"
MAX_CONTEXTS = 100
MAX_PARAMETERS = 100
"""As many as a search may have."""


def problems(experiment: Experiment, tree: Tree) -> list[Problem]:
    """The problems of the ``tune`` section's parameters and of the rules between them."""
    if experiment.tune is None:
        return []
    found = list(islice(_all_problems(experiment.tune, tree), validation_errors.MAX_PROBLEMS))
    return found or _rule_problems(experiment.tune, tree)


def besides(error: ValidationError, tree: Tree) -> list[Problem]:
    """What is wrong with searched fields besides what a validation found, which hides it.

    An unknown field is one whatever else is wrong. Values are tried where all that was found lies in the
    ``tune`` section: over a base that is wrong itself they would only repeat its problems.

    Args:
        error: what pydantic found.
        tree: the text.
    """
    section = entry(entry(tree, "tune"), "parameters")
    if not isinstance(section, Table):
        return []
    wrong = error.errors(include_url=False, include_input=False)
    only_here = all(each["loc"][:1] == ("tune",) for each in wrong)
    return list(islice(_besides(section, tree, values=only_here), validation_errors.MAX_PROBLEMS))


def _besides(section: Table, tree: Tree, *, values: bool) -> Iterator[Problem]:
    written = list(islice(section.entries, MAX_PARAMETERS))
    parameters = {path: read for path in written if (read := _read(section, path)) is not None}
    base = without(tree, ("tune", "expect"))
    for path in written:
        sections = [each for each in written if path.startswith(f"{each}.")]
        needed = {path, *parents(parameters.get(path, ())), *sections}
        if values and needed <= parameters.keys():
            yield from _problems(path, parameters, tree, base)
        else:
            yield from _unknown_field(path, tree)


@cache
def _searched() -> TypeAdapter[Searched]:
    return TypeAdapter(Searched)


def _read(section: Table, path: str) -> Searched | None:
    """A searched field; None where it is malformed itself."""
    try:
        return _searched().validate_python(plain(section.entries[path]))
    except ValidationError:
        return None


def _all_problems(tune: Tune, tree: Tree) -> Iterator[Problem]:
    base = without(tree, ("tune", "expect"))
    for path in tune.parameters:
        yield from _problems(path, tune.parameters, tree, base)
    for number, relation in enumerate(tune.relations):
        first, *others = relation.equal or ("",)
        *_, place = walk(tree, ("tune", "relations", number))
        for path in others:
            taken = _followed(path, tune.parameters.get(first), base)
            yield from (
                replace(problem, where=f"tune.relations.{number}", place=place.place) for problem in taken
            )


def _followed(path: str, searched: Searched | None, base: Tree) -> Iterator[Problem]:
    """What is wrong with a field that takes the values of a parameter."""
    if not known(path):
        yield Problem("", _unknown(path))
    elif (missing := _missing_position(path, base)) is not None:
        yield missing
    elif searched is not None:
        for value in searched.bounds if isinstance(searched, Range) else labelled(searched).values():
            yield from _field_problems({path: from_plain(value, base.place)}, base, path)


def _problems(path: str, parameters: Parameters, tree: Tree, base: Tree) -> Iterator[Problem]:
    where, searched, place = f"tune.parameters.{path}", parameters[path], _key_place(path, tree)
    if unknown := list(_unknown_field(path, tree)):
        yield from unknown
        return
    if path == GROWTH and plain(tree).get("match") is not None and not _several(searched):
        hint = "Search lists of growth rates, whose proportions match keeps, or remove match."
        yield Problem(where, "match solves for it in every trial", hint=hint, place=place)
    above = [each for each in parameters if path.startswith(f"{each}.")]
    if not above and (missing := _missing_position(path, base)) is not None:
        yield replace(missing, where=where, place=place)
        return
    contexts = list(islice(_contexts(path, above, parameters), MAX_CONTEXTS)) or [{}]
    for value in _values(path, searched, tree):
        for problem in _value_problems(path, value, contexts, base):
            yield replace(problem, where=where, place=value.place)


def _unknown_field(path: str, tree: Tree) -> Iterator[Problem]:
    if not known(path):
        yield Problem(f"tune.parameters.{path}", _unknown(path), place=_key_place(path, tree))


def _key_place(path: str, tree: Tree) -> Place:
    *_, section = walk(tree, ("tune", "parameters"))
    return section.keys[path] if isinstance(section, Table) else section.place


def _value_problems(path: str, value: Tree, contexts: list[dict[str, Any]], base: Tree) -> list[Problem]:
    """What is wrong with a value with every context; none where it fits one of them."""
    found: list[Problem] = []
    for context in contexts:
        others = {other: from_plain(each, value.place) for other, each in context.items()}
        if not (found := _field_problems({**others, path: value}, base, path)):
            return []
    return found


def _contexts(path: str, above: list[str], parameters: Parameters) -> Iterator[dict[str, Any]]:
    """What the parameters that a field depends on may be while it counts, those of its sections included."""
    condition = when(parameters[path])
    others = dict.fromkeys([*above, *(each for each in parents(parameters[path]) if each in parameters)])
    for labels in product(*(told_apart(other, parameters) for other in others)):
        found = dict(zip(others, labels, strict=True))
        if condition is None or holds(condition, found):
            yield {other: value_of(parameters[other], label) for other, label in found.items()}


def known(path: str) -> bool:
    """Whether specs have such a field of network or training."""
    parts = validation_errors.parse_path(path)
    return parts[0] in SECTIONS and len(parts) > 1 and bool(json_schema.at(parts))


def _several(searched: Searched) -> bool:
    """Whether some choice is a list."""
    return not isinstance(searched, Range) and any(
        isinstance(choice, tuple) for choice in labelled(searched).values()
    )


def _unknown(path: str) -> str:
    *above, last = path.split(".")
    keys = json_schema.keys(tuple(above)) if above and above[0] in SECTIONS else ()
    guess = validation_errors.did_you_mean(last, keys)
    return f"expected the path of a field of network or training{guess}"


def _missing_position(path: str, base: Tree) -> Problem | None:
    """A position in a list that the spec does not have there."""
    found: Tree | None = base
    done: list[str] = []
    for part in validation_errors.parse_path(path):
        if isinstance(part, int) and entry(found, part) is None:
            name = ".".join(done)
            there = f"a list of {len(found.items)}" if isinstance(found, Items) else "no list"
            hint = f"Positions count from 0; write {name} as a list with one value per block."
            return Problem("", f"a position in {name}", f"{part} in {there}", hint)
        found, done = entry(found, part), [*done, str(part)]
    return None


def _values(path: str, searched: Searched, tree: Tree) -> Iterator[Tree]:
    """The choices, or the ends of the range, as they are written."""
    below: tuple[str, ...] = ()
    match searched:
        case Choices():
            below = ("choices",)
        case IntRange() | FloatRange():
            below = (str(type(searched).model_fields["bounds"].alias),)
    *_, written = walk(tree, ("tune", "parameters", path, *below))
    match written:
        case Items(items):
            yield from items
        case Table(entries):
            yield from entries.values()


def _field_problems(changes: Mapping[str, Tree], base: Tree, path: str) -> list[Problem]:
    """What is wrong with a changed field itself, rules between fields left out."""
    tree = base
    for changed in sorted(changes, key=lambda changed: changed.count(".")):
        value = changes[changed]
        tree = overlay(tree, nested(changed, value, value.place), in_place=True)
    try:
        Experiment.model_validate(plain(tree))
    except ValidationError as error:
        wrong = validation_errors.problems(error, tree, without=RULE)
        return [problem for problem in wrong if f"{problem.where}.".startswith(f"{path}.")]
    return []


def _rule_problems(tune: Tune, tree: Tree) -> list[Problem]:
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
    *_, section = walk(tree, ("tune", "parameters", path, "when", *validation_errors.parse_path(way)))
    place = section.keys[name] if isinstance(section, Table) else tree.place
    return ".".join(filter(None, [f"tune.parameters.{path}.when", way, name])), place


def _wanted_problems(parent: Searched, wanted: Any, where: str, place: Place) -> Iterator[Problem]:  # noqa: ANN401  (whatever the YAML holds)
    for each in wanted if isinstance(wanted, tuple | list) else (wanted,):
        if not _can_be(parent, each):
            expected = f"bounds for {_in_words(parent)}" if isinstance(each, dict) else _in_words(parent)
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


def _in_words(parent: Searched) -> str:
    if isinstance(parent, Range):
        low, high = parent.bounds
        step = f" in steps of {parent.step:g}" if parent.step not in {None, 1} else ""
        return f"a number from {low:g} to {high:g}{step}"
    return json_schema.either(validation_errors.shown(label) for label in labelled(parent))


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
    allowed = (*json_schema.at(parts), *json_schema.at((*parts, 0))) if parts[0] in SECTIONS else ()
    return any(each.get("type") in ("integer", "number") for each in allowed)
