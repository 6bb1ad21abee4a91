"""One word, one meaning: what users read, and what modules, classes and functions are called."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

REPLACED = {
    r"laid over|lay over": "overrides",
    r"\bis said\b|\bare said\b|\bsaid to\b": "is reported",
    r"\bstands?\b(?! for\b)": "is set, is at",
    r"\bnone of\b|\bnothing of\b": "no …, null",
    r"\b(has|have) not\b(?! (been|yet)\b| \w+ed\b)": "does not have",
    r"\b(a|the|this|that|each|per|graphics) cards?\b|\bgraphics\b": "GPU",
    r"\bchronicle\b": "study summary",
    r"\bledgers?\b|\bbooks?\b": "trial store",
    r"\bcontests?\b": "pruning",
    r"\bcrews?\b": "worker pool",
    r"\bcomplaints?\b": "validation errors",
    r"\boutgoing\b": "exported",
    r"\bleases?\b|\bclaims?\b": "study lock",
    r"\bmemory: saving\b": "memory: recompute",
    r"\bthe house\b": "nothing: it is the contributors' picture",
}
"""What users no longer read, and what they read instead."""

NAMES = {
    *("book", "ledger", "turns", "crew", "knowledge", "keeping", "chronicle", "outgoing", "contest", "terms"),
    *("death", "earlier", "warm", "complaints", "pieces", "reduction", "lease", "claim", "stretches"),
}
"""Words that no module, class, function or parameter has in its name."""


def pages() -> Iterator[tuple[str, str]]:
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        if path.name != "house.md":  # for contributors
            yield path.name, path.read_text(encoding="utf-8")


def messages(text: str, *, docstrings: bool) -> Iterator[str]:
    """The string literals of a module; its docstrings only where a command shows them."""
    tree = ast.parse(text)
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.Expr)
    hidden = set()
    for node in ast.walk(tree):
        if isinstance(node, kinds) and not docstrings:
            body = [node] if isinstance(node, ast.Expr) else node.body[:1]
            hidden |= {id(each.value) for each in body if isinstance(each, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in hidden:
            yield node.value


def findings(where: str, text: str) -> list[str]:
    flat = re.sub(r"\s+", " ", text)
    return [
        f"{where}: {flat[max(0, found.start() - 30) : found.end() + 30]!r}: write {better}"
        for pattern, better in REPLACED.items()
        for found in re.finditer(pattern, flat, re.IGNORECASE)
    ]


def sources() -> list[Path]:
    return sorted((ROOT / "dnsearch").rglob("*.py"))


def test_pages_use_the_words_of_the_field() -> None:
    assert [said for name, text in pages() for said in findings(name, text)] == []


def test_messages_use_the_words_of_the_field() -> None:
    found = [
        said
        for path in sources()
        for text in messages(path.read_text(encoding="utf-8"), docstrings=path.parent.name == "cli")
        for said in findings(str(path.relative_to(ROOT)), text)
    ]
    found += [
        said
        for path in sorted((ROOT / "dnsearch").rglob("*.yaml"))
        for said in findings(path.name, path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_names_are_the_words_of_the_field() -> None:
    found = []
    for path in sources():
        names = [path.stem]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                names.append(node.name)
            elif isinstance(node, ast.arg):
                names.append(node.arg)
        words = {word for name in names for word in re.split(r"_|(?<=[a-z])(?=[A-Z])", name)}
        found += [f"{path.relative_to(ROOT)}: {word}" for word in sorted(NAMES & {w.lower() for w in words})]
    assert found == []


@pytest.mark.parametrize(
    ("text", "finds"),
    [
        ("the spec is laid over its base", 1),
        ("a card is needed", 1),
        ("a title\nstands above", 1),
        ("the value that a label stands for", 0),
        ("it has not been trained", 0),
        ("a discarded value", 0),
    ],
)
def test_replaced_words_are_found(text: str, finds: int) -> None:
    assert len(findings("x", text)) == finds
