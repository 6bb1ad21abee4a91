"""What pydantic found wrong, as dnsearch reports it: place, expectation, finding, fix."""

import difflib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import reduce
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from dnsearch.errors import Problem
from dnsearch.spec import json_schema
from dnsearch.spec.json_schema import Path, either, in_words, kind
from dnsearch.spec.section import RULE
from dnsearch.spec.tree import Leaf, Tree, deepest, entry, key_place, plain, shortened
from dnsearch.spec.yaml import scalar

MAX_PROBLEMS = 100
"""More would be no help, and a hostile text could have tens of thousands."""

OTHER_NAMES = {
    "alpha": ("negative_slope",),
    "augmentation": ("augment",),
    "batch_size": ("batch",),
    "bottleneck_width": ("bottleneck",),
    "compression": ("reduction", "theta"),
    "convolution_bias": ("bias",),
    "growth_rate": ("k",),
    "layers_per_block": ("depth", "blocks", "nb_layers"),
    "learning_rate": ("lr",),
    "network": ("model",),
    "parameters": ("space",),
    "source": ("dataset",),
    "stem": ("nb_filter",),
    "training": ("train",),
    "tune": ("search",),
}
"""Fields, and what other programs and papers call them."""

SORTS: Mapping[type, tuple[str, ...]] = {
    bool: ("boolean",),
    int: ("integer", "number"),
    float: ("integer", "number"),
    str: ("string", "words"),
    tuple: ("array",),
    dict: ("object",),
}
"""The types of JSON Schema that a value in the YAML could be meant for; ``words`` are constants."""


def problems(
    error: ValidationError, tree: Tree, without: str = "", others: Iterable[Problem] = ()
) -> list[Problem]:
    """Every problem of a validation but those of type ``without``, and others of the text, in its order."""
    errors = [each for each in _distinct(error) if each["type"] != without]
    found = [problem for details in errors[:MAX_PROBLEMS] for problem in _translated(details, tree)]
    more = [Problem("", f"and {len(errors) - MAX_PROBLEMS:,} more problems")] * (len(errors) > MAX_PROBLEMS)
    return sorted(dict.fromkeys([*found, *others]), key=_position) + more


def _distinct(error: ValidationError) -> list[ErrorDetails]:
    """The errors without those that follow from another: a list cut short, a recipe with a wrong name."""
    errors = error.errors(include_url=False, include_input=False)
    wrong_inside = {each["loc"][:depth] for each in errors for depth in range(len(each["loc"]))}
    wrong_recipe = any(each["loc"] == ("training", "recipe") for each in errors)
    return [
        each
        for each in errors
        if not (each["type"] == "too_short" and each["loc"] in wrong_inside)
        and not (each["type"] == "missing" and each["loc"][0] == "training" and wrong_recipe)
    ]


def _position(problem: Problem) -> tuple[int, int]:
    return (problem.place.line, problem.place.column) if problem.place else (0, 0)


def _translated(details: ErrorDetails, tree: Tree) -> list[Problem]:
    location = details["loc"]
    match details["type"]:
        case kind if kind == RULE:
            section = _document_path(location)
            return [located(rule, tree, section) for rule in details["ctx"]["problems"]]
        case "extra_forbidden":
            return [_unknown_key((*_document_path(location[:-1]), location[-1]), tree)]
        case "missing":
            return [_missing_key((*_document_path(location[:-1]), location[-1]), tree)]
        case _:
            return [_wrong_value(_document_path(location), tree)]


def _document_path(location: Path) -> Path:
    """Pydantic's location without the names of the branches that it took."""
    path: Path = ()
    for part in location:
        path = (*path, part) if json_schema.at((*path, part)) else path
    return path


def located(problem: Problem, tree: Tree, section: Path = ()) -> Problem:
    """The problem with its full path, pointing at the value (or the section) that it names."""
    path = (*section, *parse_path(problem.where))
    return replace(problem, where=_dotted(path), place=deepest(tree, path).place)


def parse_path(dotted: str) -> Path:
    """The parts of a dotted path; digits are positions in a list.

    >>> parse_path("network.layers_per_block.1")
    ('network', 'layers_per_block', 1)
    """
    parts = dotted.split(".") if dotted else ()
    return tuple(int(part) if part.isdecimal() else part for part in parts)


def _unknown_key(path: Path, tree: Tree) -> Problem:
    above, last = path[:-1], path[-1]
    kinds = [kind(each) for each in json_schema.at(above) if last in each.get("properties", {})]
    owners = dict.fromkeys(filter(None, kinds))
    hint = f"{last} belongs to {either(owners)}." if owners else ""
    expected = f"unknown key{did_you_mean(str(last), json_schema.keys(above, tree))}"
    return Problem(_dotted(path), expected, hint=hint, place=key_place(tree, path))


def did_you_mean(word: str, known: tuple[str, ...]) -> str:
    """A guess at what was meant, or the list of what there is.

    >>> did_you_mean("grwth_rate", ("growth_rate", "pooling"))
    '; did you mean growth_rate?'
    """
    meant = [name for name, others in OTHER_NAMES.items() if word.lower() in others and name in known]
    if close := meant or difflib.get_close_matches(word, known, n=1):
        return f"; did you mean {close[0]}?"
    return f"; there are {', '.join(known)}" if known else ""


def _missing_key(path: Path, tree: Tree) -> Problem:
    hint, place = description(path, tree), deepest(tree, path[:-1]).place
    return Problem(_dotted(path), f"missing: {expectation(path, tree)}", hint=hint, place=place)


def _wrong_value(path: Path, tree: Tree) -> Problem:
    if isinstance(shortened(deepest(tree, path[:-1]), _key(path[:-1])), Leaf):
        path = path[:-1]  # a person wrote one scalar, which was spelled out into a section
    value = deepest(tree, path)
    found = shown(plain(shortened(value, _key(path))))
    return Problem(_dotted(path), expectation(path, tree), found, description(path, tree), value.place)


def _key(path: Path) -> str:
    """The last key of a path; positions in a list are none."""
    return next((part for part in reversed(path) if isinstance(part, str)), "")


def description(path: Path, tree: Tree | None = None) -> str:
    """What the schema says of a path."""
    found = (option.get("description", "") for option in json_schema.at(path, tree))
    return next(filter(None, found), "")


def shown(value: Any) -> str:  # noqa: ANN401  (whatever the YAML holds)
    """A value as it could stand in the YAML, shortened.

    >>> shown((1, "two", None, float("inf")))
    '[1, "two", null, .inf]'
    """
    bare = isinstance(value, str) and value.isidentifier() and scalar(value) == value
    text = value if bare else _flow(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _flow(value: Any) -> str:  # noqa: ANN401  (whatever the YAML holds)
    match value:
        case float() if not math.isfinite(value):
            return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
        case dict():
            return "{" + ", ".join(f"{_flow(key)}: {_flow(entry)}" for key, entry in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(_flow, value)) + "]"
        case _:
            return json.dumps(value, ensure_ascii=False)


def _dotted(path: Path) -> str:
    return ".".join(map(str, path))


def expectation(path: Path, tree: Tree | None = None) -> str:
    """What a path may hold, in words; of the sort that ``tree`` holds there, if there is such a sort.

    >>> expectation(("training", "epochs"))
    'a whole number from 1 to 100000'
    >>> expectation(("network", "stem", "pooling"))
    'none or max'
    """
    found = reduce(entry, path, tree)
    written = found and shortened(found, _key(path))
    alternatives = json_schema.at(path, tree)
    sorts = SORTS.get(type(plain(written)), ()) if written else ()
    if isinstance(written, Leaf) and isinstance(written.value, str) and written is not found:
        sorts = ()  # a name can be alone or in a mapping
    return in_words([each for each in alternatives if each.get("type", "words") in sorts] or alternatives)
