"""What a searched field may be: one of some choices, or a number of a range; always, or when others allow it.

A choice goes by its label, which the study stores and conditions speak of: the word that the YAML gives it,
or else the value itself; a list or a mapping without a word goes by its JSON text.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from dnsearch.errors import Problem
from dnsearch.spec.section import Section, refuse
from dnsearch.spec.tune.conditions import Label, malformed

Listed = Annotated[tuple[Any, ...], Field(min_length=1, max_length=1000)]
Labelled = Annotated[dict[str, Any], Field(min_length=1, max_length=1000)]


def _well_formed(when: dict[str, Any]) -> dict[str, Any]:
    if problems := malformed(when):
        raise refuse(*problems)
    return when


When = Annotated[dict[str, Any], Field(min_length=1, max_length=100), AfterValidator(_well_formed)]

ROUNDING = 1e-8
"""How far a number may be from a value, in steps, to be the same; as Optuna holds it."""

WHEN = (
    "When the parameter counts: other parameters with the label that each shall have, a list of labels, or "
    "{at_least: 3} or {at_most: 5} for numbers; all of them must hold. any: [...] and all: [...] hold such "
    "mappings. Left out: always."
)


class Choices(Section):
    """Some values, each with a label: ``{choices: {plain: dense, sparse: {name: strided, stride: 2}}}``."""

    choices: Annotated[
        Annotated[Listed, Tag("#listed")] | Annotated[Labelled, Tag("#labelled")],
        Discriminator(lambda value: "#labelled" if isinstance(value, dict) else "#listed"),
    ] = Field(
        description="A list of values, or label: value. A value may be a whole section; the label is what "
        "the study stores and the leaderboard shows."
    )
    when: When | None = Field(None, description=WHEN)


class IntRange(Section):
    """Whole numbers from low to high, both included: ``{int: [4, 24], step: 4}``."""

    bounds: tuple[int, int] = Field(alias="int", description="[low, high], both included.")
    step: int = Field(1, ge=1, description="Distance between two values.")
    log: bool = Field(False, description="Sample evenly in the logarithm.")
    when: When | None = Field(None, description=WHEN)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        _check(self)
        return self


class FloatRange(Section):
    """Numbers from low to high, both included: ``{float: [1e-4, 1e-1], log: true}``."""

    bounds: tuple[float, float] = Field(alias="float", description="[low, high], both included.")
    step: float | None = Field(None, gt=0, description="Distance between two values. null: any number.")
    log: bool = Field(False, description="Sample evenly in the logarithm.")
    when: When | None = Field(None, description=WHEN)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        _check(self)
        return self


Range = IntRange | FloatRange


def _check(searched: Range) -> None:
    low, high = searched.bounds
    kind = "int" if isinstance(searched, IntRange) else "float"
    problems = []
    if low >= high:
        problems.append(Problem(kind, "[low, high] with low below high", found=f"[{low}, {high}]"))
    if searched.log and low <= 0:
        problems.append(Problem(kind, "a low above 0, since log is true", found=str(low)))
    if searched.log and searched.step not in {1, None}:
        problems.append(Problem("step", "no step together with log: true", found=str(searched.step)))
    if problems:
        raise refuse(*problems)


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


def when(searched: Searched) -> Mapping[str, Any] | None:
    """The condition of a searched field; nothing where it is always searched."""
    return None if isinstance(searched, tuple) else searched.when


def labelled(choices: Choices | tuple[Any, ...]) -> dict[Label, Any]:
    """Label → value of some choices.

    >>> labelled(("avg", (2, 2)))
    {'avg': 'avg', '[2, 2]': (2, 2)}
    """
    values = choices.choices if isinstance(choices, Choices) else choices
    pairs = values.items() if isinstance(values, dict) else ((encoded(value), value) for value in values)
    return dict(pairs)


def encoded(value: Any) -> Label:  # noqa: ANN401  (whatever the YAML holds)
    """The label of a choice that has no word: scalars are their own, the rest is JSON.

    >>> encoded((2, 2, 2))
    '[2, 2, 2]'
    """
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

    Three times 0.1 is 0.30000000000000004 to a computer. A sampler proposes such numbers and a person writes
    0.3; both are to be the same value, and so the same trial.

    >>> exact(FloatRange(float=(0.1, 0.5), step=0.1), 0.30000000000000004)
    0.3
    """
    match searched:
        case FloatRange(bounds=(low, _), step=float() as step) if isinstance(label, int | float):
            return nearest(label, low, step)
        case _:
            return label


def nearest(value: float, low: float, step: float) -> float:
    """The number that is a whole number of steps away from ``low`` and the nearest to a value.

    >>> nearest(0.62, 0.05, 0.1)
    0.65
    """
    first, number, width = (Decimal(str(each)) for each in (low, value, step))
    return float(first + round((number - first) / width) * width)


def holds_value(searched: Range, value: float) -> bool:
    """Whether a range has a value, or one that only arithmetic tells from it.

    >>> holds_value(IntRange(int=(4, 16), step=4), 10)
    False
    >>> holds_value(FloatRange(float=(0.05, 0.5), step=0.05), 0.15000000000000002)
    True
    """
    low, high = searched.bounds
    match searched:
        case FloatRange(step=float() as step) if low - step < value < high + step:
            there = nearest(value, low, step)
            return low <= there <= high and abs(there - value) < ROUNDING * step
        case IntRange(step=step):
            return low <= value <= high and (value - low) % step == 0
        case _:
            return low <= value <= high
