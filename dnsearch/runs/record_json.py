"""Records as JSON and back, strictly: a file either fits its dataclass or is refused with every reason.

Numbers that JSON does not have are written as the strings ``"NaN"``, ``"Infinity"`` and ``"-Infinity"`` and
read back as numbers wherever a field holds a float. In free mappings (``settings``, ``hardware``) they stay
strings, and a tuple comes back as a list.
"""

import json
from collections.abc import Iterable
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from dnsearch.errors import Problem, RunError
from dnsearch.runs.record import EpochRecord, RunRecord, StudyRecord

EXPECTED = {
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "text",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "dataclass_type": "a mapping",
    "missing": "this key",
    "unexpected_keyword_argument": "no such key",
    "greater_than_equal": "a number of at least 0",
    "less_than": "a number below 2^63",
}
"""Pydantic's type of an error → what was expected. Other errors speak for themselves."""

ADAPTERS: dict[type, TypeAdapter[Any]] = {k: TypeAdapter(k) for k in (EpochRecord, RunRecord, StudyRecord)}

Record = TypeVar("Record", bound=EpochRecord | RunRecord | StudyRecord)


def to_json(record: EpochRecord | RunRecord | StudyRecord, indent: int | None = None) -> bytes:
    """A record as UTF-8 JSON; on one line without ``indent``, else one value per line."""
    return ADAPTERS[type(record)].dump_json(record, indent=indent)


def from_json(kind: type[Record], content: bytes, where: str) -> Record:
    """The record that ``to_json`` wrote; ``where`` names the file in errors."""
    try:
        record: Record = ADAPTERS[kind].validate_json(content)
        return record
    except ValidationError as error:
        problems = [str(_problem(each, where)) for each in error.errors(include_url=False)]
        more = [f"and {len(problems) - 3} more problems"] * (len(problems) > 3)
        hint = "The file was damaged, or written by another version of dnsearch."
        raise RunError("\n\n".join([*problems[:3], *more]) + f"\n  {hint}") from error


def to_lines(epochs: Iterable[EpochRecord]) -> bytes:
    """Epochs as JSON Lines, one on each."""
    return b"".join(to_json(epoch) + b"\n" for epoch in epochs)


def from_lines(content: bytes, where: str) -> list[EpochRecord]:
    """The epochs that ``to_lines`` wrote; a last line that was cut short is passed over."""
    lines = content[: content.rfind(b"\n") + 1].splitlines()
    return [from_json(EpochRecord, line, f"{where}:{number}") for number, line in enumerate(lines, start=1)]


def _problem(details: ErrorDetails, where: str) -> Problem:
    kind, path = details["type"], ".".join(map(str, details["loc"]))
    expected = EXPECTED.get(kind, details["msg"])
    match kind:
        case "json_invalid":
            expected, found = "JSON", str(details["ctx"]["error"])
        case "missing":
            found = "none"
        case _:
            if kind == "literal_error":
                expected = f"one of {details['ctx']['expected']}"
            found = json.dumps(details["input"], ensure_ascii=False)
            found = found if len(found) <= 60 else f"{found[:57]}..."
    return Problem(f"{where}  {path}" if path else where, expected, found)
