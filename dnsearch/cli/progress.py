"""What ``train`` shows and writes while it trains, and Ctrl-C, counted instead of raised."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from dnsearch.cli import console
from dnsearch.report.units import epoch_line
from dnsearch.runs.record import EpochRecord, Notice, StepEnded

Tell = Callable[[StepEnded | EpochRecord | Notice], None]


@contextmanager
def counted(say: Callable[[int], None]) -> Iterator[Callable[[], int]]:
    """Count Ctrl-C for a block, so that a running batch or trial can end; the third one raises as usual.

    Args:
        say: told the count at each Ctrl-C.
    """
    count = 0

    def heard(_signal: int, _frame: FrameType | None) -> None:
        nonlocal count
        count += 1
        if count > 2:
            raise KeyboardInterrupt
        # In a thread of its own: this one may be in the middle of drawing the display that is spoken over.
        threading.Thread(target=say, args=(count,)).start()

    earlier = signal.signal(signal.SIGINT, heard)
    try:
        yield lambda: count
    finally:
        signal.signal(signal.SIGINT, earlier)


@contextmanager
def progress(epochs: int, *, plain: bool) -> Iterator[Tell]:
    """Show a training's events for a block, by a bar on a terminal; returns the function that takes them."""
    if plain or not console.talk().is_terminal:
        yield lambda event: _say(event, epochs, None)
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
                    bar.update(
                        task,
                        description=f"epoch {epoch}/{epochs}",
                        total=steps * epochs,
                        completed=(epoch - 1) * steps + step,
                        speed=f"{speed:,.0f} images/s",
                    )
                case EpochRecord() | Notice():
                    _say(event, epochs, console.talk().width)

        yield tell


def _say(event: StepEnded | EpochRecord | Notice, epochs: int, width: int | None) -> None:
    match event:
        case EpochRecord():
            line = epoch_line(event, epochs)
            console.say(line if width is None else fitted(line, width))
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
