"""A search to do, what the coordinator and an executor tell each other, and what a search tells its caller.

::

    coordinator ── Job ─▶ executor, which trains ── Message ─▶ coordinator ── Stop or None ─▶ executor
                ── SearchEvent ─▶ whoever shows the search
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dnsearch.plan.limits import Planned
from dnsearch.runs.record import EpochRecord, Origin, RunRecord, Stop
from dnsearch.search.feasibility import SearchSpec
from dnsearch.spec.document import Document


@dataclass(frozen=True)
class Resources:
    """What an executor may use."""

    log: Path  # where the errors of its processes go
    workers: int  # runs at once
    gpus: tuple[str, ...] = ()  # that runs are placed on; empty: every run uses what TensorFlow finds
    gpus_per_run: float = 1.0
    timeout_seconds: float | None = None  # of a run
    reuse: bool = False  # whether a process takes another run when one has finished, with its compiled steps


@dataclass(frozen=True)
class Request:
    """A search to do."""

    spec: SearchSpec
    folder: Path  # the study's; its name is the study's
    url: str  # of the database
    trials: int  # ended ones that the study shall have in all
    workers: int  # trials at once
    gpus: tuple[str, ...] = ()  # that trials are placed on; empty: every trial uses what TensorFlow finds
    enqueue: tuple[Document, ...] = ()  # specs that shall be the next trials
    say: Callable[[str], None] = lambda _: None  # told what a person should know while the search waits

    @property
    def resources(self) -> Resources:
        """Of its executor."""
        tune, log = self.spec.tune, self.folder / "workers.log"
        return Resources(log, self.workers, self.gpus, tune.gpus_per_trial, tune.trial_timeout_seconds)


@dataclass(frozen=True, slots=True)
class Job:
    """A trial to train, or to train again on a fresh seed; the executor decides on threads and GPUs."""

    planned: Planned
    folder: Path
    origin: Origin | None  # None: a training that belongs to no study
    threads: int = 1  # for one operation
    gpus: tuple[str, ...] | None = None  # None: those that TensorFlow finds
    latency: bool = False  # whether to measure how long a prediction takes
    test: bool = False  # whether to look at the test images at its end


@dataclass(frozen=True, slots=True)
class RunFailed:
    """The run cannot go on; ``memory``: since it ran out."""

    reason: str
    memory: bool = False


@dataclass(frozen=True, slots=True)
class RunLost:
    """The node or the process that trained is gone, through no fault of the run; it can start again."""

    reason: str


Message = EpochRecord | RunRecord | RunFailed | RunLost
"""An epoch ended, and the training waits for a ``Stop`` or None; or the run ended, whatever its state."""


class Executor(ABC):
    """Where trials are trained: processes of this machine, or tasks of a Ray cluster."""

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
    def end(self, folder: Path) -> None:
        """Forget the job of a run folder, and end it by force if it is still running."""

    @abstractmethod
    def close(self) -> None:
        """End all jobs by force; the executor starts no more."""


def timed(
    messages: Mapping[Path, Message], deadlines: Mapping[Path, float], seconds: float | None
) -> dict[Path, Message]:
    """Messages by run folder; a job past its deadline has failed, unless it has just ended by itself."""
    past = (folder for folder, deadline in deadlines.items() if time.monotonic() > deadline)
    late = [folder for folder in past if isinstance(messages.get(folder), EpochRecord | None)]
    return {**messages, **{folder: RunFailed(f"took longer than {seconds:g} seconds") for folder in late}}


@dataclass(frozen=True, slots=True)
class TrialStarted:
    """A trial goes to the executor."""

    job: Job


@dataclass(frozen=True, slots=True)
class TrialProgressed:
    """An epoch of a trial ended."""

    job: Job
    epoch: EpochRecord


@dataclass(frozen=True, slots=True)
class TrialRetried:
    """Memory ran out, and the trial starts again with each batch in more parts."""

    job: Job
    parts: int


@dataclass(frozen=True, slots=True)
class TrialRestarted:
    """The node that trained the trial was lost; it starts again after the given epoch."""

    job: Job
    reason: str
    epoch: int


@dataclass(frozen=True, slots=True)
class ProposalRefused:
    """A proposal is infeasible; it is no trial. ``reasons``: constraint or relation → why it refuses."""

    reasons: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TrialEnded:
    """A trial is finished, pruned or failed; or a retraining that confirms one."""

    record: RunRecord


@dataclass(frozen=True, slots=True)
class TrialPaused:
    """A trial waits at a rung; it may go on later."""

    record: RunRecord


@dataclass(frozen=True, slots=True)
class SearchStopped:
    """The search ends before its budget is used up. ``reason``: which rule ends it."""

    reason: str


TrialEvent = TrialStarted | TrialProgressed | TrialRetried | TrialRestarted | TrialPaused | TrialEnded
SearchEvent = TrialEvent | ProposalRefused | SearchStopped
