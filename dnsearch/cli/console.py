"""Where everything that a person sees goes out: data on stdout, talk on stderr.

rich is loaded by the first table; plain lines do without.
``errors.escaped`` spells out what a terminal might obey of a file, a name or a path.
"""

import io
import json
import os
import select
import sys
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from dnsearch.errors import DnsearchError, SpecError, escaped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console, RenderableType


COLOURS = "".join(map(chr, range(32)))
"""And ends of lines; rich writes them."""


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


def show(renderable: "RenderableType", *, whole: bool = False) -> None:
    """Put a table or text on stdout; ``whole``: with lines as long as they are."""
    data().print(renderable, soft_wrap=whole)


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


class _Unfailing(io.FileIO):
    """A stream that loses text rather than end the work: to a closed terminal, ``| head`` or a full disk."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self.lost: OSError | None = None

    def write(self, data: Any) -> int:  # noqa: ANN401  (bytes of any kind)
        try:
            while (count := super().write(data)) is None:  # another program made the terminal non-blocking
                select.select([], [self], [])
        except OSError as error:
            self.lost = error
            return memoryview(data).nbytes
        return count


class _Escaping(io.TextIOWrapper):
    """Spells out what typer's messages leave of a command line: it escapes control characters alone."""

    def write(self, text: str) -> int:
        return super().write(escaped(text, COLOURS))


@contextmanager
def unfailing() -> "Iterator[None]":
    """Let nothing that is written to stdout and stderr raise an error for a block.

    A stream that was closed before the start gets its number back, so that no file of ours takes it.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDONLY), True)
    earlier = sys.stdout, sys.stderr
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        encoding = getattr(getattr(sys, name), "encoding", "utf-8")
        buffer = io.BufferedWriter(_Unfailing(descriptor))
        lines = descriptor == 2 or buffer.isatty()
        setattr(sys, name, _Escaping(buffer, encoding, "backslashreplace", line_buffering=lines))
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stdout, sys.stderr = earlier


def lost(*, forgive: bool = False) -> OSError | None:
    """Why something that was put on stdout was lost, in an ``unfailing`` block; None: it was not.

    What was not asked for may be lost without an exit code that tells: ``forgive`` forgets it.
    """
    sys.stdout.flush()
    stream = getattr(sys.stdout.buffer, "raw", None)
    if not isinstance(stream, _Unfailing):
        return None
    found, stream.lost = stream.lost, None if forgive else stream.lost
    return found
