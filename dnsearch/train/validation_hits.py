"""Which validation images a run got right: kept while it trains, saved when it has finished."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from dnsearch.data.dataset import Split
from dnsearch.runs.folder import RunFolder
from dnsearch.runs.hits import Hits, Part, read_hits, write_hits
from dnsearch.runs.record import RunRecord
from dnsearch.spec.tune import Select
from dnsearch.train.checkpoint import load_weights, restored
from dnsearch.train.loop import Feed
from dnsearch.train.step import Trainer, judge

Build = Callable[[], tuple[Trainer, Feed]]


class ValidationHits:
    """The hits after the last epoch and after the best; none of masks.

    Where the run was resumed after its best epoch, that one's are known only if its weights were kept.
    """

    def __init__(self, images: Split) -> None:
        self._images, self._hits = images, dict[Part, Hits]()
        self._right: NDArray[np.bool_] | None = None

    def judged(self, right: NDArray[np.bool_] | None) -> None:
        """Keep which images were right, (images,), until the epoch's record is there."""
        self._right = right

    def epoch_ended(self, record: RunRecord, select: Select = "last") -> None:
        """Take over what was judged last, as that of the record's last epoch, or of its best."""
        if self._right is None:
            return
        images = next(iter(self._hits.values())).images if self._hits else self._images.checksum
        found = Hits(np.packbits(self._right).tobytes(), len(self._right), images)
        parts: tuple[Part, ...] = ("last", "best") if record.best_epoch == record.epochs else (select,)
        self._hits |= dict.fromkeys(parts, found)

    def save(self, folder: RunFolder, record: RunRecord, build: Build, select: Select) -> None:
        """Write the hits of a run that has finished; those of test images were of earlier weights.

        Where this process did not train the weights that are kept, their hits are found anew; ``build`` is
        for whole images.
        """
        if select not in self._hits and (self._hits or not _has_hits(folder, record, select)):
            trainer, feed = build()
            restored(trainer, folder, lambda notice: None, select)
            load_weights(trainer.model, folder.weights)
            self.judged(judge(trainer.logits, feed.validation)[1])
            self.epoch_ended(record, select)
        if self._hits:
            write_hits(folder.hits, self._hits)


def _has_hits(folder: RunFolder, record: RunRecord, select: Select) -> bool:
    """Whether a folder has the hits of the weights that are kept, or there are none to have."""
    figures = record.best if select == "best" else record.last
    if figures is None or figures.mean_iou is not None:
        return True
    kept = read_hits(folder.hits).get(select)
    return kept is not None and kept.right == round(figures.accuracy * figures.examples)
