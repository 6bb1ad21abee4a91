"""``when`` a searched field counts, and ``relations`` between searched fields.

A condition is a mapping in the YAML; all its entries must hold. An entry is a parameter with the
label that it shall have, several labels, or bounds for a number; ``any`` and ``all`` hold lists of such
mappings. A parameter that does not count itself satisfies nothing.

``relations`` between searched fields: ``equal`` gives fields the value of a parameter; the others refuse what
a sampler proposes before it costs anything. A path to a list means its numbers; what a variant does not have
is left out.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Annotated, Any, Self

from pydantic import Field, Tag, model_validator

from dnsearch.errors import Problem
from dnsearch.spec.section import OneOrMany, Section, refuse

Label = str | int | float | bool | None
When = Mapping[str, Any]

BOUNDS = ("at_least", "at_most")
GROUPS = ("any", "all")


def holds(when: When, labels: Mapping[str, Label]) -> bool:
    """Whether a condition holds for the labels of the parameters that count.

    >>> holds({"network.pooling": ["avg", "max"], "training.epochs": {"at_least": 5}},
    ...       {"network.pooling": "max", "training.epochs": 9})
    True
    >>> holds({"any": [{"network.pooling": "conv"}, {"network.pooling": "avg"}]}, {})
    False
    """
    return all(_holds(key, wanted, labels) for key, wanted in when.items())


def _holds(key: str, wanted: Any, labels: Mapping[str, Label]) -> bool:  # noqa: ANN401  (whatever the YAML holds)
    match key:
        case "any":
            return any(holds(part, labels) for part in wanted)
        case "all":
            return all(holds(part, labels) for part in wanted)
        case _:
            return key in labels and fits(labels[key], wanted)


def fits(label: Label, wanted: Any) -> bool:  # noqa: ANN401  (whatever the YAML holds)
    """Whether a label is the one, one of those, or within the bounds that a condition names.

    >>> fits(4, {"at_least": 3}), fits("avg", "max"), fits(1, True)
    (True, False, False)
    """
    match wanted:
        case list() | tuple():
            return any(fits(label, each) for each in wanted)
        case dict():
            return _number(label) and all(_within(label, *bound) for bound in wanted.items())
        case _:
            return label == wanted and isinstance(label, bool) == isinstance(wanted, bool)


def _within(label: Any, bound: str, limit: float) -> bool:  # noqa: ANN401  (a number)
    return bool(label >= limit if bound == "at_least" else label <= limit)


def _number(value: Any) -> bool:  # noqa: ANN401  (whatever the YAML holds)
    return isinstance(value, int | float) and not isinstance(value, bool)


def mentioned(when: When, where: str = "") -> Iterator[tuple[str, str, Any]]:
    """Each parameter that a condition names: the way to it, the parameter, and what it shall have.

    >>> list(mentioned({"any": [{"a.b": 1}, {"c.d": 2}]}))
    [('any.0', 'a.b', 1), ('any.1', 'c.d', 2)]
    """
    for key, wanted in when.items():
        if key in GROUPS:
            for number, part in enumerate(wanted):
                yield from mentioned(part, f"{where}{'.' if where else ''}{key}.{number}")
        else:
            yield where, key, wanted


def malformed(when: When, where: str = "") -> list[Problem]:
    """What is wrong with the form of a condition, whatever parameters there are."""
    found: list[Problem] = []
    for key, wanted in when.items():
        place = f"{where}.{key}".lstrip(".") if key in GROUPS else where
        if key not in GROUPS:
            found += _malformed_value(key, wanted, place)
        elif not isinstance(wanted, tuple | list) or not wanted:
            expected = f"{key}: with a list of conditions, such as {key}: [{{network.pooling: max}}]"
            found.append(Problem(place, expected))
        else:
            for number, part in enumerate(wanted):
                found += _malformed_part(part, f"{place}.{number}")
    return found


def _malformed_part(part: Any, where: str) -> list[Problem]:  # noqa: ANN401  (whatever the YAML holds)
    if isinstance(part, dict) and part:
        return malformed(part, where)
    return [Problem(where, "a mapping of parameters and the labels that they shall have")]


def _malformed_value(key: str, wanted: Any, where: str) -> list[Problem]:  # noqa: ANN401  (whatever the YAML holds)
    expected = f"for {key} a label, a list of labels, or a mapping with at_least or at_most and a number"
    match wanted:
        case dict():
            right = bool(wanted) and all(each in BOUNDS and _number(limit) for each, limit in wanted.items())
        case list() | tuple():
            right = bool(wanted) and not any(isinstance(each, dict | list | tuple) for each in wanted)
        case _:
            right = True
    hint = "A choice that is a list or a mapping has a label: {choices: {label: value}}."
    return [] if right else [Problem(where, expected, hint=hint)]


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
