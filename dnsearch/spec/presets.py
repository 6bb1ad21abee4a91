"""Presets: specs that come with dnsearch; each file names its source. Recipes: named ``training`` values.

A layer of a spec is its file, a file that it extends, the ``--set``s together, or a trial's values. A recipe
belongs to the layer that names it: it overrides the layers below, and the rest of its own layer overrides it.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import get_args

from dnsearch.spec.training import Recipe
from dnsearch.spec.tree import Leaf, Tree, entry, overlay, spelled_out
from dnsearch.spec.yaml import read

_FOLDER = Path(__file__).parent / "presets"


@cache
def names() -> tuple[str, ...]:
    """The presets, in alphabetical order."""
    return tuple(sorted(file.stem for file in _FOLDER.iterdir()))


def content(name: str) -> bytes:
    """The YAML of a preset; nothing when there is no such preset."""
    return (_FOLDER / f"{name}.yaml").read_bytes() if name in names() else b""


def file_name(name: str) -> str:
    """What to call a spec in error messages: a preset by its own file's name."""
    return f"{name}.yaml" if name in names() else name


@dataclass(frozen=True, slots=True)
class About:
    """What the head of a preset's file says of it."""

    title: str
    source: str
    published: str


def about(name: str) -> About:
    """A preset's title, source and published result, as its file's first comment gives them.

    >>> about("densenet-bc-100-12").published
    '5.92 % error on C10 (300 epochs, all 50,000 training images)'
    """
    head = content(name).decode().partition("version:")[0]
    title = head.partition("\n")[0].removeprefix("# ")
    return About(title, _under("Source", head), _under("Published", head))


def _under(heading: str, head: str) -> str:
    """What a heading says, on its line and on the indented ones below."""
    found = re.search(rf"^# {heading}:(.*(?:\n#  .*)*)", head, re.MULTILINE)
    return " ".join(found[1].replace("\n#", " ").split()) if found else ""


_RECIPES = Path(__file__).parent / "recipes"

NAMES: tuple[str, ...] = get_args(Recipe)


@cache
def recipe_content(name: str) -> bytes:
    """The YAML of a recipe."""
    return (_RECIPES / f"{name}.yaml").read_bytes()


def with_recipe(layer: Tree) -> Tree:
    """A layer, shorthands spelled out, overriding the recipe that it names, if there is such a recipe.

    >>> from dnsearch.spec.tree import plain
    >>> plain(with_recipe(read(b"training: {recipe: fast, epochs: 5}", "a.yaml")))["training"]["epochs"]
    5
    """
    layer = spelled_out(layer)
    match entry(entry(layer, "training"), "recipe"):
        case Leaf(str(name)) if name in NAMES:
            return overlay(spelled_out(read(recipe_content(name), f"{name}.yaml")), layer)
        case _:
            return layer
