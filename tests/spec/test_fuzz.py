"""No text, however strange or hostile, does anything but give a document or a SpecError, soon."""

import json
import os
import pickle
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dnsearch.errors import SpecError
from dnsearch.spec import presets
from dnsearch.spec.document import Document, parse, resolved_yaml
from dnsearch.spec.tree import Items, Leaf, Table, Tree, overlay, plain, spelled_out
from dnsearch.spec.yaml import MAX_BYTES, read

MAX_SECONDS = 1.0
MAX_MEMORY_BYTES = 200 * 1024 * 1024

EXAMPLES = int(os.environ.get("DNSEARCH_EXAMPLES", "60"))
ROUNDS = settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)

PUNCTUATION = [
    *("-", "- ", "? ", ":", ": ", ",", "[", "]", "{", "}", "#", " #", "&a ", "*a ", "!", "!!str ", "|", ">"),
    *("|-\n", "'", '"', "%", "%YAML 1.2\n", "@", "`", "---", "...", "\n", "\r\n", "\r", " ", "  ", "\t"),
    *("\\", "\\x41", "\\U00110000", "<<", "=", "~", "é", "\u2028", "\ufeff", "\x00", "a", "a: ", "0x", "1e3"),
]
WORDS = [
    *("version: 1\n", "network", "data", "training", "tune", "expect", "extends: article\n", "extends: "),
    *("optimizer", "schedule", "alpha", "name", "sgd", "parameters", "int", "float", "null", "true", "-1"),
    *("match", "limits", "family", "unet", "connectivity", "cross_block", "links", "reads", "[log, x]"),
    *("growth_rate", "layers_per_block", "{output: rule}", "{size: 4}", "window", "conv", "channels", "unit"),
    *(".nan", ".inf", "1e999", "9" * 400, "[1, 2]", "{int: [1, 2]}", "source", "path", "stem", "head"),
]
SECTIONS = ["version", "network", "data", "training", "match", "limits", "tune", "expect"]
PRESETS = [presets.content(name).decode() for name in presets.names()]

Fragments = st.lists(st.sampled_from([*PUNCTUATION, *WORDS]), max_size=40).map("".join)


def parsed(content: bytes) -> Document | None:
    """The document, or nothing where the text is refused as it should be."""
    try:
        return parse(content, "a.yaml")
    except SpecError as error:
        assert error.problems
        assert str(error).encode()  # what a terminal will want
        return None


@ROUNDS
@given(st.binary(max_size=200))
def test_any_bytes(content: bytes) -> None:
    parsed(content)


@ROUNDS
@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    parsed(text.encode(errors="surrogatepass"))


@ROUNDS
@given(Fragments)
def test_any_yaml_punctuation(text: str) -> None:
    parsed(text.encode())


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A preset with a few stretches replaced, most of them by something that YAML gives a meaning."""
    text = draw(st.sampled_from(PRESETS))
    for _ in range(draw(st.integers(1, 5))):
        start = draw(st.integers(0, len(text)))
        length = draw(st.integers(0, 30))
        elsewhere = draw(st.integers(0, len(text)))
        copied = text[elsewhere : elsewhere + length]
        put = draw(st.sampled_from([*PUNCTUATION, *WORDS, copied, ""]) | st.text(max_size=4))
        text = text[:start] + put + text[start + length :]
    return text


@ROUNDS
@given(mutated())
def test_mutated_presets(text: str) -> None:
    document = parsed(text.encode(errors="surrogatepass"))
    if document:
        again = parse(resolved_yaml(document.experiment).encode(), "again.yaml").experiment
        left_out = {"extends": None, "expect": None}
        assert again == document.experiment.model_copy(update=left_out)


@ROUNDS
@given(st.integers(0, 40), Fragments)
def test_values_of_the_wrong_kind(line: int, text: str) -> None:
    lines = PRESETS[0].splitlines()
    key, colon, _ = lines[line % len(lines)].partition(":")
    lines[line % len(lines)] = f"{key}{colon} {text}"
    parsed("\n".join(lines).encode())


Values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec="utf-8"), max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS[1:]), inner, max_size=4)
    ),
    max_leaves=12,
)


@ROUNDS
@given(st.dictionaries(st.sampled_from(SECTIONS), Values))
def test_any_values_under_known_keys(values: dict[str, Any]) -> None:
    parsed(json.dumps(values, ensure_ascii=False).encode())


Trees = Fragments.map(lambda text: read_or_nothing(text.encode())).filter(lambda tree: tree is not None)


def read_or_nothing(content: bytes) -> Tree | None:
    try:
        return read(content, "a.yaml")
    except SpecError:
        return None


@ROUNDS
@given(Trees)
def test_places_lie_within_the_text(tree: Tree) -> None:
    for node in nodes(tree):
        lines = node.place.text.splitlines() or [""]
        assert 1 <= node.place.line <= len(lines) + 1
        line = lines[node.place.line - 1] if node.place.line <= len(lines) else ""
        assert 1 <= node.place.column <= len(line) + 1
        assert 1 <= node.place.width <= max(1, len(line) + 1 - node.place.column)


@ROUNDS
@given(Trees, Trees)
def test_overlay_is_the_top_where_the_top_speaks(base: Tree, top: Tree) -> None:
    base, top = spelled_out(base), spelled_out(top)
    joined = overlay(base, top)
    assert plain(overlay(joined, top)) == plain(joined) or contains_nan(joined)
    assert not isinstance(top, Leaf | Items) or joined is top


def nodes(tree: Tree) -> list[Tree]:
    match tree:
        case Items(items):
            return [tree, *(node for item in items for node in nodes(item))]
        case Table(entries):
            return [tree, *(node for entry in entries.values() for node in nodes(entry))]
        case _:
            return [tree]


def contains_nan(tree: Tree) -> bool:
    return any(isinstance(node, Leaf) and node.value != node.value for node in nodes(tree))


# Hostile texts of the largest size allowed. Many of them took seconds, gigabytes or the whole stack before
# there were limits on depth, on keys and on the numbers of values and problems.

VALID = """\
version: 1
network: {growth_rate: 12, layers_per_block: [2, 2]}
data: {source: digits}
training: {epochs: 2, learning_rate: 0.1}
"""
NETWORK = "version: 1\nnetwork: {growth_rate: 1, layers_per_block: "


def repeated(unit: str, before: str = "", after: str = "") -> bytes:
    """A text that fills what is allowed with one unit."""
    room = MAX_BYTES - len((before + after).encode())
    return (before + unit * (room // len(unit.encode())) + after).encode()


def numbered(line: str, before: str = "", after: str = "") -> bytes:
    """Distinct lines until what is allowed is full."""
    lines: list[str] = []
    room = MAX_BYTES - len(before + after)
    while (room := room - len(line.format(len(lines)))) > 0:
        lines.append(line.format(len(lines)))
    return (before + "".join(lines) + after).encode()


def searching(choice: str) -> bytes:
    """A valid spec but for a search over very many choices."""
    fields = ("network.growth_rate", "network.stem.channels", "training.epochs", "training.batch_size")
    parameters = ", ".join(f"{field}: [{choice * 1000}]" for field in fields)
    return f"{VALID}tune: {{parameters: {{{parameters}}}}}\n".encode()


HOSTILE = {
    "open lists": repeated("["),
    "open mappings": repeated("{"),
    "open both": repeated("[{"),
    "open mappings with keys": repeated("{a: "),
    "mappings as keys": repeated("{? "),
    "explicit keys": repeated("? "),
    "explicit keys and lists": repeated("? - "),
    "empty explicit keys": repeated("?\n"),
    "values on a line": repeated("a: "),
    "colons": repeated(":"),
    "colons and spaces": repeated(": "),
    "dashes": repeated("-"),
    "nested items": repeated("- "),
    "items": repeated("-\n"),
    "items of three levels": repeated("- - - a: 1\n"),
    "indentation": "".join(f"{' ' * depth}a:\n" for depth in range(350)).encode(),
    "indented items": "".join(f"{' ' * depth}-\n" for depth in range(350)).encode(),
    "falling indentation": "".join(f"{' ' * depth}a:\n" for depth in reversed(range(350))).encode(),
    "list of numbers": repeated("1,", "a: [", "]"),
    "list of lists": repeated("[],", "a: [", "]"),
    "list of mappings": repeated("{},", "a: [", "]"),
    "list of pairs": repeated("a: 1,", "[", "]"),
    "list of empty pairs": repeated("? ,", "[", "]"),
    "wrong values": repeated("x,", NETWORK + "[", "]}"),
    "wrong mappings": repeated("{x: {}},", NETWORK + "[", "]}"),
    "unknown keys": numbered("k{}: 1\n"),
    "unknown keys on a line": numbered("k{}, ", "{", "}"),
    "unknown keys of a section": numbered("k{}: 1, ", NETWORK + "[1], ", "}"),
    "unknown parameters": numbered("network.k{}: [1], ", "tune: {parameters: {", "}}"),
    "wrong parameters": numbered("k{}: {{int: [2, 1]}}, ", "tune: {parameters: {", "}}"),
    "choices": numbered("{},", "tune: {parameters: {network.growth_rate: [", "]}}"),
    "many choices": searching("8,"),
    "many wrong choices": searching("x,"),
    "long explicit key": repeated("x", "? ", "\n: 1"),
    "long keys": numbered("k{:0190}: 1\n"),
    "long word": repeated("x"),
    "long text": repeated("x", "name: '", "'"),
    "long path": repeated("x/", "extends: "),
    "long plain text over lines": repeated("a\n "),
    "long number": repeated("9", "version: "),
    "long fraction": repeated("9", "version: 0."),
    "long exponent": repeated("9", "version: 1e"),
    "long hexadecimal number": repeated("f", "version: 0x"),
    "many digits": numbered("9" * 390 + ",", NETWORK + "[", "]}"),
    "long number in a directive": repeated("9", "%YAML 1.", "\n---\na: 1"),
    "directives": repeated("%FOO x\n", "", "---\na: 1"),
    "tag directives": numbered("%TAG !{}! tag:x\n", "", "---\na: 1"),
    "tags": repeated("!"),
    "long tag": repeated("%41", "!<", "> a"),
    "anchors and aliases": repeated("&a *a "),
    "billion laughs": "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}' if n else 'x'] * 9)}]\n" for n in range(99)
    ).encode(),
    "tabs": repeated("\t"),
    "tabs after a key": repeated("\t", "a: "),
    "spaces": repeated(" "),
    "spaces after a key": repeated(" ", "a: "),
    "empty lines": repeated("\n"),
    "carriage returns": repeated("\r"),
    "next lines": repeated("\x85"),
    "line separators": repeated("\u2028", "a: "),
    "byte order marks": repeated("\ufeff"),
    "comment": repeated("#"),
    "comments": repeated("#\n"),
    "comments after values": numbered("k{}: 1 # x\n"),
    "single quotes": repeated("'"),
    "double quotes": repeated('"'),
    "quoted quotes": repeated("''", "a: '", "'"),
    "escapes": repeated("\\x41", 'a: "', '"'),
    "escaped line ends": repeated("\\\n", 'a: "', '"'),
    "unclosed quotes over lines": repeated("a\n", 'a: "'),
    "block scalars": repeated("|\n"),
    "block scalar": repeated(" x\n", "a: |\n"),
    "folded scalar": repeated(" x\n\n", "a: >\n"),
    "empty block scalar": repeated(" \n", "a: |\n"),
    "documents": repeated("---\n"),
    "ends of documents": repeated("...\n", "a: 1\n"),
    "commas": repeated(","),
    "closing brackets": repeated("]"),
    "backslashes": repeated("\\"),
    "percent signs": repeated("%"),
    "wide letters": repeated("𝒳"),
    "not UTF-8": b"\xff" * MAX_BYTES,
    "zeros": bytes(MAX_BYTES),
    "much too long": b"a: [" + b"1," * MAX_BYTES * 100,
}

CHILD = """
import json, pickle, resource, sys, time
from dnsearch.errors import SpecError
from dnsearch.spec.document import parse

resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]), resource.RLIM_INFINITY))
for name, content in pickle.load(sys.stdin.buffer).items():
    start = time.process_time()
    try:
        parse(content, "a.yaml")
        said = "accepted"
    except SpecError as error:
        said = str(error)
    except BaseException as error:
        said = f"raised {error!r}"[:200]
    seconds = time.process_time() - start
    print(json.dumps([name, seconds, len(said), said[:200]]), flush=True)
"""


QUICK = [
    *("open lists", "open mappings with keys", "mappings as keys", "indentation", "list of numbers"),
    *("wrong values", "unknown keys", "unknown parameters", "many choices", "many wrong choices"),
    *("long number", "many digits", "tags", "billion laughs", "not UTF-8", "much too long"),
]
"""What the fast tests try; ``make test-all`` tries the others, too."""


@cache
def measured(names: tuple[str, ...]) -> dict[str, list[Any]]:
    """Processor seconds, length and beginning of what was said, text by text; memory is limited meanwhile."""
    command = [sys.executable, "-c", CHILD, str(MAX_MEMORY_BYTES)]
    texts = pickle.dumps({name: HOSTILE[name] for name in names})
    ran = subprocess.run(command, input=texts, capture_output=True, timeout=300, check=False)
    told = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len(told) == len(names), ran.stderr.decode()
    return {name: measures for name, *measures in told}


def refused_soon(name: str, seconds: float, length: int, said: str) -> None:
    assert said == "accepted" if name == "many choices" else said.startswith("a.yaml"), (name, said)
    assert seconds < MAX_SECONDS, name
    assert length < 2 * MAX_BYTES, name


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps a process within RLIMIT_AS")
@pytest.mark.parametrize("name", QUICK)
def test_hostile_texts_are_refused_soon(name: str) -> None:
    refused_soon(name, *measured(tuple(QUICK))[name])


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps a process within RLIMIT_AS")
@pytest.mark.parametrize("name", [name for name in HOSTILE if name not in QUICK])
def test_other_hostile_texts_are_refused_soon(name: str) -> None:
    refused_soon(name, *measured(tuple(each for each in HOSTILE if each not in QUICK))[name])


def test_hostile_texts_fill_what_is_allowed() -> None:
    full = [name for name, content in HOSTILE.items() if len(content) > 0.9 * MAX_BYTES]
    assert len(full) > 0.9 * len(HOSTILE)


def test_an_endless_file_is_refused() -> None:
    endless = Path("/dev/zero")
    if not endless.exists():
        pytest.skip("this system has no /dev/zero")
    with pytest.raises(SpecError, match="no regular file"):
        parse(f"extends: {endless}".encode(), "a.yaml")
