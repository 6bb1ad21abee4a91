"""Which validation images a run got right: kept while it trains, saved when it has finished."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from dnsearch.data.dataset import Split
from dnsearch.runs.folder import RunFolder
from dnsearch.runs.hits import Hits, Part, read_hits, write_hits
from dnsearch.runs.record import RunRecord
from dnsearch.train.checkpoint import restored
from dnsearch.train.loop import Feed
from dnsearch.train.step import Trainer, evaluator, judge


class ValidationHits:
    """The hits after the last epoch and after the best; none of masks.

    The best epoch's are lost where the run was resumed after it. Comparisons are then not paired.
    """

    def __init__(self, images: Split) -> None:
        self._images, self._hits = images, dict[Part, Hits]()
        self._right: NDArray[np.bool_] | None = None

    def judged(self, right: NDArray[np.bool_] | None) -> None:
        """Keep which images were right, (images,), until the epoch's record is there."""
        self._right = right

    def epoch_ended(self, record: RunRecord) -> None:
        """Take over what was judged last, as that of the record's last epoch."""
        if self._right is not None:
            known = self._hits.get("last")
            images = known.images if known else self._images.checksum
            last = Hits(np.packbits(self._right).tobytes(), len(self._right), images)
            self._hits["last"] = last
            if record.best_epoch == record.epochs:
                self._hits["best"] = last

    def save(self, folder: RunFolder, record: RunRecord, build: Callable[[], tuple[Trainer, Feed]]) -> None:
        """Write the hits of a run that has finished; those of test images were of earlier weights.

        Of a run whose process died after its last epoch they are found anew; ``build`` is for whole images.
        """
        if not self._hits and not _has_hits(folder, record):
            trainer, feed = build()
            restored(trainer, folder, lambda notice: None)
            self.judged(judge(evaluator(trainer.model), feed.validation)[1])
            self.epoch_ended(record)
        if self._hits:
            write_hits(folder.hits, self._hits)


def _has_hits(folder: RunFolder, record: RunRecord) -> bool:
    """Whether a folder has the hits of the last epoch, or there are none to have."""
    if record.last is None or record.last.mean_iou is not None:
        return True
    last = read_hits(folder.hits).get("last")
    return last is not None and last.right == round(record.last.accuracy * record.last.examples)
