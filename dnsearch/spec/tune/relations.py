"""``relations`` between searched fields: equal ones, growing ones, sums with a bound.

``equal`` needs no luck: fields take the value of a parameter. The others refuse what a sampler proposes
before it costs anything. A path that holds a list stands for its numbers; what a variant does not have is
left out.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, Self

from pydantic import Field, Tag, model_validator

from dnsearch.errors import Problem
from dnsearch.spec.network.per_block import OneOrMany
from dnsearch.spec.section import Section, refuse

Several = Annotated[tuple[str, ...], Field(min_length=1, max_length=64)]
Paths = Annotated[Annotated[str, Tag("#one")] | Annotated[Several, Tag("#many")], OneOrMany]


class SumAtMost(Section):
    """A bound for a sum: ``{of: network.layers_per_block, at_most: 12}``."""

    of: Paths = Field(description="The field, or a list of fields, whose numbers are added up.")
    at_most: float = Field(gt=0, description="The largest sum that is tried.")


class Relation(Section):
    """One relation: exactly one of the three."""

    equal: Annotated[tuple[str, ...], Field(min_length=2, max_length=64)] | None = Field(
        None,
        description="A parameter, and fields that always take its value and are not searched themselves: "
        "[network.layers_per_block.0, network.layers_per_block.1].",
    )
    non_decreasing: Paths | None = Field(
        None,
        description="A field with a list, or a list of fields, whose numbers never fall: "
        "network.layers_per_block.",
    )
    sum_at_most: SumAtMost | None = Field(
        None, description="Fields whose numbers add up to no more than a bound."
    )

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        named = [field for field in Relation.model_fields if getattr(self, field) is not None]
        if len(named) != 1:
            expected = "exactly one of equal, non_decreasing and sum_at_most"
            hint = "Write each relation as an item of the list, after its own dash."
            raise refuse(Problem("", expected, " and ".join(named) or "none", hint))
        return self

    def __str__(self) -> str:
        """How counts and refusals call it; two relations are called alike only if they are."""
        if self.sum_at_most is not None:
            return f"sum_at_most {self.sum_at_most.at_most:g} of {' + '.join(paths(self.sum_at_most.of))}"
        if self.non_decreasing is not None:
            return f"non_decreasing {' '.join(paths(self.non_decreasing))}"
        return f"equal {' '.join(self.equal or ())}"


def paths(written: str | tuple[str, ...]) -> tuple[str, ...]:
    """The fields, of which one may stand without a list."""
    return (written,) if isinstance(written, str) else written


def operands(relation: Relation) -> tuple[str, ...]:
    """All fields that a relation names."""
    if relation.sum_at_most is not None:
        return paths(relation.sum_at_most.of)
    return paths(relation.non_decreasing) if relation.non_decreasing is not None else relation.equal or ()


def followers(relations: tuple[Relation, ...], values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that take a parameter's value, with that value.

    >>> followers((Relation(equal=("a", "b", "c")),), {"a": 3})
    {'b': 3, 'c': 3}
    """
    equal = (relation.equal for relation in relations if relation.equal is not None)
    return {path: values[first] for first, *others in equal if first in values for path in others}


def excess(relation: Relation, values: Mapping[str, Any], base: Mapping[str, Any]) -> float:
    """How far a variant is from keeping a relation; at most 0 where it keeps it.

    ``non_decreasing``: all falls together, as a share of the largest number. ``sum_at_most``: what the sum
    is beyond its bound, as a share of the bound.

    Args:
        relation: the relation.
        values: dotted path → value, of what the variant changes.
        base: the settings of the base spec, as nested mappings.

    >>> excess(Relation(non_decreasing="n"), {"n": (4, 2, 3)}, {})
    0.5
    >>> excess(Relation(sum_at_most=SumAtMost(of=("n",), at_most=8)), {"n.1": 6}, {"n": [4, 4]})
    0.25
    """
    found = [number for path in operands(relation) for number in numbers(path, values, base)]
    if relation.sum_at_most is not None:
        return sum(found) / relation.sum_at_most.at_most - 1
    falls = sum(max(0.0, before - after) for before, after in pairwise(found))
    return falls / max(map(abs, found), default=1) if falls else 0.0


def numbers(path: str, values: Mapping[str, Any], base: Mapping[str, Any]) -> tuple[float, ...]:
    """The numbers that a variant has at a path: what it changes there, above or below, else the base's."""
    found = _below(base, path)
    for above in sorted(each for each in values if f"{path}.".startswith(f"{each}.")):
        found = _below(values[above], path.removeprefix(above).removeprefix("."))
    items = found if isinstance(found, list | tuple) else (found,)
    changed = (values.get(f"{path}.{position}", item) for position, item in enumerate(items))
    return tuple(each for each in changed if isinstance(each, int | float) and not isinstance(each, bool))


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
