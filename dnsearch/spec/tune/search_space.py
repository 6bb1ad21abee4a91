"""The search space as a procedure: which parameters count, in which order, and what each may be.

Whoever draws, Optuna's samplers or a plain random number generator, walks through the same space: parameters
come after those that their conditions name, and one that does not count is not drawn.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any, Protocol

from dnsearch.spec.tune import Tune
from dnsearch.spec.tune.conditions import Label, followers, holds, mentioned
from dnsearch.spec.tune.parameters import (
    FloatRange,
    IntRange,
    Range,
    Searched,
    exact,
    highest,
    labelled,
    when,
)

Parameters = Mapping[str, Searched]
Values = dict[str, Any]

MAX_STATES = 20_000
"""Combinations of labels that conditions tell apart; where there are more, they are not gone through."""


class Draw(Protocol):
    """Who draws the values."""

    def whole(self, path: str, searched: IntRange, high: int) -> int:
        """A whole number of a range, whose largest value is ``high``."""

    def number(self, path: str, searched: FloatRange, high: float) -> float:
        """A number of a range, whose largest value is ``high``."""

    def label(self, path: str, labels: Sequence[Label]) -> Label:
        """One of some labels."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One point of the space.

    Args:
        labels: parameter → label, of those that count.
        values: dotted path → value, which override the spec's; with what ``equal`` adds.
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
            if not counts(searched, labels):
                continue
            if isinstance(searched, Range):
                labels[path] = values[path] = _number(path, searched, draw)
            else:
                labels[path] = draw.label(path, tuple(choices[path]))
                values[path] = choices[path][labels[path]]
        yield Choice(labels, {**values, **followers(tune.relations, values)})


def counts(searched: Searched, labels: Mapping[str, Label]) -> bool:
    """Whether a parameter counts, given the labels of those before it."""
    condition = when(searched)
    return condition is None or holds(condition, labels)


def value_of(searched: Searched, label: Label) -> Any:  # noqa: ANN401  (whatever the YAML holds)
    """The value that a label stands for."""
    return exact(searched, label) if isinstance(searched, Range) else labelled(searched)[label]


def _number(path: str, searched: Range, draw: Draw) -> Label:
    low, high = searched.bounds
    most = highest(low, high, searched.step)
    if isinstance(searched, IntRange):
        return draw.whole(path, searched, int(most))
    return exact(searched, draw.number(path, searched, most))


def in_order(parameters: Parameters) -> tuple[str, ...]:
    """The parameters, each after those that its condition names.

    Raises:
        CycleError: some name each other.
    """
    names = {path: parents(searched) for path, searched in parameters.items()}
    return tuple(path for path in TopologicalSorter(names).static_order() if path in parameters)


def parents(searched: Searched) -> tuple[str, ...]:
    """The parameters that the condition of another one names."""
    return tuple(dict.fromkeys(name for _, name, _ in mentioned(when(searched) or {})))


@dataclass(frozen=True, slots=True)
class Extent:
    """How far a space reaches.

    Args:
        configurations: how many there are, continuous parameters left out.
        counting: the parameters that count somewhere.
        continuous: those of them without steps.
    """

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
    """How many values a parameter has; 1 where it has no steps.

    >>> size(IntRange(int=(4, 16), step=4)), size(FloatRange(float=(0.0, 0.3)))
    (4, 1)
    """
    match searched:
        case FloatRange(step=None):
            return 1
        case IntRange(bounds=(low, high), step=step) | FloatRange(bounds=(low, high), step=step):
            return round((highest(low, high, step) - low) / (step or 1)) + 1
        case choices:
            return len(labelled(choices))


def told_apart(path: str, parameters: Parameters) -> Iterator[Label]:
    """The labels of a parameter that conditions name; of one without steps, one number for each bound."""
    searched = parameters[path]
    match searched:
        case FloatRange(bounds=(low, high), step=None):
            yield from sorted({low, *(each for each in _bounds(path, parameters) if low <= each <= high)})
        case IntRange(bounds=(low, _)) | FloatRange(bounds=(low, _)):
            step = searched.step or 1
            values = (low + number * step for number in range(min(size(searched), MAX_STATES + 1)))
            yield from (exact(searched, value) for value in values)
        case choices:
            yield from labelled(choices)


def _bounds(path: str, parameters: Parameters) -> Iterator[float]:
    """The numbers that conditions hold a parameter against."""
    for searched in parameters.values():
        for _, name, wanted in mentioned(when(searched) or {}):
            if name == path:
                limits = wanted.values() if isinstance(wanted, dict) else wanted
                several = limits if isinstance(limits, Iterable) else [limits]
                yield from (each for each in several if isinstance(each, int | float))
