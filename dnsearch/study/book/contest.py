"""How trials stand against each other before they have ended, from what is booked of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

import optuna
from optuna.trial import FrozenTrial, TrialState

from dnsearch.runs.record import Stop
from dnsearch.spec.tune import Tune
from dnsearch.study.rungs import Entrant, admitted, behind_median, rungs, skipped_rungs

COSTS = "dnsearch:costs"
EPOCHS = "dnsearch:epochs"
COMPARED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)

KNOWN = {
    "parameters": "parameters",
    "macs": "macs",
    "training_memory_bytes": "training_memory_bytes",
    "latency_seconds": "macs",
}
"""Objective → the cost that stands for it while trials are compared; a latency is measured at the end."""


@dataclass(frozen=True, slots=True)
class Contest:
    """The trials of a study as rivals.

    Args:
        study: the open Optuna study.
        tune: the spec's ``tune`` section.
        epochs: of the base spec; the rungs of Hyperband's brackets are counted by them.
    """

    study: optuna.Study
    tune: Tune
    epochs: int

    def next_on(self, waiting: Mapping[int, int]) -> int | None:
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
            epoch: its latest; its score is booked.
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
        """The trials that are compared with each other: none that failed, all that skip as many rungs."""
        aims = [aim for aim in self.tune.objectives if aim != "validation"]
        return [
            Entrant(
                trial.number, scores_of(trial), tuple(trial.user_attrs[COSTS][KNOWN[aim]] for aim in aims)
            )
            for trial in self.study.get_trials(deepcopy=False, states=COMPARED)
            if COSTS in trial.user_attrs and self._skipped(trial.number) == skipped
        ]


def scores_of(trial: FrozenTrial) -> dict[int, float]:
    """Epoch → validation score, as far as a trial was trained."""
    told = trial.intermediate_values or trial.user_attrs.get(EPOCHS, {})
    return {int(epoch): score for epoch, score in told.items()}
