"""The strict part of YAML 1.2 that specs are written in."""

import math
from typing import Any

import pytest

from dnsearch.errors import Place, SpecError
from dnsearch.spec import yaml
from dnsearch.spec.tree import Items, Leaf, Table, Tree, deepest, plain
from dnsearch.spec.yaml import MAX_BYTES, MAX_DEPTH, MAX_DIGITS, MAX_KEY, MAX_VALUES, read, scalar


def values(text: str | bytes) -> Any:
    return plain(read(text.encode() if isinstance(text, str) else text, "a.yaml"))


def refusal(text: str | bytes) -> str:
    with pytest.raises(SpecError) as caught:
        read(text.encode() if isinstance(text, str) else text, "a.yaml")
    (problem,) = caught.value.problems
    return str(problem)


def first_lines(text: str | bytes) -> list[str]:
    return refusal(text).splitlines()[:2]


def place(tree: Tree, *path: str | int) -> Place:
    return deepest(tree, path).place


@pytest.mark.parametrize(
    ("text", "value"),
    [
        # null
        ("", None),
        ("~", None),
        ("null", None),
        ("Null", None),
        ("NULL", None),
        ("nUll", "nUll"),
        # booleans: only these six; YAML 1.1's others are texts
        ("true", True),
        ("True", True),
        ("TRUE", True),
        ("false", False),
        ("False", False),
        ("FALSE", False),
        ("tRUE", "tRUE"),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("off", "off"),
        ("y", "y"),
        ("N", "N"),
        # whole numbers
        ("0", 0),
        ("-0", 0),
        ("+12", 12),
        ("-7", -7),
        ("012", 12),
        ("08", 8),
        ("0o14", 12),
        ("0x1F", 31),
        ("0xff", 255),
        ("0o8", "0o8"),
        ("0xg", "0xg"),
        ("-0x1", "-0x1"),
        ("0b11", "0b11"),
        ("1_000", "1_000"),
        ("1,000", "1,000"),
        ("12:30:45", "12:30:45"),
        ("+-1", "+-1"),
        ("١٢", "١٢"),
        # numbers
        ("1e-3", 0.001),
        ("1E3", 1000.0),
        ("1e+3", 1000.0),
        (".5", 0.5),
        ("-.5", -0.5),
        ("5.", 5.0),
        ("1.5e2", 150.0),
        ("0.1", 0.1),
        ("-0.0", -0.0),
        ("1e", "1e"),
        ("e3", "e3"),
        (".", "."),
        ("1.2.3", "1.2.3"),
        ("1 000", "1 000"),
        (".inf", math.inf),
        ("+.Inf", math.inf),
        ("-.INF", -math.inf),
        ("inf", "inf"),
        ("nan", "nan"),
        ("1e999", math.inf),
        # texts
        ("=", "="),
        ("<<", "<<"),
        ("2024-01-01", "2024-01-01"),
        ("a b", "a b"),
    ],
)
def test_scalars(text: str, value: object) -> None:
    read_back = scalar(text)
    assert type(read_back) is type(value)
    assert read_back == value


@pytest.mark.parametrize("text", [".nan", ".NaN", ".NAN"])
def test_not_a_number(text: str) -> None:
    value = scalar(text)
    assert isinstance(value, float)
    assert math.isnan(value)


@pytest.mark.parametrize("text", ["1e-3", "true", "~", "12", "0x1F", ""])
def test_quoted_scalars_are_texts(text: str) -> None:
    assert values(f"a: '{text}'\nb: \"{text}\"") == {"a": text, "b": text}


def test_plain_scalars_in_a_document() -> None:
    assert values("{a: 1e-3, b: on, c: 012, d: ~, e:, f: True}") == {
        "a": 0.001,
        "b": "on",
        "c": 12,
        "d": None,
        "e": None,
        "f": True,
    }


def test_block_scalars_are_texts() -> None:
    assert values("a: |\n  12\nb: >-\n  x\n  y\n") == {"a": "12\n", "b": "x y"}


def test_collections_in_both_styles() -> None:
    block = "a:\n  - 1\n  - b: 2\n    c: [3, [4]]\n"
    flow = '{"a": [1, {"b": 2, "c": [3, [4]]}]}'
    assert values(block) == values(flow) == {"a": (1, {"b": 2, "c": (3, (4,))})}


def test_keys_stay_words() -> None:
    assert values("{1: a, true: b, ~: c, 'x y': d, <<: {e: f}}") == {
        "1": "a",
        "true": "b",
        "~": "c",
        "x y": "d",
        "<<": {"e": "f"},
    }


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_line_ends(newline: str) -> None:
    tree = read(newline.join(["a: 1", "b:", "  c: 22", ""]).encode(), "a.yaml")
    assert plain(tree) == {"a": 1, "b": {"c": 22}}
    where = place(tree, "b", "c")
    assert (where.line, where.column, where.width) == (3, 6, 2)


def test_byte_order_mark_is_passed_over() -> None:
    tree = read(b"\xef\xbb\xbfa: 1", "a.yaml")
    assert plain(tree) == {"a": 1}
    assert (place(tree, "a").line, place(tree, "a").column) == (1, 4)


def test_directive_and_document_start_are_welcome() -> None:
    assert values("%YAML 1.2\n---\na: 1\n...\n") == {"a": 1}


def test_a_document_need_not_be_a_mapping() -> None:
    assert values("- 1\n- 2") == (1, 2)
    assert values("hello") == "hello"


# Places


def test_places_to_the_column() -> None:
    text = "version: 1\nnetwork:\n  growth_rate: -12\n  layers: [16, 'ab', 3]\n  stem: {kernel: 7}\n"
    tree = read(text.encode(), "b.yaml")
    expected = {
        ("version",): (1, 10, 1),
        ("network", "growth_rate"): (3, 16, 3),
        ("network", "layers"): (4, 11, 1),
        ("network", "layers", 0): (4, 12, 2),
        ("network", "layers", 1): (4, 16, 4),
        ("network", "layers", 2): (4, 22, 1),
        ("network", "stem"): (5, 9, 1),
        ("network", "stem", "kernel"): (5, 18, 1),
        ("network",): (3, 3, 1),
        (): (1, 1, 1),
    }
    found = {path: place(tree, *path) for path in expected}
    assert {path: (at.line, at.column, at.width) for path, at in found.items()} == expected
    assert {at.file for at in found.values()} == {"b.yaml"}
    assert {at.text for at in found.values()} == {text}


def test_places_of_keys() -> None:
    tree = read(b"network:\n  growth_rate: 1\n  'pooling' : avg\n", "a.yaml")
    assert isinstance(tree, Table)
    network = tree.entries["network"]
    assert isinstance(network, Table)
    assert {key: (at.line, at.column, at.width) for key, at in network.keys.items()} == {
        "growth_rate": (2, 3, 11),
        "pooling": (3, 3, 9),
    }


def test_places_of_missing_and_of_long_values() -> None:
    tree = read(b"a:\nb: |\n  x\n  y\nc: x\n  y\n", "a.yaml")
    assert [(place(tree, key).line, place(tree, key).column, place(tree, key).width) for key in "abc"] == [
        (1, 3, 1),
        (2, 4, 1),
        (5, 4, 1),
    ]


def test_places_count_characters_not_bytes() -> None:
    tree = read("{'Größe θ': 1, b: αβγ}".encode(), "a.yaml")
    assert (place(tree, "b").column, place(tree, "b").width) == (19, 3)


def test_every_value_is_of_the_tree() -> None:
    tree = read(b"a: [1, {b: 2}]", "a.yaml")
    kinds = [type(deepest(tree, ("a", 1, "b")[:depth])) for depth in range(4)]
    assert kinds == [Table, Items, Table, Leaf]


# What is refused


def test_duplicate_keys() -> None:
    text = "a: 1\nb:\n  growth_rate: 12\n  pooling: avg\n  growth_rate: 24\n"
    assert (
        refusal(text)
        == """\
a.yaml:5:3
  expected each key once; growth_rate is already on line 3

   4 |   pooling: avg
   5 |   growth_rate: 24
     |   ^^^^^^^^^^^"""
    )


@pytest.mark.parametrize("text", ["{a: 1, a: 1}", "{a: 1, 'a': 2}", "{1: x, 1: x}", '{b: 1, "\\x62": 2}'])
def test_equal_keys_however_written(text: str) -> None:
    assert "each key once" in refusal(text)


def test_equal_keys_of_different_mappings_are_fine() -> None:
    assert values("{a: {b: 1}, b: {a: 1, b: 1}}") == {"a": {"b": 1}, "b": {"a": 1, "b": 1}}


@pytest.mark.parametrize(
    ("text", "where", "said"),
    [
        ("a: &x 1", "1:4", "expected no anchors (&name); write the value again, or use extends"),
        ("a: &x [1]", "1:4", "expected no anchors (&name); write the value again, or use extends"),
        ("&x a: 1", "1:1", "expected no anchors (&name); write the value again, or use extends"),
        ("a: 1\nb: *x", "2:4", "expected no aliases (*name); write the value again, or use extends"),
        ("*x : 1", "1:1", "expected no aliases (*name); write the value again, or use extends"),
        ("a: !!int 1", "1:4", "expected no tags (!name)"),
        ("a: ! x", "1:4", "expected no tags (!name)"),
        ("a: !!set {b}", "1:4", "expected no tags (!name)"),
        ("!!python/object/apply:os.system ['true']", "1:1", "expected no tags (!name)"),
        ("{!!str a: 1}", "1:2", "expected no tags (!name)"),
        ("a: 1\n---\nb: 2", "2:1", "expected one document; remove the line --- and what follows it"),
        ("---\n---\n", "2:1", "expected one document; remove the line --- and what follows it"),
        ("", "1:1", "expected some YAML, and this is empty"),
        ("# nothing\n", "2:1", "expected some YAML, and this is empty"),
        ("\n\n", "3:1", "expected some YAML, and this is empty"),
        ("? [a]\n: 1", "1:3", f"expected a word of at most {MAX_KEY} characters as key"),
        ("{? {a: 1} : 2}", "1:4", f"expected a word of at most {MAX_KEY} characters as key"),
        ("{? : 1}", "1:3", f"expected a word of at most {MAX_KEY} characters as key"),
        ('{"": 1}', "1:2", f"expected a word of at most {MAX_KEY} characters as key"),
        ("a: \x07", "1:4", "expected printable characters, found character U+0007"),
        ("a: 1\nb: x\x00", "2:5", "expected printable characters, found character U+0000"),
        ("a: x\x1b[31m", "1:5", "expected printable characters, found character U+001B"),
        ("a: \x7f", "1:4", "expected printable characters, found character U+007F"),
        ("a: 1\u2028b: 2", "1:5", "expected printable characters, found character U+2028"),
        ("a: 1\x85b: 2", "1:5", "expected printable characters, found character U+0085"),
        ("a: \ufeff1", "1:4", "expected printable characters, found character U+FEFF"),
        ("a: \ufffe", "1:4", "expected printable characters, found character U+FFFE"),
        ('a: "\\0"', "1:4", "expected printable characters, found character U+0000"),
        ('a: "x\\e[31m"', "1:4", "expected printable characters, found character U+001B"),
        ('a: "\\ud800"', "1:4", "expected printable characters, found character U+D800"),
        ('"a\\x07": 1', "1:1", "expected printable characters, found character U+0007"),
    ],
)
def test_refused(text: str, where: str, said: str) -> None:
    assert first_lines(text) == [f"a.yaml:{where}", f"  {said}"]


@pytest.mark.parametrize(
    ("text", "where", "said"),
    [
        ("network:\n\tgrowth_rate: 12", "2:1", "spaces to indent with, found a tab"),
        ("a: [1, 2", "1:9", "a list that ends with ]"),
        ("a: {b: 2", "1:9", "a mapping that ends with }"),
        ("a: b: c", "1:5", "one key and its value, as in epochs: 2"),
        ("a:\n  epochs 2\n  b: 1", "2:3", "a colon after the key, as in epochs: 2"),
        ("a: 1\nepochs\nb: 1", "3:1", "a colon after the key, as in epochs: 2"),
        ("a:\n  b: 1\n c: 2", "3:2", "the indentation of the lines above"),
        ("a: 'x", "1:6", "a text that ends with the quote it begins with"),
        ("a: 1\n b: 2", "2:3", "one key and its value, as in epochs: 2"),
        ("a: @x", "1:4", "a value, found @"),
        ("a: %x", "1:4", "a value, found %"),
        ("a: 1\n]", "2:1", "a value or a key, found ]"),
        ('a: "\\q"', "1:6", "no \\ in double quotes"),
        ('a: "\\UFFFFFFFF"', "1:7", "YAML, but found a number that is too large"),
        ('a: "\\U00110000"', "1:7", "YAML, but found a number that is too large"),
        (f"%YAML 1.{'9' * 5000}\n---\na: 1", "1:9", "YAML, but found a number that is too large"),
        ("%YAML 3.0\n---\na: 1", "1:1", "YAML"),
    ],
)
def test_not_yaml(text: str, where: str, said: str) -> None:
    assert first_lines(text) == [f"a.yaml:{where}", f"  expected {said}"]


def test_a_syntax_error_shows_its_line() -> None:
    assert (
        refusal("network:\n\tgrowth_rate: 12\n")
        == """\
a.yaml:2:1
  expected spaces to indent with, found a tab

   1 | network:
   2 |  growth_rate: 12
     | ^
  Replace each tab by two spaces."""
    )


def test_tabs_in_texts_and_comments_are_fine() -> None:
    assert values("a: 'x\ty' #\tone\nb: |\n  x\ty") == {"a": "x\ty", "b": "x\ty"}


def test_not_utf8() -> None:
    assert refusal(b"name: caf\xe9\n") == "a.yaml\n  expected UTF-8 text, found byte 0xe9 at position 9"
    assert refusal("a: 1".encode("utf-16")) == "a.yaml\n  expected UTF-8 text, found byte 0xff at position 0"


# Limits


def test_size_limit() -> None:
    filled = b"a: 1 #".ljust(MAX_BYTES, b"x")
    assert values(filled) == {"a": 1}
    assert refusal(filled + b"x") == "a.yaml\n  expected at most 65,536 bytes, found more"


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ("{a: ", "}")])
def test_depth_limit(opening: str, closing: str) -> None:
    most = MAX_DEPTH - 1  # the scalar inside is a level too
    assert values(opening * most + "1" + closing * most)
    assert first_lines(opening * MAX_DEPTH + "1" + closing * MAX_DEPTH) == [
        f"a.yaml:1:{len(opening) * MAX_DEPTH + 1}",
        "  expected at most 16 levels of nesting",
    ]


def test_depth_limit_in_block_style() -> None:
    text = "".join(f"{' ' * depth}a:\n" for depth in range(MAX_DEPTH + 1))
    assert "expected at most 16 levels of nesting" in refusal(text)
    assert "expected at most 16 levels of nesting" in refusal("- " * (MAX_DEPTH + 1))


@pytest.mark.parametrize("text", ["? " * 30_000, "{? " * 20_000, "? - " * 15_000])
def test_keys_cannot_nest(text: str) -> None:
    assert "a word of at most 200 characters as key" in refusal(text)


def test_key_length_limit() -> None:
    key = "k" * MAX_KEY
    assert values(f"{key}: 1") == {key: 1}
    assert "a word of at most 200 characters as key" in refusal(f"{key}k: 1")


def test_number_of_values_limit() -> None:
    most = MAX_VALUES - 1  # the list itself is a value
    assert len(values(f"[{'1,' * most}]")) == most
    assert first_lines(f"[{'1,' * MAX_VALUES}]") == [
        f"a.yaml:1:{2 * most + 2}",
        "  expected at most 10,000 values",
    ]


@pytest.mark.parametrize("number", ["{}", "-{}", "{}.5", "{}e5", "0x{}", ".{}"])
def test_number_length_limit(number: str) -> None:
    room = MAX_DIGITS - len(number.format(""))
    assert isinstance(values(f"a: {number.format('1' * room)}")["a"], int | float)
    assert first_lines(f"a: {number.format('1' * (room + 1))}") == [
        "a.yaml:1:4",
        "  expected a number of at most 400 digits",
    ]


def test_long_texts_are_no_numbers() -> None:
    text = "1" * MAX_DIGITS + "x"
    assert values(f"a: {text}\nb: '{text[:-1]}1'") == {"a": text, "b": text[:-1] + "1"}
    assert scalar("1" * (MAX_DIGITS + 1)) == "1" * (MAX_DIGITS + 1)


def test_billion_laughs_are_not_funny() -> None:
    lines = ["a0: &a0 [lol, lol]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    assert "expected no anchors" in refusal("\n".join(lines))


def test_the_limits_leave_room_for_a_large_search() -> None:
    lines = [f"    network.field_{n}: [{', '.join(map(str, range(20)))}]" for n in range(100)]
    text = "\n".join(["tune:", "  parameters:", *lines])
    assert len(values(text)["tune"]["parameters"]) == 100
    assert yaml.MAX_DEPTH >= 8
