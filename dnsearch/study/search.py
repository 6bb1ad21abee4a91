"""The story of many runs: propose, train in children, prune, record, until the trials are used up.

One light process, the coordinator, owns the study's storage and never imports TensorFlow; children only
train and tell of their epochs. Whatever dies, the study's folder and storage say what has happened.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from dnsearch import runtime
from dnsearch.errors import Problem, RunError, StudyError
from dnsearch.records.atomic import writing
from dnsearch.records.find import is_run
from dnsearch.records.lock import locked
from dnsearch.records.record import RunRecord
from dnsearch.records.store import RunFolder
from dnsearch.spec.document import Document
from dnsearch.spec.tune import Tune
from dnsearch.study import outcome, placement, retention, worker
from dnsearch.study.ledger import MAX_SITTINGS, Ledger
from dnsearch.study.messages import (
    EpochEnded,
    Job,
    RunEnded,
    RunFailed,
    SearchEvent,
    TrialEnded,
    TrialProgressed,
    TrialRetried,
    TrialStarted,
)
from dnsearch.study.proposal import Proposal, known, propose, trial_name
from dnsearch.study.retry import in_more_parts
from dnsearch.study.storage import open_study, reachable
from dnsearch.study.summary import Chronicle
from dnsearch.study.worker import Worker

POLL_SECONDS = 0.2
OVER = ("finished", "pruned", "failed")


@dataclass(frozen=True)
class Request:
    """A search to do.

    Args:
        document: the base spec.
        tune: its ``tune`` section.
        image_shape: (height, width, channels) of its images.
        classes: number of its classes.
        folder: the study's folder; its name is the study's.
        url: the storage.
        trials: ended trials that the study shall have in all.
        workers: children at once.
        limits: whether the spec's limits hold.
        cards: the graphics cards that trials are placed on; none: what TensorFlow finds is everybody's.
    """

    document: Document
    tune: Tune
    image_shape: tuple[int, ...]
    classes: int
    folder: Path
    url: str
    trials: int
    workers: int
    limits: bool = True
    cards: placement.Cards = ()


def search(request: Request, interrupts: Callable[[], int]) -> Iterator[SearchEvent]:
    """Run the search and tell what happens.

    Args:
        request: what to do.
        interrupts: how often a person has asked to stop. Once: start no more trials and let the running ones
            end. Twice: end them too; they are taken up again by the next search.

    Raises:
        StudyError: the study cannot be opened, is another spec's, or is being searched by another process; or
            a graphics card is not there, or has no room for so many trials.
        RunError: a folder cannot be written to.
    """
    if request.cards:
        installed, share = runtime.installed_cards(), request.tune.gpus_per_trial
        placement.check(request.cards, share, installed, request.workers)
    with _alone(request.folder):
        study = open_study(request.url, request.folder.name, request.document.experiment, request.tune)
        coordinator = _Coordinator(request, Ledger(study, request.document, request.tune))
        try:
            with reachable(request.url):
                yield from coordinator.go(interrupts)
        finally:
            coordinator.end_children()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other searches of the same study out."""
    if is_run(folder):
        hint = "Give the study another name: --study NAME"
        raise StudyError(str(Problem(str(folder), "the folder of a study", "that of a run", hint)))
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(folder / "lock"))
        except RunError as error:
            raise StudyError(str(error)) from None
        yield


class _Coordinator:
    """The loop and what it keeps in mind: the running children and how many trials have ended."""

    def __init__(self, request: Request, ledger: Ledger) -> None:
        self._request = request
        self._ledger = ledger
        self._chronicle = Chronicle(request.folder, ledger.study)
        self._waiting = ledger.left_running()
        self._ended = ledger.ended()
        self._running: dict[int, tuple[Proposal, Worker]] = {}
        self._followers: list[Proposal] = []

    def go(self, interrupts: Callable[[], int]) -> Iterator[SearchEvent]:
        self._renew_best()
        while interrupts() < 2:
            if self._running or self._has_room():
                self._chronicle.renew()
            while interrupts() == 0 and self._has_room():
                yield from self._launch()
            if not self._running:
                break
            yield from self._listen()
            yield from self._end_overdue()
        self._chronicle.close()

    def end_children(self) -> None:
        for _, child in self._running.values():
            child.process.kill()
            worker.end(child)

    def _has_room(self) -> bool:
        busy = len(self._running)
        return (
            busy < self._request.workers and self._ended + busy + len(self._followers) < self._request.trials
        )

    def _launch(self) -> Iterator[SearchEvent]:
        """Give the next trial to a child, unless it is over before it begins."""
        request = self._request
        trial = self._waiting.pop(0) if self._waiting else self._ledger.new()
        proposal = propose(
            self._ledger, trial, request.folder, (request.image_shape, request.classes), limits=request.limits
        )
        if proposal.record.state in OVER:
            yield from self._close(proposal, proposal.record)
        elif proposal.twin in self._running:
            self._followers.append(proposal)
        elif (twin := self._ended_twin(proposal)) is not None:
            yield from self._close(proposal, outcome.same_as(proposal, twin))
        elif not self._ledger.sit_down(trial):
            reason = f"the search ended {MAX_SITTINGS} times while this trial was in its first epoch"
            yield from self._close(proposal, outcome.failed(proposal, reason))
        else:
            yield self._start(proposal)

    def _ended_twin(self, proposal: Proposal) -> RunRecord | None:
        """The record of the trial that had the same settings, unless a person has removed it."""
        if proposal.twin is None:
            return None
        record = known(RunFolder(self._request.folder / trial_name(proposal.twin)), proposal.record)
        return record if record.state in OVER else None

    def _start(self, proposal: Proposal) -> TrialStarted:
        request = self._request
        threads = max(1, runtime.cores() // request.workers)
        job = Job(proposal.document, proposal.folder.path, proposal.origin, threads, self._cards())
        proposal.folder.write(proposal.record)
        child = worker.start(job, request.tune.trial_timeout_seconds, request.folder / "workers.log")
        self._running[job.origin.trial] = (proposal, child)
        return TrialStarted(job)

    def _cards(self) -> placement.Cards | None:
        taken = (child.job.cards or () for _, child in self._running.values())
        cards, share = self._request.cards, self._request.tune.gpus_per_trial
        return placement.place(cards, share, taken) if cards else None

    def _listen(self) -> Iterator[SearchEvent]:
        children = [child for _, child in self._running.values()]
        for child in worker.ready(children, POLL_SECONDS):
            number = child.job.origin.trial
            proposal = self._running[number][0]
            match worker.receive(child):
                case EpochEnded(epoch):
                    yield TrialProgressed(child.job, epoch)
                    planned = proposal.document.experiment.training.epochs
                    worker.answer(child, self._ledger.verdict(proposal.trial, epoch, planned))
                case RunEnded(record):
                    yield from self._close(proposal, record)
                case RunFailed(reason, memory):
                    yield from self._failed(proposal, reason, memory=memory)

    def _failed(self, proposal: Proposal, reason: str, *, memory: bool) -> Iterator[SearchEvent]:
        """Try once more where memory was used up and the batches can be cut; else that was its end."""
        failed = outcome.failed(proposal, reason)
        again = in_more_parts(failed, proposal.document.experiment.training) if memory else None
        if again is None or again.parts is None:
            yield from self._close(proposal, failed)
            return
        _, child = self._running.pop(proposal.origin.trial)
        worker.end(child)
        self._start(replace(proposal, record=again))
        yield TrialRetried(child.job, again.parts)

    def _end_overdue(self) -> Iterator[SearchEvent]:
        for proposal, child in list(self._running.values()):
            if time.monotonic() > child.deadline:
                child.process.kill()
                reason = f"took longer than {self._request.tune.trial_timeout_seconds:g} seconds"
                yield from self._close(proposal, outcome.failed(proposal, reason))

    def _close(self, proposal: Proposal, record: RunRecord) -> Iterator[SearchEvent]:
        """Write down how a trial ended, first in its folder, then in the book; then those that follow it."""
        number = proposal.origin.trial
        _, child = self._running.pop(number, (None, None))
        if child is not None:
            worker.end(child)
        proposal.folder.write(record)
        self._ledger.close(proposal.trial, record)
        self._ended += 1
        if self._ledger.best() == number:
            self._renew_best()
        retention.thin(self._request.folder, self._ledger.ranked(), number, self._request.tune.keep)
        yield TrialEnded(record)
        for follower in [each for each in self._followers if each.twin == number]:
            self._followers.remove(follower)
            yield from self._close(follower, outcome.same_as(follower, record))

    def _renew_best(self) -> None:
        """Bring ``best.yaml`` up to date; a search that was killed may have left an old one."""
        number = self._ledger.best()
        if number is None:
            return
        run = RunFolder(self._request.folder / trial_name(number))
        if run.record.exists() and run.resolved.exists():  # a person may have removed the trial's folder
            outcome.write_best(self._request.folder, number)
