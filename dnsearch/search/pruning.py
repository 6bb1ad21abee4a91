"""Which trials are stopped early, and when the whole search ends before its budget is used up."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from optuna.trial import FrozenTrial

from dnsearch.runs.record import EpochRecord, RunRecord, Stop
from dnsearch.search.rungs import Entrant, admitted, behind_median, rungs, skipped_rungs
from dnsearch.spec.tune import Tune

COSTS = "dnsearch:costs"
EPOCHS = "dnsearch:epochs"

KNOWN = {
    "parameters": "parameters",
    "macs": "macs",
    "training_memory_bytes": "training_memory_bytes",
    "latency_seconds": "macs",
}
"""Objective → the cost that represents it while trials are compared; a latency is measured at the end."""


@dataclass(frozen=True, slots=True)
class Pruning:
    """The trials of a study as rivals.

    Args:
        trials: all that have not failed.
        tune: the spec's ``tune`` section.
        epochs: of the base spec; the rungs of Hyperband's brackets are counted by them.
    """

    trials: Sequence[FrozenTrial]
    tune: Tune
    epochs: int

    def promoted(self, waiting: Mapping[int, int]) -> int | None:
        """The number of the trial that may go on first, from the highest rung.

        Args:
            waiting: number of a trial → the epoch of the rung that it waits at.
        """
        for rung in sorted(set(waiting.values()), reverse=True):
            for bracket in sorted({self._skipped(number) for number in waiting if waiting[number] == rung}):
                for number in admitted(self._entrants(bracket), rung):
                    if waiting.get(number) == rung:
                        return number
        return None

    def verdict(self, number: int, epoch: int, planned: int) -> Stop | None:
        """A Stop where the pruner gives a trial up, or lets it wait at a rung, after an epoch.

        Args:
            number: the trial's.
            epoch: its latest; its score is in the store.
            planned: how many epochs it shall have.
        """
        skipped = self._skipped(number)
        match self.tune.pruner:
            case "none":
                return None
            case "median":
                entrants = self._entrants(skipped)
                own = next(entrant for entrant in entrants if entrant.number == number)
                rivals = [each for each in entrants if each.number != number]
                behind = behind_median(own, rivals, epoch)
                return Stop("pruned", f"below the median after epoch {epoch}") if behind else None
            case "halving" | "hyperband":
                if epoch not in rungs(planned, skipped):
                    return None
                goes_on = number in admitted(self._entrants(skipped), epoch)
                return None if goes_on else Stop("paused", f"waits after epoch {epoch}")
            case _:
                assert_never(self.tune.pruner)

    def _skipped(self, number: int) -> int:
        """How many rungs a trial skips."""
        return skipped_rungs(number, len(rungs(self.epochs))) if self.tune.pruner == "hyperband" else 0

    def _entrants(self, skipped: int) -> list[Entrant]:
        """The trials that are compared with each other: all that skip as many rungs."""
        aims = [KNOWN[aim] for aim in self.tune.objectives if aim != "validation"]
        return [
            Entrant(trial.number, scores_of(trial), tuple(trial.user_attrs[COSTS][aim] for aim in aims))
            for trial in self.trials
            if COSTS in trial.user_attrs and self._skipped(trial.number) == skipped
        ]


def scores_of(trial: FrozenTrial) -> dict[int, float]:
    """Epoch → validation score, as far as a trial was trained."""
    scores = trial.intermediate_values or trial.user_attrs.get(EPOCHS, {})
    return {int(epoch): score for epoch, score in scores.items()}


class StopRules:
    """When a search ends early: after a time, without progress, or at its target.

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
        """Note an epoch; where the best one counts, it may reach the target."""
        if self._tune.select == "best":
            self._reach(trial, epoch.validation.score)

    def trial_ended(self, record: RunRecord, ranked: Sequence[int]) -> None:
        """Note a trial's end.

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
        """A Stop after a trial's epoch: once the target is reached, the others need not go on."""
        if self._reached_by in {None, trial}:
            return None
        return Stop("pruned", "the target was reached")
