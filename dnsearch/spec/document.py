"""From a path or a preset's name to a validated experiment that knows where each value was written."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from dnsearch import input_files
from dnsearch.errors import Place, Problem, SpecError
from dnsearch.spec import presets, validation_errors
from dnsearch.spec.experiment import Experiment
from dnsearch.spec.presets import with_recipe
from dnsearch.spec.training import Stage
from dnsearch.spec.tree import Leaf, Table, Tree, completed, from_plain, nested, overlay, plain, without
from dnsearch.spec.tune import space_checks
from dnsearch.spec.yaml import MAX_BYTES, MAX_DEPTH, read, written

MAX_EXTENDS = 8
NOT_INHERITED = ("name", "expect")


@dataclass(frozen=True)
class Document:
    """An experiment with its values' places, all that ``extends`` names included, and the file as written."""

    experiment: Experiment
    tree: Tree
    text: str

    def with_values(self, values: Mapping[str, Any], origin: str) -> "Document":
        """This experiment with other values at dotted paths, without ``expect``, ``tune`` and ``compare``.

        ``origin`` is what problems call the source of the values, such as ``trial 3``.
        """
        return self._with(values, origin, dropped=("expect", "tune", "compare"))

    def with_growth(self, growth_rate: int | tuple[int, ...]) -> "Document":
        """The same experiment with the growth rate that ``match`` asked for, and without ``match``."""
        return self._with({"network.growth_rate": growth_rate}, "match", dropped=("match",))

    def with_stages(self, stages: Sequence[Stage]) -> "Document":
        """The same experiment with the stages that the fidelity of its search asks for."""
        written = [stage.model_dump(exclude_defaults=True) for stage in stages]
        fidelity = {} if self.experiment.tune is None else {"tune.fidelity": "epochs"}
        return self._with({"training.progressive": written, **fidelity}, "tune.fidelity", dropped=())

    def _with(self, values: Mapping[str, Any], origin: str, dropped: tuple[str, ...]) -> "Document":
        downwards = sorted(values.items(), key=lambda change: change[0].count("."))
        changes = [_change(path, value, origin) for path, value in downwards]
        tree = without(_changed(self.tree, changes), dropped)
        return Document(_validated(tree), tree, self.text)

    def located(self, error: SpecError) -> SpecError:
        """The same error, its problems pointing at the values that they name unless they have a place."""
        return SpecError(
            each if each.place else validation_errors.located(each, self.tree) for each in error.problems
        )


def load(name_or_path: str, overrides: Iterable[str] = ()) -> Document:
    """Read a preset or a YAML file; of the overrides, ``dotted.path=value`` each, later ones win.

    Raises:
        SpecError: with every problem that was found.

    >>> load("article", ["network.growth_rate=24"]).experiment.network.growth_rate
    24
    """
    return parse(_content(name_or_path, folder=Path()), presets.file_name(name_or_path), overrides)


def parse(content: bytes, file: str, overrides: Iterable[str] = ()) -> Document:
    """Read a spec from the bytes of a YAML ``file``; what ``extends`` names is looked for beside it."""
    tree = completed(_extended(read(content, file), Path(file).parent, (file,)))
    changes = [_override(text) for text in overrides]
    tree = without(_changed(tree, changes), ("expect",) if changes else ())
    tree = overlay(nested("name", Leaf(Path(file).stem, tree.place), tree.place), tree)
    return Document(_validated(tree), tree, content.decode("utf-8-sig"))


def resolved_yaml(experiment: Experiment) -> str:
    """The experiment with every default written out, as YAML."""
    return written(experiment.model_dump(mode="json", by_alias=True, exclude={"extends", "expect"}))


def settings(experiment: Experiment) -> dict[str, Any]:
    """Dotted path → value, for everything that makes a difference to a run.

    >>> settings(load("article").experiment)["network.alpha.stem"]
    0.1
    """
    return dict(_flat("", experiment.model_dump(mode="json", include={"network", "data", "training"})))


def fingerprint(experiment: Experiment) -> str:
    """A short name for the settings: equal settings, equal fingerprint."""
    canonical = json.dumps(settings(experiment), sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def _flat(prefix: str, values: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(f"{prefix}{key}.", value)
        else:
            yield f"{prefix}{key}", value


def _content(name_or_path: str, folder: Path, place: Place | None = None) -> bytes:
    """The bytes of a spec; ``place`` is where another one extends it."""
    if preset := presets.content(name_or_path):
        return preset
    try:
        with input_files.opened(folder / name_or_path) as file:
            return file.read(MAX_BYTES + 1)  # one more than is allowed tells the reader that it is too long
    except (OSError, ValueError):
        where = "extends" if place else name_or_path
        raise SpecError([Problem(where, _absent(folder / name_or_path, name_or_path), place=place)]) from None


def _absent(path: Path, name: str) -> str:
    """Why no spec can be read under a name, with the file or the preset that was most likely meant."""
    with suppress(OSError, ValueError):  # of a name that is too long, or a folder that cannot be looked into
        if path.exists():
            found = "a folder" if path.is_dir() else "one that you may not read, or no regular file"
            return f"expected a YAML file that can be read, found {found}"
        beside = sorted(each.name for each in path.parent.glob("*.y*ml"))
        if path.suffix in {".yaml", ".yml"} or path.name != name:
            guess = validation_errors.nearest(path.name, tuple(beside))
            return f"no such file{f'; did you mean {Path(name).with_name(guess)}?' if guess else ''}"
        files = {Path(each).stem: each for each in beside}
        guess = validation_errors.nearest(name, (*presets.names(), *files))
        if guess:
            return f"no such preset or file; did you mean {files.get(guess, guess)}?"
    return "no such preset or file; dnsearch presets lists the presets"


def _extended(tree: Tree, folder: Path, seen: tuple[str, ...]) -> Tree:
    """The tree overriding what it extends, shorthands spelled out."""
    if not isinstance(tree, Table):
        expected = "expected a mapping with version, network, data and training"
        raise SpecError([Problem("", expected, place=tree.place)])
    base, tree = tree.entries.get("extends"), with_recipe(tree)
    if not (isinstance(base, Leaf) and isinstance(base.value, str)):
        return tree
    name = base.value
    file = name if presets.content(name) else str(folder / name)
    if file in seen or len(seen) >= MAX_EXTENDS:
        expected = f"expected a chain of at most {MAX_EXTENDS} different specs"
        raise SpecError([Problem("extends", expected, place=base.place)])
    content = _content(name, folder, base.place)
    below = _extended(read(content, presets.file_name(file)), Path(file).parent, (*seen, file))
    return overlay(completed(without(below, (*NOT_INHERITED, "extends"))), tree)


def _changed(tree: Tree, changes: Sequence[Tree]) -> Tree:
    """The tree with all changes at once: of a new optimizer and its fields, neither needs to come first."""
    return overlay(tree, with_recipe(reduce(overlay, changes)), in_place=True) if changes else tree


def _change(path: str, value: Any, origin: str) -> Tree:  # noqa: ANN401  (whatever the YAML holds)
    place = Place(origin, 1, 1, 1, f"{path} = {validation_errors.shown(value)}")
    return nested(path, from_plain(value, place), place)


def _override(text: str) -> Tree:
    """The tree of one ``--set``."""
    path, equals, value = text.partition("=")
    keys = path.split(".")
    if not equals or not all(keys) or len(keys) > MAX_DEPTH or keys == ["extends"]:
        expected = "path=value, such as network.growth_rate=24"
        hint = "extends belongs in a file." if path == "extends" else ""
        raise SpecError([Problem("--set", expected, found=validation_errors.shown(text), hint=hint)])
    place = Place("--set", 1, len(path) + 2, max(1, len(value.partition("\n")[0])), text)
    try:
        tree = read(value.encode(errors="replace"), "--set") if value.strip() else Leaf(None, place)
    except SpecError as error:
        raise SpecError([problem.at(place) for problem in error.problems]) from None
    return nested(path, from_plain(plain(tree), place), place)


def _validated(tree: Tree) -> Experiment:
    try:
        experiment = Experiment.model_validate(plain(tree))
    except ValidationError as error:
        others = space_checks.besides(error, tree)
        raise SpecError(validation_errors.problems(error, tree, others=others)) from None
    if wrong := space_checks.problems(experiment, tree):
        raise SpecError(wrong)
    return experiment
