"""The story of many runs: propose, train in children, prune, record, until the trials are used up.

One light process, the coordinator, owns the study's storage and never imports TensorFlow; children only
train and tell of their epochs. Whatever dies, the study's folder and storage say what has happened.
"""

import time
from collections.abc import Callable, Container, Iterator
from dataclasses import replace

from optuna.trial import Trial

from dnsearch import runtime
from dnsearch.records.find import is_run
from dnsearch.records.record import RunRecord
from dnsearch.records.store import RunFolder
from dnsearch.study import artifacts, outcome, placement, retention, worker
from dnsearch.study.claims import Claims
from dnsearch.study.confirm import confirm
from dnsearch.study.confirmed import confirmed
from dnsearch.study.database import reachable
from dnsearch.study.jobs import next_job
from dnsearch.study.ledger import MAX_SITTINGS, Ledger
from dnsearch.study.messages import (
    EpochEnded,
    RunEnded,
    RunFailed,
    SearchEvent,
    TrialEnded,
    TrialProgressed,
    TrialRetried,
    TrialStarted,
)
from dnsearch.study.proposal import Proposal, known, propose, trial_name
from dnsearch.study.request import Request, create
from dnsearch.study.retry import in_more_parts
from dnsearch.study.summary import Chronicle
from dnsearch.study.warm import enqueue
from dnsearch.study.worker import Worker

POLL_SECONDS = 0.2
IDLE_SECONDS = 2.0
"""How long to wait before the book is asked again, while all that is left is in others' hands."""
OVER = ("finished", "pruned", "failed")


def search(request: Request, interrupts: Callable[[], int]) -> Iterator[SearchEvent]:
    """Run the search and tell what happens.

    Args:
        request: what to do.
        interrupts: how often a person has asked to stop. Once: start no more trials and let the running ones
            end. Twice: end them too; they are taken up again by the next search.

    Raises:
        StudyError: the study cannot be opened, or is another spec's; or a spec to enqueue lies
            outside the space; or a graphics card is not there, or has
            no room for so many trials.
        RunError: a folder cannot be written to.
    """
    if request.cards:
        installed, share = runtime.installed_cards(), request.tune.gpus_per_trial
        placement.check(request.cards, share, installed, request.workers)
    ledger = create(request)
    with reachable(request.url):
        enqueue(request, ledger)
        coordinator = _Coordinator(request, ledger)
        try:
            yield from coordinator.go(interrupts)
        finally:
            coordinator.end_children()


class _Coordinator:
    """The loop and what it keeps in mind, its running children; all else that there is to know is booked."""

    def __init__(self, request: Request, ledger: Ledger) -> None:
        self._request = request
        self._ledger = ledger
        self._claims = Claims(ledger, request.url, request.folder)
        self._chronicle = Chronicle(request.folder, ledger.study)
        self._running: dict[int, tuple[Proposal, Worker]] = {}
        self._followers: list[Proposal] = []
        self._left = request.takes
        self._ask_again = 0.0

    def go(self, interrupts: Callable[[], int]) -> Iterator[SearchEvent]:
        self._renew_best()
        while interrupts() < 2:
            self._chronicle.renew()
            while interrupts() == 0 and (trial := self._taken()) is not None:
                yield from self._launch(trial)
            if not self._running and (interrupts() or self._is_over()):
                break
            yield from self._listen()
            yield from self._end_overdue()
            self._give_up(self._claims.keep(self._held()))
        if self._ledger.ended() >= self._request.trials and self._claims.is_first():
            yield from confirm(self._request, self._ledger, interrupts)
            self._renew_best()
        self._chronicle.close()

    def _is_over(self) -> bool:
        """Whether there is nothing to wait for: no trial to take, and none of another's that may be lost."""
        return self._left is not None or self._ledger.ended() >= self._request.trials

    def end_children(self) -> None:
        for _, child in self._running.values():
            child.process.kill()
            worker.end(child)
        self._claims.release(self._held())

    def _held(self) -> list[Trial]:
        proposals = [*(proposal for proposal, _ in self._running.values()), *self._followers]
        return [proposal.trial for proposal in proposals]

    def _give_up(self, lost: Container[int]) -> None:
        """Leave the trials alone that another coordinator has taken over, since this one seemed dead."""
        for number in [number for number in self._running if number in lost]:
            _, child = self._running.pop(number)
            child.process.kill()
            worker.end(child)
        self._followers = [each for each in self._followers if each.origin.trial not in lost]

    def _taken(self) -> Trial | None:
        """The next trial for this coordinator, if it has a worker to spare and the study has one to give."""
        if (
            len(self._running) >= self._request.workers
            or self._left == 0
            or time.monotonic() < self._ask_again
        ):
            return None
        trial = self._claims.take(self._request.trials)
        if trial is None:
            self._ask_again = time.monotonic() + IDLE_SECONDS
            self._left = None if self._left is None else 0
        elif self._left is not None:
            self._left -= 1
        return trial

    def _launch(self, trial: Trial) -> Iterator[SearchEvent]:
        """Give a trial to a child, unless it is over before it begins."""
        request = self._request
        if request.artifacts is not None:
            self._bring(trial, request.artifacts)
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

    def _bring(self, trial: Trial, where: str) -> None:
        """Bring home what another machine has done of a trial that is taken over from it."""
        run = RunFolder(self._request.folder / trial_name(trial.number))
        if not is_run(run.path):
            artifacts.bring(where, trial, run)

    def _ended_twin(self, proposal: Proposal) -> RunRecord | None:
        """The record of the trial that had the same settings, unless a person has removed it."""
        if proposal.twin is None:
            return None
        record = known(RunFolder(self._request.folder / trial_name(proposal.twin)), proposal.record)
        return record if record.state in OVER else None

    def _start(self, proposal: Proposal) -> TrialStarted:
        request = self._request
        running = (child for _, child in self._running.values())
        job = next_job(request, proposal.document, proposal.folder.path, proposal.origin, running)
        proposal.folder.write(proposal.record)
        child = worker.start(job, request.tune.trial_timeout_seconds, request.folder / "workers.log")
        self._running[job.origin.trial] = (proposal, child)
        return TrialStarted(job)

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
        if self._request.artifacts is not None:
            artifacts.send(self._request.artifacts, proposal.trial, proposal.folder, checkpoints=False)
        self._ledger.close(proposal.trial, record)
        self._ask_again = 0.0
        if self._ledger.best() == number:
            self._renew_best()
        retention.thin(self._request.folder, self._ledger.ranked(), number, self._request.tune.keep)
        yield TrialEnded(record)
        for follower in [each for each in self._followers if each.twin == number]:
            self._followers.remove(follower)
            yield from self._close(follower, outcome.same_as(follower, record))

    def _renew_best(self) -> None:
        """Bring ``best.yaml`` up to date; a search that was killed may have left an old one."""
        found = confirmed(self._request.folder, self._request.tune.select)
        number = found[0].trial if found else self._ledger.best()
        if number is None:
            return
        run = RunFolder(self._request.folder / trial_name(number))
        if run.record.exists() and run.resolved.exists():  # a person may have removed the trial's folder
            outcome.write_best(self._request.folder, number, found[0] if found else None)
