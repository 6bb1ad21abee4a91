"""The README's pictures: what commands show in a terminal, as SVG. ``make pictures`` runs it."""

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

HERE = Path(__file__).parent
WIDTH = 88
FORMAT = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.S)
"""Rich's without the fonts that it would have a reader fetch from another host."""

PICTURES = {
    "compare": "compare starter --vary training.augmentation.crop=0,1,2 --pairs 12 --name crop --runs demo",
    "leaderboard": "leaderboard speculations --runs demo",
}


def shown(arguments: str) -> str:
    """What a command writes to a terminal of ``WIDTH`` columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 60, WIDTH, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(WIDTH)}
    command = [Path(sys.executable).with_name("dnsearch"), *arguments.split()]
    with subprocess.Popen(command, stdout=theirs, stderr=subprocess.DEVNULL, env=environment):
        os.close(theirs)
        return b"".join(_read(ours)).decode()


def _read(terminal: int) -> Iterator[bytes]:
    """What comes until the other side has closed, which Linux tells by an error."""
    try:
        while part := os.read(terminal, 65_536):
            yield part
    except OSError:
        return


def drawn(name: str, arguments: str) -> str:
    """The picture of a terminal after a command."""
    console = Console(
        record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    console.print(Text.from_ansi(shown(arguments).replace("\r\n", "\n").rstrip()))
    title = f"$ dnsearch {arguments.removesuffix(' --runs demo')}"
    return console.export_svg(title=title, theme=MONOKAI, code_format=FORMAT, unique_id=name)


if __name__ == "__main__":
    for name, arguments in PICTURES.items():
        (HERE / f"{name}.svg").write_text(drawn(name, arguments), encoding="utf-8")
