"""``when:`` a searched field counts: what other parameters must have been given.

A condition is what stands in the YAML, a mapping; all its entries must hold. An entry is a parameter with the
label that it shall have, several labels, or bounds for a number; ``any`` and ``all`` hold lists of such
mappings. A parameter that does not count itself satisfies nothing.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from dnsearch.errors import Problem

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
