"""Specs that come with dnsearch; each file names its source."""

from functools import cache
from importlib import resources

_FOLDER = resources.files("dnsearch.spec") / "presets"


@cache
def names() -> tuple[str, ...]:
    """The presets, in alphabetical order.

    >>> "article" in names()
    True
    """
    return tuple(sorted(entry.name.removesuffix(".yaml") for entry in _FOLDER.iterdir()))


def content(name: str) -> bytes:
    """The YAML of a preset; nothing when there is no such preset."""
    return (_FOLDER / f"{name}.yaml").read_bytes() if name in names() else b""


def file_name(name: str) -> str:
    """What to call a spec in error messages: a preset by its own file's name.

    >>> file_name("article")
    'article.yaml'
    """
    return f"{name}.yaml" if name in names() else name
