"""What the book alone knows of a study's trials, as records for the leaderboard.

For a look from a machine that has not got the study's folder. The book has states, scores, epochs, searched
values and reasons; it has neither losses nor timings, and it does not say how many images a score is of, so
that such a leaderboard has no intervals. Confirmations are no trials of the book and so are not seen.
"""

import math
from collections.abc import Callable
from dataclasses import replace

import optuna
from optuna.trial import FrozenTrial, TrialState

from dnsearch.runs.folder import trial_name
from dnsearch.runs.record import Metrics, Parameters, RunRecord
from dnsearch.runs.scan import NO_WORD
from dnsearch.runs.study_record import StudyRecord
from dnsearch.study.book.contest import COSTS, scores_of
from dnsearch.study.book.database import clock, reachable
from dnsearch.study.book.leases import found, is_alive
from dnsearch.study.book.ledger import FINGERPRINT, REASON, is_trial
from dnsearch.study.book.storage import existing_study
from dnsearch.study.facts.summary import epochs, objectives, setting, summary, word

Look = Callable[[], tuple[list[RunRecord], StudyRecord]]


def looking(url: str, name: str) -> Look:
    """A function that reads a study's book as it is at the moment.

    Args:
        url: the storage.
        name: the study's name.

    Raises:
        StudyError: there is no such study; the function also raises it, where the storage is gone.
    """
    study = existing_study(url, name)
    with reachable(url):
        seconds = clock(url)
    before = False

    def look() -> tuple[list[RunRecord], StudyRecord]:
        nonlocal before
        with reachable(url):
            running = [trial for trial in study.get_trials(deepcopy=False) if word(trial) == "running"]
            left = {trial.number for trial in running if not is_alive(found(trial.user_attrs), seconds())}
            now = len(left) < len(running)
            # Between two trials none is at work for a moment, so a search has ended at the second such look.
            before, searched = now, now or before
            told = [_left(record) if record.trial in left else record for record in records(study)]
            return told, summary(study, "searching" if searched else "interrupted" if left else "ended")

    return look


def _left(record: RunRecord) -> RunRecord:
    """A trial whose coordinator is dead, and that nobody has taken over yet."""
    return replace(record, state="interrupted", reason=NO_WORD)


def records(study: optuna.Study) -> list[RunRecord]:
    """A record per trial, with what the book knows; infeasible proposals are no trials."""
    trials = study.get_trials(deepcopy=False)
    return [
        _record(study, trial) for trial in trials if trial.state is not TrialState.WAITING and is_trial(trial)
    ]


def _record(study: optuna.Study, trial: FrozenTrial) -> RunRecord:
    facts = trial.user_attrs
    parameters = facts.get(COSTS, {}).get("parameters")
    score = _score(study, trial)
    metrics = None if score is None else Metrics(math.nan, score, 0)
    return RunRecord(
        name=trial_name(trial.number),
        experiment=study.study_name,
        state=word(trial),
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
        epochs=epochs(trial),
        last=metrics,
        best=metrics,
        wall_seconds=trial.duration.total_seconds() if trial.duration else 0.0,
    )


def _score(study: optuna.Study, trial: FrozenTrial) -> float | None:
    """The validation score of a finished trial, else that of the latest epoch."""
    aims = objectives(study)
    if trial.values and "validation" in aims:
        return float(trial.values[aims.index("validation")])
    told = scores_of(trial)
    return told[max(told)] if told else None
