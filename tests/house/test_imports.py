"""The house rules that a parser can check: who imports whom, one door per library, and a few habits."""

import ast
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from itertools import chain
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "dnsearch"

# Room → what it may import from dnsearch, besides itself. From the ground up: no room names a later one.
ROOMS: dict[str, tuple[str, ...]] = {
    "errors": (),
    "input_files": (),
    "environment": ("errors",),
    "processes": ("errors", "environment"),
    "spec": ("errors", "input_files"),
    "plan": ("spec", "errors"),
    "runs": ("spec", "errors", "input_files"),
    "data": ("spec", "runs.record", "errors", "input_files", "environment"),
    "model": ("plan", "errors", "environment"),
    "train": ("input_files", "spec", "plan", "runs", "data", "model", "errors", "environment"),
    "evaluate": ("input_files", "spec", "plan", "runs", "data", "model", "train", "errors", "environment"),
    "export": (
        "errors",
        "environment",
        "processes",
        "spec",
        "plan",
        "runs",
        "data",
        "model",
        "evaluate",
        "train",
    ),
    "search": ("errors", "environment", "processes", "spec", "plan", "runs", "evaluate", "train"),
    "compare": ("errors", "input_files", "spec", "plan", "runs", "evaluate", "search.messages"),
    "report": ("errors", "spec", "plan", "runs", "evaluate", "compare"),
    "front_door": (
        *("errors", "spec", "plan", "runs", "data", "model", "train", "evaluate", "search", "compare"),
        "report",
    ),
    "cli": (
        *("errors", "environment", "processes", "spec", "plan", "runs", "data", "model", "evaluate", "train"),
        *("export", "search", "compare", "report", "front_door"),
    ),
    "": ("errors", "front_door"),  # the package itself, which offers what the front door has
}

# Library → the modules that may import it. A library that is not here has no door yet.
DOORS: dict[str, tuple[str, ...]] = {
    "pydantic": ("spec", "runs"),
    "pydantic_core": ("spec", "runs"),
    "yaml": ("spec",),
    "numpy": ("export", "compare", "evaluate", "data", "model", "train"),
    "sklearn": ("data",),
    "PIL": ("data",),
    "h5py": ("export",),
    "onnx": ("export.onnx",),
    "onnxruntime": ("export.outside",),
    "ai_edge_litert": ("export.outside",),
    "tensorflow": (
        *("environment", "export.outside", "model", "train", "evaluate.trained_run"),
        *("data.batches", "data.augment", "data.rand_augment"),
    ),
    "keras": ("environment", "export", "model", "train", "evaluate.trained_run", "front_door"),
    "matplotlib": ("report",),
    "altair": ("report.charts",),
    "vl_convert": ("report.charts",),
    "jinja2": ("report.page",),
    "markupsafe": ("report.page",),
    "scipy": ("compare", "evaluate", "data"),
    "rich": ("report", "cli"),
    "typer": ("cli",),
    "optuna": ("search",),
    "optuna_dashboard": ("cli.study_commands",),
    "sqlalchemy": ("search",),
    "ray": ("search.ray_executor",),
    "psutil": ("environment", "search.database"),
}

# Libraries that pyproject.toml need not name, since another one brings and pins them.
COMES_WITH = {"pydantic_core": "pydantic", "sqlalchemy": "optuna"}

MAY_BE_LAZY = (
    "",
    "front_door",
    "cli",
    "environment",
    "processes",
    "export.outside",
    "runs.record",  # records are read without the sections of a spec
)  # imports inside functions
MUST_BE_LAZY = {"tensorflow": ("environment",), "keras": ("environment",)}
ENVIRONMENT = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}
MAX_LINES = 350
# 160 and 20,000 without comparisons, their statistics, hits, the kept step, the reference in Markdown, the
# errors that name what was meant, and reports.
MOST_MODULES, MOST_LINES = 172, 24_700
PRIVATE_NAMES = {
    # The only way to close the pipe by which a fork server's child would keep the server alive.
    ("processes", "multiprocessing: _forkserver_alive_fd"),
    ("processes", "multiprocessing: _forkserver"),
}


@dataclass(frozen=True, slots=True)
class Source:
    """One module: its dotted name below dnsearch, its text and what a finding shall call its file."""

    module: str
    text: str
    file: str

    @property
    def room(self) -> str:
        return self.module.partition(".")[0]

    def finding(self, line: int, said: str) -> str:
        return f"{self.file}:{line}: {said}"


@dataclass(frozen=True, slots=True)
class Import:
    """One name that a module imports, and whether it does so inside a function."""

    target: str
    line: int
    lazy: bool


def sources() -> list[Source]:
    return [_source(path) for path in sorted(PACKAGE.rglob("*.py"))]


def _source(path: Path) -> Source:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    return Source(module, path.read_text(encoding="utf-8"), str(path.relative_to(PACKAGE.parent)))


def within(module: str, places: tuple[str, ...]) -> bool:
    """Whether a module is one of some places, or below one."""
    return any(module == place or module.startswith(f"{place}.") for place in places)


def imports(tree: ast.Module, modules: frozenset[str]) -> Iterator[Import]:
    """Every import; ``from dnsearch import spec`` counts as an import of ``dnsearch.spec``."""
    inside = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        lazy = id(node) in inside
        match node:
            case ast.Import(names=names):
                yield from (Import(name.name, node.lineno, lazy) for name in names)
            case ast.ImportFrom(module=module, names=names, level=0) if module is not None:
                below = (f"{module}.{name.name}" for name in names)
                yield from (Import(name if name in modules else module, node.lineno, lazy) for name in below)
            case ast.ImportFrom():
                yield Import(".", node.lineno, lazy)


def all_imports(source: Source) -> Iterator[Import]:
    return imports(ast.parse(source.text), frozenset())


def import_findings(source: Source, modules: frozenset[str]) -> Iterator[str]:
    for found in imports(ast.parse(source.text), modules):
        library, _, below = found.target.partition(".")
        if found.lazy and not within(source.module, MAY_BE_LAZY):
            said = f"imports {found.target} inside a function; import it at the top"
            yield source.finding(found.line, said)
        if found.target == ".":
            yield source.finding(found.line, "imports relatively; write the whole name, from dnsearch on")
        elif library == "dnsearch":
            yield from _room_finding(source, found, below)
        elif library not in sys.stdlib_module_names:
            yield from _door_finding(source, found, library)


def _room_finding(source: Source, found: Import, below: str) -> Iterator[str]:
    may = ROOMS.get(source.room, ())
    if below and below != source.room and not within(below, (source.room, *may)):
        allowed = ", ".join(may) or "nothing"
        yield source.finding(
            found.line, f"imports {found.target}; {source.room or 'dnsearch'} may import {allowed}"
        )


def _door_finding(source: Source, found: Import, library: str) -> Iterator[str]:
    if library not in DOORS:
        yield source.finding(found.line, f"imports {library}, a library without a door in this table")
    elif not within(source.module, DOORS[library]):
        doors = ", ".join(DOORS[library])
        own = ", ".join(name for name in DOORS if within(source.module, DOORS[name])) or "none"
        yield source.finding(
            found.line, f"imports {library}, whose door is {doors}; the libraries of {source.module}: {own}"
        )
    elif not found.lazy and within(source.module, MUST_BE_LAZY.get(library, ())):
        yield source.finding(found.line, f"imports {library} at the top; here only inside functions")


def habit_findings(source: Source) -> Iterator[str]:
    tree = ast.parse(source.text)
    if not (ast.get_docstring(tree) or "").strip():
        yield source.finding(1, "has no module docstring")
    if (lines := source.text.count("\n")) > MAX_LINES:
        yield source.finding(lines, f"has {lines} lines, more than {MAX_LINES}")
    for node in ast.walk(tree):
        if said := _habit(source, node):
            yield source.finding(getattr(node, "lineno", 1), said)
    for number, line in enumerate(source.text.splitlines(), start=1):
        if re.search(r"#\s*(noqa(: [A-Z0-9, ]+)?|type: ignore(\[[a-z, -]+\])?)\s*$", line):
            yield source.finding(number, "silences a checker without a reason beside it")


def _habit(source: Source, node: ast.AST) -> str:
    match node:
        case ast.Assert():
            return "asserts; raise an error with a text instead"
        case ast.Call(func=ast.Name(id="print")) if source.module != "cli.console":
            return "prints; only cli/console.py does"
        case ast.Attribute() | ast.ImportFrom() if source.module != "environment":
            return "; ".join(f"touches {name}; only environment.py does" for name in _environment(node))
        case ast.Call(
            func=ast.Name(id="__import__" | "import_module") | ast.Attribute(attr="import_module")
        ) if not within(source.module, MAY_BE_LAZY):
            return "imports by name, which hides the import from this table"
        case ast.FunctionDef() | ast.AsyncFunctionDef() if not node.name.startswith("_"):
            return "" if node.returns else f"{node.name} has no return annotation"
        case _:
            return ""


def _environment(node: ast.Attribute | ast.ImportFrom) -> list[str]:
    names = [node.attr] if isinstance(node, ast.Attribute) else [name.name for name in node.names]
    return [name for name in names if name in ENVIRONMENT]


def module_names() -> frozenset[str]:
    return frozenset(f"dnsearch.{source.module}".rstrip(".") for source in sources())


def test_every_module_imports_only_what_its_room_may() -> None:
    modules = module_names()
    findings = [said for source in sources() for said in import_findings(source, modules)]
    assert not findings, "\n" + "\n".join(findings)


def test_every_module_keeps_the_habits() -> None:
    findings = [said for source in sources() for said in habit_findings(source)]
    assert not findings, "\n" + "\n".join(findings)


def test_no_two_modules_have_the_same_name() -> None:
    names = Counter(path.name for path in PACKAGE.rglob("*.py") if path.name != "__init__.py")
    assert [name for name, count in names.items() if count > 1] == []


def test_the_package_stays_small() -> None:
    """Raise a number only with a reason in the commit."""
    files = list(PACKAGE.rglob("*.py"))
    lines = sum(path.read_text(encoding="utf-8").count("\n") for path in files)
    assert len(files) <= MOST_MODULES, f"{len(files)} modules"
    assert lines <= MOST_LINES, f"{lines} lines"


def private_names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and name of each private name of another library that a module imports or reaches for."""
    libraries = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            libraries |= {name.asname or name.name.partition(".")[0]: name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            libraries |= {name.asname or name.name: node.module for name in node.names}
            words = [*node.module.split("."), *(name.name for name in node.names)]
            private = [word for word in words if re.fullmatch(r"_[a-z]\w*", word)]
            if private and not node.module.startswith("dnsearch"):
                yield node.lineno, f"{node.module}: {', '.join(private)}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and re.fullmatch(r"_[a-z]\w*", node.attr):
            root = node.value
            while isinstance(root, ast.Attribute):
                root = root.value
            if isinstance(root, ast.Name) and not libraries.get(root.id, "dnsearch").startswith("dnsearch"):
                yield node.lineno, f"{libraries[root.id]}: {node.attr}"


def test_no_module_uses_a_private_name_of_a_library() -> None:
    found = [
        (source.file, name)
        for source in sources()
        for _, name in private_names(ast.parse(source.text))
        if (source.module, name) not in PRIVATE_NAMES and name != "os: _exit"  # documented
    ]
    assert found == []


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("from optuna.storages._rdb import models", ["optuna.storages._rdb: _rdb"]),
        ("import optuna\noptuna.study._x", ["optuna: _x"]),
        ("from multiprocessing import forkserver\nforkserver._server.pipe", ["multiprocessing: _server"]),
        ("from dnsearch.spec import x\nx._y\nself._z\nimport os\nos.path.__name__", []),
    ],
)
def test_private_names_are_found(text: str, names: list[str]) -> None:
    assert [name for _, name in private_names(ast.parse(text))] == names


def test_every_module_belongs_to_a_room() -> None:
    homeless = [source.file for source in sources() if source.room not in {"", *ROOMS}]
    assert not homeless, f"no row in the table of {Path(__file__).name} for {homeless}"


def test_rooms_fall_downhill() -> None:
    floors = list(ROOMS)
    uphill = [
        (room, name)
        for room, may in ROOMS.items()
        for name in may
        if floors.index(name.partition(".")[0]) >= floors.index(room)
    ]
    assert not uphill


def test_every_library_is_declared() -> None:
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    declared = {re.split(r"[^a-z0-9-]", line.lower(), maxsplit=1)[0] for line in wanted}
    distributions = metadata.packages_distributions()
    imported = {found.target.partition(".")[0] for source in sources() for found in all_imports(source)}
    outside = {COMES_WITH.get(name, name) for name in imported - sys.stdlib_module_names - {"dnsearch"}}
    undeclared = [
        library
        for library in sorted(outside)
        if not declared & {name.lower() for name in distributions.get(library, [library])}
    ]
    assert not undeclared, f"pyproject.toml names no distribution for {undeclared}"


def test_every_door_is_a_room() -> None:
    assert {place.partition(".")[0] for doors in DOORS.values() for place in doors} <= set(ROOMS)


# The checker itself: what it must catch, and what it must let pass.

MODULES = frozenset({"dnsearch.spec", "dnsearch.spec.network", "dnsearch.train", "dnsearch.search"})


def checked(module: str, text: str) -> list[str]:
    source = Source(module, text, f"{module}.py")
    return [*import_findings(source, MODULES), *habit_findings(source)]


@pytest.mark.parametrize(
    ("module", "line", "said"),
    [
        (
            "spec.data",
            "from dnsearch.train import loop",
            "imports dnsearch.train; spec may import errors, input_files",
        ),
        (
            "plan.cost",
            "import dnsearch.train",
            "imports dnsearch.train; plan may import spec, errors",
        ),
        (
            "data.load",
            "from dnsearch.runs.folder import RunFolder",
            "imports dnsearch.runs.folder; "
            "data may import spec, runs.record, errors, input_files, environment",
        ),
        ("errors", "from dnsearch.spec import tree", "imports dnsearch.spec; errors may import nothing"),
        ("", "import dnsearch.spec", "imports dnsearch.spec; dnsearch may import errors, front_door"),
        (
            "train.loop",
            "from dnsearch.evaluate.predict import predict_images",
            "imports dnsearch.evaluate.predict; "
            "train may import input_files, spec, plan, runs, data, model, errors, environment",
        ),
        (
            "spec.data",
            "import typing\nif typing.TYPE_CHECKING:\n    from dnsearch.search import engine",
            "imports dnsearch.search; spec may import errors, input_files",
        ),
        (
            "spec.data",
            "try:\n    import dnsearch.search\nexcept ImportError:\n    pass",
            "imports dnsearch.search; spec may import errors, input_files",
        ),
        (
            "cli.main",
            "import numpy.linalg",
            "imports numpy, whose door is export, compare, evaluate, data, model, train; "
            "the libraries of cli.main: rich, typer",
        ),
        (
            "errors",
            "from yaml import parse",
            "imports yaml, whose door is spec; the libraries of errors: none",
        ),
        (
            "data.load",
            "import tensorflow as tf",
            "imports tensorflow, whose door is environment, export.outside, model, train, "
            "evaluate.trained_run, data.batches, data.augment, data.rand_augment; "
            "the libraries of data.load: numpy, sklearn, PIL, scipy",
        ),
        ("environment", "import keras", "imports keras at the top; here only inside functions"),
        ("board.rank", "import pandas", "imports pandas, a library without a door in this table"),
        ("spec.data", "from . import network", "imports relatively; write the whole name, from dnsearch on"),
        (
            "spec.data",
            "from .network import Stem",
            "imports relatively; write the whole name, from dnsearch on",
        ),
        (
            "spec.data",
            "def f() -> None:\n    import json",
            "imports json inside a function; import it at the top",
        ),
        (
            "spec.data",
            "class A:\n    async def f(self) -> None:\n        from dnsearch import errors",
            "imports dnsearch inside a function; import it at the top",
        ),
        (
            "spec.data",
            "import importlib\nimportlib.import_module('keras')",
            "imports by name, which hides the import from this table",
        ),
        ("spec.data", "__import__('keras')", "imports by name, which hides the import from this table"),
        ("spec.data", "import os\nos.environ['A'] = ''", "touches environ; only environment.py does"),
        ("cli.main", "import os as o\no.getenv('A')", "touches getenv; only environment.py does"),
        ("search.coordinator", "from os import environ as e", "touches environ; only environment.py does"),
        ("spec.data", "print(1)", "prints; only cli/console.py does"),
        ("spec.data", "assert True", "asserts; raise an error with a text instead"),
        ("spec.data", "def f():\n    pass", "f has no return annotation"),
        ("spec.data", "class A:\n    def f(self):\n        pass", "f has no return annotation"),
        ("spec.data", "x = 1  # noqa: E501", "silences a checker without a reason beside it"),
        ("spec.data", "x = 1  # type: ignore[misc]", "silences a checker without a reason beside it"),
        ("spec.data", "x = 1\n" * MAX_LINES, "has 351 lines, more than 350"),
    ],
)
def test_the_checker_catches(module: str, line: str, said: str) -> None:
    text = f'"""A module."""\n{line}'
    number = text.count("\n") + (not text.endswith("\n"))
    (finding,) = checked(module, text)
    file, at, message = finding.split(":", 2)
    assert (file, message.strip()) == (f"{module}.py", said)
    assert 2 <= int(at) <= number


@pytest.mark.parametrize("text", ["", '""""""', "x = 1", "# a comment"])
def test_the_checker_wants_a_docstring(text: str) -> None:
    assert checked("spec.data", text) == ["spec.data.py:1: has no module docstring"]


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("spec.data", "from dnsearch.spec.network import Stem"),
        ("spec.data", "from dnsearch import __version__"),
        ("plan.cost", "from dnsearch.spec.network import DenseNet"),
        ("plan.cost", "from dnsearch.errors import Problem"),
        ("cli.commands.train", "def train() -> None:\n    import dnsearch.search"),
        ("environment", "def prepare() -> None:\n    import tensorflow"),
        ("environment", "import os\nos.environ.setdefault('A', 'b')"),
        ("data.batches", "import tensorflow as tf"),
        ("model.layers", "import keras\nimport tensorflow as tf"),
        ("cli.console", "print(1)"),
        ("spec.data", "def f() -> None:\n    pass\n\n\ndef _g():\n    pass"),
        ("spec.data", "x = 1  # noqa: E501  (the table is easier to read on one line)"),
        ("spec.data", "x = 1\n" * (MAX_LINES - 1)),
        ("spec.data", "text = 'import tensorflow; print(1)'"),
    ],
)
def test_the_checker_lets_pass(module: str, line: str) -> None:
    assert checked(module, f'"""A module."""\n{line}') == []
