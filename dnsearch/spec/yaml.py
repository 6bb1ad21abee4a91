"""Bytes → a tree of values with their places: a small, strict part of YAML 1.2; and values → YAML.

PyYAML parses events; what a plain scalar means is decided here, since PyYAML's own constructor follows YAML
1.1: it reads ``1e-3`` as text, ``on`` as true and ``012`` as ten, and keeps the last of two equal keys.
Anchors, aliases, tags and several documents are refused, and size, depth and the number of values are capped
event by event, so that no text takes long or much memory.
"""

import re
from collections.abc import Mapping
from typing import Any

import yaml

from dnsearch.errors import Place, Problem, SpecError
from dnsearch.spec.tree import Items, Leaf, Scalar, Table, Tree

MAX_BYTES = 64 * 1024
MAX_DEPTH = 16
MAX_VALUES = 10_000
MAX_DIGITS = 400
MAX_KEY = 200

# What PyYAML refuses, the byte order mark, and what only YAML 1.1 takes for a line break.
_UNPRINTABLE = re.compile(f"{yaml.SafeLoader.NON_PRINTABLE.pattern}|[\x85\u2028\u2029\ufeff]")

_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}


def read(content: bytes, file: str) -> Tree:
    """Read one YAML document.

    Raises:
        SpecError: not UTF-8, not YAML, or YAML beyond the part that specs use.

    >>> from dnsearch.spec.tree import plain
    >>> plain(read(b"a: {rate: 1e-3, on: on}", "a.yaml"))
    {'a': {'rate': 0.001, 'on': 'on'}}
    """
    if len(content) > MAX_BYTES:
        raise SpecError([Problem(file, f"at most {MAX_BYTES:,} bytes", found="more")])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        found = f"byte 0x{content[error.start]:02x} at position {error.start}"
        raise SpecError([Problem(file, "UTF-8 text", found=found)]) from None
    if strange := _UNPRINTABLE.search(text):
        lines = (text[: strange.start()] + "^").splitlines()
        place = Place(file, len(lines), len(lines[-1]), 1, text)
        raise SpecError([Problem("", "printable characters", found=_code_point(strange), place=place)])
    return _Reader(text, file).document()


def scalar(text: str) -> Scalar:
    """What a plain (unquoted) scalar means in YAML 1.2.

    >>> [scalar(text) for text in ("1e-3", "012", "yes", "true", "~")]
    [0.001, 12, 'yes', True, None]
    """
    if text in _WORDS:
        return _WORDS[text]
    if len(text) <= MAX_DIGITS and _INTEGER.fullmatch(text):
        return int(text, 0) if text.startswith(("0o", "0x")) else int(text)
    if len(text) <= MAX_DIGITS and _FLOAT.fullmatch(text):
        return float(text)
    return text


_MISTAKES = (
    (r"character '\\t'", "spaces to indent with, found a tab", "Replace each tab by two spaces."),
    (r"found character '(.)'", "a value, found {0}", "Put a value that begins with {0} into quotes."),
    (r"but found '([]}])'", "a value or a key, found {0}", "Remove it: no list or mapping is open here."),
    (
        "mapping values",
        "one key and its value, as in epochs: 2",
        "Put a value with a colon in it into quotes; indent the keys of one section alike.",
    ),
    ("expected ':'", "a colon after the key, as in epochs: 2", ""),
    (
        "<block end>|<document start>|sequence entries",
        "the indentation of the lines above",
        "The keys of one section, and the items of one list, begin at the same column.",
    ),
    ("or ']'", "a list that ends with ]", "Put a comma between two items, and ] after the last."),
    ("or '}'", "a mapping that ends with }}", "Put a comma between two entries, and }} after the last."),
    ("escape", "no \\ in double quotes", "Put a text with \\ in it into single quotes."),
    ("quoted scalar", "a text that ends with the quote it begins with", ""),
)
"""Words of PyYAML's message and its context, what was expected instead, and how to write it."""


def _explained(error: yaml.MarkedYAMLError) -> tuple[str, str]:
    """A syntax error in our words: what was expected, and what to do about it."""
    for words, expected, hint in _MISTAKES:
        if found := re.search(words, f"{error.context}; {error.problem}", re.DOTALL):
            return expected.format(*found.groups()), hint.format(*found.groups())
    return "YAML", "A value with : or # in it needs quotes; indent with spaces."


def _code_point(strange: re.Match[str]) -> str:
    return f"character U+{ord(strange.group()):04X}"


class _Reader:
    """Builds the tree of one document and refuses on the way what specs do not use."""

    def __init__(self, text: str, file: str) -> None:
        self._text = text
        self._file = file
        self._loader: Any = yaml.SafeLoader(text)  # the stubs lack the types of its methods
        self._values = 0

    def document(self) -> Tree:
        """The values of the only document."""
        try:
            self._next()  # the stream's start
            if isinstance(start := self._next(), yaml.StreamEndEvent):
                raise self._refusal(start, "some YAML, and this is empty")
            tree = self._tree(self._next(), depth=1)
            self._next()  # the document's end
            if not isinstance(more := self._next(), yaml.StreamEndEvent):
                raise self._refusal(more, "one document; remove the line --- and what follows it")
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or self._loader.get_mark()
            raise self._syntax(*_explained(error), mark) from None
        except (ValueError, OverflowError):  # from PyYAML's own int() and chr()
            raise self._syntax(
                "YAML, but found a number that is too large", "Shorten it.", self._loader.get_mark()
            ) from None
        return tree

    def _next(self) -> yaml.Event:
        event: yaml.Event = self._loader.get_event()
        self._check(event)
        return event

    def _check(self, event: yaml.Event) -> None:
        """Refuse aliases, anchors, tags and escaped controls: a text means no more than it shows."""
        match event:
            case yaml.AliasEvent():
                raise self._refusal(event, "no aliases (*name); write the value again, or use extends")
            case yaml.NodeEvent(anchor=str()):
                raise self._refusal(event, "no anchors (&name); write the value again, or use extends")
            case yaml.ScalarEvent(tag=str()) | yaml.CollectionStartEvent(tag=str()):
                raise self._refusal(event, "no tags (!name)")
            case yaml.ScalarEvent(value=value) if strange := _UNPRINTABLE.search(value):
                raise self._refusal(event, f"printable characters, found {_code_point(strange)}")

    def _tree(self, event: yaml.Event, depth: int) -> Tree:
        """The value that begins with an event, with its place."""
        self._values += 1
        if self._values > MAX_VALUES:
            raise self._refusal(event, f"at most {MAX_VALUES:,} values")
        if depth > MAX_DEPTH:
            raise self._refusal(event, f"at most {MAX_DEPTH} levels of nesting")
        place = self._place(event)
        match event:
            case yaml.ScalarEvent(value=value, style=style):
                return Leaf(value if style else self._plain(event, value), place)
            case yaml.SequenceStartEvent():
                items = []
                while not isinstance(item := self._next(), yaml.SequenceEndEvent):
                    items.append(self._tree(item, depth + 1))
                return Items(tuple(items), place)
            case _:
                return self._table(place, depth)

    def _table(self, place: Place, depth: int) -> Table:
        entries: dict[str, Tree] = {}
        keys: dict[str, Place] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent) or not 0 < len(event.value) <= MAX_KEY:
                raise self._refusal(event, f"a word of at most {MAX_KEY} characters as key")
            key = event.value
            if key in keys:
                raise self._refusal(event, f"each key once; {key} is already on line {keys[key].line}")
            keys[key] = self._place(event)
            entries[key] = self._tree(self._next(), depth + 1)
        return Table(entries, keys, place)

    def _plain(self, event: yaml.Event, value: str) -> Scalar:
        if len(value) > MAX_DIGITS and (_INTEGER.fullmatch(value) or _FLOAT.fullmatch(value)):
            raise self._refusal(event, f"a number of at most {MAX_DIGITS} digits")
        return scalar(value)

    def _refusal(self, event: yaml.Event, expected: str) -> SpecError:
        return SpecError([Problem("", f"expected {expected}", place=self._place(event))])

    def _syntax(self, expected: str, hint: str, mark: yaml.Mark) -> SpecError:
        """What is wrong with the text; a key without colon is a line before PyYAML's."""
        line, column, lines = mark.line, mark.column, self._text.splitlines()
        before = lines[line - 1].partition("#")[0].rstrip() if 0 < line <= len(lines) else ""
        in_line = lines[line][:column] if line < len(lines) else ""
        if expected.startswith("one key and") and ":" not in before and ":" not in in_line and before.strip():
            line, column = line - 1, len(before) - len(before.lstrip())
            key, _, value = before.strip().partition(" ")
            expected, hint = "a colon after the key, as in epochs: 2", f"Write {key}: {value}".rstrip()
        place = Place(self._file, line + 1, column + 1, 1, self._text)
        return SpecError([Problem("", f"expected {expected}", hint=hint, place=place)])

    def _place(self, event: yaml.Event) -> Place:
        """Where it begins; as wide as it is on one line, else one character."""
        start: Any = event.start_mark  # PyYAML's stubs allow None; its parser sets both marks
        end: Any = event.end_mark
        width = end.column - start.column if end.line == start.line else 1
        return Place(self._file, start.line + 1, start.column + 1, max(1, width), self._text)


def written(values: Mapping[str, Any]) -> str:
    """The values as a YAML document, keys in their order.

    >>> print(written({"rate": 1e-3, "path": "1e3", "classes": None}), end="")
    rate: 0.001
    path: '1e3'
    classes: null
    """
    return yaml.dump(dict(values), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


class _Dumper(yaml.SafeDumper):
    """Quotes what would be read as something else, and repeats equal lists rather than refer to the first."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None if scalar(text) == text else "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
