"""Where everything that a person sees goes out: data on stdout, talk on stderr.

rich draws tables and what redraws itself; it is loaded by the first of them, since plain lines do without.
``errors.escaped`` spells out what a terminal might obey of a file, a name or a path.
"""

import json
import sys
from functools import cache
from typing import TYPE_CHECKING, Any

from dnsearch.errors import DnsearchError, SpecError, escaped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console, RenderableType


@cache
def _terminal(*, stderr: bool) -> "Console":
    from rich.console import Console
    from rich.segment import Segment

    class Escaping(Console):
        """Writes a text's own control characters out; rich's are segments of another kind."""

        def render(self, renderable: Any, options: Any = None) -> "Iterator[Segment]":  # noqa: ANN401  (as rich has it)
            for segment in super().render(renderable, options):
                yield segment if segment.control else segment._replace(text=escaped(segment.text, "\n"))

    return Escaping(stderr=stderr, highlight=False, emoji=False, markup=False)


def data() -> "Console":
    """The terminal behind stdout."""
    return _terminal(stderr=False)


def talk() -> "Console":
    """The terminal behind stderr."""
    return _terminal(stderr=True)


def show(renderable: "RenderableType") -> None:
    """Put a table or text on stdout."""
    data().print(renderable)


def raw(text: str) -> None:
    """Put text on stdout without wrapping or colours: YAML, CSV, Markdown, JSON."""
    print(escaped(text, "\n\t"), end="" if text.endswith("\n") else "\n")


def show_json(value: Any) -> None:  # noqa: ANN401  (anything that JSON holds)
    """Put a value on stdout as JSON."""
    raw(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


def say(text: str) -> None:
    """Say something to the person, on stderr."""
    print(escaped(text, "\n\t"), file=sys.stderr)


def complain(error: DnsearchError) -> None:
    """Say what went wrong, on stderr; of a spec, every problem and how many there are."""
    if isinstance(error, SpecError):
        count = len(error.problems)
        say(f"{error}\n\n{count} problem{'s' if count > 1 else ''}; nothing was run.")
    else:
        from rich.text import Text

        talk().print(Text(str(error), style="red"), soft_wrap=True)
