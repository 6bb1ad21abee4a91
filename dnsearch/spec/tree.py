"""A YAML document whose every value remembers where it was written."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dnsearch.errors import Place

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Leaf:
    """A scalar."""

    value: Scalar
    place: Place


@dataclass(frozen=True, slots=True)
class Items:
    """A sequence."""

    items: tuple["Tree", ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping; ``keys`` holds the place of each key."""

    entries: Mapping[str, "Tree"]
    keys: Mapping[str, Place]
    place: Place


Tree = Leaf | Items | Table


def plain(tree: Tree) -> Any:  # noqa: ANN401  (JSON has no better type)
    """The values alone: dicts, tuples and scalars."""
    match tree:
        case Leaf(value):
            return value
        case Items(items):
            return tuple(map(plain, items))
        case Table(entries):
            return {key: plain(entry) for key, entry in entries.items()}


def from_plain(value: Any, place: Place) -> Tree:  # noqa: ANN401  (whatever the YAML holds)
    """A tree of values that were all written at one place."""
    match value:
        case dict():
            entries = {str(key): from_plain(entry, place) for key, entry in value.items()}
            return Table(entries, dict.fromkeys(entries, place), place)
        case list() | tuple():
            return Items(tuple(from_plain(item, place) for item in value), place)
        case _:
            return Leaf(value, place)


def walk(tree: Tree, path: tuple[str | int, ...]) -> Iterator[Tree]:
    """The values met along a path, from the root on, as far as the path exists.

    Parts that the tree does not have are passed over: a validator names the branch that it took
    (``training.optimizer.sgd.momentum``), and the branch is no key of the document.
    """
    yield tree
    for part in path:
        if (below := entry(tree, part)) is not None:
            tree = below
            yield tree


def entry(tree: Tree | None, part: str | int) -> Tree | None:
    """The value under a key or at a position; None when there is none."""
    match tree, part:
        case Table(entries), str():
            return entries.get(part)
        case Items(items), int() if part < len(items):
            return items[part]
        case _:
            return None


def without(tree: Tree, keys: Iterable[str]) -> Tree:
    """The document without some of its first keys."""
    if not isinstance(tree, Table):
        return tree
    kept = {key: entry for key, entry in tree.entries.items() if key not in keys}
    return Table(kept, {key: tree.keys[key] for key in kept}, tree.place)


def overlap(key: str, path: str) -> bool:
    """Whether a setting is a part of a searched field, or the field a part of it.

    >>> overlap("network.alpha.stem", "network.alpha"), overlap("network.alpha", "network.alpha_decay")
    (True, False)
    """
    return f"{key}.".startswith(f"{path}.") or f"{path}.".startswith(f"{key}.")
