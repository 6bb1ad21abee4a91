"""docs/spec.md, written from the schema: each section once, each field of it once.

A section of several kinds (optimizers, patterns of connectivity) lists its kinds first. A field that several
of them share is one entry, which names them unless it is all of them.
"""

import inspect
import json
import re
from collections.abc import Iterator

from dnsearch.spec.json_schema import Schema, bare, either, json_schema, kind, options, resolved

SEEDS = 2**32
"""All numbers below are seeds."""

HEADING = """\
# The spec, field by field

Written by `dnsearch schema --markdown`; `dnsearch schema` prints a JSON Schema for editors. An entry shows a
field's default, then what it may be. *The paper* is Huang et al., 2017, *the article* one of 2020 (README).
"""


def markdown_reference() -> str:
    """The whole format in Markdown."""
    return HEADING + "".join(_section("The document", "", [json_schema()], []))


def _section(title: str, path: str, kinds: list[Schema], told: list[Schema]) -> Iterator[str]:
    """The entries of a section, and then of the sections below it that were not ``told`` before."""
    told += kinds
    yield f"\n## {title}\n\n"
    named = [each for each in kinds if kind(each)]
    for each in kinds:
        about = inspect.cleandoc(each.get("description", ""))
        yield f"- `{kind(each)}`: {' '.join(about.split())}\n" if named else f"{about}\n"
    yield "\n"
    yield from _entries(kinds)
    for inner, sections in _below(path, kinds).items():
        fresh = [each for each in sections if each not in told]
        if fresh:
            yield from _section(f"`{inner}`", f"{inner}.", fresh, told)


def _entries(kinds: list[Schema]) -> Iterator[str]:
    """A line for each field; what several kinds have in common comes first."""
    users: dict[str, list[Schema]] = {}
    for each in kinds:
        for field, subschema in each["properties"].items():
            if "const" not in subschema or len(kinds) == 1:
                required = field in each.get("required", ())
                users.setdefault(_entry(field, subschema, required=required), []).append(each)
    yield from _choice(kinds)
    for entry, having in sorted(users.items(), key=lambda each: len(each[1]) < len(kinds)):
        only = "" if len(having) == len(kinds) else f" [{', '.join(map(_name, having))}]"
        field, _, rest = entry.partition("\n")
        yield f"- {field}{only} {rest}\n"


def _choice(kinds: list[Schema]) -> Iterator[str]:
    """The field that names the kind, if there is one."""
    for field, subschema in kinds[0]["properties"].items():
        if "const" in subschema and len(kinds) > 1:
            default = f" {subschema['default']}" if "default" in subschema else ""
            yield f"- `{field}:{default}` {either(map(kind, kinds))}.\n"


def _name(section: Schema) -> str:
    """What an entry calls a kind: its name, or its first field."""
    return kind(section) or next(iter(section["properties"]))


def _entry(field: str, subschema: Schema, *, required: bool) -> str:
    """Field and default, a line break, values and meaning."""
    schema = resolved(subschema)
    default, meaning = schema.get("default"), " ".join(schema.get("description", "").split())
    shown = "" if required else _yaml(default)
    values = _values(subschema, default, meaning)
    notes = ", ".join(filter(None, ["**required**" if required else "", values]))
    return f"`{field}:{shown}`\n{f'({notes}) ' if notes else ''}{meaning}"


def _yaml(default: object) -> str:
    """A default as one would write it: a section by its name, or not at all."""
    if isinstance(default, dict):
        return f" {default['name']}" if "name" in default else ""
    return f" {default if isinstance(default, str) else json.dumps(default)}"


def _values(subschema: Schema, default: object, meaning: str) -> str:
    """What a field may hold, as far as neither its default nor its meaning shows it: ``integer 1–1024``."""
    words, names = dict[str, None](), list[str]()
    for option in options(subschema):
        if kind(option) or (option == {"type": "null"} and default is None):
            continue
        if "const" in option or "enum" in option:
            names += map(str, option.get("enum", [option.get("const")]))
        else:
            words[_value(option, default)] = None
    told = all(re.search(rf"(?<![\w-]){re.escape(name)}\b", meaning) for name in names)
    null = [words.pop("null")] if "null" in words else []
    return " or ".join(filter(None, ["" if told else either(names), *words, *("null" for _ in null)]))


_NOUNS = {"integer": "integer", "number": "number", "string": "text", "null": "null", "object": "mapping"}


def _value(option: Schema, default: object) -> str:
    if "properties" in option or option.get("type") == "boolean":
        return ""
    if option.get("type") == "array":
        low, high = option.get("minItems"), option.get("maxItems")
        return f"list of {low}" if low is not None and low == high else "list"
    if isinstance(default, int | float) and option.get("type") in {"integer", "number"}:
        return _range(option).strip()  # the default is written as one
    return f"{_NOUNS[option['type']]}{_range(option)}" if "type" in option else "any value"


def _range(schema: Schema) -> str:
    """The bounds of a number, such as `` 1–1024`` or `` >0 ≤1``; a seed's upper bound goes without saying."""
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if low is not None and high is not None:
        return f" {low}–{high}"
    signs = {"≥": low, ">": above, "≤": high, "<": below if below != SEEDS else None}
    return "".join(f" {sign}{bound}" for sign, bound in signs.items() if bound is not None)


def _below(path: str, kinds: list[Schema]) -> dict[str, list[Schema]]:
    """The sections that the fields of some kinds hold, by their paths."""
    found: dict[str, list[Schema]] = {}
    for section in kinds:
        for field, subschema in section["properties"].items():
            known = found.setdefault(f"{path}{field}", [])
            known += (each for each in _sections(subschema) if each not in known)
    return found


def _sections(subschema: Schema) -> list[Schema]:
    """The mappings that a field may hold, also in a list or by name, without what the field says of them."""
    found: list[Schema] = []
    for option in options(bare(subschema)):
        inner = option.get("items") or option.get("additionalProperties")
        if "properties" in option:
            found.append(option)
        elif isinstance(inner, dict):
            found += _sections(inner)
    return found
