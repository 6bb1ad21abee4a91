"""The story of a search: propose, train, compare, record, until the trials are used up.

One light process alone asks the sampler, prunes and writes the study; it never imports TensorFlow. Whatever
dies, the study's folder and storage tell what has happened.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from optuna.trial import Trial

from dnsearch.runs.atomic import remove_leftovers, writing
from dnsearch.runs.folder import RunFolder, trial_name, write_asked
from dnsearch.runs.lock import is_locked
from dnsearch.runs.record import EpochRecord, RunRecord, Stop
from dnsearch.runs.scan import known
from dnsearch.search import messages
from dnsearch.search.confirm import confirmed, missing, write_best
from dnsearch.search.feasibility import MAX_IN_A_ROW, hopeless
from dnsearch.search.local_executor import local_executor
from dnsearch.search.messages import Executor, Request, SearchEvent
from dnsearch.search.proposal import Proposal, in_more_parts, propose, thin
from dnsearch.search.pruning import StopRules, scores_of
from dnsearch.search.study_summary import StudyFile
from dnsearch.search.transfer import enqueue
from dnsearch.search.trial_store import MAX_STARTS, TrialStore, writable
from dnsearch.spec.document import resolved_yaml

IDLE_SECONDS = 2.0  # before the store is asked again after it had no trial to give
MAX_LOST = 5  # attempts of a trial that may lose their node before the trial has failed


def search(
    request: Request,
    interrupts: Callable[[], int],
    executor: Executor | None = None,
    reason: Callable[[], str] = lambda: "the search was stopped",
) -> Iterator[SearchEvent]:
    """Run the search and report what happens; without an executor in processes of this machine.

    ``interrupts`` tells how often a person has asked to stop. Once: no more trials are started, and the
    running ones end. Twice: they are stopped, too; the next search takes them up again.
    ``reason`` is what their records then say.
    """
    executor = executor or local_executor(request.resources)
    with writable(request, lambda: interrupts() > 1) as store:
        enqueue(request, store)
        asked = request.spec.document.experiment.model_copy(update={"tune": request.spec.tune})
        write_asked(request.folder, resolved_yaml(asked))
        coordinator = Coordinator(request, store, executor)
        try:
            yield from coordinator.go(interrupts)
        finally:
            executor.close()
        coordinator.leave(reason())


class Coordinator:
    """The loop and the trainings that it has in hand."""

    def __init__(self, request: Request, store: TrialStore, executor: Executor) -> None:
        self._request, self._store, self._executor = request, store, executor
        self._study_file = StudyFile(request.folder, store.study, store.lock)
        self._at_work: dict[Path, Proposal] = {}
        self._stops: dict[Path, tuple[int, Stop]] = {}
        self._lost: Counter[Path] = Counter()
        self._ask_again = 0.0
        self._rules = StopRules(request.spec.tune)
        self._refused: list[Mapping[str, str]] = []

    def go(self, interrupts: Callable[[], int]) -> Iterator[SearchEvent]:
        """Search until there is nothing left to do."""
        self._renew_best()
        while interrupts() < 2:
            while not interrupts() and not self._rules.reason() and (trial := self._next()) is not None:
                yield from self._launch(trial)
            if not self._at_work and (interrupts() or self._is_over()):
                break
            yield from self._listen()
        if not interrupts() and self._store.ended() < self._request.trials:
            self._rules.end(self._store.exhausted())
        if reason := self._rules.reason():
            yield messages.SearchStopped(reason)
        if not interrupts() and (self._rules.final or not self._rules.reason()):
            yield from self._end_waiting()
        if self._rules.final or self._store.ended() >= self._request.trials:
            yield from self._confirm(interrupts)
            self._renew_best()
        self._study_file.write("interrupted" if interrupts() > 1 else "ended")

    def leave(self, reason: str) -> None:
        """Write down why the trials at work were stopped; the next search goes on after their last epochs."""
        for proposal in self._at_work.values():
            written = known(proposal.folder, proposal.record)
            proposal.folder.write(replace(written, state="interrupted", reason=reason))

    def _confirm(self, interrupts: Callable[[], int]) -> Iterator[SearchEvent]:
        waiting = [] if interrupts() else missing(self._request, self._store.ranked())
        while interrupts() < 2 and (self._at_work or (waiting and not interrupts())):
            while waiting and not interrupts() and len(self._at_work) < self._request.workers:
                yield messages.TrialStarted(self._start(waiting.pop(0)))
            yield from self._listen()

    def _next(self) -> Trial | None:
        """The next trial, if the executor has room for one and the study has one to give."""
        if len(self._at_work) >= self._request.workers or time.monotonic() < self._ask_again:
            return None
        if (trial := self._taken()) is None:
            self._ask_again = time.monotonic() + IDLE_SECONDS
        return trial

    def _taken(self) -> Trial | None:
        """A trial that a dead coordinator left, one that may go on from its rung, or a new one."""
        running, left = len(self._store.running()), self._left()
        counted = self._store.ended() + len(self._store.paused()) + running
        # A child outlives its coordinator for an instant, and then its folder is free.
        free = (number for number in left if not is_locked(self._folder(number).lock))
        if counted - len(left) < self._request.trials and (number := next(free, None)) is not None:
            return self._store.trial(number)
        if (promoted := self._store.promoted(self._in_hand())) is not None:
            return promoted
        return self._store.new() if counted < self._request.trials else None

    def _left(self) -> list[int]:  # by a dead coordinator
        return [each.number for each in self._store.running() if each.number not in self._in_hand()]

    def _in_hand(self) -> set[int]:
        return {each.origin.trial for each in self._at_work.values()}

    def _folder(self, number: int) -> RunFolder:
        return RunFolder(self._request.folder / trial_name(number))

    def _is_over(self) -> bool:
        if self._rules.reason():
            return True
        if time.monotonic() >= self._ask_again:
            return False
        return not any(is_locked(self._folder(number).lock) for number in self._left())

    def _launch(self, trial: Trial) -> Iterator[SearchEvent]:
        """Start a trial, unless it is over before it begins."""
        self._stops.pop(self._folder(trial.number).path, None)  # of a rung that it may go on from now
        proposal = propose(self._store, trial, self._request.folder, self._request.spec)
        if proposal is None:
            return
        if not isinstance(proposal, Proposal):
            self._refused.append(proposal)
            if len(self._refused) >= MAX_IN_A_ROW:
                raise hopeless(self._request.folder.name, self._refused)
            yield messages.ProposalRefused(proposal)
            return
        self._refused.clear()
        if not self._store.start(trial):
            reason = f"the search ended {MAX_STARTS} times while this trial was in its first epoch"
            yield from self._close(proposal, replace(proposal.record, state="failed", reason=reason))
        elif (stopped := self._caught_up(proposal)) is not None:
            yield from self._close(proposal, stopped)
        else:
            yield messages.TrialStarted(self._start(proposal))

    def _caught_up(self, proposal: Proposal) -> RunRecord | None:
        """Report the epochs that a dead coordinator did not; the record if the trial stops after them."""
        reported = scores_of(self._store.trials()[proposal.origin.trial])
        stop = None
        for epoch in proposal.folder.epochs():
            if epoch.epoch not in reported:
                stop = self._verdict(proposal, epoch)
        return replace(proposal.record, state=stop.state, reason=stop.reason) if stop else None

    def _start(self, proposal: Proposal) -> messages.Job:
        folder = proposal.folder
        with writing(folder.path):
            folder.path.mkdir(parents=True, exist_ok=True)
        folder.write(replace(proposal.record, state="running", reason=""))
        self._at_work[folder.path] = proposal
        latency = proposal.trial is not None and "latency_seconds" in self._request.spec.tune.objectives
        job = messages.Job(proposal.planned, folder.path, proposal.origin, latency=latency)
        return self._executor.start(replace(job, test=proposal.trial is None))

    def _listen(self) -> Iterator[SearchEvent]:
        if self._at_work:
            self._store.lock.renew()
            self._study_file.renew()
        for job, message in self._executor.poll():
            proposal = self._at_work[job.folder]
            self._ask_again = 0.0
            match message:
                case EpochRecord():
                    yield messages.TrialProgressed(job, message)
                    self._executor.answer(job, self._verdict(proposal, message))
                case RunRecord():
                    yield from self._close(proposal, message)
                case messages.RunFailed(reason, memory):
                    yield from self._failed(proposal, reason, memory=memory)
                case messages.RunLost(reason):
                    yield from self._restarted(proposal, reason)

    def _verdict(self, proposal: Proposal, epoch: EpochRecord) -> Stop | None:
        """A trial's verdict after an epoch; for one that is trained again, the verdict of before."""
        if proposal.trial is None:
            return None
        number, path = proposal.origin.trial, proposal.folder.path
        if path in self._stops and self._stops[path][0] == epoch.epoch:
            return self._stops[path][1]
        verdict = self._store.verdict(proposal.trial, epoch, proposal.planned.experiment.training.epochs)
        self._rules.epoch_ended(number, epoch)
        if verdict is not None:
            self._stops[path] = epoch.epoch, verdict
        return verdict or self._rules.stop(number)

    def _failed(self, proposal: Proposal, reason: str, *, memory: bool) -> Iterator[SearchEvent]:
        """Try once more where memory ran out and the batches can be divided; else the trial has failed."""
        self._dismiss(proposal)  # one that took too long may be writing an epoch now
        record = replace(known(proposal.folder, proposal.record), state="failed", reason=reason)
        again = in_more_parts(record, proposal.planned.experiment.training) if memory else None
        if again is None or again.parts is None:
            yield from self._close(proposal, record)
        else:
            yield messages.TrialRetried(self._start(replace(proposal, record=again)), again.parts)

    def _restarted(self, proposal: Proposal, reason: str) -> Iterator[SearchEvent]:
        path = proposal.folder.path
        self._lost[path] += 1
        record = known(proposal.folder, proposal.record)
        epoch, stop = self._stops.get(path, (0, None))
        if stop is not None and record.epochs == epoch:  # it was lost on its way to the end
            yield from self._close(proposal, replace(record, state=stop.state, reason=stop.reason))
        elif self._lost[path] >= MAX_LOST:
            why = f"its node or process was lost {MAX_LOST} times; at last: {reason}"
            yield from self._close(proposal, replace(record, state="failed", reason=why))
        else:
            self._dismiss(proposal)
            job = self._start(replace(proposal, record=record))
            yield messages.TrialRestarted(job, reason, record.epochs)

    def _dismiss(self, proposal: Proposal) -> None:
        if self._at_work.pop(proposal.folder.path, None) is not None:
            self._executor.end(proposal.folder.path)

    def _close(self, proposal: Proposal, record: RunRecord) -> Iterator[SearchEvent]:
        """Write down how a training ended, or that it waits at a rung."""
        self._dismiss(proposal)
        folder = proposal.folder
        if proposal.trial is not None:
            self._write_down(proposal.trial, folder, record)
        else:
            folder.write(record)
            for checkpoint in (folder.checkpoint, folder.previous_checkpoint):  # a retraining's weights stay
                with writing(checkpoint):
                    checkpoint.unlink(missing_ok=True)
        paused = record.state == "paused"
        yield messages.TrialPaused(record) if paused else messages.TrialEnded(record)

    def _write_down(self, trial: Trial, folder: RunFolder, record: RunRecord) -> None:
        """First in its folder, then in the store: a search that takes it up again finds what was done."""
        folder.write(record)
        self._store.close(trial, record)
        self._ask_again = 0.0
        if record.state == "paused":
            return
        remove_leftovers(folder.path)  # of a process that was killed while it wrote
        ranked = self._store.ranked()
        self._rules.trial_ended(record, ranked, self._store.ended(after=ranked[0]) if ranked else 0)
        if ranked[:1] == [trial.number]:
            self._renew_best()
        thin(self._request.folder, ranked, trial.number, self._request.spec.tune.keep)

    def _end_waiting(self) -> Iterator[SearchEvent]:
        """End the trials that still wait at a rung, since no more trials will come."""
        for waiting in self._store.paused():
            record = (folder := self._folder(waiting.number)).read()
            record = replace(record, state="pruned", reason=f"did not go on after epoch {record.epochs}")
            self._write_down(self._store.trial(waiting.number), folder, record)
            yield messages.TrialEnded(record)

    def _renew_best(self) -> None:
        """Bring ``best.yaml`` up to date; a search that was killed may have left an old one."""
        found = confirmed(self._request.folder, self._request.spec.tune.select)
        ranked = [found[0].trial] if found else self._store.ranked()
        if ranked:
            write_best(self._request.folder, ranked[0], found[0] if found else None)
