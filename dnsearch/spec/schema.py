"""The format as a JSON Schema, and the questions that are asked of it: what a path may hold, in words."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from dnsearch.spec.experiment import Experiment
from dnsearch.spec.overlay import SHORTHANDS
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
    """Add the scalars that the section may be written as: those that its mapping needs nothing else for."""
    alternatives = [subschema.pop(key) for key in ("oneOf", "anyOf") if key in subschema] or [
        [{"$ref": subschema.pop("$ref")}]
    ]
    subschema.pop("discriminator", None)
    first = SHORTHANDS[field][0]
    mappings = [
        option for each in alternatives[0] for option in options(each, root) if "properties" in option
    ]
    scalars = [each["properties"][first] for each in mappings if set(each.get("required", ())) <= {first}]
    names = [scalar["const"] for scalar in scalars if "const" in scalar]
    subschema["anyOf"] = [{"enum": names}] if names else [_bare(scalar) for scalar in scalars]
    subschema["anyOf"] += alternatives[0]


def _bare(scalar: Schema) -> Schema:
    return {key: value for key, value in scalar.items() if key not in {"default", "description", "title"}}


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
    """The alternatives whose required keys and constants are those of a section; all, where none fits."""
    entries = section.entries if isinstance(section, Table) else {}
    return tuple(schema for schema in alternatives if _fits(schema, entries)) or alternatives


def _fits(schema: Schema, entries: Mapping[str, Tree]) -> bool:
    required = [(entries.get(key), schema["properties"][key]) for key in schema.get("required", ())]
    return "properties" in schema and all(
        found is not None and subschema.get("const", plain(found)) == plain(found)
        for found, subschema in required
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
    alternatives = _of_sort(at(path, tree), section)
    kinds = [each for each in alternatives if "const" in each.get("properties", {}).get("name", {})]
    names = dict.fromkeys(each["properties"]["name"]["const"] for each in kinds)
    named = either(names) if len(names) > 1 else ""
    others = [_words(each) for each in alternatives if not named or each not in kinds]
    mapping = [f"a mapping with name: {named}"] if named else []
    return " or ".join(dict.fromkeys([*filter(None, others), *mapping])) or "something else"


def _of_sort(alternatives: tuple[Schema, ...], found: Tree | None) -> tuple[Schema, ...]:
    """The alternatives that are numbers, texts or lists, as what was found is; all, where none is."""
    match found:
        case Leaf(bool()):
            sort = {"boolean"}
        case Leaf(int() | float()):
            sort = {"integer", "number"}
        case Leaf(str()):
            sort = {"string", "words"}
        case Items():
            sort = {"array"}
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
        return f" from {low:g} to {high:g}"
    lower = f"of at least {low:g}" if low is not None else f"above {above:g}" if above is not None else ""
    upper = f"at most {high:g}" if high is not None else f"below {below:g}" if below is not None else ""
    return " ".join(["", *filter(None, [lower, "and" if lower and upper else "", upper])])


def _length(schema: Schema) -> str:
    low, high = schema.get("minItems"), schema.get("maxItems")
    if low == high:
        return f" of {low} values"
    return f" of {low or 0} to {high} values" if high is not None else ""


def either(words: Any) -> str:  # noqa: ANN401  (any iterable of strings)
    """Words joined for a sentence.

    >>> either(["sgd", "adam", "adamw"])
    'sgd, adam or adamw'
    """
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last
