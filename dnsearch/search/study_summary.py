"""The facts about a study as a whole, and a record per trial, from its storage; and ``study.json``.

Everything is counted from the storage, not from the trials' folders, so that it is the same wherever they
are. The storage has neither losses nor timings nor how many images a score is of: there are no intervals.
"""

import contextlib
import math
import time
import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

import optuna
from optuna.trial import FrozenTrial, TrialState

from dnsearch import environment
from dnsearch.errors import RunError
from dnsearch.runs.folder import read_study, trial_name, write_study
from dnsearch.runs.record import Metrics, Parameters, RunRecord, State, StudyRecord
from dnsearch.runs.record_json import ADAPTERS, from_json
from dnsearch.runs.scan import NO_WORD
from dnsearch.search.database import DAMAGE, reachable, trials_of
from dnsearch.search.duplicates import DROPPED
from dnsearch.search.pruning import COSTS, scores_of
from dnsearch.search.samplers import PAUSED
from dnsearch.search.study_identity import FINGERPRINT, ID
from dnsearch.search.study_lock import StudyLock, is_searched
from dnsearch.search.study_metadata import existing_study, setting
from dnsearch.search.trial_store import INFEASIBLE, REASON, is_trial

RENEW_SECONDS = 10.0
FEWEST_TRIALS = 10
BEST_SHARE, FEWEST_BEST = 0.1, 5
"""The best tenth is held against all, but five trials at least: fewer say little (Optuna's own advice)."""
SHARE_OF_TIME = 0.02
"""How much of a coordinator's time summaries may take; a study of 10,000 trials needs more than a moment."""
STATES: dict[TrialState, State] = {
    TrialState.COMPLETE: "finished",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}
Condition = Literal["searching", "ended", "interrupted"]


class StudyFile:
    """Keeps ``study.json`` up to date while a search goes on."""

    def __init__(self, folder: Path, study: optuna.Study, lock: StudyLock) -> None:
        self._folder, self._study, self._lock = folder, study, lock
        self._due = 0.0

    def renew(self) -> None:
        """Write the file, unless it was written a moment ago."""
        if time.monotonic() >= self._due:
            self.write("searching")

    def write(self, condition: Condition) -> None:
        """Write the file."""
        started, before = time.monotonic(), None
        with contextlib.suppress(RunError):  # missing, or damaged and replaced now
            before = read_study(self._folder)
        with self._lock.undamaged():
            record = self._lock.retried(lambda: summary(self._study, condition, before))
        write_study(self._folder, record)
        now = time.monotonic()
        self._due = now + max(RENEW_SECONDS, (now - started) / SHARE_OF_TIME)


def summary(study: optuna.Study, condition: Condition, before: StudyRecord | None = None) -> StudyRecord:
    """The facts about a study; importances ``before`` hold until another trial is finished."""
    asked = [each for each in trials_of(study) if each.state is not TrialState.WAITING]
    proposals = [each for each in asked if DROPPED not in each.user_attrs]
    trials = list(filter(is_trial, proposals))
    broken = Counter(name for trial in proposals for name in trial.user_attrs.get(INFEASIBLE, ()))
    aims = objectives(study)
    states: dict[str, int] = dict(Counter(map(state_of, trials)).most_common())
    if before is not None and before.trials.get("finished") == states.get("finished"):
        shares = before.importances
    else:
        shares = importances(study, aims.index("validation")) if "validation" in aims else {}
    finished = states.get("finished", 0)
    few = f"too few trials ({finished} finished; it takes {FEWEST_TRIALS})"
    missing = few if finished < FEWEST_TRIALS else "no parameter matters more than the others"
    stopped = [trial for trial in trials if state_of(trial) in {"pruned", "paused"}]
    planned = setting(study, "training.epochs", 0)
    left = (trial.params.get("training.epochs", planned) - _epochs(trial) for trial in stopped)
    return StudyRecord(
        name=study.study_name,
        state=condition,
        objectives=aims,
        select=setting(study, "tune.select", "last"),
        trials=states,
        proposals=len(proposals),
        infeasible=dict(broken.most_common()),
        infeasible_proposals=len(proposals) - len(trials),
        epochs_trained=sum(map(_epochs, trials)),
        epochs_saved=sum(max(0, epochs) for epochs in left),
        importances=shares,
        importances_missing="" if shares else missing,
        front=tuple(trial.number for trial in study.best_trials) if len(aims) > 1 else (),
        id=str(study.user_attrs.get(ID, "")),
    )


def importances(study: optuna.Study, objective: int) -> Mapping[str, float]:
    """Parameter → its share of the importance, the largest first; the shares sum to 1.

    PED-ANOVA (Watanabe et al., 2023, arXiv:2304.10255) asks how differently a parameter is spread among the
    best trials and among all; parameters that exist under a condition alone count by how often they do
    (Optuna's conditional version, arXiv:2601.20800). Pruned trials did not come to their end.

    Empty with fewer than ``FEWEST_TRIALS`` finished trials, and where all parameters matter alike.
    ``objective``: the number of the value, which is maximised.
    """
    finished = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(finished) < FEWEST_TRIALS:
        return {}
    # Loading it takes a second, for scikit-learn: no search starts with it.
    optunas = environment.imported("optuna.importance")
    share = max(BEST_SHARE, FEWEST_BEST / len(finished))
    with warnings.catch_warnings():
        # They say that lower is better, which the target sees to, and that a value was rarely tried.
        warnings.simplefilter("ignore")
        found = optunas.get_param_importances(
            study,
            evaluator=optunas.PedAnovaImportanceEvaluator(target_quantile=share),
            target=lambda trial: -float(trial.values[objective]),
            normalize=False,
        )
    total = math.fsum(found.values())
    largest_first = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return {path: value / total for path, value in largest_first} if total else {}


def state_of(trial: FrozenTrial) -> State:
    """A trial's state as dnsearch calls it; a paused one is RUNNING to Optuna."""
    going: State = "paused" if trial.user_attrs.get(PAUSED) else "running"
    return STATES.get(trial.state, going)


def objectives(study: optuna.Study) -> tuple[str, ...]:
    """What a study searches for, in the order of Optuna's values."""
    return tuple(setting(study, "tune.objectives", ["validation"]))


def _epochs(trial: FrozenTrial) -> int:
    return max(scores_of(trial), default=0)


def looking(url: str, name: str) -> Callable[[], tuple[list[RunRecord], StudyRecord]]:
    """A function that reads a study's storage as it is at the moment."""
    study = existing_study(url, name)

    def look() -> tuple[list[RunRecord], StudyRecord]:
        with reachable(url, DAMAGE):
            searched = is_searched(url, name)
            found = records(study)
            left = not searched and any(each.state == "running" for each in found)
            if left:  # by a coordinator that died
                found = [
                    replace(each, state="interrupted", reason=NO_WORD) if each.state == "running" else each
                    for each in found
                ]
            return found, summary(study, "searching" if searched else "interrupted" if left else "ended")

    return look


def records(study: optuna.Study) -> list[RunRecord]:
    """A record per trial, with what the storage has; infeasible proposals are no trials."""
    trials = filter(is_trial, trials_of(study))
    found = [_record(study, trial) for trial in trials if trial.state is not TrialState.WAITING]
    where = f"trials of study {study.study_name}"  # what a database holds may be of any type
    dump = ADAPTERS[RunRecord].dump_json
    return [from_json(RunRecord, dump(record, warnings=False), where) for record in found]


def _record(study: optuna.Study, trial: FrozenTrial) -> RunRecord:
    facts, aims, scores = trial.user_attrs, objectives(study), scores_of(trial)
    parameters = facts.get(COSTS, {}).get("parameters")
    score = scores.get(_epochs(trial))
    if trial.values and "validation" in aims:
        score = float(trial.values[aims.index("validation")])
    metrics = None if score is None else Metrics(math.nan, score, 0)
    return RunRecord(
        name=trial_name(trial.number),
        experiment=study.study_name,
        state=state_of(trial),
        fingerprint=facts.get(FINGERPRINT, ""),
        seed=setting(study, "training.seed", 0),
        settings=trial.params,
        parameters=None if parameters is None else Parameters(parameters, 0),
        macs=None,
        epochs_planned=trial.params.get("training.epochs", setting(study, "training.epochs", 0)),
        started_at=trial.datetime_start.isoformat() if trial.datetime_start else "",
        reason=facts.get(REASON, ""),
        study=study.study_name,
        trial=trial.number,
        epochs=_epochs(trial),
        last=metrics,
        best=metrics,
        wall_seconds=trial.duration.total_seconds() if trial.duration else 0.0,
    )
