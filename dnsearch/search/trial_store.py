"""The trials of a study in Optuna's storage: what they asked for, how far they came, how they ended.

Only the coordinator writes here. A trial whose coordinator died stays RUNNING and is taken up again, from its
checkpoint. Every method may be called twice: after a lost connection it is.
"""

import math
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import cached_property, wraps
from typing import Concatenate, ParamSpec, TypeVar

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, Trial, TrialState

from dnsearch.errors import Problem, StudyError
from dnsearch.runs.atomic import writing
from dnsearch.runs.folder import is_run
from dnsearch.runs.record import EpochRecord, RunRecord, Stop, order
from dnsearch.search import duplicates
from dnsearch.search.database import (
    OPENING_TROUBLE,
    existing_storage,
    reachable,
    sqlite_file,
    storage,
    trials_of,
)
from dnsearch.search.duplicates import DROPPED, SAME
from dnsearch.search.feasibility import Judgement
from dnsearch.search.messages import Request
from dnsearch.search.parameter_space import base_labels, check_base, suggested, suggested_base
from dnsearch.search.pruning import COSTS, EPOCHS, Pruning, scores_of
from dnsearch.search.samplers import PAUSED, proposed, sampler
from dnsearch.search.study_identity import FINGERPRINT, agreed_id, bind
from dnsearch.search.study_lock import StudyLock, study_locked
from dnsearch.search.study_metadata import finish_migration, is_known, open_study, study_in, write_metadata
from dnsearch.spec.document import Document, fingerprint
from dnsearch.spec.tune import Objective, Tune
from dnsearch.spec.tune.parameters import Label
from dnsearch.spec.tune.search_space import Choice

BASE = "dnsearch:base"
REASON = "dnsearch:reason"
INFEASIBLE = "dnsearch:infeasible"
STARTS = "dnsearch:starts"
MAX_STARTS = 3
ENDED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
COMPARED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)

P = ParamSpec("P")
T = TypeVar("T")


def _patient(method: Callable[Concatenate["TrialStore", P], T]) -> Callable[Concatenate["TrialStore", P], T]:
    """A method that waits for a database server that went away, and then does its work from the start."""

    @wraps(method)
    def patient(store: "TrialStore", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return store.lock.retried(lambda: method(store, *args, **kwargs))

    return patient


class TrialStore:
    """The trials of one study, whose lock the caller holds."""

    def __init__(
        self, study: optuna.Study, storage: BaseStorage, document: Document, tune: Tune, lock: StudyLock
    ) -> None:
        self.study, self.document, self.tune, self.lock = study, document, tune, lock
        self._storage, self._study_id = storage, storage.get_study_id_from_name(study.study_name)

    @cached_property
    def base_labels(self) -> dict[str, Label]:
        """The labels of the base spec in its own search space."""
        return base_labels(self.document, self.tune)

    @_patient
    def trials(self, states: Container[TrialState] | None = None) -> list[FrozenTrial]:
        """The trials in some states, or all, by number; they are not to be changed."""
        with self.lock.undamaged():
            return trials_of(self.study, states)

    def ended(self, after: int = -1) -> int:
        """How many trials with a number ``after`` one are finished, pruned or failed."""
        return sum(is_trial(trial) for trial in self.trials(ENDED) if trial.number > after)

    def running(self) -> list[FrozenTrial]:
        """The trials that are being trained, or that a coordinator left when it died."""
        return [each for each in self.trials((TrialState.RUNNING,)) if not each.user_attrs.get(PAUSED)]

    def paused(self) -> list[FrozenTrial]:
        """The trials that wait at a rung."""
        return [each for each in self.trials((TrialState.RUNNING,)) if each.user_attrs.get(PAUSED)]

    @_patient
    def trial(self, number: int) -> Trial:
        """A trial to go on with."""
        trial_id = self._storage.get_trial_id_from_study_id_trial_number(self._study_id, number)
        return Trial(self.study, trial_id)

    @_patient
    def promoted(self, busy: Collection[int]) -> Trial | None:
        """A trial that waited and may go on now; the ``busy`` are still being brought to their pause."""
        at = {each.number: int(each.user_attrs[PAUSED]) for each in self.paused() if each.number not in busy}
        if not at or (number := self._pruning().promoted(at)) is None:
            return None
        trial = self.trial(number)
        trial.set_user_attr(PAUSED, 0)
        return trial

    @cached_property
    def _configurations(self) -> int | None:
        return duplicates.configurations(self.tune)

    @_patient
    def new(self) -> Trial | None:
        """A new trial; the first one of a study is the unmodified base spec. None: all have been tried."""
        self._enqueue_base()
        waiting = self.trials((TrialState.WAITING,))
        number = waiting[0].number if waiting else len(self.trials())
        self.study.sampler = sampler(self.tune, number)
        if not waiting:
            if self.exhausted():
                return None
            if (labels := self._labels(number)) is not None:
                self.study.enqueue_trial(dict(labels))
        return self.study.ask()

    def _labels(self, number: int) -> Mapping[str, Label] | None:
        """What the next trial asks for; None: Optuna's sampler says it when it is asked."""
        if duplicates.in_a_row(trials := self.trials()) >= duplicates.FEW:
            return duplicates.untried(trials, self.tune)
        return proposed(self.study, self.tune, number)

    def exhausted(self) -> str:
        """Why the search space gives no new trials; empty while it may."""
        return duplicates.exhausted(self.trials(), self.tune, self._configurations)

    def _enqueue_base(self) -> None:
        if not self.trials():
            self.study.enqueue_trial(self.base_labels, user_attrs={BASE: True})

    @_patient
    def enqueue(self, specs: Iterable[Mapping[str, Label]]) -> None:
        """Make specs the next trials, each by its labels; one that was a trial before is left out."""
        self._enqueue_base()
        for labels in specs:
            self.study.enqueue_trial(dict(labels), skip_if_exists=True)

    @_patient
    def start(self, trial: Trial) -> bool:
        """Note that a trial is about to be trained; False if it was too often without ending an epoch."""
        trial.set_user_attr(STARTS, starts := int(trial.user_attrs.get(STARTS, 0)) + 1)
        return starts <= MAX_STARTS

    @_patient
    def choice(self, trial: Trial) -> Choice:
        """What the trial changes in the base spec."""
        own = self.base_labels if is_base(trial) else None
        return suggested(trial, self.tune) if own is None else suggested_base(trial, self.tune, own)

    @_patient
    def judge(self, trial: Trial, judgement: Judgement) -> None:
        """Note how far a proposal is beyond each bound and, if it is refused, why; then it has ended."""
        frozen = self.trials()[trial.number]
        for name, margin in judgement.margins.items():
            if name not in frozen.constraints:  # noted by an earlier search
                trial.set_constraint(name, margin)
        if judgement.reasons:
            trial.set_user_attr(INFEASIBLE, dict(judgement.reasons))
            self.study.tell(trial, state=TrialState.PRUNED, skip_if_finished=True)

    @_patient
    def note(self, trial: Trial, document: Document, costs: Mapping[str, int]) -> None:
        """Note a trial's spec, so that the same one is not trained again, and what its network costs."""
        trial.set_user_attr(FINGERPRINT, fingerprint(document.experiment))
        trial.set_user_attr(COSTS, dict(costs))

    @_patient
    def drop_duplicate(self, trial: Trial, own: str) -> bool:
        """End a proposal with the fingerprint of an earlier trial; whether it is one."""
        before = self.trials()[: trial.number]
        earlier = next((each.number for each in before if each.user_attrs.get(FINGERPRINT) == own), None)
        if earlier is not None:
            trial.set_user_attr(DROPPED, f"{SAME}{earlier}")
            self.study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)
        return earlier is not None

    @_patient
    def verdict(self, trial: Trial, epoch: EpochRecord, planned: int) -> Stop | None:
        """Note an epoch; a Stop where the pruner gives up the trial, not the base spec, or lets it wait."""
        if trial.user_attrs.get(STARTS):
            trial.set_user_attr(STARTS, 0)
        self.report(trial, epoch)
        if is_base(trial) or epoch.epoch >= planned:
            return None
        stop = self._pruning().verdict(trial.number, epoch.epoch, planned)
        if stop is not None and stop.state == "paused":  # before it stops, or a death skips the rung
            trial.set_user_attr(PAUSED, epoch.epoch)
        return stop

    def _pruning(self) -> Pruning:
        return Pruning(self.trials(COMPARED), self.tune, self.document.experiment.training.epochs)

    def report(self, trial: Trial, epoch: EpochRecord) -> None:
        """Write an epoch's score down; Optuna's own place for it is for studies of one objective."""
        known = scores_of(self.trials()[trial.number])
        if epoch.epoch in known:  # trained again after a node was lost
            return
        score = max([epoch.validation.score, *(known.values() if self.tune.select == "best" else ())])
        if len(self.tune.objectives) == 1:
            trial.report(score, step=epoch.epoch)
        else:
            trial.set_user_attr(EPOCHS, {**known, epoch.epoch: score})

    @_patient
    def close(self, trial: Trial, record: RunRecord) -> None:
        """Note how a trial ended; one that waits at a rung has been noted by its verdict."""
        if record.reason:
            trial.set_user_attr(REASON, record.reason)
        if record.state == "finished" and record.last is not None and record.best is not None:
            values = [self._value(aim, trial, record) for aim in self.tune.objectives]
            self.study.tell(trial, values, skip_if_finished=True)
        elif record.state != "paused":
            state = TrialState.PRUNED if record.state == "pruned" else TrialState.FAIL
            self.study.tell(trial, state=state, skip_if_finished=True)

    def _value(self, objective: Objective, trial: Trial, record: RunRecord) -> float:
        match objective:
            case "validation":
                metrics = record.last if self.tune.select == "last" else record.best
                return metrics.score if metrics else math.nan
            case "latency_seconds":
                return math.nan if record.latency_seconds is None else record.latency_seconds
            case "parameters" | "macs" | "training_memory_bytes":
                return int(trial.user_attrs[COSTS][objective])

    def ranked(self) -> list[int]:
        """Numbers of the finished trials by validation score, the best first; of equal ones, the smallest."""
        aim = self.tune.objectives.index("validation")
        with self.lock.undamaged():
            trials = self.trials((TrialState.COMPLETE,))
            places = {
                each.number: order(each.values[aim], each.user_attrs[COSTS]["parameters"], each.number)
                for each in trials
            }
        return sorted(places, key=places.__getitem__)


def is_base(trial: Trial | FrozenTrial) -> bool:
    """Whether the trial is the unmodified base spec."""
    return bool(trial.user_attrs.get(BASE, False))


def is_trial(trial: FrozenTrial) -> bool:
    """Whether it is one of the study's trials, not an infeasible proposal, a duplicate or a dropped one."""
    return not {INFEASIBLE, DROPPED} & trial.user_attrs.keys()


@contextmanager
def writable(request: Request, is_stopped: Callable[[], bool] = lambda: False) -> Iterator[TrialStore]:
    """Create the study, or open it if it exists; keep every other process from writing it for the block.

    A database that is away is waited for until it ``is_stopped``.
    """
    folder = request.folder
    if is_run(folder):
        hint = "Give the study another name: --study NAME"
        raise StudyError(str(Problem(str(folder), "the folder of a study", "that of a run", hint)))
    check_base(request.spec.document, request.spec.tune)
    if sqlite_file(request.url) is not None and not is_known(request.url, folder.name):
        agreed_id(folder, None, request.url)  # before a lock is made beside the wrong database
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        try:
            lock = stack.enter_context(study_locked(folder, request.url, request.say, is_stopped))
            study, opened = lock.retried(lambda: _opened(request))
        except StudyError:
            if made:
                (folder / "lock").unlink(missing_ok=True)
                with suppress(OSError):  # somebody else uses it
                    for each in made:
                        each.rmdir()
            raise
        tune = request.spec.tune.model_copy(update={"trials": request.trials})
        with reachable(request.url):
            yield TrialStore(study, opened, request.spec.document, tune, lock)


def _opened(request: Request) -> tuple[optuna.Study, BaseStorage]:
    folder, url, spec = request.folder, request.url, request.spec
    with reachable(url, OPENING_TROUBLE):
        before = existing_storage(url)
        finish_migration(before, folder.name)
        found = study_in(before, folder.name)
        agreed = agreed_id(folder, found, url)
        opened = before or storage(url)
        study = open_study(opened, folder.name, spec.document.experiment, spec.tune, found)
        bind(folder, study, agreed)
        write_metadata(study, spec, request.trials)
    return study, opened
