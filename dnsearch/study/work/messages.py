"""What the coordinator and its children tell each other, and what a search tells its caller."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dnsearch.runs.record import EpochRecord, Origin, RunRecord
from dnsearch.spec.document import Document


@dataclass(frozen=True, slots=True)
class Job:
    """A trial to train, or to train again on a fresh seed.

    Args:
        document: the trial's own spec.
        folder: its run folder.
        origin: study and number.
        threads: threads for one operation.
        cards: the graphics cards to use; None: those that TensorFlow finds.
        latency: whether to measure how long a prediction takes.
    """

    document: Document
    folder: Path
    origin: Origin
    threads: int
    cards: tuple[str, ...] | None = None
    latency: bool = False


@dataclass(frozen=True, slots=True)
class EpochEnded:
    """From a child: an epoch ended; it waits for a ``Stop`` or for None."""

    epoch: EpochRecord


@dataclass(frozen=True, slots=True)
class RunEnded:
    """From a child: the run ended, whatever its state."""

    record: RunRecord


@dataclass(frozen=True, slots=True)
class RunFailed:
    """From a child, or said of one that died: the run could not go on.

    Args:
        reason: why.
        memory: whether memory was used up.
    """

    reason: str
    memory: bool = False


Message = EpochEnded | RunEnded | RunFailed


@dataclass(frozen=True, slots=True)
class TrialStarted:
    """To the caller: a trial goes to a child."""

    job: Job


@dataclass(frozen=True, slots=True)
class TrialProgressed:
    """To the caller: an epoch of a trial ended."""

    job: Job
    epoch: EpochRecord


@dataclass(frozen=True, slots=True)
class TrialRetried:
    """To the caller: memory was used up, and the trial goes to a child again, each batch in more parts."""

    job: Job
    parts: int


@dataclass(frozen=True, slots=True)
class ProposalRefused:
    """To the caller: a proposal is infeasible; it is no trial.

    Args:
        reasons: constraint or relation → why it refuses.
    """

    reasons: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TrialEnded:
    """To the caller: a trial is finished, pruned or failed; or a retraining that confirms one."""

    record: RunRecord


@dataclass(frozen=True, slots=True)
class TrialPaused:
    """To the caller: a trial waits at a rung; it may go on later."""

    record: RunRecord


@dataclass(frozen=True, slots=True)
class SearchStopped:
    """To the caller: the search ends before its budget is used up.

    Args:
        reason: which rule ends it.
    """

    reason: str


SearchEvent = (
    ProposalRefused | TrialStarted | TrialProgressed | TrialRetried | TrialPaused | TrialEnded | SearchStopped
)
