"""Whether the searched fields exist and can take their values, checked before anything is trained.

Each choice, and each end of a range, is laid over the spec alone. Values that only do not fit the values
of other fields pass: another searched field may make them fit.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from pydantic import ValidationError

from dnsearch.errors import Place, Problem
from dnsearch.spec import complaints, schema
from dnsearch.spec.experiment import Experiment
from dnsearch.spec.overlay import completed, nested, overlay
from dnsearch.spec.section import RULE
from dnsearch.spec.tree import Items, Table, Tree, from_plain, plain, walk, without
from dnsearch.spec.tune.parameters import Searched

SECTIONS = ("network", "training")
GROWTH = "network.growth_rate"


def problems(experiment: Experiment, tree: Tree) -> list[Problem]:
    """The problems of the ``tune`` section's parameters, in the order of the text."""
    searched = experiment.tune.parameters if experiment.tune else {}
    found = (problem for path, values in searched.items() for problem in _problems(path, values, tree))
    return list(islice(found, complaints.MAX_PROBLEMS))


def _problems(path: str, searched: Searched, tree: Tree) -> Iterator[Problem]:
    *_, section = walk(tree, ("tune", "parameters"))
    place = section.keys[path] if isinstance(section, Table) else section.place
    parts = complaints.parse_path(path)
    if parts[0] not in SECTIONS or not schema.at(parts) or len(parts) < 2:
        yield _unknown(path, place)
        return
    if path == GROWTH and plain(tree).get("match") is not None and not _several(searched):
        hint = "Search lists of growth rates, whose proportions match keeps, or remove match."
        yield Problem(f"tune.parameters.{path}", "match solves for it in every trial", hint=hint, place=place)
    base = without(tree, ("tune", "expect"))
    for value, value_place in _values(path, searched, tree):
        changed = completed(overlay(base, nested(path, from_plain(value, value_place), value_place)))
        for problem in _field_problems(changed, path):
            yield replace(problem, where=f"tune.parameters.{path}", place=value_place)


def _several(searched: Searched) -> bool:
    """Whether some choice is a list."""
    return isinstance(searched, tuple) and any(isinstance(choice, tuple) for choice in searched)


def _unknown(path: str, place: Place) -> Problem:
    *above, last = path.split(".")
    known = schema.keys(tuple(above)) if above and above[0] in SECTIONS else ()
    guess = complaints.did_you_mean(last, known)
    expected = f"expected the path of a field of network or training{guess}"
    return Problem(f"tune.parameters.{path}", expected, place=place)


def _values(path: str, searched: Searched, tree: Tree) -> Iterator[tuple[object, Place]]:
    """The choices, or the ends of the range, each with its place."""
    below = () if isinstance(searched, tuple) else (str(type(searched).model_fields["bounds"].alias),)
    *_, written = walk(tree, ("tune", "parameters", path, *below))
    items = written.items if isinstance(written, Items) else ()
    yield from ((plain(item), item.place) for item in items)


def _field_problems(tree: Tree, path: str) -> list[Problem]:
    """What is wrong with the changed field itself, rules between fields left out."""
    try:
        Experiment.model_validate(plain(tree))
    except ValidationError as error:
        wrong = complaints.problems(error, tree, without=RULE)
        return [problem for problem in wrong if f"{problem.where}.".startswith(f"{path}.")]
    return []
