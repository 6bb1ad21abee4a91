"""An executor that trains nothing: what a run scores is a function of its spec."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from dnsearch.runs.folder import RunFolder
from dnsearch.runs.record import EpochRecord, Metrics, Stop, with_epoch
from dnsearch.search.messages import Executor, Job, Message, RunFailed
from dnsearch.spec.experiment import Experiment

EXAMPLES = 1000


@dataclass
class MadeUp(Executor):
    """``score``: a spec → its validation accuracy; None makes its training fail."""

    score: Callable[[Experiment], float | None]
    trained: list[str] = field(default_factory=list)
    jobs: dict[Path, Job] = field(default_factory=dict)

    def start(self, job: Job) -> Job:
        self.jobs[job.folder] = job
        self.trained.append(f"{job.folder.parent.name}/{job.folder.name}")
        return job

    def poll(self) -> list[tuple[Job, Message]]:
        return [(job, self._message(job)) for job in self.jobs.values()]

    def _message(self, job: Job) -> Message:
        experiment, folder = job.planned.experiment, RunFolder(job.folder)
        score = self.score(experiment)
        if score is None:
            return RunFailed("the loss is nan")
        metrics = Metrics(loss=0.5, accuracy=score, examples=EXAMPLES)
        epoch = EpochRecord(1, 0.1, Metrics(0.5, 0.5, 4 * EXAMPLES), metrics, 1.0, 100.0)
        folder.append(epoch)
        record = with_epoch(folder.read(), epoch, 1.0, 1000)
        return replace(record, state="finished", test=metrics if job.test else None)

    def answer(self, job: Job, stop: Stop | None) -> None: ...

    def end(self, folder: Path) -> None:
        del self.jobs[folder]

    def close(self) -> None:
        self.jobs.clear()
