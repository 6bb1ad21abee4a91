"""The children at work and what each of them is about; one that takes too long has failed."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Generic, TypeVar

from dnsearch.runs.record import Stop
from dnsearch.study.work import worker
from dnsearch.study.work.messages import Job, Message, RunFailed
from dnsearch.study.work.worker import Worker

POLL_SECONDS = 0.2

Work = TypeVar("Work")


@dataclass
class Crew(Generic[Work]):
    """Running children, by the run folders that they write to.

    Args:
        timeout_seconds: how long each may take; None for as long as it wants.
        log: the file that the children's own output goes to.
    """

    timeout_seconds: float | None
    log: Path
    _children: dict[Path, tuple[Work, Worker]] = field(default_factory=dict, init=False)

    def __len__(self) -> int:
        return len(self._children)

    @property
    def works(self) -> list[Work]:
        """What the children are about."""
        return [work for work, _ in self._children.values()]

    @property
    def jobs(self) -> list[Job]:
        """What the children train."""
        return [child.job for _, child in self._children.values()]

    def start(self, job: Job, work: Work) -> None:
        """Start a child for a job."""
        self._children[job.folder] = work, worker.start(job, self.timeout_seconds, self.log)

    def listen(self) -> Iterator[tuple[Work, Job, Message]]:
        """What the children say within a moment, and who has taken too long; after an epoch a child waits."""
        for child in worker.ready([child for _, child in self._children.values()], POLL_SECONDS):
            yield self._children[child.job.folder][0], child.job, worker.receive(child)
        for work, child in list(self._children.values()):
            if monotonic() > child.deadline:
                child.process.kill()
                yield work, child.job, RunFailed(f"took longer than {self.timeout_seconds:g} seconds")

    def answer(self, job: Job, stop: Stop | None) -> None:
        """Tell a child that waits after an epoch to go on or to stop."""
        worker.answer(self._children[job.folder][1], stop)

    def dismiss(self, folder: Path) -> None:
        """Take leave of the child of a run folder, if it has one; what it had to say is said."""
        _, child = self._children.pop(folder, (None, None))
        if child is not None:
            worker.end(child)

    def kill(self, folder: Path) -> None:
        """End the child of a run folder in the midst of its work."""
        self._children[folder][1].process.kill()
        self.dismiss(folder)

    def kill_all(self) -> None:
        """End all children in the midst of their work."""
        for _, child in self._children.values():
            child.process.kill()  # all at once, so that none outlives the others for long
        for folder in list(self._children):
            self.dismiss(folder)
