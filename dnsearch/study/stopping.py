"""When a search ends before its budget is used up: after a time, without progress, or at its target."""

import time
from collections.abc import Sequence

from dnsearch.runs.record import EpochRecord, RunRecord, Stop
from dnsearch.spec.tune import Tune


class Rules:
    """The rules of one sitting, and what has happened of what they ask for.

    Args:
        tune: the ``tune`` section.
    """

    def __init__(self, tune: Tune) -> None:
        self._tune = tune
        self._began = time.monotonic()
        self._final = ""
        self._reached_by: int | None = None

    @property
    def is_final(self) -> bool:
        """Whether a rule has ended the study; after a time-out it may go on another day."""
        return bool(self._final)

    def reason(self) -> str:
        """Why no more trials are started; empty while they are."""
        seconds = self._tune.timeout_seconds
        if not self._final and seconds is not None and time.monotonic() - self._began >= seconds:
            return f"stopped after {seconds:g} seconds, as timeout_seconds says"
        return self._final

    def epoch_ended(self, trial: int, epoch: EpochRecord) -> None:
        """Told of an epoch; where the best one counts, it may reach the target."""
        if self._tune.select == "best":
            self._reach(trial, epoch.validation.score)

    def trial_ended(self, record: RunRecord, ranked: Sequence[int]) -> None:
        """Told of a trial's end.

        Args:
            record: the trial's.
            ranked: numbers of the finished trials, the best first.
        """
        metrics = record.last if self._tune.select == "last" else record.best
        if record.state == "finished" and metrics is not None and record.trial is not None:
            self._reach(record.trial, metrics.score)
        patience = self._tune.patience
        if patience is not None and ranked and record.trial is not None and not self._final:
            later = record.trial - ranked[0]
            if later >= patience:
                self._final = f"no trial was better than trial {ranked[0]} for {later} trials"

    def _reach(self, trial: int, score: float) -> None:
        target = self._tune.target
        if target is not None and score >= target and not self._final:
            self._reached_by = trial
            self._final = f"trial {trial} reached {score:.4g}; the target was {target:g}"

    def stop(self, trial: int) -> Stop | None:
        """What a trial is told after its epoch: once the target is reached, the others need not go on."""
        if self._reached_by in {None, trial}:
            return None
        return Stop("pruned", "the target was reached")
