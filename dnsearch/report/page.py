"""A report as plain data, and as one HTML file without scripts that asks nothing of a network.

Jinja2 escapes all words; only charts, which their libraries have escaped, go in as they are, and the page's
own policy forbids scripts and requests on top of that.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from dnsearch.errors import escaped


@dataclass(frozen=True, slots=True)
class Words:
    """A paragraph."""

    text: str


@dataclass(frozen=True, slots=True)
class Code:
    """Text that keeps its lines; a command or YAML."""

    text: str
    summary: str = ""  # folded away below these words


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of words; a heading that begins with > is aligned right."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    summary: str = ""  # folded away below these words


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart with what it shows in words, and its numbers for whoever cannot see it."""

    svg: str
    alt: str
    caption: str = ""
    numbers: Table | None = None
    wide: bool = False  # scrolls sideways on a phone rather than become too small
    paper: bool = False  # stays on white, since its colours are many


Part = Words | Code | Table | Picture


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands below it; without parts it is left out."""

    title: str
    parts: Sequence[Part]

    @property
    def anchor(self) -> str:
        """Where a link leads."""
        return re.sub(r"[^a-z]+", "-", self.title.lower()).strip("-")


@dataclass(frozen=True, slots=True)
class Page:
    """A report: what was asked, the answer in a sentence or a few, all else."""

    title: str
    question: str
    answer: Sequence[str]
    sections: Sequence[Section]


def html(page: Page) -> str:
    """The page as a file's content; equal pages give equal text."""
    environment = Environment(
        loader=PackageLoader("dnsearch.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"kind": lambda part: type(part).__name__, "drawn": _drawn, "plain": _plain}
    sections = [section for section in page.sections if section.parts]
    return environment.get_template("report.html").render(
        page=page, sections=sections, version=metadata.version("dnsearch")
    )


def _plain(text: str) -> str:
    """Words without what changes the writing direction; Jinja2 escapes the rest."""
    return escaped(text, "\n\t")


def _drawn(picture: Picture) -> Markup:
    """An SVG element that says what it shows; what stands before it in a file is left out."""
    found = picture.svg[picture.svg.index("<svg") :]
    width, height = (float(size) for size in re.findall(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', found)[0])
    opened = Markup('<svg role="img" aria-label="{}" style="max-width:{}px" viewBox="0 0 {} {}">')
    rest = found[found.index(">") + 1 :]
    return opened.format(_plain(picture.alt), round(width), f"{width:g}", f"{height:g}") + Markup(rest)
