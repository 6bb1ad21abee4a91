"""A YAML document whose every value remembers where it was written, and one document overriding another.

``extends``, ``--set`` and a trial's values are all this one step, ``overlay``.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from dnsearch.errors import Place
from dnsearch.spec.network import DenseNet, UNet

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


def deepest(tree: Tree, path: Iterable[str | int]) -> Tree:
    """The value at a path; parts that the tree does not have are passed over."""
    for part in path:
        tree = entry(tree, part) or tree
    return tree


def key_place(tree: Tree, path: Sequence[str | int]) -> Place:
    """Where the last key of a path is written, or else the section that lacks it."""
    section = deepest(tree, path[:-1])
    return section.keys.get(str(path[-1]), section.place) if isinstance(section, Table) else section.place


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


SHORTHANDS = {
    "optimizer": ("name",),
    "schedule": ("name",),
    "ema": ("decay",),
    "alpha": ("stem", "layers", "transitions", "head"),
    "connectivity": ("name",),
    "cross_block": ("links",),
    "head": ("reads",),
}
"""Sections that a single scalar may stand for: the fields that the scalar is given to."""

LISTED = ("connectivity",)
"""Those of them that may also be a list, one entry per block."""

BRANCHES = {
    "optimizer": ("name", "sgd", None),
    "schedule": ("name", "constant", None),
    "connectivity": ("name", "dense", None),
    "network": ("family", "densenet", DenseNet.model_fields.keys() ^ UNet.model_fields.keys()),
    "data": ("source", None, ("path", "verify", "image_shape", "classes", "class_names", "ignore_label")),
}
"""Sections of several kinds: the field that tells the kind, the kind where it is left out, and what to drop
when the kind changes (None: all)."""


def spelled_out(tree: Tree, key: str = "") -> Tree:
    """The tree with every shorthand written as the mapping that it stands for.

    >>> from dnsearch.spec.yaml import read
    >>> plain(spelled_out(read(b"training: {optimizer: adam}", "a.yaml")))
    {'training': {'optimizer': {'name': 'adam'}}}
    """
    match tree:
        case Leaf(value, place) if key in SHORTHANDS and value is not None:
            fields = SHORTHANDS[key]
            return Table(dict.fromkeys(fields, tree), dict.fromkeys(fields, place), place)
        case Table(entries, keys, place) if key not in SHORTHANDS:
            return Table({name: spelled_out(entry, name) for name, entry in entries.items()}, keys, place)
        case Items(items, place) if key in LISTED:
            return Items(tuple(spelled_out(item, key) for item in items), place)
        case _:
            return tree


def shortened(tree: Tree, key: str) -> Tree:
    """The scalar that was spelled out into a mapping; any other tree as it is.

    >>> from dnsearch.spec.yaml import read
    >>> shortened(spelled_out(read(b"adam", "a.yaml"), "optimizer"), "optimizer").value
    'adam'
    """
    match tree:
        case Table(entries, _, place) if tuple(entries) == SHORTHANDS.get(key):
            first, *others = entries.values()
            alike = isinstance(first, Leaf) and all(other is first for other in others)
            return first if alike and first.place == place else tree
        case _:
            return tree


def overlay(base: Tree | None, top: Tree, key: str = "", *, in_place: bool = False) -> Tree:
    """``base`` overridden by ``top``: mappings join, everything else replaces.

    A section of several kinds gives up what does not belong to a new kind. Of a list of such sections each
    takes a mapping that says no kind. A mapping of positions, from 0, changes those items of a list.

    Args:
        base: what is below, if there is anything; where it is a whole text, completed.
        top: what is above.
        key: that both are found under; empty for whole documents.
        in_place: ``top`` is no text of its own but changes to a whole, completed one: sections stay at their
            place in ``base``, and those that are new are completed.

    >>> from dnsearch.spec.yaml import read
    >>> plain(overlay(read(b"a: {x: 1, y: 2}", "base"), read(b"a: {y: 3}", "top")))
    {'a': {'x': 1, 'y': 3}}
    >>> plain(overlay(read(b"n: [4, 4]", "base"), read(b"n: {1: 6}", "top")))
    {'n': (4, 6)}
    """
    join = partial(overlay, in_place=in_place)
    place = base.place if base and in_place else top.place
    match base, top:
        case Items(items), Table(entries) if _are_positions(entries, len(items)):
            changed = {int(n): entry for n, entry in entries.items()}
            all_items = (
                join(item, changed[n], key) if n in changed else item for n, item in enumerate(items)
            )
            return Items(tuple(all_items), place)
        case Items(items), Table() if key in LISTED and _kind(top, key) is None:
            return Items(tuple(join(item, top, key) for item in items), place)
        case Table(), Table() if key != "parameters":
            below = _kept(base, top, key)
            joined = {name: join(below.entries.get(name), entry, name) for name, entry in top.entries.items()}
            return Table({**below.entries, **joined}, {**below.keys, **top.keys}, place)
        case _:
            return completed(top, key) if in_place else top


def _are_positions(keys: Iterable[str], length: int) -> bool:
    """Whether keys name positions of a list of some length, at least one."""
    named = [int(key) if key.isdecimal() else length for key in keys]
    return bool(named) and max(named) < length


def nested(path: str, tree: Tree, place: Place) -> Tree:
    """The document that has a tree at a dotted path and nothing else.

    >>> place = Place("--set", 1, 1, 1, "")
    >>> plain(nested("training.schedule", from_plain("cosine", place), place))
    {'training': {'schedule': {'name': 'cosine'}}}
    """
    keys = path.split(".")
    above, last = ["", *keys][-2:]
    section = above if last.isdecimal() else last  # connectivity.0 is a connectivity
    is_field = above in SHORTHANDS and section == last  # alpha.head is no head
    tree = tree if is_field else spelled_out(tree, section)
    for key in reversed(keys):
        tree = Table({key: tree}, {key: place}, place)
    return tree


def completed(tree: Tree, key: str = "") -> Tree:
    """The tree with the kind written in every section of several kinds that does not say it.

    >>> from dnsearch.spec.yaml import read
    >>> plain(completed(read(b"optimizer: {momentum: 0.8}", "a.yaml")))
    {'optimizer': {'name': 'sgd', 'momentum': 0.8}}
    """
    match tree:
        case Table(entries, keys, place):
            field, kind, _ = BRANCHES.get(key, ("", None, None))
            inner = {name: completed(entry, name) for name, entry in entries.items()}
            if kind is not None and field not in entries:
                return Table({field: Leaf(kind, place), **inner}, {field: place, **keys}, place)
            return Table(inner, keys, place)
        case Items(items, place) if key in LISTED:
            return Items(tuple(completed(item, key) for item in items), place)
        case _:
            return tree


def _kept(base: Table, top: Table, key: str) -> Table:
    """What of ``base`` still applies when ``top`` chooses another kind."""
    before, chosen = _kind(base, key), _kind(top, key)
    if before is None or chosen is None or before == chosen:
        return base
    *_, dropped = BRANCHES[key]
    kept = {} if dropped is None else {k: v for k, v in base.entries.items() if k not in dropped}
    return Table(kept, {name: base.keys[name] for name in kept}, base.place)


def _kind(section: Table, key: str) -> Scalar:
    """The kind that a section says it is of; None where it says none or has none."""
    kind = section.entries.get(BRANCHES[key][0]) if key in BRANCHES else None
    return kind.value if isinstance(kind, Leaf) else None
