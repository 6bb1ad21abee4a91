"""Records as JSON and back, strictly: a file either fits its dataclass or is refused with a reason.

Numbers that JSON does not have are written as the strings ``"NaN"``, ``"Infinity"`` and ``"-Infinity"`` and
read back as numbers wherever a field holds a float. In free mappings (``settings``, ``hardware``) they stay
strings, since nothing there says that a number was meant (a spec has none), and a tuple comes back as a list.
"""

import functools
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from dnsearch.errors import Problem, RunError
from dnsearch.runs.record import EpochRecord

NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}

Record = TypeVar("Record")
"""One of the dataclasses of this room."""


def to_json(record: object, indent: int | None = None) -> bytes:
    """A record as UTF-8 JSON; on one line without ``indent``, else one value per line."""
    text = json.dumps(_plain(record), indent=indent, ensure_ascii=False, allow_nan=False)
    # Half a surrogate pair (from a file name that is no UTF-8) becomes \udcxx, which JSON reads back.
    return text.encode("utf-8", "backslashreplace")


def from_json(kind: type[Record], content: bytes, where: str) -> Record:
    """The record that ``to_json`` wrote; ``where`` names the file in errors.

    Raises:
        RunError: no JSON, or a key or value that the record does not have.
    """
    try:
        found = json.loads(content.decode(), parse_constant=_refuse_constant)
        record: Record = _record(kind, found, f"{where}  ")
        return record
    except ValueError as error:
        raise _refusal(where, "JSON", str(error)) from error
    except RecursionError as error:
        raise _refusal(where, "JSON", "values nested too deeply") from error


def to_lines(epochs: Iterable[EpochRecord]) -> bytes:
    """Epochs as JSON Lines, one on each."""
    return b"".join(to_json(epoch) + b"\n" for epoch in epochs)


def from_lines(content: bytes, where: str) -> list[EpochRecord]:
    """The epochs that ``to_lines`` wrote; a last line that was cut short is passed over.

    Raises:
        RunError: a whole line is damaged; ``where`` and the line's number are named.
    """
    lines = content[: content.rfind(b"\n") + 1].splitlines()
    return [from_json(EpochRecord, line, f"{where}:{number}") for number, line in enumerate(lines, start=1)]


def _refuse_constant(name: str) -> None:
    raise ValueError(f"the bare word {name}")


def _refusal(where: str, expected: str, found: str) -> RunError:
    hint = "The file was damaged, or written by another version of dnsearch."
    return RunError(str(Problem(where.rstrip(" ."), expected, found, hint)))


def _plain(value: object) -> Any:  # noqa: ANN401  (whatever JSON holds)
    match value:
        case float() if not math.isfinite(value):
            return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        case Mapping():
            return {key: _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case _ if is_dataclass(value) and not isinstance(value, type):
            return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
        case _:
            return value


@functools.cache
def _kinds(record: type) -> dict[str, Any]:
    return get_type_hints(record)


def _record(kind: Any, found: Any, where: str) -> Any:  # noqa: ANN401  (kind is a dataclass, found any JSON)
    if not isinstance(found, dict):
        raise _refusal(where, "a mapping", _shown(found))
    kinds = _kinds(kind)
    if found.keys() != kinds.keys():
        missing = [f"no {key}" for key in kinds if key not in found]
        unknown = [f"an unknown {_shown(key)}" for key in found if key not in kinds]
        raise _refusal(where, f"the keys of {kind.__name__}", ", ".join(missing + unknown))
    return kind(**{key: _value(kinds[key], found[key], f"{where}{key}.") for key in kinds})


def _value(kind: Any, found: Any, where: str) -> Any:  # noqa: ANN401  (kind is a type, found any JSON)
    if type(found) is kind:  # most are, and a leaderboard may read 10,000 records
        return found
    if is_dataclass(kind):
        return _record(kind, found, where)
    origin = get_origin(kind)
    if origin in {UnionType, Union}:
        (inner,) = (option for option in get_args(kind) if option is not NoneType)
        return None if found is None else _value(inner, found, where)
    if origin is Literal:
        return _one_of(get_args(kind), found, where)
    if origin is tuple:
        return _listed(get_args(kind)[0], found, where)
    return _mapping(kind, found, where) if origin is Mapping else _scalar(kind, found, where)


def _one_of(words: tuple[str, ...], found: Any, where: str) -> str:  # noqa: ANN401  (any JSON)
    if found not in words:
        raise _refusal(where, f"one of {', '.join(words)}", _shown(found))
    return str(found)


def _listed(kind: type, found: Any, where: str) -> tuple[Any, ...]:  # noqa: ANN401  (any JSON)
    if not isinstance(found, list):
        raise _refusal(where, "a list", _shown(found))
    return tuple(_scalar(kind, item, f"{where}{number}.") for number, item in enumerate(found))


def _mapping(kind: Any, found: Any, where: str) -> dict[str, Any]:  # noqa: ANN401  (kind is a type, found any JSON)
    if not isinstance(found, dict):
        raise _refusal(where, "a mapping", _shown(found))
    _, held = get_args(kind)
    if held is Any:
        return dict(found)
    return {key: _scalar(held, item, f"{where}{key}.") for key, item in found.items()}


def _scalar(kind: type, found: Any, where: str) -> Any:  # noqa: ANN401  (any JSON)
    if kind is float and isinstance(found, str) and found in NOT_FINITE:
        return NOT_FINITE[found]
    if kind is float and type(found) is int and abs(found) < 2**53:
        return float(found)
    if type(found) is not kind:
        words = {int: "a whole number", float: "a number", str: "text"}
        raise _refusal(where, words[kind], _shown(found))
    return found


def _shown(found: object) -> str:
    text = json.dumps(found, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."
