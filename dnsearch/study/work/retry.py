"""A second try for a trial that used up memory: the same batches, each worked through in twice the parts.

A trial stays what was asked for: its settings, and so its fingerprint and its place in the search, do not
change. What its folder's record says about parts is obeyed by whoever trains there, also after a kill. The
gradients of the parts add up to the batch's; BatchNorm sees each part for itself, which is a small difference
and the reason why the record and the leaderboard say it.
"""

from dataclasses import replace

from dnsearch.runs.record import RunRecord
from dnsearch.spec.training import OF_PIXELS, Training

FEWEST = 2
"""Images of a part, which BatchNorm needs for a variance."""


def in_more_parts(record: RunRecord, training: Training) -> RunRecord | None:
    """The record to try again with; None where that was tried before, or batches cannot be cut further.

    Args:
        record: the trial's, as its folder has it.
        training: what its spec asks for.
    """
    parts = 2 * training.accumulate
    whole = training.loss in OF_PIXELS  # a ratio over the whole batch, which is no sum over its parts
    if record.parts is not None or whole or training.batch_size < FEWEST * parts:
        return None
    return replace(record, parts=parts, state="running", reason="")
