"""Whether a search makes sense: its fields, their values, its conditions and relations, before any training.

Each choice, and each end of a range, overrides the spec alone, or together with each of the choices that its
condition asks for. Values that only do not fit the values of other fields pass: another searched field may
make them fit.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from graphlib import CycleError
from itertools import chain, islice, product
from typing import Any

from pydantic import TypeAdapter, ValidationError

from dnsearch.errors import Place, Problem
from dnsearch.spec import json_schema
from dnsearch.spec.experiment import Experiment
from dnsearch.spec.section import RULE, Section
from dnsearch.spec.tree import (
    Items,
    Table,
    Tree,
    deepest,
    entry,
    from_plain,
    key_place,
    nested,
    overlay,
    plain,
    without,
)
from dnsearch.spec.tune import Relation, Tune
from dnsearch.spec.tune.parameters import Range, Searched, fits, holds, holds_value, labelled, mentioned, when
from dnsearch.spec.tune.search_space import Parameters, extent, in_order, parents, told_apart, value_of
from dnsearch.spec.validation_errors import MAX_PROBLEMS, did_you_mean, elsewhere, nearest, parse_path, shown
from dnsearch.spec.validation_errors import problems as validation_problems

SECTIONS = ("network", "training")
MAX_CONTEXTS = 100
MAX_PARAMETERS = 100


def problems(experiment: Experiment, tree: Tree) -> list[Problem]:
    """The problems of the ``tune`` section's parameters, or else of the rules between them."""
    if (tune := experiment.tune) is None:
        return []
    searched = _searched_problems(tune.parameters, tree, values=True, experiment=experiment)
    wrong = chain(searched, _follower_problems(tune, tree))
    return [*islice(wrong, MAX_PROBLEMS)] or [*islice(_rule_problems(tune, tree), MAX_PROBLEMS)]


def besides(error: ValidationError, tree: Tree) -> list[Problem]:
    """What is wrong with searched fields besides what a validation found, which hides it.

    Values are tried where all that was found lies in the ``tune`` section: over a base that is wrong itself
    they would only repeat its problems.
    """
    section = entry(entry(tree, "tune"), "parameters")
    if not isinstance(section, Table):
        return []
    wrong = error.errors(include_url=False, include_input=False)
    only_here = all(each["loc"][:1] == ("tune",) for each in wrong)
    parameters = {path: _read(each) for path, each in islice(section.entries.items(), MAX_PARAMETERS)}
    return [*islice(_searched_problems(parameters, tree, values=only_here), MAX_PROBLEMS)]


@cache
def _searched() -> TypeAdapter[Searched]:
    return TypeAdapter(Searched)


def _read(written: Tree) -> Searched | None:
    """A searched field; None where it is malformed itself."""
    try:
        return _searched().validate_python(plain(written))
    except ValidationError:
        return None


def _searched_problems(
    written: Mapping[str, Searched | None], tree: Tree, *, values: bool, experiment: Experiment | None = None
) -> Iterator[Problem]:
    """What is wrong with searched fields, and with their values where nothing that they need is malformed."""
    base = without(tree, ("tune", "expect"))
    parameters = {path: searched for path, searched in written.items() if searched is not None}
    for path in written:
        needed = {path, *parents(parameters.get(path, ())), *_sections_of(path, written)}
        where, place = f"tune.parameters.{path}", key_place(tree, ("tune", "parameters", path))
        if not known(path, experiment):
            yield Problem(where, _unknown(path), place=place)
        elif values and needed <= parameters.keys():
            for problem in _value_problems(path, parameters, tree, base):
                yield replace(problem, where=where, place=problem.place or place)


def _sections_of(path: str, parameters: Mapping[str, Any]) -> list[str]:
    return [each for each in parameters if path.startswith(f"{each}.")]


def _value_problems(path: str, parameters: Parameters, tree: Tree, base: Tree) -> Iterator[Problem]:
    """What is wrong with the values of a field; those that fit in one of their contexts are right."""
    searched = parameters[path]
    choices = () if isinstance(searched, Range) else labelled(searched).values()
    has_lists = any(isinstance(choice, tuple) for choice in choices)
    if path == "network.growth_rate" and plain(tree).get("match") is not None and not has_lists:
        hint = "Search lists of growth rates, whose proportions match keeps, or remove match."
        yield Problem("", "match solves for it in every trial", hint=hint)
        return
    above = _sections_of(path, parameters)
    if not above and (missing := _missing_position(path, base)) is not None:
        yield missing
        return
    contexts = list(islice(_contexts(path, above, parameters), MAX_CONTEXTS)) or [{}]
    for value in _values(path, searched, tree):
        found: list[Problem] = []
        for context in contexts:
            others = {other: from_plain(each, value.place) for other, each in context.items()}
            if not (found := _field_problems({**others, path: value}, base, path)):
                break
        yield from (problem.at(value.place) for problem in found)


def _contexts(path: str, above: list[str], parameters: Parameters) -> Iterator[dict[str, Any]]:
    """What the parameters that a field depends on may be while it counts, those of its sections included."""
    others = dict.fromkeys([*above, *(each for each in parents(parameters[path]) if each in parameters)])
    for labels in product(*(told_apart(other, parameters) for other in others)):
        found = dict(zip(others, labels, strict=True))
        if holds(when(parameters[path]), found):
            yield {other: value_of(parameters[other], label) for other, label in found.items()}


def known(path: str, experiment: Experiment | None = None) -> bool:
    """Whether specs have such a field of network or training.

    Where the valid ``experiment`` has it, the schema is not needed, which takes long to make.
    """
    parts = parse_path(path)
    if parts[0] not in SECTIONS or len(parts) < 2:
        return False
    value: Any = experiment
    for part in parts:
        value = dict(value).get(str(part)) if isinstance(value, Section) else None
    return value is not None or bool(json_schema.at(parts))


def _unknown(path: str) -> str:
    *above, last = path.split(".")
    keys = json_schema.keys(tuple(above)) if above and above[0] in SECTIONS else ()
    guess = nearest(last, keys) if keys else elsewhere(path if not above else last, SECTIONS)
    more = (
        f"; did you mean {'.'.join([*above, guess]) if keys else guess}?"
        if guess
        else did_you_mean(last, keys)
    )
    return f"expected the path of a field of network or training{more}"


def _missing_position(path: str, base: Tree) -> Problem | None:
    """A position in a list that the spec does not have there."""
    found: Tree | None = base
    done: list[str] = []
    for part in parse_path(path):
        if isinstance(part, int) and entry(found, part) is None:
            name = ".".join(done)
            there = f"a list of {len(found.items)}" if isinstance(found, Items) else "no list"
            hint = f"Positions count from 0; write {name} as a list with one value per block."
            return Problem("", f"a position in {name}", f"{part} in {there}", hint)
        found, done = entry(found, part), [*done, str(part)]
    return None


def _values(path: str, searched: Searched, tree: Tree) -> Iterator[Tree]:
    """The choices, or the ends of the range, as they are written."""
    written = deepest(tree, ("tune", "parameters", path))
    if not isinstance(searched, tuple):
        kinds = ("choices", "int", "float")
        written = next(each for kind in kinds if (each := entry(written, kind)) is not None)
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
        wrong = validation_problems(error, tree, without=RULE)
        return [problem for problem in wrong if f"{problem.where}.".startswith(f"{path}.")]
    return []


def _follower_problems(tune: Tune, tree: Tree) -> Iterator[Problem]:
    """What is wrong with the fields that take the values of a parameter."""
    base = without(tree, ("tune", "expect"))
    for number, relation in enumerate(tune.relations):
        first, *others = relation.equal or ("",)
        place = deepest(tree, ("tune", "relations", number)).place
        for path in others:
            for problem in _followed(path, tune.parameters.get(first), base):
                yield replace(problem, where=f"tune.relations.{number}", place=place)


def _followed(path: str, searched: Searched | None, base: Tree) -> Iterator[Problem]:
    if not known(path):
        yield Problem("", _unknown(path))
    elif (missing := _missing_position(path, base)) is not None:
        yield missing
    elif searched is not None:
        for value in searched.bounds if isinstance(searched, Range) else labelled(searched).values():
            yield from _field_problems({path: from_plain(value, base.place)}, base, path)


def _rule_problems(tune: Tune, tree: Tree) -> Iterator[Problem]:
    """The problems of all conditions and relations, in the order of the text."""
    found = [each for path in tune.parameters for each in _condition_problems(path, tune.parameters, tree)]
    yield from found or _contradictions(tune.parameters, tree)
    for number, relation in enumerate(tune.relations):
        place = deepest(tree, ("tune", "relations", number)).place
        for problem in _relation_problems(relation, tune):
            yield replace(problem, where=f"tune.relations.{number}", place=place)


def _condition_problems(path: str, parameters: Parameters, tree: Tree) -> Iterator[Problem]:
    for way, name, wanted in mentioned(when(parameters[path])):
        where = f"tune.parameters.{path}.{way}.{name}"
        place = key_place(tree, ("tune", "parameters", path, *parse_path(way), name))
        if name == path:
            yield Problem(where, "expected other parameters, found the parameter itself", place=place)
        elif name not in parameters:
            guess = did_you_mean(name, tuple(parameters))
            yield Problem(where, f"expected a parameter of this search{guess}", place=place)
        else:
            yield from _wanted_problems(parameters[name], wanted, where, place)


def _wanted_problems(parent: Searched, wanted: Any, where: str, place: Place) -> Iterator[Problem]:  # noqa: ANN401  (whatever the YAML holds)
    for each in wanted if isinstance(wanted, tuple | list) else (wanted,):
        if not _can_be(parent, each):
            expected = f"bounds for {_in_words(parent)}" if isinstance(each, dict) else _in_words(parent)
            yield Problem(where, expected, shown(each), place=place)


def _can_be(parent: Searched, wanted: Any) -> bool:  # noqa: ANN401  (a label or bounds)
    if not isinstance(parent, Range):
        return any(fits(label, wanted) for label in labelled(parent))
    if isinstance(wanted, dict):
        lowest, largest = parent.bounds
        low, high = wanted.get("at_least", lowest), wanted.get("at_most", largest)
        return bool(low <= high and low <= largest and high >= lowest)
    return isinstance(wanted, int | float) and holds_value(parent, wanted)


def _in_words(parent: Searched) -> str:
    if isinstance(parent, Range):
        low, high = parent.bounds
        step = f" in steps of {parent.step:g}" if parent.step not in {None, 1} else ""
        return f"a number from {low:g} to {high:g}{step}"
    return json_schema.either(shown(label) for label in labelled(parent))


def _contradictions(parameters: Parameters, tree: Tree) -> Iterator[Problem]:
    """Conditions that go round in a circle, or that never hold, as far as all combinations can be tried."""
    try:
        in_order(parameters)
    except CycleError as error:
        around = list(reversed(error.args[1]))
        expected = f"conditions go round in a circle: {' → '.join(around)}"
        yield _of_condition(around[0], expected, "Let one of them count always: remove its when.", tree)
        return
    reached = extent(parameters)
    hint = "What it asks for never comes together: a parameter that does not count has no label."
    for path in parameters:
        if reached is not None and path not in reached.counting:
            yield _of_condition(path, "a condition that can hold", hint, tree)


def _of_condition(path: str, expected: str, hint: str, tree: Tree) -> Problem:
    place = key_place(tree, ("tune", "parameters", path, "when"))
    return Problem(f"tune.parameters.{path}.when", expected, hint=hint, place=place)


def _relation_problems(relation: Relation, tune: Tune) -> Iterator[Problem]:
    if relation.equal is None:
        for path in relation.operands:
            if not _numeric(path):
                yield Problem("", "fields of network or training that hold numbers", found=path)
        return
    first, *others = relation.equal
    if first not in tune.parameters:
        guess = did_you_mean(first, tuple(tune.parameters))
        yield Problem("", f"expected a parameter of this search first, found {first}{guess}")
    for path in others:
        if path in tune.parameters:
            hint = f"Remove it from tune.parameters, or leave it out here: it takes the value of {first}."
            yield Problem("", "after the first, fields that are not searched themselves", path, hint)
    taken = [path for each in tune.relations for path in (each.equal or ())[1:]]
    if twice := [path for path in others if taken.count(path) > 1]:
        yield Problem("", "each field once", found=f"{twice[0]} again")


def _numeric(path: str) -> bool:
    """Whether a field may hold a number or a list of numbers."""
    parts = parse_path(path)
    allowed = (*json_schema.at(parts), *json_schema.at((*parts, 0))) if parts[0] in SECTIONS else ()
    return any(each.get("type") in ("integer", "number") for each in allowed)
