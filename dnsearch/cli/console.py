"""Where everything that a person sees goes out: data on stdout, talk on stderr.

rich draws tables and what redraws itself; it is loaded by the first of them, since plain lines do without.
"""

import json
import sys
from functools import cache
from typing import TYPE_CHECKING, Any

from dnsearch.errors import DnsearchError, SpecError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType


@cache
def data() -> "Console":
    """The terminal behind stdout."""
    from rich.console import Console

    return Console(highlight=False, emoji=False)


@cache
def talk() -> "Console":
    """The terminal behind stderr."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, emoji=False)


def show(renderable: "RenderableType") -> None:
    """Put a table or text on stdout."""
    data().print(renderable)


def raw(text: str) -> None:
    """Put text on stdout as it is, without wrapping or colours: YAML, CSV, Markdown."""
    print(text, end="" if text.endswith("\n") else "\n")


def show_json(value: Any) -> None:  # noqa: ANN401  (anything that JSON holds)
    """Put a value on stdout as JSON."""
    raw(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


def say(text: str) -> None:
    """Say something to the person, on stderr."""
    print(text, file=sys.stderr)


def complain(error: DnsearchError) -> None:
    """Say what went wrong, on stderr; of a spec, every problem and how many there are."""
    if isinstance(error, SpecError):
        count = len(error.problems)
        say(f"{error}\n\n{count} problem{'s' if count > 1 else ''}; nothing was run.")
    else:
        from rich.text import Text

        talk().print(Text(str(error), style="red"), soft_wrap=True)
