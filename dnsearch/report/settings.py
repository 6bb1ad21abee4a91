"""Which settings tell some runs apart, and what to call them in a heading."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dnsearch.runs.record import RunRecord

OTHER_COLUMNS = {"epochs", "macs", "name", "parameters", "state", "study", "test", "time", "trial"}
PLACES = {"head", "layers", "stem", "transitions"}
"""Last parts that name a place in the network and not what is set there."""


def differing(records: Sequence[RunRecord]) -> list[dict[str, Any]]:
    """For each record, heading → value, of only the settings that differ among the records.

    A setting that a record does not have counts as different, and is left out of its mapping. Settings that
    are all there is below one key and always equal (``alpha`` set by one number) are shown as that key.
    """
    keys = list(dict.fromkeys(key for record in records for key in record.settings))
    merged = _merged(keys, records)
    names = headings(merged.values())
    return [
        {names[shown]: record.settings[key] for key, shown in merged.items() if key in record.settings}
        for record in records
    ]


def _merged(keys: Sequence[str], records: Sequence[RunRecord]) -> dict[str, str]:
    """Key to look up → key to show, for the settings that differ."""
    siblings: dict[str, list[str]] = {}
    for key in keys:
        siblings.setdefault(key.rpartition(".")[0], []).append(key)
    merged: dict[str, str] = {}
    for parent, family in siblings.items():
        varying = [key for key in family if _varies(key, records)]
        alike = len(family) > 1 and varying == family and all(_alike(family, record) for record in records)
        merged |= {family[0]: parent} if alike and parent else {key: key for key in varying}
    return {key: merged[key] for key in keys if key in merged}


def _varies(key: str, records: Sequence[RunRecord]) -> bool:
    first = _comparable(key, records[0].settings)
    plain = first[1] if first[0] else None
    # Most settings of most records are the very same value, and there may be 10,000 records.
    others = (record.settings for record in records if record.settings.get(key) != plain or plain is None)
    return any(_comparable(key, settings) != first for settings in others)


def _alike(family: Sequence[str], record: RunRecord) -> bool:
    first = _comparable(family[0], record.settings)
    return all(_comparable(key, record.settings) == first for key in family)


def _comparable(key: str, settings: Mapping[str, Any]) -> tuple[bool, Any]:
    value = settings.get(key)
    # A record that was read has lists where one that was just made may have tuples.
    return key in settings, list(value) if isinstance(value, tuple) else value


def headings(keys: Iterable[str]) -> dict[str, str]:
    """The shortest unambiguous name of each dotted key: its last part, or more of them where two collide.

    ``.name`` at the end says nothing (``training.optimizer.name`` is the optimizer) and is left out.

    >>> headings(["network.growth_rate", "training.optimizer.name"])
    {'network.growth_rate': 'growth_rate', 'training.optimizer.name': 'optimizer'}
    >>> headings(["network.layers_per_block.2"])
    {'network.layers_per_block.2': 'layers_per_block.2'}
    >>> headings(["network.stem.normalize", "data.normalize"])
    {'network.stem.normalize': 'stem.normalize', 'data.normalize': 'data.normalize'}
    """
    parts = {key: tuple(key.removesuffix(".name").split(".")) for key in keys}
    return {key: _heading(key, parts) for key in parts}


def _heading(key: str, parts: Mapping[str, tuple[str, ...]]) -> str:
    mine = parts[key]
    shortest = 2 if mine[-1].isdecimal() else 1  # a position in a list says nothing alone
    for length in range(shortest, len(mine) + 1):
        tail = mine[-length:]
        others = (other[-length:] for name, other in parts.items() if name != key)
        if ".".join(tail) not in OTHER_COLUMNS | PLACES and tail not in others:
            return ".".join(tail)
    return key
