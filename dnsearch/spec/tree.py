"""A YAML document whose every value remembers where it was written."""

from collections.abc import Iterator, Mapping
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


def walk(tree: Tree, path: tuple[str | int, ...]) -> Iterator[Tree]:
    """The values met along a path, from the root on, as far as the path exists.

    Parts that the tree does not have are passed over: a validator names the branch that it took
    (``training.optimizer.sgd.momentum``), and the branch is no key of the document.
    """
    yield tree
    for part in path:
        match tree, part:
            case Table(entries), str() if part in entries:
                tree = entries[part]
            case Items(items), int() if part < len(items):
                tree = items[part]
            case _:
                continue
        yield tree
