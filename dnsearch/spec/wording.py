"""What the format allows, in words: what a path may hold, and of which sort it was written.

``schema`` knows what is allowed; the error messages and docs/spec.md say it with what is here.
"""

from collections.abc import Iterable

from dnsearch.spec.overlay import shortened
from dnsearch.spec.schema import Schema, at, kind
from dnsearch.spec.tree import Items, Leaf, Table, Tree, entry


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


def either(words: Iterable[str]) -> str:
    """Words joined for a sentence.

    >>> either(["sgd", "adam", "adamw"])
    'sgd, adam or adamw'
    """
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last
