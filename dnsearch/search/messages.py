"""What the coordinator and an executor tell each other, and what a search tells its caller.

::

    coordinator ── Job ──────────▶ executor ──▶ a process that trains
                ◀─ Message ──────
                ── Stop or None ─▶            after every EpochEnded
        │
        └─ SearchEvent ─▶ whoever shows the search
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dnsearch.plan.limits import Planned
from dnsearch.runs.record import EpochRecord, Origin, RunRecord, Stop


@dataclass(frozen=True, slots=True)
class Job:
    """A trial to train, or to train again on a fresh seed.

    Args:
        planned: the trial's own spec and its network.
        folder: its run folder in the study's folder.
        origin: study and number; None for a training that belongs to no study.
        threads: threads for one operation; the executor decides.
        gpus: the GPUs to use; None: those that TensorFlow finds. The executor decides.
        latency: whether to measure how long a prediction takes.
    """

    planned: Planned
    folder: Path
    origin: Origin | None
    threads: int = 1
    gpus: tuple[str, ...] | None = None
    latency: bool = False


@dataclass(frozen=True, slots=True)
class EpochEnded:
    """An epoch ended, and the training waits for a ``Stop`` or for None."""

    epoch: EpochRecord


@dataclass(frozen=True, slots=True)
class RunEnded:
    """The run ended, whatever its state."""

    record: RunRecord


@dataclass(frozen=True, slots=True)
class RunFailed:
    """The run cannot go on.

    Args:
        reason: why.
        memory: whether memory ran out.
    """

    reason: str
    memory: bool = False


@dataclass(frozen=True, slots=True)
class RunLost:
    """The node or the process that trained is gone, through no fault of the run; it can start again."""

    reason: str


Message = EpochEnded | RunEnded | RunFailed | RunLost


class Executor(ABC):
    """Where trials are trained: processes of this machine, or tasks of a Ray cluster."""

    @property
    @abstractmethod
    def jobs(self) -> list[Job]:
        """The jobs that were started and not ended."""

    @abstractmethod
    def start(self, job: Job) -> Job:
        """Start a job, or queue it where the executor has no room yet; returns it with its share."""

    @abstractmethod
    def poll(self) -> list[tuple[Job, Message]]:
        """The messages that arrive within a moment; a job that takes too long has failed."""

    @abstractmethod
    def answer(self, job: Job, stop: Stop | None) -> None:
        """Tell a training that waits after an epoch to go on or to stop."""

    @abstractmethod
    def end(self, job: Job) -> None:
        """Forget a job, and end it by force if it is still running."""

    @abstractmethod
    def close(self) -> None:
        """End all jobs by force; the executor starts no more."""


@dataclass(frozen=True, slots=True)
class TrialStarted:
    """To the caller: a trial goes to the executor."""

    job: Job


@dataclass(frozen=True, slots=True)
class TrialProgressed:
    """To the caller: an epoch of a trial ended."""

    job: Job
    epoch: EpochRecord


@dataclass(frozen=True, slots=True)
class TrialRetried:
    """To the caller: memory ran out, and the trial starts again with each batch in more parts."""

    job: Job
    parts: int


@dataclass(frozen=True, slots=True)
class TrialRestarted:
    """To the caller: the node that trained the trial was lost; it starts again after the given epoch."""

    job: Job
    reason: str
    epoch: int


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
    ProposalRefused
    | TrialStarted
    | TrialProgressed
    | TrialRetried
    | TrialRestarted
    | TrialPaused
    | TrialEnded
    | SearchStopped
)
