"""The facts about a study as a whole, from its book; and ``study.json``, which is kept up to date with them.

Everything is counted from the storage, not from the trials' folders, so that it is the same wherever the
folders are. Finished trials are held in memory by Optuna, so a look costs little.
"""

import contextlib
import json
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import optuna
from optuna.trial import FrozenTrial, TrialState

from dnsearch.errors import RunError
from dnsearch.runs.study_record import StudyRecord, read_study, write_study
from dnsearch.study.book.contest import scores_of
from dnsearch.study.book.ledger import DROPPED, INFEASIBLE, is_trial
from dnsearch.study.book.storage import SPEC
from dnsearch.study.facts.importances import FEWEST_TRIALS, importances
from dnsearch.study.sampling.samplers import PAUSED

RENEW_SECONDS = 10.0
SHARE_OF_TIME = 0.02
"""How much of a coordinator's time summaries may take; a study of 10,000 trials needs more than a moment."""

WORDS = {TrialState.COMPLETE: "finished", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}


@dataclass
class Chronicle:
    """Keeps ``study.json`` up to date while a search goes on.

    Args:
        folder: the study's folder.
        study: the open study.
    """

    folder: Path
    study: optuna.Study
    _due: float = field(default=0.0, init=False)

    def renew(self) -> None:
        """Write the file, unless it was written a moment ago.

        Raises:
            RunError: it cannot be written.
        """
        if time.monotonic() >= self._due:
            self._write("searching")

    def close(self) -> None:
        """Write the file for the last time.

        Raises:
            RunError: it cannot be written.
        """
        self._write("ended")

    def _write(self, state: Literal["searching", "ended"]) -> None:
        started = time.monotonic()
        write_study(self.folder, summary(self.study, state, self._written()))
        now = time.monotonic()
        self._due = now + max(RENEW_SECONDS, (now - started) / SHARE_OF_TIME)

    def _written(self) -> StudyRecord | None:
        """What the file says; None where there is none, or it is damaged and will be replaced."""
        with contextlib.suppress(RunError):
            return read_study(self.folder)
        return None


def summary(
    study: optuna.Study,
    state: Literal["searching", "ended", "interrupted"],
    earlier: StudyRecord | None = None,
) -> StudyRecord:
    """What there is to say about a study at this moment.

    Args:
        study: the open study.
        state: whether it is searched, or was until its search died.
        earlier: what was said of it before; while as many trials are finished, its importances hold.
    """
    booked = study.get_trials(deepcopy=False, states=(*WORDS, TrialState.RUNNING))
    proposals = [trial for trial in booked if DROPPED not in trial.user_attrs]
    trials = list(filter(is_trial, proposals))
    broken = Counter(name for trial in proposals for name in trial.user_attrs.get(INFEASIBLE, ()))
    aims = objectives(study)
    states: dict[str, int] = dict(Counter(map(word, trials)).most_common())
    if earlier is not None and earlier.trials.get("finished") == states.get("finished"):
        shares = earlier.importances
    else:
        shares = importances(study, aims.index("validation")) if "validation" in aims else {}
    stopped = [trial for trial in trials if word(trial) in {"pruned", "paused"}]
    planned = setting(study, "training.epochs", 0)
    return StudyRecord(
        name=study.study_name,
        state=state,
        objectives=aims,
        select=setting(study, "tune.select", "last"),
        trials=states,
        proposals=len(proposals),
        infeasible=dict(broken.most_common()),
        infeasible_proposals=len(proposals) - len(trials),
        epochs_trained=sum(map(epochs, trials)),
        epochs_saved=sum(
            max(0, trial.params.get("training.epochs", planned) - epochs(trial)) for trial in stopped
        ),
        importances=shares,
        importances_missing="" if shares else _missing(trials),
        front=tuple(trial.number for trial in study.best_trials) if len(aims) > 1 else (),
    )


def _missing(trials: Iterable[FrozenTrial]) -> str:
    """Why there are no importances."""
    finished = sum(trial.state is TrialState.COMPLETE for trial in trials)
    if finished < FEWEST_TRIALS:
        return f"too few trials ({finished} finished; it takes {FEWEST_TRIALS})"
    return "no parameter stands out"


def word(trial: FrozenTrial) -> Literal["finished", "pruned", "failed", "paused", "running"]:
    """A trial's state in dnsearch's words; a paused one is RUNNING to Optuna."""
    match trial.state:
        case TrialState.COMPLETE:
            return "finished"
        case TrialState.PRUNED:
            return "pruned"
        case TrialState.FAIL:
            return "failed"
        case _:
            return "paused" if trial.user_attrs.get(PAUSED) else "running"


def epochs(trial: FrozenTrial) -> int:
    """How many epochs a trial was trained; those of several objectives are kept apart from Optuna's."""
    return max(scores_of(trial), default=0)


def objectives(study: optuna.Study) -> tuple[str, ...]:
    """What a study searches for, in the order of Optuna's values."""
    return tuple(setting(study, "tune.objectives", ["validation"]))


def setting(study: optuna.Study, path: str, otherwise: Any) -> Any:  # noqa: ANN401  (whatever a spec holds)
    """A value of the spec that a study was started with."""
    known = study.user_attrs.get(SPEC, {})
    return json.loads(known[path]) if path in known else otherwise
