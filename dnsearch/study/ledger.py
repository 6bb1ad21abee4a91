"""The study's book: which trials there are, what they asked for, how they ended.

Optuna's storage is the book itself; this is how dnsearch writes in it. A trial that was being trained
when its coordinator died stays RUNNING in the book and is taken up again, from its checkpoint.
"""

from dataclasses import dataclass

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from dnsearch.records.record import EpochRecord, RunRecord, Stop
from dnsearch.spec.document import Document, fingerprint
from dnsearch.spec.tune import Tune
from dnsearch.study.space import Values, base_labels, base_values, sampled
from dnsearch.study.storage import sampler

BASE = "dnsearch:base"
FINGERPRINT = "dnsearch:fingerprint"
PARAMETERS = "dnsearch:parameters"
REASON = "dnsearch:reason"
PAUSED = "dnsearch:paused"
INFEASIBLE = "dnsearch:infeasible"
EPOCHS = "dnsearch:epochs"
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
        """How many trials are finished, pruned or failed."""
        return len(self.study.get_trials(deepcopy=False, states=ENDED))

    def running(self) -> list[Trial]:
        """The trials that are at work, or that a coordinator left when it died."""
        running = self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        return [Trial(self.study, frozen._trial_id) for frozen in running]

    def new(self) -> Trial:
        """A new trial; the first one of a study is the unmodified base spec."""
        self.enqueue_base()
        self.study.sampler = sampler(self.tune, self._next_number())
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

    def values(self, trial: Trial) -> Values:
        """What the trial changes in the base spec: dotted path → value."""
        if not is_base(trial):
            return sampled(trial, self.tune.parameters)
        own = base_values(self.document, self.tune)
        sampled(trial, {path: self.tune.parameters[path] for path in own})
        return {}

    def spec(self, trial: Trial, values: Values) -> Document:
        """The trial's spec.

        Raises:
            SpecError: the values do not fit together.
        """
        return self.document.with_values(values, f"trial {trial.number}") if values else self.document

    def note(self, trial: Trial, document: Document) -> None:
        """Note the settings that a trial is trained with, so that the same ones are not trained again."""
        trial.set_user_attr(FINGERPRINT, fingerprint(document.experiment))

    def twin(self, trial: Trial) -> int | None:
        """The number of an earlier trial with the same settings."""
        own = trial.user_attrs[FINGERPRINT]
        for other in self.study.get_trials(deepcopy=False)[: trial.number]:
            if other.user_attrs.get(FINGERPRINT) == own and other.number != trial.number:
                return other.number
        return None

    def verdict(self, trial: Trial, epoch: EpochRecord, planned: int) -> Stop | None:
        """Note an epoch; a Stop where the pruner gives the trial up.

        The base spec goes to its end, and who has come to the end is not given up any more.

        Args:
            trial: the trial.
            epoch: its latest epoch.
            planned: how many epochs it shall have.
        """
        if trial.user_attrs.get(SITTINGS):
            trial.set_user_attr(SITTINGS, 0)
        accuracies = [epoch.validation.score]
        if self.tune.select == "best":
            frozen = self.study.get_trials(deepcopy=False)[trial.number]
            accuracies += frozen.intermediate_values.values()
        trial.report(max(accuracies), step=epoch.epoch)
        behind = trial.should_prune()  # asked of the base spec too: the others are compared with it
        if is_base(trial) or not behind or epoch.epoch >= planned:
            return None
        return Stop("pruned", f"behind the other trials after epoch {epoch.epoch}")

    def close(self, trial: Trial, record: RunRecord) -> None:
        """Note how a trial ended."""
        if record.reason:
            trial.set_user_attr(REASON, record.reason)
        if record.parameters is not None:
            trial.set_user_attr(PARAMETERS, record.parameters.trainable)
        metrics = record.last if self.tune.select == "last" else record.best
        match record.state:
            case "finished" if metrics is not None:
                self.study.tell(trial, metrics.score)
            case "pruned":
                self.study.tell(trial, state=TrialState.PRUNED)
            case _:
                self.study.tell(trial, state=TrialState.FAIL)

    def best(self) -> int | None:
        """The number of the best finished trial."""
        return next(iter(self.ranked()), None)

    def ranked(self) -> list[int]:
        """Numbers of the finished trials, the best first; of equal ones, that with the fewest parameters."""
        complete = self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        return [trial.number for trial in sorted(complete, key=_order)]


def _order(trial: FrozenTrial) -> tuple[float, int, int]:
    return -(trial.value or 0.0), trial.user_attrs[PARAMETERS], trial.number


def is_base(trial: Trial) -> bool:
    """Whether the trial is the unmodified base spec."""
    return bool(trial.user_attrs.get(BASE, False))
