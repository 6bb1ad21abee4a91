"""The facts about a study as a whole, and a record per trial, from its storage; and ``study.json``.

Everything is counted from the storage, not from the trials' folders, so that it is the same wherever they
are. The storage has neither losses nor timings nor how many images a score is of: there are no intervals.
"""

import contextlib
import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import optuna
from optuna.trial import FrozenTrial, TrialState

from dnsearch import environment
from dnsearch.errors import RunError
from dnsearch.runs.folder import read_study, trial_name, write_study
from dnsearch.runs.record import FEWEST_SCORED, Metrics, Parameters, RunRecord, State, StudyRecord
from dnsearch.runs.record_json import ADAPTERS, from_json
from dnsearch.runs.scan import NO_WORD
from dnsearch.search.database import DAMAGE, reachable, trials_of
from dnsearch.search.duplicates import DROPPED
from dnsearch.search.pruning import COSTS, rungs, scores_of
from dnsearch.search.samplers import PAUSED
from dnsearch.search.study_identity import FINGERPRINT, ID
from dnsearch.search.study_lock import StudyLock, is_searched
from dnsearch.search.study_metadata import existing_study, setting
from dnsearch.search.trial_store import INFEASIBLE, REASON, is_trial

RENEW_SECONDS = 10.0
OF_SETTINGS = ("importances", "chances", "effects", "importances_missing")
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
    """The facts about a study; importances ``before`` hold until another trial has reached the first rung."""
    asked = [each for each in trials_of(study) if each.state is not TrialState.WAITING]
    proposals = [each for each in asked if DROPPED not in each.user_attrs]
    trials = list(filter(is_trial, proposals))
    broken = Counter(name for trial in proposals for name in trial.user_attrs.get(INFEASIBLE, ()))
    aims = objectives(study)
    stopped = [trial for trial in trials if state_of(trial) in {"pruned", "paused"}]
    planned = setting(study, "training.epochs", 0)
    left = (trial.params.get("training.epochs", planned) - _epochs(trial) for trial in stopped)
    record = StudyRecord(
        name=study.study_name,
        state=condition,
        objectives=aims,
        select=setting(study, "tune.select", "last"),
        trials=dict(Counter(map(state_of, trials)).most_common()),
        proposals=len(proposals),
        infeasible=dict(broken.most_common()),
        infeasible_proposals=len(proposals) - len(trials),
        epochs_trained=sum(map(_epochs, trials)),
        epochs_saved=sum(max(0, epochs) for epochs in left),
        front=tuple(trial.number for trial in study.best_trials) if len(aims) > 1 else (),
        id=str(study.user_attrs.get(ID, "")),
    )
    return with_importances(record, trials, next(iter(rungs(planned)), planned), before)


def with_importances(
    record: StudyRecord, trials: Sequence[FrozenTrial], rung: int, before: StudyRecord | None = None
) -> StudyRecord:
    """A study's record with what its settings do to the scores at the first rung, of all that reached it.

    Those that finished are the wrong ones to ask (``evaluate.importance``). ``rung``: its epoch, or the last
    one where trials are too short for rungs.
    """
    reached = [(each.params, scores[rung]) for each in trials if rung in (scores := scores_of(each))]
    record = replace(record, scored_at=rung, scored=len(reached))
    if len(reached) < FEWEST_SCORED:
        few = f"too few trials ({len(reached)} reached epoch {rung}; it takes {FEWEST_SCORED})"
        return replace(record, importances_missing=few)
    if before is not None and (before.scored_at, before.scored) == (rung, len(reached)):
        kept = {name: getattr(before, name) for name in OF_SETTINGS}
        return replace(record, **kept)
    # It takes SciPy; no search starts with it.
    importance = environment.imported("dnsearch.evaluate.importance")
    settings = [
        {path: "null" if value is None else value for path, value in each.items()} for each, _ in reached
    ]
    reached_scores = [score for _, score in reached]
    found = importance.importances(settings, reached_scores)
    if not found:
        return replace(
            record, importances_missing="all scores are equal, or there are more values than trials"
        )
    values = {path: [params.get(path) for params in settings] for path in found}
    return replace(
        record,
        importances={path: each.share for path, each in found.items()},
        chances={path: each.chance for path, each in found.items()},
        effects={path: tuple(importance.effects(each, reached_scores)) for path, each in values.items()},
    )


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
