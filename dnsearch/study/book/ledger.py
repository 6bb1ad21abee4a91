"""The study's book: which trials there are, what they asked for, how they ended.

Optuna's storage is the book itself; this is how dnsearch writes in it. A trial that was being trained
when its coordinator died stays RUNNING in the book and is taken up again, from its checkpoint.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from dnsearch.runs.record import EpochRecord, RunRecord, Stop
from dnsearch.spec.document import Document, fingerprint
from dnsearch.spec.tune import Objective, Tune
from dnsearch.spec.tune.search_space import Choice
from dnsearch.study.book.contest import COSTS, EPOCHS, Contest, scores_of
from dnsearch.study.book.leases import LEASE
from dnsearch.study.sampling.feasibility import Judgement
from dnsearch.study.sampling.samplers import PAUSED, Grid, sampler
from dnsearch.study.sampling.space import base_labels, suggested, suggested_base

BASE = "dnsearch:base"
FINGERPRINT = "dnsearch:fingerprint"
REASON = "dnsearch:reason"
INFEASIBLE = "dnsearch:infeasible"
DROPPED = "dnsearch:dropped"
"""The user attribute of a trial that a changed spec left no place for: the reason; its number stays taken."""
SITTINGS = "dnsearch:sittings"
MAX_SITTINGS = 3
ENDED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


@dataclass(frozen=True)
class Ledger:
    """The book of one study.

    Args:
        study: the open Optuna study.
        document: the base spec.
        tune: its ``tune`` section.
    """

    study: optuna.Study
    document: Document
    tune: Tune

    def ended(self) -> int:
        """How many trials are finished, pruned or failed; infeasible proposals are none."""
        ended = self.study.get_trials(deepcopy=False, states=ENDED)
        return sum(is_trial(trial) for trial in ended)

    def running(self) -> list[FrozenTrial]:
        """The trials that are at work, or that a coordinator left when it died; none that waits at a rung."""
        running = self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        return [each for each in running if not each.user_attrs.get(PAUSED)]

    def paused(self) -> list[FrozenTrial]:
        """The trials that wait at a rung."""
        running = self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        return [each for each in running if each.user_attrs.get(PAUSED)]

    def trial(self, frozen: FrozenTrial) -> Trial:
        """A trial to go on with, of one that was read."""
        return Trial(self.study, frozen._trial_id)

    def promoted(self, is_at_work: Callable[[FrozenTrial], bool]) -> Trial | None:
        """A trial that waited and may go on now, from the highest rung; it waits no more.

        Args:
            is_at_work: whether somebody still has the trial, who brings it to its rest just now.
        """
        waiting = {trial.number: trial for trial in self.paused() if not is_at_work(trial)}
        at = {number: int(trial.user_attrs[PAUSED]) for number, trial in waiting.items()}
        number = self._contest.next_on(at)
        if number is None:
            return None
        trial = self.trial(waiting[number])
        trial.set_user_attr(PAUSED, 0)
        return trial

    def new(self) -> Trial | None:
        """A new trial; the first one of a study is the unmodified base spec. None: the grid is used up."""
        self.enqueue_base()
        number = self._next_number()
        self.study.sampler = proposer = sampler(self.tune, number)
        if number and isinstance(proposer, Grid) and proposer.is_exhausted(self.study):
            return None
        return self.study.ask()

    def _next_number(self) -> int:
        """What the next trial will be: the first that was enqueued, or else a new one."""
        waiting = self.study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
        return waiting[0].number if waiting else len(self.study.get_trials(deepcopy=False))

    def enqueue_base(self) -> None:
        """Make the base spec the first trial of a study that has none."""
        if not self.study.get_trials(deepcopy=False):
            self.study.enqueue_trial(base_labels(self.document, self.tune), user_attrs={BASE: True})

    def sit_down(self, trial: Trial) -> bool:
        """Note that a child is about to train a trial; False when it sat down too often without an epoch."""
        sittings = int(trial.user_attrs.get(SITTINGS, 0)) + 1
        trial.set_user_attr(SITTINGS, sittings)
        return sittings <= MAX_SITTINGS

    def choice(self, trial: Trial) -> Choice:
        """What the trial changes in the base spec."""
        if is_base(trial):
            return suggested_base(trial, self.tune, base_labels(self.document, self.tune))
        return suggested(trial, self.tune)

    def judge(self, trial: Trial, judgement: Judgement) -> None:
        """Note how far a proposal is beyond each bound, and where it is refused, why; then it is over."""
        noted = self.study.get_trials(deepcopy=False)[trial.number].constraints
        for name, margin in judgement.margins.items():
            if name not in noted:  # it was taken up again
                trial.set_constraint(name, margin)
        if judgement.reasons:
            trial.set_user_attr(INFEASIBLE, dict(judgement.reasons))
            self.study.tell(trial, state=TrialState.PRUNED)

    def note(self, trial: Trial, document: Document, costs: Mapping[str, int]) -> None:
        """Note the settings that a trial is trained with, so that the same ones are not trained again.

        Args:
            trial: the trial.
            document: its spec.
            costs: what its network costs.
        """
        trial.set_user_attr(FINGERPRINT, fingerprint(document.experiment))
        trial.set_user_attr(COSTS, dict(costs))

    def twin(self, trial: Trial) -> int | None:
        """The number of an earlier trial with the same settings."""
        own = trial.user_attrs[FINGERPRINT]
        for other in self.study.get_trials(deepcopy=False)[: trial.number]:
            if other.user_attrs.get(FINGERPRINT) == own and other.number != trial.number:
                return other.number
        return None

    def goes_on(self, number: int) -> bool:
        """Whether a trial is at work or waits at a rung."""
        return not self.study.get_trials(deepcopy=False)[number].state.is_finished()

    def verdict(self, trial: Trial, epoch: EpochRecord, planned: int) -> Stop | None:
        """Note an epoch; a Stop where the pruner gives the trial up or lets it wait.

        The base spec goes to its end, and who has come to the end is not given up any more.

        Args:
            trial: the trial.
            epoch: its latest epoch.
            planned: how many epochs it shall have.
        """
        if trial.user_attrs.get(SITTINGS):
            trial.set_user_attr(SITTINGS, 0)
        self._report(trial, epoch)
        if is_base(trial) or epoch.epoch >= planned:
            return None
        stop = self._contest.verdict(trial.number, epoch.epoch, planned)
        if stop is not None and stop.state == "paused":  # before it stops, or a death skips the rung
            trial.set_user_attr(PAUSED, epoch.epoch)
        return stop

    @property
    def _contest(self) -> Contest:
        return Contest(self.study, self.tune, self.document.experiment.training.epochs)

    def _report(self, trial: Trial, epoch: EpochRecord) -> None:
        """Write an epoch's score down; Optuna's own place for it is for studies of one objective."""
        alone, lasting = len(self.tune.objectives) == 1, self.tune.select == "best"
        known = scores_of(self.study.get_trials(deepcopy=False)[trial.number]) if lasting or not alone else {}
        score = max([epoch.validation.score, *(known.values() if lasting else ())])
        if alone:
            trial.report(score, step=epoch.epoch)
        else:
            trial.set_user_attr(EPOCHS, {**known, epoch.epoch: score})

    def close(self, trial: Trial, record: RunRecord) -> None:
        """Note how a trial ended, or that it waits."""
        if record.reason:
            trial.set_user_attr(REASON, record.reason)
        match record.state:
            case "paused":
                trial.set_user_attr(LEASE, None)
            case "finished" if record.last is not None and record.best is not None:
                self.study.tell(trial, [self._figure(aim, trial, record) for aim in self.tune.objectives])
            case "pruned":
                self.study.tell(trial, state=TrialState.PRUNED)
            case _:
                self.study.tell(trial, state=TrialState.FAIL)

    def _figure(self, objective: Objective, trial: Trial, record: RunRecord) -> float:
        match objective:
            case "validation":
                metrics = record.last if self.tune.select == "last" else record.best
                return metrics.score if metrics else math.nan
            case "latency_seconds":
                return math.nan if record.latency_seconds is None else record.latency_seconds
            case _:
                cost: int = trial.user_attrs[COSTS][objective]
                return cost

    def best(self) -> int | None:
        """The number of the best finished trial."""
        return next(iter(self.ranked()), None)

    def ranked(self) -> list[int]:
        """Numbers of the finished trials, the best first; of equal ones, that with the fewest parameters.

        Of several objectives the validation score counts.
        """
        complete = self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        aim = self.tune.objectives.index("validation")
        return [trial.number for trial in sorted(complete, key=lambda trial: _order(trial, aim))]


def _order(trial: FrozenTrial, aim: int) -> tuple[float, int, int]:
    return -trial.values[aim], trial.user_attrs[COSTS]["parameters"], trial.number


def is_base(trial: Trial | FrozenTrial) -> bool:
    """Whether the trial is the unmodified base spec."""
    return bool(trial.user_attrs.get(BASE, False))


def is_trial(trial: FrozenTrial) -> bool:
    """Whether it is one of the study's trials, neither an infeasible proposal nor dropped."""
    return not {INFEASIBLE, DROPPED} & trial.user_attrs.keys()
