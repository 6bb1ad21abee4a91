"""Everything that dnsearch can complain about, and how a complaint looks.

The tree, with the exit code that the command line gives each branch::

    DnsearchError            1
     ├── SpecError           2   the YAML, a preset's name or a --set is wrong; carries every problem at once
     ├── DataError           3   images or labels are missing, broken or unsafe
     ├── RunError            4   a run folder is missing, unreadable or in use
     ├── TrainingError       5   training cannot go on (the loss is not finite)
     │    └── OutOfMemoryError 5   … because memory is used up; smaller batches may help
     └── StudyError          6   a study cannot be opened or continued
"""

import json
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace

SHOWN_WIDTH = 120
MOST_PROBLEMS, MOST_LETTERS = 7, 500
"""Of one message: what a hostile file holds may be long, and a screen is short."""


def escaped(text: str, allowed: str = "") -> str:
    r"""A text in which whatever a terminal might obey is spelled as in JSON; spaces and ``allowed`` stay.

    That is control characters, changes of the writing direction, and bytes of file names that are no text.

    >>> print(escaped("\x1b[31mred\u202e"))
    \u001b[31mred\u202e
    """
    if text.isprintable():
        return text
    return "".join(
        letter
        if letter.isprintable() or letter in allowed or unicodedata.category(letter) == "Zs"
        else json.dumps(letter)[1:-1]
        for letter in text
    )


@dataclass(frozen=True, slots=True)
class Place:
    """A stretch of one line of a person's ``text``, all of which is given; lines and columns count from 1."""

    file: str
    line: int
    column: int
    width: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"

    def excerpt(self) -> str:
        r"""The line before, the line itself and a caret under the characters meant.

        >>> print(Place("a.yaml", 2, 4, 3, "x: 1\ny: -12\n").excerpt())
           1 | x: 1
           2 | y: -12
             |    ^^^
        """
        lines = self.text.splitlines()
        if not 1 <= self.line <= len(lines):
            return ""
        margin = max(4, len(str(self.line)) + 1)
        first = max(0, self.column - 1 + min(self.width, SHOWN_WIDTH // 2) - SHOWN_WIDTH)
        shown = [each for each in (self.line - 1, self.line) if each and lines[each - 1][first:].strip()]
        rows = [f"{number:>{margin}} | {_window(lines[number - 1], first)}" for number in shown]
        indent = self.column - 1 - first
        carets = "^" * min(self.width, SHOWN_WIDTH - indent)
        return "\n".join([*rows, f"{'':>{margin}} | {' ' * indent}{carets}"])


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where, what was expected, what was found, how to fix it.

    >>> print(Problem("network.growth_rate", "a whole number of at least 1", found="-12"))
    network.growth_rate
      expected a whole number of at least 1, found -12
    """

    where: str
    expected: str
    found: str = ""
    hint: str = ""
    place: Place | None = None

    def at(self, place: Place | None) -> "Problem":
        """The same problem, pointing at a place in a text."""
        return replace(self, place=place)

    def __str__(self) -> str:
        where = f"{self.place}  {_short(self.where)}".rstrip() if self.place else _short(self.where)
        heading = escaped(where)
        expected = f"expected {self.expected}, found {_short(self.found)}" if self.found else self.expected
        excerpt = self.place.excerpt() if self.place else ""
        parts = [heading, f"  {expected}", *(["", excerpt] if excerpt else [])]
        return "\n".join([*parts, f"  {self.hint}"] if self.hint else parts)


class DnsearchError(Exception):
    """Anything that a person can mend; its text is the whole explanation."""

    exit_code = 1


class SpecError(DnsearchError):
    """A spec that cannot be accepted, with every problem that was found."""

    exit_code = 2

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        shown = [str(problem) for problem in self.problems[:MOST_PROBLEMS]]
        if more := len(self.problems) - len(shown):
            shown.append(f"and {more} more")
        super().__init__("\n\n".join(shown))


class DataError(DnsearchError):
    """Images or labels that are missing, broken or unsafe."""

    exit_code = 3


class RunError(DnsearchError):
    """A run folder that is missing, unreadable or in use."""

    exit_code = 4


class TrainingError(DnsearchError):
    """A training that cannot go on."""

    exit_code = 5


class OutOfMemoryError(TrainingError):
    """A training that cannot go on because memory, the processor's or a card's, is used up."""


class StudyError(DnsearchError):
    """A study that cannot be opened or continued."""

    exit_code = 6


def _short(text: str) -> str:
    return text if len(text) <= MOST_LETTERS else f"{text[: MOST_LETTERS - 3]}..."


def _window(line: str, first: int) -> str:
    """The shown part of a line, dots where something is left out; carets count each character as one cell."""
    shown = line.replace("\t", " ")[first : first + SHOWN_WIDTH]
    shown = "".join(letter if escaped(letter) == letter else "\N{REPLACEMENT CHARACTER}" for letter in shown)
    shown = f"...{shown[3:]}" if first else shown
    return shown if len(line) <= first + SHOWN_WIDTH else f"{shown[:-3]}..."
