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
    """The errors without those that follow from another: a list cut short, a misspelt key, a wrong recipe."""
    errors = error.errors(include_url=False, include_input=False)
    wrong_inside = {each["loc"][:depth] for each in errors for depth in range(len(each["loc"]))}
    wrong_recipe = any(each["loc"] == ("training", "recipe") for each in errors)
    unknown = [each["loc"] for each in errors if each["type"] == "extra_forbidden"]
    renamed = {
        (*above, nearest(str(word), json_schema.keys(_document_path(tuple(above)))))
        for *above, word in unknown
    }
    return [
        each
        for each in errors
        if not (each["type"] == "too_short" and each["loc"] in wrong_inside)
        and not (each["type"] == "missing" and each["loc"] in renamed)
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
    known = json_schema.keys(above, tree)
    guess = "" if owners else nearest(str(last), known) or (above in _FIELDS and elsewhere(str(last)))
    expected = f"unknown key{f'; did you mean {guess}?' if guess else did_you_mean(str(last), known)}"
    return Problem(_dotted(path), expected, hint=hint, place=key_place(tree, path))


def did_you_mean(word: str, known: tuple[str, ...]) -> str:
    """A guess at what was meant, or the list of what there is.

    >>> did_you_mean("grwth_rate", ("growth_rate", "pooling"))
    '; did you mean growth_rate?'
    """
    if close := nearest(word, known):
        return f"; did you mean {close}?"
    return f"; there are {', '.join(known)}" if known else ""


def nearest(word: str, known: tuple[str, ...]) -> str:
    """The name that was most likely meant, by other programs' names and by spelling; empty where none is.

    >>> nearest("growthrate", ("growth_rate", "pooling")), nearest("bc-100", ("bc-190-40", "bc-100-12"))
    ('growth_rate', 'bc-100-12')
    """
    for name, others in OTHER_NAMES.items():
        if word.lower() in others and name in known:
            return name
    spelled, names = _spelled(word), {_spelled(name): name for name in reversed(known)}
    longer = [each for each in reversed(names) if len(spelled) > 3 and each.startswith(spelled)]
    close = longer or difflib.get_close_matches(spelled, names, n=1)
    return names[close[0]] if close else ""


def _spelled(name: str) -> str:
    return name.lower().replace("_", "-").replace("-", "")


def elsewhere(word: str, sections: tuple[str, ...] = ("training", "network", "data")) -> str:
    """The dotted path of a field of that name in another section; empty where none has it.

    >>> elsewhere("epochs"), elsewhere("lr"), elsewhere("momentum"), elsewhere("nothing")
    ('training.epochs', 'training.learning_rate', 'training.optimizer.momentum', '')
    """
    meant = {word, *(name for name, others in OTHER_NAMES.items() if word.lower() in others)}
    spelled = {_spelled(each) for each in meant}
    fields = [(section, key) for section in sections for key in json_schema.keys((section,))]
    inner = [(*above, key) for above in fields for key in json_schema.keys(above)]
    return next((".".join(path) for path in (*fields, *inner) if _spelled(path[-1]) in spelled), "")


_FIELDS: tuple[Path, ...] = ((), ("network",), ("training",), ("data",))
"""The sections that hold the fields of a run: what one of them lacks is looked for in the others."""


def _missing_key(path: Path, tree: Tree) -> Problem:
    hint, place = description(path, tree), deepest(tree, path[:-1]).place
    return Problem(_dotted(path), f"missing: {expectation(path, tree)}", hint=hint, place=place)


def _wrong_value(path: Path, tree: Tree) -> Problem:
    if isinstance(shortened(deepest(tree, path[:-1]), _key(path[:-1])), Leaf):
        path = path[:-1]  # a person wrote one scalar, which was spelled out into a section
    value = deepest(tree, path)
    content = plain(shortened(value, _key(path)))
    hint = _slip(content, path, tree) or description(path, tree)
    return Problem(_dotted(path), expectation(path, tree), shown(content), hint, value.place)


def _slip(content: Any, path: Path, tree: Tree) -> str:  # noqa: ANN401  (whatever the YAML holds)
    """What to do about a text that was meant for a number, or for a key and its value; else empty."""
    if not isinstance(content, str):
        return ""
    types = {each.get("type") for each in json_schema.at(path, tree)}
    key, _, rest = content.partition(" ")
    if types.intersection(SORTS.get(type(scalar(content)), ())) - {"string", "words"}:
        return f"It is text; remove the quotes: {content}"
    return f"A colon is missing: write {key}: {rest}" if rest and key in json_schema.keys(path, tree) else ""


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
