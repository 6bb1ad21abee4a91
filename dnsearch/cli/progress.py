"""What ``train`` shows and writes while it trains, and signals, counted instead of raised."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from dnsearch.cli import console
from dnsearch.report.units import epoch_line
from dnsearch.runs.record import EpochRecord, Notice, StepEnded

Tell = Callable[[StepEnded | EpochRecord | Notice], None]


@dataclass
class Interrupts:
    """How often the program was asked to stop, and by which signal last."""

    count: int = 0
    by: signal.Signals = signal.SIGINT

    @property
    def reason(self) -> str:
        """For a record: ``stopped by Ctrl-C``, ``stopped by SIGTERM``."""
        return f"stopped by {'Ctrl-C' if self.by is signal.SIGINT else self.by.name}"

    @property
    def exit_code(self) -> int:
        """As shells have it: 128 and the signal's number."""
        return 128 + self.by


@contextmanager
def counted(say: Callable[[int], None]) -> Iterator[Interrupts]:
    """Count Ctrl-C for a block, so that a running batch or trial can end; the third one raises as usual.

    SIGTERM and SIGHUP count as two: nobody will ask once more. The SIGHUP of a terminal that was closed, or
    of a lost connection, counts as none, since the work needs no terminal. ``say`` is told each count.
    """
    found = Interrupts()

    def heard(number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGHUP and terminal is not None and not os.isatty(terminal):
            return
        found.by = signal.Signals(number)
        found.count = found.count + 1 if number == signal.SIGINT else max(found.count, 2)
        if found.count > 2:
            raise KeyboardInterrupt
        # In a thread of its own: this one may be in the middle of drawing the display that is spoken over.
        threading.Thread(target=say, args=(found.count,)).start()

    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        terminal = None
    signals = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # nohup
        signals.remove(signal.SIGHUP)
    earlier = {number: signal.signal(number, heard) for number in signals}
    try:
        yield found
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
        if terminal is not None:
            os.close(terminal)


@contextmanager
def progress(epochs: int, *, plain: bool) -> Iterator[Tell]:
    """Show a training's events for a block, by a bar on a terminal; returns the function that takes them."""
    if plain or not console.talk().is_terminal:
        yield lambda event: _say(event, epochs)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),  # with room for the ^C that a terminal of 80 columns writes behind it
        MofNCompleteColumn(),
        TextColumn("{task.fields[speed]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console.talk(), transient=True) as bar:
        task = bar.add_task("epoch 1", total=None, speed="compiling…")

        def tell(event: StepEnded | EpochRecord | Notice) -> None:
            match event:
                case StepEnded(epoch, step, steps, speed):
                    bar.update(task, description=f"epoch {epoch}/{epochs}", speed=f"{speed:,.0f} images/s")
                    bar.update(task, total=steps * epochs, completed=(epoch - 1) * steps + step)
                case EpochRecord() | Notice():
                    _say(event, epochs, console.talk().width)

        yield tell


def _say(event: StepEnded | EpochRecord | Notice, epochs: int, width: int = sys.maxsize) -> None:
    match event:
        case EpochRecord():
            console.say(fitted(epoch_line(event, epochs), width))
        case Notice(text):
            console.say(text)


def fitted(line: str, width: int) -> str:
    """A line without the parts at its end that would not fit in the terminal.

    >>> fitted("epoch 1/2  training 35.90 %  1.5 s", 30)
    'epoch 1/2  training 35.90 %'
    """
    while len(line) > width and "  " in line:
        line = line.rpartition("  ")[0]
    return line
