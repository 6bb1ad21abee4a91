"""The format of a spec as a JSON Schema and in words; error messages are written from it."""

from collections.abc import Iterable, Iterator
from functools import cache, reduce
from typing import Any

from dnsearch.spec.experiment import Experiment
from dnsearch.spec.tree import SHORTHANDS, Table, Tree, entry, plain

Schema = dict[str, Any]
Path = tuple[str | int, ...]
ABOUT = ("title", "description", "default")


@cache
def json_schema() -> Schema:
    """The JSON Schema of a spec, shorthands included, for editors and for the error messages."""
    heading = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "dnsearch spec"}
    schema = {**Experiment.model_json_schema(), **heading}
    for definition in [schema, *schema["$defs"].values()]:
        for field, subschema in definition["properties"].items():
            if "description" in subschema:
                subschema["description"] = " ".join(subschema["description"].split())
            if field in SHORTHANDS and any("properties" in option for option in options(subschema, schema)):
                _allow_scalar(subschema, field, schema)
    return schema


def _allow_scalar(subschema: Schema, field: str, root: Schema) -> None:
    """Add the scalars that the section, or one of a list of them, may be written as."""
    about: Schema = {key: subschema[key] for key in ABOUT if key in subschema}
    alternatives = subschema.get("anyOf") or subschema.get("oneOf") or [{"$ref": subschema.get("$ref")}]
    scalars = _scalars(list(options(subschema, root)), SHORTHANDS[field][0], root)
    for each in alternatives:
        if "items" in each:
            each["items"] = {"anyOf": [*scalars, each["items"]]}
    subschema.clear()
    subschema.update(about, anyOf=[*scalars, *alternatives])


def _scalars(alternatives: list[Schema], first: str, root: Schema) -> list[Schema]:
    """The scalars that stand for a mapping: those of its first field, where it needs no other one."""
    fields = [
        option
        for mapping in alternatives
        if "properties" in mapping and set(mapping.get("required", ())) <= {first}
        for option in options(mapping["properties"][first], root)
        if option.get("type") != "array"
    ]
    names = [field["const"] for field in fields if "const" in field]
    return [{"enum": names}] if names else [bare(field) for field in fields]


def bare(schema: Schema) -> Schema:
    """A schema without its title, description and default."""
    return {key: value for key, value in schema.items() if key not in ABOUT}


def resolved(subschema: Schema, root: Schema | None = None) -> Schema:
    """The definition that a ``$ref`` points to, or the schema itself."""
    reference = subschema.get("$ref", "")
    definitions = (root or json_schema())["$defs"]
    return {**definitions[reference.rsplit("/", 1)[-1]], **subschema} if reference else subschema


def options(subschema: Schema, root: Schema | None = None) -> Iterator[Schema]:
    """The alternatives of a schema, or the schema alone."""
    subschema = resolved(subschema, root)
    alternatives = subschema.get("anyOf") or subschema.get("oneOf")
    if not alternatives:
        yield subschema
    for alternative in alternatives or ():
        yield from options(alternative, root)


def at(path: Path, tree: Tree | None = None) -> tuple[Schema, ...]:
    """What a path may hold: every alternative, or nothing when no spec has such a path.

    Args:
        path: keys and positions, from the root on.
        tree: a whole spec; where a section on the way has several kinds, only the kind written there counts.

    >>> at(("network", "growth_rate"))[0]["minimum"]
    1
    >>> at(("network", "reduction"))
    ()
    """
    found: tuple[Schema, ...] = (json_schema(),)
    for part in path:
        found = tuple(below for schema in _of_kind(found, tree) for below in _step(schema, part))
        tree = entry(tree, part)
    return found


def _of_kind(alternatives: tuple[Schema, ...], section: Tree | None) -> tuple[Schema, ...]:
    """The alternatives of a section's kind, those that miss no key if there are such; all, where none is."""
    if not isinstance(section, Table):
        return alternatives
    alike = [each for each in alternatives if "properties" in each and _alike(each, section)]
    whole = [each for each in alike if set(each.get("required", ())) <= set(section.entries)]
    return tuple(whole or alike) or alternatives


def _alike(schema: Schema, section: Table) -> bool:
    """Whether a section has the constants of a schema, as far as it has those keys."""
    fields = ((field, section.entries.get(key)) for key, field in schema["properties"].items())
    return all(plain(found) == field["const"] for field, found in fields if found and "const" in field)


def _step(schema: Schema, part: str | int) -> Iterator[Schema]:
    if isinstance(part, int):
        positions = schema.get("prefixItems", ())
        below = positions[part] if part < len(positions) else schema.get("items")
    else:
        below = schema.get("properties", {}).get(part) or schema.get("additionalProperties")
    if isinstance(below, dict):
        for option in options(below):
            about = below.get("description") or schema.get("description") or option.get("description", "")
            yield {**option, "description": about}


def kind(section: Schema) -> str:
    """What a section of several kinds calls itself; empty for any other schema.

    >>> [kind(section) for section in at(("network",))]
    ['densenet', 'unet']
    """
    named = (section.get("properties", {}).get(field, {}).get("const") for field in ("family", "name"))
    return next((str(name) for name in named if name), "")


def keys(path: Path, tree: Tree | None = None) -> tuple[str, ...]:
    """The keys that the section at a path may have; of the kind that ``tree`` holds there, if it is given.

    >>> keys(("training", "early_stopping"))
    ('patience', 'minimum_delta')
    """
    kinds = _of_kind(at(path, tree), reduce(entry, path, tree))
    return tuple(dict.fromkeys(key for schema in kinds for key in schema.get("properties", {})))


def in_words(alternatives: Iterable[Schema]) -> str:
    """What any of some schemas allows; null comes last.

    >>> in_words([{"type": "null"}, {"type": "integer", "minimum": 1}])
    'a whole number of at least 1 or null'
    """
    names, words = dict[str, None](), dict[str, None]()
    for schema in alternatives:
        if "const" in schema.get("properties", {}).get("name", {}):
            names[kind(schema)] = None
        else:
            words[_words(schema)] = None
    if len(names) > 1:
        words[f"a mapping with name: {either(names)}"] = None
    return " or ".join(sorted(words, key=lambda each: each == "null")) or "something else"


_NOUNS = {
    "integer": "a whole number",
    "number": "a number",
    "array": "a list",
    "string": "text",
    "boolean": "true or false",
    "null": "null",
    "object": "a mapping",
}


def _words(schema: Schema) -> str:
    if "const" in schema:
        return str(schema["const"])
    if "enum" in schema:
        return either(map(str, schema["enum"]))
    return _NOUNS[schema["type"]] + _limits(schema) if "type" in schema else "any value"


def _limits(schema: Schema) -> str:
    match schema:
        case {"type": "integer" | "number"}:
            return _range(schema)
        case {"type": "array", "minItems": low, "maxItems": high} if low == high:
            return f" of {low} values"
        case {"type": "array", "maxItems": high}:
            return f" of {schema.get('minItems', 0)} to {high} values"
        case {"type": "string", "pattern": _}:
            return " of at most 100 letters, digits, dots, dashes and underscores, a letter or digit first"
        case {"type": "string", "minLength": _}:
            return " that is not empty"
        case {"type": "object", "properties": keys} if 0 < len(keys) <= 4:
            return f" with {either(keys)}"
        case {"type": "object", "maxProperties": most}:
            return f" of {schema.get('minProperties', 0)} to {most} entries"
        case _:
            return ""


def _range(schema: Schema) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if low is not None and high is not None:
        return f" from {low} to {high}"
    lower = f"of at least {low}" if low is not None else f"above {above}" if above is not None else ""
    upper = f"at most {high}" if high is not None else f"below {below}" if below is not None else ""
    return " ".join(["", *filter(None, [lower, "and" if lower and upper else "", upper])])


def either(words: Iterable[str]) -> str:
    """Words joined for a sentence.

    >>> either(["sgd", "adam", "adamw"])
    'sgd, adam or adamw'
    """
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last
