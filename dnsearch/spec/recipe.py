"""Recipes: values of the ``training`` section by one name, laid under what a spec says there itself.

A layer of a spec is its file, a file that it extends, the ``--set``s together, or a trial's values. A recipe
belongs to the layer that names it: it goes over the layers below, and what its own layer says goes over it.
"""

from functools import cache
from importlib import resources
from typing import get_args

from dnsearch.spec.overlay import overlay, spelled_out
from dnsearch.spec.reading import read
from dnsearch.spec.training import Recipe
from dnsearch.spec.tree import Leaf, Tree, entry

_FOLDER = resources.files("dnsearch.spec") / "recipes"

NAMES: tuple[str, ...] = get_args(Recipe)


@cache
def content(name: str) -> bytes:
    """The YAML of a recipe."""
    return (_FOLDER / f"{name}.yaml").read_bytes()


def with_recipe(layer: Tree) -> Tree:
    """A layer laid over the recipe that it names; without one (or with an unknown one), as it is.

    >>> from dnsearch.spec.tree import plain
    >>> plain(with_recipe(read(b"training: {recipe: fast, epochs: 5}", "a.yaml")))["training"]["epochs"]
    5
    """
    match entry(entry(layer, "training"), "recipe"):
        case Leaf(str(name)) if name in NAMES:
            below = spelled_out(read(content(name), f"{name}.yaml"))
            return overlay(below, layer)
        case _:
            return layer
