"""What a searched field may be: some choices, or a range of numbers; always, or ``when`` others allow it.

A choice goes by its label, which the study stores and conditions speak of: the word that the YAML gives it,
or else the value itself; a list or a mapping without a word goes by its JSON text.

A condition is a mapping in the YAML; all its entries must hold. An entry is a parameter with the label that
it shall have, several labels, or bounds for a number; ``any`` and ``all`` hold lists of such mappings. A
parameter that does not count itself satisfies nothing.
"""

import json
import operator
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from functools import cache
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from dnsearch.errors import Problem
from dnsearch.spec.section import Positive, Section

Label = str | int | float | bool | None
When = Mapping[str, Any]

GROUPS = {"any": any, "all": all}
BOUNDS: Mapping[str, Callable[[Any, Any], bool]] = {"at_least": operator.ge, "at_most": operator.le}

ROUNDING = 1e-8
"""How far a number may be from a value, in steps, to be the same; as Optuna holds it."""

Listed = Annotated[tuple[Any, ...], Field(min_length=1, max_length=1000)]
Labelled = Annotated[dict[str, Any], Field(min_length=1, max_length=1000)]
Condition = Annotated[
    Annotated[dict[str, Any], Field(min_length=1, max_length=100)] | None,
    Field(
        description="When the parameter counts: other parameters with a label, a list of labels, "
        "{at_least: 3} or {at_most: 5} each; all must hold. any: [...] and all: [...] hold such mappings."
    ),
]


class Choices(Section):
    """Some values, each with a label: ``{choices: {plain: dense, sparse: {name: strided, stride: 2}}}``."""

    choices: Annotated[
        Annotated[Listed, Tag("#listed")] | Annotated[Labelled, Tag("#labelled")],
        Discriminator(lambda value: "#labelled" if isinstance(value, dict) else "#listed"),
    ] = Field(
        description="A list of values, or label: value. A value may be a whole section; the label is what "
        "the study stores and the leaderboard shows."
    )
    when: Condition = None

    def misfits(self) -> Iterator[Problem]:
        """What is wrong with the condition."""
        return malformed(self.when or {}, "when")


class IntRange(Section):
    """Whole numbers from low to high, both included: ``{int: [4, 24], step: 4}``."""

    bounds: tuple[int, int] = Field(alias="int", description="[low, high], both included.")
    step: Positive = Field(1, description="Distance between two values.")
    log: bool = Field(False, description="Sample evenly in the logarithm.")
    when: Condition = None

    def misfits(self) -> Iterator[Problem]:
        """What is wrong with the range and its condition."""
        return _ill_ranged(self, "int")


class FloatRange(Section):
    """Numbers from low to high, both included: ``{float: [1e-4, 1e-1], log: true}``."""

    bounds: tuple[float, float] = Field(alias="float", description="[low, high], both included.")
    step: float | None = Field(None, gt=0, description="Distance between two values. null: any number.")
    log: bool = Field(False, description="Sample evenly in the logarithm.")
    when: Condition = None

    def misfits(self) -> Iterator[Problem]:
        """What is wrong with the range and its condition."""
        return _ill_ranged(self, "float")


Range = IntRange | FloatRange
MOST_STEPS = 10**15
"""As many as floats tell apart."""


def _ill_ranged(searched: Range, kind: str) -> Iterator[Problem]:
    low, high = searched.bounds
    if low >= high:
        yield Problem(kind, "[low, high] with low below high", found=f"[{low}, {high}]")
    if searched.log and low <= 0:
        yield Problem(kind, "a low above 0, since log is true", found=str(low))
    if searched.log and searched.step not in {1, None}:
        yield Problem("step", "no step together with log: true", found=str(searched.step))
    if searched.step is not None and high - low > MOST_STEPS * searched.step:
        yield Problem("step", f"at most {MOST_STEPS:,} steps from low to high", found=str(searched.step))
    yield from malformed(searched.when or {}, "when")


def _kind(value: Any) -> str:  # noqa: ANN401  (whatever the YAML holds)
    match value:
        case tuple() | list():
            return "#listed"
        case Choices() | {"choices": _}:
            return "#choices"
        case IntRange() | {"int": _}:
            return "#int"
        case FloatRange() | {"float": _}:
            return "#float"
        case _:
            return ""


Searched = Annotated[
    Annotated[Listed, Tag("#listed")]
    | Annotated[Choices, Tag("#choices")]
    | Annotated[IntRange, Tag("#int")]
    | Annotated[FloatRange, Tag("#float")],
    Discriminator(_kind),
]


def when(searched: Searched) -> When:
    """The condition of a searched field; empty, so that it always holds, where there is none."""
    return {} if isinstance(searched, tuple) else searched.when or {}


def holds(when: When, labels: Mapping[str, Label]) -> bool:
    """Whether a condition holds for the labels of the parameters that count.

    >>> holds({"network.pooling": ["avg", "max"], "training.epochs": {"at_least": 5}},
    ...       {"network.pooling": "max", "training.epochs": 9})
    True
    >>> holds({"any": [{"network.pooling": "conv"}, {"network.pooling": "avg"}]}, {})
    False
    """
    return all(
        GROUPS[key](holds(part, labels) for part in wanted)
        if key in GROUPS
        else key in labels and fits(labels[key], wanted)
        for key, wanted in when.items()
    )


def fits(label: Label, wanted: Any) -> bool:  # noqa: ANN401  (whatever the YAML holds)
    """Whether a label is the one, one of those, or within the bounds that a condition names."""
    match wanted:
        case list() | tuple():
            return any(fits(label, each) for each in wanted)
        case dict():
            return is_number(label) and all(BOUNDS[bound](label, limit) for bound, limit in wanted.items())
        case _:
            return label == wanted and isinstance(label, bool) == isinstance(wanted, bool)


def is_number(value: Any) -> bool:  # noqa: ANN401  (whatever the YAML holds)
    """Whether a value is a number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def mentioned(when: When, where: str = "when") -> Iterator[tuple[str, str, Any]]:
    """Each parameter that a condition names: the way to it, the parameter, and what it shall have.

    >>> list(mentioned({"any": [{"a.b": 1}, {"c.d": 2}]}))
    [('when.any.0', 'a.b', 1), ('when.any.1', 'c.d', 2)]
    """
    for key, wanted in when.items():
        if key in GROUPS:
            for number, part in enumerate(wanted):
                yield from mentioned(part, f"{where}.{key}.{number}")
        else:
            yield where, key, wanted


def malformed(when: When, where: str) -> Iterator[Problem]:
    """What is wrong with the form of a condition, whatever parameters there are."""
    for key, wanted in when.items():
        if key not in GROUPS:
            if not _well_formed(wanted):
                expected = "a label, a list of labels, or a mapping with at_least or at_most and a number"
                hint = "A choice that is a list or a mapping has a label: {choices: {label: value}}."
                yield Problem(where, f"for {key} {expected}", hint=hint)
        elif not isinstance(wanted, tuple | list) or not wanted:
            expected = f"{key}: with a list of conditions, such as {key}: [{{network.pooling: max}}]"
            yield Problem(f"{where}.{key}", expected)
        else:
            for number, part in enumerate(wanted):
                place = f"{where}.{key}.{number}"
                if isinstance(part, dict) and part:
                    yield from malformed(part, place)
                else:
                    yield Problem(place, "a mapping of parameters and the labels that they shall have")


def _well_formed(wanted: Any) -> bool:  # noqa: ANN401  (whatever the YAML holds)
    match wanted:
        case dict():
            return bool(wanted) and all(key in BOUNDS and is_number(limit) for key, limit in wanted.items())
        case list() | tuple():
            return bool(wanted) and not any(isinstance(each, dict | list | tuple) for each in wanted)
        case _:
            return True


def labelled(choices: Choices | tuple[Any, ...]) -> dict[Label, Any]:
    """Label → value of some choices.

    >>> labelled(("avg", (2, 2)))
    {'avg': 'avg', '[2, 2]': (2, 2)}
    """
    values = choices.choices if isinstance(choices, Choices) else choices
    pairs = values.items() if isinstance(values, dict) else ((encoded(value), value) for value in values)
    return dict(pairs)


def encoded(value: Any) -> Label:  # noqa: ANN401  (whatever the YAML holds)
    """The label of a choice that has no word: scalars are their own, the rest is JSON."""
    label: Label = json.dumps(value) if isinstance(value, tuple | list | dict) else value
    return label


@cache  # decimal numbers are slow, and a space asks for a range again with every point
def highest(low: float, high: float, step: float | None) -> float:
    """The largest value of a range: Optuna wants it to be a whole number of steps away from the first.

    >>> highest(0.1, 1.0, 0.4)
    0.9
    """
    if step is None:
        return high
    first, end, width = (Decimal(str(value)) for value in (low, high, step))  # 0.1 is a tenth here
    return float(first + (end - first) // width * width)


def exact(searched: Searched, label: Label) -> Label:
    """A label without what arithmetic has added: the nearest value of a range of floats with steps.

    >>> exact(FloatRange(float=(0.1, 0.5), step=0.1), 0.30000000000000004)
    0.3
    """
    match searched:
        case FloatRange(bounds=(low, _), step=float() as step) if isinstance(label, int | float):
            first, number, width = (Decimal(str(each)) for each in (low, label, step))
            return float(first + round((number - first) / width) * width)
        case _:
            return label


def holds_value(searched: Range, value: float) -> bool:
    """Whether a range has a value, or one that only arithmetic tells from it.

    >>> holds_value(FloatRange(float=(0.05, 0.5), step=0.05), 0.15000000000000002)
    True
    """
    (low, high), step = searched.bounds, searched.step
    if step is None:
        return low <= value <= high
    if not low - step < value < high + step:
        return False
    number, last = round((value - low) / step), round((highest(low, high, step) - low) / step)
    return 0 <= number <= last and abs(low + number * step - value) < ROUNDING * step
