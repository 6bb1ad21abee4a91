"""What ``train`` shows while it trains: a bar on a terminal, a line per epoch elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from dnsearch.board.lines import epoch_line
from dnsearch.cli import console
from dnsearch.records.record import EpochRecord, StepEnded

Tell = Callable[[StepEnded | EpochRecord], None]


@contextmanager
def progress(epochs: int, *, plain: bool) -> Iterator[Tell]:
    """Show a training's events for a block; returns the function that takes them."""
    if plain or not console.talk.is_terminal:
        yield lambda event: _line(event, epochs)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[speed]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console.talk, transient=True) as bar:
        task = bar.add_task("epoch 1", total=None, speed="compiling…")

        def tell(event: StepEnded | EpochRecord) -> None:
            match event:
                case StepEnded(epoch, step, steps, speed):
                    bar.update(
                        task,
                        description=f"epoch {epoch}/{epochs}",
                        total=steps * epochs,
                        completed=(epoch - 1) * steps + step,
                        speed=f"{speed:,.0f} images/s",
                    )
                case EpochRecord():
                    _line(event, epochs)

        yield tell


def _line(event: StepEnded | EpochRecord, epochs: int) -> None:
    if isinstance(event, EpochRecord):
        console.say(epoch_line(event, epochs))
