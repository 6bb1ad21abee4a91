"""The loop of a search, and what it keeps in mind; all else that there is to know is booked."""

import time
from collections.abc import Callable, Container, Generator, Iterator, Mapping
from dataclasses import replace

from optuna.trial import Trial

from dnsearch.runs.folder import RunFolder, trial_name
from dnsearch.runs.record import EpochRecord, RunRecord, Stop
from dnsearch.study.book.claims import Claims
from dnsearch.study.book.ledger import MAX_SITTINGS, Ledger
from dnsearch.study.confirm import confirm
from dnsearch.study.confirmed import confirmed
from dnsearch.study.facts.summary import Chronicle
from dnsearch.study.request import Request
from dnsearch.study.sampling.feasibility import MAX_IN_A_ROW, Judge, hopeless
from dnsearch.study.stopping import Rules
from dnsearch.study.work import artifacts, outcome, retention
from dnsearch.study.work.crew import Crew
from dnsearch.study.work.jobs import next_job
from dnsearch.study.work.messages import (
    EpochEnded,
    Job,
    ProposalRefused,
    RunEnded,
    RunFailed,
    SearchEvent,
    SearchStopped,
    TrialEnded,
    TrialPaused,
    TrialProgressed,
    TrialRetried,
    TrialStarted,
)
from dnsearch.study.work.proposal import Infeasible, Proposal, known, propose
from dnsearch.study.work.retry import in_more_parts

IDLE_SECONDS = 2.0
"""How long to wait before the book is asked again, while all that is left is in others' hands."""
OVER = ("finished", "pruned", "failed")


class Coordinator:
    """The loop and its running children.

    Args:
        request: what to do.
        ledger: the study's book.
    """

    def __init__(self, request: Request, ledger: Ledger) -> None:
        self._request = request
        self._ledger = ledger
        self._claims = Claims(ledger, request.url, request.folder)
        self._chronicle = Chronicle(request.folder, ledger.study)
        self._crew: Crew[Proposal] = Crew(request.tune.trial_timeout_seconds, request.folder / "workers.log")
        self._followers: list[Proposal] = []
        self._left = request.takes
        self._ask_again = 0.0
        self._rules = Rules(request.tune)
        self._refused: list[Mapping[str, str]] = []
        images = request.image_shape, request.classes
        self._judge = Judge(request.document, request.tune, *images, limits=request.limits)

    def go(self, interrupts: Callable[[], int]) -> Iterator[SearchEvent]:
        """Search until there is nothing left to do; ``interrupts``: how often a person has asked to stop."""
        self._renew_best()
        while interrupts() < 2:
            if self._crew:
                self._chronicle.renew()
            while not interrupts() and not self._rules.reason() and (trial := self._taken()) is not None:
                yield from self._launch(trial)
            if not self._crew and (interrupts() or (yield from self._is_over())):
                break
            yield from self._listen()
            yield from self._settle()
            self._give_up(self._claims.keep(self._held()))
        if reason := self._rules.reason():
            yield SearchStopped(reason)
        done = self._rules.is_final or self._ledger.ended() >= self._request.trials
        if done and self._claims.is_first():
            yield from confirm(self._request, self._ledger, interrupts)
            self._renew_best()
        if self._claims.is_first():  # or else whoever is goes on
            self._chronicle.close()

    def _is_over(self) -> Generator[SearchEvent, None, bool]:
        """Whether there is nothing to wait for; then what waits at a rung waits in vain, and ends."""
        if self._rules.reason() and not self._rules.is_final:
            return True
        if not self._rules.is_final and self._ask_again <= time.monotonic():
            return self._left == 0  # it has not just heard that there is nothing left
        ended: list[RunRecord] = []
        own = {follower.origin.trial for follower in self._followers}
        alone = self._claims.close_waiting(own, lambda trial: ended.append(self._end_waiting(trial)))
        for record in ended:
            yield TrialEnded(record)
        yield from self._settle()
        return alone or self._left is not None

    def _end_waiting(self, trial: Trial) -> RunRecord:
        run = RunFolder(self._request.folder / trial_name(trial.number))
        if self._request.artifacts is not None:
            self._bring(trial, self._request.artifacts)
        record = run.read()
        record = replace(record, state="pruned", reason=f"did not go on after epoch {record.epochs}")
        self._write_down(trial, run, record)
        return record

    def end_children(self) -> None:
        """Leave everything so that another search can take it up."""
        held = self._held()
        self._crew.kill_all()
        self._claims.release(held)

    def _held(self) -> list[Trial]:
        return [proposal.trial for proposal in (*self._crew.works, *self._followers)]

    def _give_up(self, lost: Container[int]) -> None:
        """Leave the trials alone that another coordinator has taken over, since this one seemed dead."""
        for proposal in self._crew.works:
            if proposal.origin.trial in lost:
                self._crew.kill(proposal.folder.path)
        self._followers = [each for each in self._followers if each.origin.trial not in lost]

    def _taken(self) -> Trial | None:
        """The next trial for this coordinator, if it has a worker to spare and the study has one to give."""
        if len(self._crew) >= self._request.workers or self._left == 0 or time.monotonic() < self._ask_again:
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
        if self._request.artifacts is not None:
            self._bring(trial, self._request.artifacts)
        proposal = propose(self._ledger, trial, self._request.folder, self._judge)
        if isinstance(proposal, Infeasible):
            yield self._refuse(proposal)
            return
        self._refused.clear()
        if (twin := self._ended_twin(proposal)) is not None:
            yield from self._close(proposal, outcome.same_as(proposal, twin))
        elif proposal.twin is not None and self._ledger.goes_on(proposal.twin):
            self._followers.append(proposal)
        elif not self._ledger.sit_down(trial):
            reason = f"the search ended {MAX_SITTINGS} times while this trial was in its first epoch"
            yield from self._close(proposal, outcome.failed(proposal, reason))
        else:
            yield TrialStarted(self._start(proposal))

    def _bring(self, trial: Trial, where: str) -> None:
        """Bring home what other machines have done of a trial, also where there is an older copy of it."""
        run = RunFolder(self._request.folder / trial_name(trial.number))
        if artifacts.is_behind(trial, run):
            artifacts.bring(where, trial, run)

    def _refuse(self, proposal: Infeasible) -> ProposalRefused:
        """Go on to the next proposal, unless there have been none but such for long."""
        self._left = None if self._left is None else self._left + 1
        self._refused.append(proposal.reasons)
        if len(self._refused) >= MAX_IN_A_ROW:
            raise hopeless(self._ledger.study.study_name, self._refused)
        return ProposalRefused(proposal.reasons)

    def _ended_twin(self, proposal: Proposal) -> RunRecord | None:
        """The record of the trial that had the same settings, unless a person has removed it."""
        if proposal.twin is None:
            return None
        record = known(RunFolder(self._request.folder / trial_name(proposal.twin)), proposal.record)
        return record if record.state in OVER else None

    def _start(self, proposal: Proposal) -> Job:
        folder = proposal.folder
        job = next_job(self._request, proposal.document, folder.path, proposal.origin, self._crew.jobs)
        folder.write(proposal.record)
        self._crew.start(job, proposal)
        return job

    def _listen(self) -> Iterator[SearchEvent]:
        for proposal, job, message in self._crew.listen():
            match message:
                case EpochEnded(epoch):
                    yield TrialProgressed(job, epoch)
                    self._crew.answer(job, self._verdict(proposal, epoch))
                case RunEnded(record):
                    yield from self._close(proposal, record)
                case RunFailed(reason, memory):
                    yield from self._failed(proposal, reason, memory=memory)

    def _verdict(self, proposal: Proposal, epoch: EpochRecord) -> Stop | None:
        planned = proposal.document.experiment.training.epochs
        verdict = self._ledger.verdict(proposal.trial, epoch, planned)
        self._rules.epoch_ended(proposal.trial.number, epoch)
        return verdict or self._rules.stop(proposal.trial.number)

    def _failed(self, proposal: Proposal, reason: str, *, memory: bool) -> Iterator[SearchEvent]:
        """Try once more where memory was used up and the batches can be cut; else that was its end."""
        failed = outcome.failed(proposal, reason)
        again = in_more_parts(failed, proposal.document.experiment.training) if memory else None
        if again is None or again.parts is None:
            yield from self._close(proposal, failed)
            return
        self._crew.dismiss(proposal.folder.path)
        yield TrialRetried(self._start(replace(proposal, record=again)), again.parts)

    def _close(self, proposal: Proposal, record: RunRecord) -> Iterator[SearchEvent]:
        """Write down how a trial ended, or that it waits at a rung; then those that follow it."""
        self._crew.dismiss(proposal.folder.path)
        self._write_down(proposal.trial, proposal.folder, record)
        self._ask_again = 0.0
        yield TrialPaused(record) if record.state == "paused" else TrialEnded(record)
        yield from self._settle()

    def _write_down(self, trial: Trial, folder: RunFolder, record: RunRecord) -> None:
        """First in its folder, then in the book: whoever takes it up again finds there what was done."""
        folder.write(record)
        if self._request.artifacts is not None:
            artifacts.send(self._request.artifacts, trial, folder, checkpoints=record.state == "paused")
        self._ledger.close(trial, record)
        if record.state == "paused":
            return
        folder.remove_leftovers()  # of a child that was killed while it wrote
        ranked = self._ledger.ranked()
        self._rules.trial_ended(record, ranked)
        if ranked[:1] == [trial.number]:
            self._renew_best()
        retention.thin(self._request.folder, ranked, trial.number, self._request.tune.keep)

    def _settle(self) -> Iterator[SearchEvent]:
        """End the trials whose twins have ended, here or elsewhere."""
        twins = [(follower, self._ended_twin(follower)) for follower in self._followers]
        self._followers = [follower for follower, twin in twins if twin is None]
        for follower, twin in twins:
            if twin is not None:
                yield from self._close(follower, outcome.same_as(follower, twin))

    def _renew_best(self) -> None:
        """Bring ``best.yaml`` up to date; a search that was killed may have left an old one."""
        found = confirmed(self._request.folder, self._request.tune.select)
        number = found[0].trial if found else self._ledger.best()
        if number is None:
            return
        run = RunFolder(self._request.folder / trial_name(number))
        if run.record.exists() and run.resolved.exists():  # a person may have removed the trial's folder
            outcome.write_best(self._request.folder, number, found[0] if found else None)
