"""Where everything that a person sees goes out: data on stdout, talk on stderr."""

import json
import sys
from typing import Any

from rich.console import Console, RenderableType
from rich.text import Text

from dnsearch.errors import DnsearchError, SpecError

data = Console(highlight=False)
talk = Console(stderr=True, highlight=False)


def show(renderable: RenderableType) -> None:
    """Put a table or text on stdout."""
    data.print(renderable)


def raw(text: str) -> None:
    """Put text on stdout as it is, without wrapping or colours: YAML, CSV, Markdown."""
    sys.stdout.write(text if text.endswith("\n") else text + "\n")


def show_json(value: Any) -> None:  # noqa: ANN401  (anything that JSON holds)
    """Put a value on stdout as JSON."""
    raw(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


def say(text: str) -> None:
    """Say something to the person, on stderr."""
    talk.print(Text(text), soft_wrap=True)


def complain(error: DnsearchError) -> None:
    """Say what went wrong, on stderr; of a spec, every problem and how many there are."""
    talk.print(Text(str(error), style="red" if not isinstance(error, SpecError) else ""), soft_wrap=True)
    if isinstance(error, SpecError):
        count = len(error.problems)
        say(f"\n{count} problem{'s' if count > 1 else ''}; nothing was run.")
