"""The format as a JSON Schema, and the questions that are asked of it: what a path may hold, in words."""

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from dnsearch.spec.experiment import Experiment
from dnsearch.spec.overlay import SHORTHANDS, shortened
from dnsearch.spec.tree import Items, Leaf, Table, Tree, entry, plain

Schema = dict[str, Any]


@cache
def json_schema() -> Schema:
    """The JSON Schema of a spec, shorthands included, for editors and for the error messages."""
    schema = Experiment.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "dnsearch spec"
    for definition in schema["$defs"].values():
        for field, subschema in definition["properties"].items():
            if field in SHORTHANDS and any("properties" in option for option in options(subschema, schema)):
                _allow_scalar(subschema, field, schema)
    return schema


def _allow_scalar(subschema: Schema, field: str, root: Schema) -> None:
    """Add the scalars that the section, or one of a list of them, may be written as."""
    kept: Schema = {key: subschema[key] for key in ("title", "description", "default") if key in subschema}
    alternatives = subschema.get("anyOf") or subschema.get("oneOf") or [{"$ref": subschema.get("$ref")}]
    scalars = _scalars(list(options(subschema, root)), SHORTHANDS[field][0], root)
    lists = [each for each in alternatives if "items" in each]
    for each in lists:
        each["items"] = {"anyOf": [*scalars, each["items"]]}
    subschema.clear()
    subschema.update(kept, anyOf=[*scalars, *alternatives])


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
    said = {"default", "description", "title"}
    bare = [{key: value for key, value in field.items() if key not in said} for field in fields]
    return [{"enum": names}] if names else bare


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


def at(path: tuple[str | int, ...], tree: Tree | None = None) -> tuple[Schema, ...]:
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
    return all(
        plain(found) == field["const"]
        for key, field in schema["properties"].items()
        if "const" in field and (found := section.entries.get(key)) is not None
    )


def _step(schema: Schema, part: str | int) -> Iterator[Schema]:
    if isinstance(part, int):
        positions = schema.get("prefixItems", ())
        items = positions[part] if part < len(positions) else schema.get("items")
    else:
        items = schema.get("properties", {}).get(part) or schema.get("additionalProperties")
    if isinstance(items, dict):
        for option in options(items):
            said = items.get("description") or schema.get("description") or option.get("description", "")
            yield {**option, "description": said}


def kind(section: Schema) -> str:
    """What a section of several kinds calls itself; empty for any other schema.

    >>> [kind(section) for section in at(("network",))]
    ['densenet', 'unet']
    """
    named = (section.get("properties", {}).get(field, {}).get("const") for field in ("family", "name"))
    return next((str(name) for name in named if name), "")


def keys(path: tuple[str | int, ...], tree: Tree | None = None) -> tuple[str, ...]:
    """The keys that the section at a path may have; of the kind that ``tree`` holds there, if it is given.

    >>> keys(("training", "early_stopping"))
    ('patience', 'minimum_delta')
    """
    section = tree
    for part in path:
        section = entry(section, part)
    kinds = _of_kind(at(path, tree), section)
    return tuple(dict.fromkeys(key for schema in kinds for key in schema.get("properties", {})))


def expectation(path: tuple[str | int, ...], tree: Tree | None = None) -> str:
    """What a path may hold, in words; of the sort that ``tree`` holds there, if there is such a sort.

    >>> expectation(("training", "epochs"))
    'a whole number from 1 to 100000'
    >>> expectation(("network", "stem", "pooling"))
    'none or max'
    """
    section = tree
    for part in path:
        section = entry(section, part)
    words = [part for part in path if isinstance(part, str)]
    return in_words(_of_sort(at(path, tree), section, key=words[-1] if words else ""))


def in_words(alternatives: Iterable[Schema]) -> str:
    """What any of some schemas allows; null comes last.

    >>> in_words([{"type": "null"}, {"type": "integer", "minimum": 1}])
    'a whole number of at least 1 or null'
    """
    named: list[str] = []
    others: list[str] = []
    for schema in alternatives:
        is_named = "const" in schema.get("properties", {}).get("name", {})
        (named if is_named else others).append(kind(schema) if is_named else _words(schema))
    if len(set(named)) > 1:
        others.append(f"a mapping with name: {either(dict.fromkeys(named))}")
    said = dict.fromkeys(sorted(others, key=lambda words: words == "null"))
    return " or ".join(said) or "something else"


def _of_sort(alternatives: tuple[Schema, ...], found: Tree | None, key: str) -> tuple[Schema, ...]:
    """The alternatives of the sort of what was found under a key, where there is such a sort; else all."""
    written = found and shortened(found, key)
    match written:
        case Leaf(str()) if written is not found:
            return alternatives  # a name can stand alone or in a mapping
        case Leaf(bool()):
            sort = {"boolean"}
        case Leaf(int() | float()):
            sort = {"integer", "number"}
        case Leaf(str()):
            sort = {"string", "words"}
        case Items():
            sort = {"array"}
        case Table():
            sort = {"object"}
        case _:
            return alternatives
    return tuple(each for each in alternatives if _sort(each) in sort) or alternatives


def _sort(schema: Schema) -> str:
    return str(schema["type"]) if "type" in schema else "words"


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
    match schema["type"]:
        case "integer" | "number":
            return _range(schema)
        case "array":
            return _length(schema)
        case "string":
            return _letters(schema)
        case "object":
            return _entries(schema)
        case _:
            return ""


def _letters(schema: Schema) -> str:
    if "pattern" in schema:
        return " of at most 100 letters, digits, dots, dashes and underscores, a letter or digit first"
    return " that is not empty" if schema.get("minLength") else ""


def _entries(schema: Schema) -> str:
    keys = schema.get("properties", {})
    if 0 < len(keys) <= 4:
        return f" with {either(keys)}"
    most = schema.get("maxProperties")
    return f" of {schema.get('minProperties', 0)} to {most} entries" if most is not None else ""


def _range(schema: Schema) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if low is not None and high is not None:
        return f" from {low} to {high}"
    lower = f"of at least {low}" if low is not None else f"above {above}" if above is not None else ""
    upper = f"at most {high}" if high is not None else f"below {below}" if below is not None else ""
    return " ".join(["", *filter(None, [lower, "and" if lower and upper else "", upper])])


def _length(schema: Schema) -> str:
    low, high = schema.get("minItems"), schema.get("maxItems")
    if low == high is not None:
        return f" of {low} values"
    return f" of {low or 0} to {high} values" if high is not None else ""


def either(words: Any) -> str:  # noqa: ANN401  (any iterable of strings)
    """Words joined for a sentence.

    >>> either(["sgd", "adam", "adamw"])
    'sgd, adam or adamw'
    """
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last
