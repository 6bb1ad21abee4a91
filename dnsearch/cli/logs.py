"""What ``train --log`` writes beside the run's own files."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from enum import StrEnum

from dnsearch.records.epochs_csv import write_epochs_csv
from dnsearch.records.record import EpochRecord
from dnsearch.records.store import RunFolder


class Log(StrEnum):
    """A kind of log."""

    csv = "csv"
    tensorboard = "tensorboard"


@contextmanager
def logs(folder: RunFolder, kinds: Sequence[Log]) -> Iterator[Callable[[EpochRecord], None]]:
    """A function that tells every log of an epoch that is in the run folder already."""
    writers: list[Callable[[EpochRecord], None]] = []
    with ExitStack() as stack:
        if Log.csv in kinds:
            writers.append(lambda _: write_epochs_csv(folder))
        if Log.tensorboard in kinds:
            from dnsearch.train.events import tensorboard

            writers.append(stack.enter_context(tensorboard(folder.path / "tensorboard")))

        def tell(epoch: EpochRecord) -> None:
            for write in writers:
                write(epoch)

        yield tell
