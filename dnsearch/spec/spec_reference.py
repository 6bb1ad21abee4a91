"""The format of a spec as a Markdown reference, written from the schema: it cannot lag behind."""

import inspect
import json
from collections.abc import Iterator
from typing import Any

from dnsearch.spec.json_schema import Schema, json_schema, kind, options, resolved
from dnsearch.spec.validation_errors import in_words

HEADING = """\
# The spec, field by field

A spec is one YAML document. This page is what `dnsearch schema --markdown` prints; `dnsearch schema` prints
the same as JSON Schema, for editors.
"""


def markdown_reference() -> str:
    """One table per section and kind, with each field's values, default and meaning."""
    return HEADING + "".join(_section("The document", "", [json_schema()]))


def _section(title: str, path: str, kinds: list[Schema]) -> Iterator[str]:
    """The tables of a section's kinds, and then of the sections below them."""
    yield f"\n## {title}\n"
    below: dict[str, list[Schema]] = {}
    for section in kinds:
        named = f"`{kind(section)}`: " if kind(section) else ""
        yield f"\n{named}{inspect.cleandoc(section.get('description', ''))}\n\n"
        yield "| field | value | default | meaning |\n|---|---|---|---|\n"
        for field, subschema in section["properties"].items():
            yield _row(field, subschema, required=field in section.get("required", ()))
            known = below.setdefault(f"{path}{field}", [])
            known += (each for each in _sections(subschema) if each not in known)
    for inner, sections in below.items():
        if sections:
            yield from _section(f"`{inner}`", f"{inner}.", sections)


def _sections(subschema: Schema) -> list[Schema]:
    """The mappings that a field may hold, also in a list or by name, without what is said of the field."""
    said = {"default", "description", "title"}
    bare = {key: value for key, value in subschema.items() if key not in said}
    found: list[Schema] = []
    for option in options(bare):
        inner = option.get("items") or option.get("additionalProperties")
        if "properties" in option:
            found.append(option)
        elif isinstance(inner, dict):
            found += _sections(inner)
    return found


def _row(field: str, subschema: Schema, *, required: bool) -> str:
    default = "required" if required else _default(resolved(subschema).get("default"))
    meaning = resolved(subschema).get("description", "")
    cells = (f"`{field}`", in_words(options(subschema)), default, " ".join(meaning.split()))
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |\n"


def _default(value: Any) -> str:  # noqa: ANN401  (whatever JSON holds)
    return "see below" if isinstance(value, dict) else f"`{json.dumps(value)}`"
