"""The search space as a procedure: which parameters count, in which order, and what each may be.

Whoever draws, Optuna's samplers or a plain random number generator, walks through the same space: parameters
come after those that their conditions name, and one that does not count is not drawn.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from itertools import islice, pairwise
from typing import Any

from dnsearch.spec.tune import Relation, Tune
from dnsearch.spec.tune.parameters import (
    FloatRange,
    IntRange,
    Label,
    Range,
    Searched,
    exact,
    highest,
    holds,
    is_number,
    labelled,
    mentioned,
    when,
)

Parameters = Mapping[str, Searched]
Values = dict[str, Any]

MAX_STATES = 20_000
"""Combinations of labels that conditions tell apart; where there are more, they are not gone through."""

Draw = Callable[[str, Searched], Label]
"""Draws a number of a range, or one of the labels, for the parameter at a path."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One point of the space: the labels of the parameters that count, and the spec's values by dotted path.

    ``values`` has what ``equal`` adds, too.
    """

    labels: Mapping[str, Label]
    values: Mapping[str, Any]


def chosen(tune: Tune, draw: Draw) -> Choice:
    """Draw one point of the space."""
    return next(points(tune, draw))


def points(tune: Tune, draw: Draw) -> Iterator[Choice]:
    """Draw points of the space without end; what they have in common is worked out once."""
    ordered = [(path, tune.parameters[path]) for path in in_order(tune.parameters)]
    choices = {path: labelled(searched) for path, searched in ordered if not isinstance(searched, Range)}
    while True:
        labels: dict[str, Label] = {}
        values: Values = {}
        for path, searched in ordered:
            if counts(searched, labels):
                label = labels[path] = exact(searched, draw(path, searched))
                values[path] = choices[path][label] if path in choices else label
        yield Choice(labels, {**values, **followers(tune.relations, values)})


def counts(searched: Searched, labels: Mapping[str, Label]) -> bool:
    """Whether a parameter counts, given the labels of those before it."""
    return holds(when(searched), labels)


def value_of(searched: Searched, label: Label) -> Any:  # noqa: ANN401  (whatever the YAML holds)
    """The value that a label stands for."""
    return exact(searched, label) if isinstance(searched, Range) else labelled(searched)[label]


def in_order(parameters: Parameters) -> tuple[str, ...]:
    """The parameters, each after those that its condition names; CycleError where some name each other."""
    names = {path: parents(searched) for path, searched in parameters.items()}
    return tuple(path for path in TopologicalSorter(names).static_order() if path in parameters)


def parents(searched: Searched) -> tuple[str, ...]:
    """The parameters that the condition of another one names."""
    return tuple(dict.fromkeys(name for _, name, _ in mentioned(when(searched))))


@dataclass(frozen=True, slots=True)
class Extent:
    """How many configurations there are, continuous parameters left out, and which parameters ever count."""

    configurations: int
    counting: frozenset[str]
    continuous: tuple[str, ...]


def extent(parameters: Parameters) -> Extent | None:
    """Go through all that conditions tell apart; nothing where that is too much."""
    named = {parent for searched in parameters.values() for parent in parents(searched)}
    states: dict[tuple[tuple[str, Label], ...], int] = {(): 1}
    counting: set[str] = set()
    for path in in_order(parameters):
        searched, following = parameters[path], dict[tuple[tuple[str, Label], ...], int]()
        for state, times in states.items():
            if not counts(searched, dict(state)):
                following[state] = following.get(state, 0) + times
                continue
            counting.add(path)
            if path not in named:
                following[state] = following.get(state, 0) + times * size(searched)
                continue
            for label in told_apart(path, parameters):
                following[*state, (path, label)] = times
            if len(following) > MAX_STATES:
                return None
        states = following
    continuous = tuple(path for path in parameters if path in counting and endless(parameters[path]))
    return Extent(sum(states.values()), frozenset(counting), continuous)


def endless(searched: Searched) -> bool:
    """Whether a parameter has no steps."""
    return isinstance(searched, FloatRange) and searched.step is None


def size(searched: Searched) -> int:
    """How many values a parameter has; 1 where it has no steps."""
    match searched:
        case FloatRange(step=None):
            return 1
        case IntRange(bounds=(low, high), step=step) | FloatRange(bounds=(low, high), step=step):
            return round((highest(low, high, step) - low) / (step or 1)) + 1
        case choices:
            return len(labelled(choices))


def every_label(searched: Searched) -> Iterator[Label]:
    """The labels of a parameter that has steps, in their order."""
    match searched:
        case IntRange(bounds=(low, high), step=step):
            yield from range(low, high + 1, step)
        case FloatRange(bounds=(low, _), step=step):
            yield from (exact(searched, low + number * (step or 0)) for number in range(size(searched)))
        case choices:
            yield from labelled(choices)


def told_apart(path: str, parameters: Parameters) -> Iterator[Label]:
    """The labels of a parameter that conditions name; of one without steps, one number for each bound."""
    match searched := parameters[path]:
        case FloatRange(bounds=(low, high), step=None):
            yield from sorted({low, *(each for each in _bounds(path, parameters) if low <= each <= high)})
        case _:
            yield from islice(every_label(searched), MAX_STATES + 1)


def _bounds(path: str, parameters: Parameters) -> Iterator[float]:
    """The numbers that conditions hold a parameter against."""
    for searched in parameters.values():
        for _, name, wanted in mentioned(when(searched)):
            if name == path:
                limits = wanted.values() if isinstance(wanted, dict) else wanted
                several = limits if isinstance(limits, Iterable) else [limits]
                yield from (each for each in several if isinstance(each, int | float))


def followers(relations: tuple[Relation, ...], values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that take a parameter's value, with that value."""
    equal = (relation.equal for relation in relations if relation.equal is not None)
    return {path: values[first] for first, *others in equal if first in values for path in others}


def excess(relation: Relation, values: Mapping[str, Any], base: Mapping[str, Any]) -> float:
    """How far a variant is from keeping a relation; at most 0 where it keeps it.

    ``non_decreasing``: all falls together, as a share of the largest number. ``sum_at_most``: what the sum
    is beyond its bound, as a share of the bound.

    ``values`` are what the variant changes, by dotted path; ``base`` is the base spec in nested mappings.

    >>> excess(Relation(non_decreasing="n"), {"n": (4, 2, 3)}, {})
    0.5
    >>> excess(Relation(sum_at_most={"of": "n", "at_most": 8}), {"n.1": 6}, {"n": [4, 4]})
    0.25
    """
    found = [number for path in relation.operands for number in _numbers(path, values, base)]
    if relation.sum_at_most is not None:
        return sum(found) / relation.sum_at_most.at_most - 1
    falls = sum(max(0.0, before - after) for before, after in pairwise(found))
    return falls / max(map(abs, found), default=1) if falls else 0.0


def _numbers(path: str, values: Mapping[str, Any], base: Mapping[str, Any]) -> tuple[float, ...]:
    """The numbers that a variant has at a path: what it changes there, above or below, else the base's."""
    found = _below(base, path)
    for above in sorted(each for each in values if f"{path}.".startswith(f"{each}.")):
        found = _below(values[above], path.removeprefix(above).removeprefix("."))
    items = found if isinstance(found, list | tuple) else (found,)
    changed = (values.get(f"{path}.{position}", item) for position, item in enumerate(items))
    return tuple(each for each in changed if is_number(each))


def _below(value: Any, path: str) -> Any:  # noqa: ANN401  (whatever the YAML holds)
    for part in filter(None, path.split(".")):
        match value:
            case Mapping() if part in value:
                value = value[part]
            case list() | tuple() if part.isdecimal() and int(part) < len(value):
                value = value[int(part)]
            case _:
                return None
    return value
