"""The format of a spec as a Markdown reference, written from the schema: it cannot lag behind."""

import json
from collections.abc import Iterator
from typing import Any

from dnsearch.spec.schema import Schema, expectation, json_schema, options, resolved

Path = tuple[str, ...]

HEADING = """\
# The spec, field by field

A spec is one YAML document. This page is what `dnsearch schema --markdown` prints; `dnsearch schema` prints
the same as JSON Schema, for editors.
"""


def markdown_reference() -> str:
    """One table per section, with each field's values, default and meaning."""
    return HEADING + "".join(_section("The document", (), [json_schema()]))


def _section(title: str, path: Path, alternatives: list[Schema]) -> Iterator[str]:
    """The tables of a section and of those below it."""
    yield f"\n## {title}\n"
    below: list[tuple[Path, list[Schema]]] = []
    for alternative in alternatives:
        kind = alternative["properties"].get("name", {}).get("const")
        yield f"\n{f'`{kind}`: ' if kind else ''}{alternative.get('description', '').strip()}\n\n"
        yield "| field | value | default | meaning |\n|---|---|---|---|\n"
        for field, subschema in alternative["properties"].items():
            yield _row((*path, field), subschema, required=field in alternative.get("required", ()))
            sections = [option for option in options(subschema) if "properties" in option]
            if sections:
                below.append(((*path, field), sections))
    for inner, sections in below:
        yield from _section(f"`{'.'.join(inner)}`", inner, sections)


def _row(path: Path, subschema: Schema, *, required: bool) -> str:
    default = (
        "required" if required else _default(subschema.get("default", resolved(subschema).get("default")))
    )
    cells = (f"`{path[-1]}`", expectation(path), default, subschema.get("description", ""))
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |\n"


def _default(value: Any) -> str:  # noqa: ANN401  (whatever JSON holds)
    return "see below" if isinstance(value, dict) else f"`{json.dumps(value)}`"
