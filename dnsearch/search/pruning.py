"""Which trials are stopped early, and when the whole search ends before its budget is used up.

After certain epochs, the rungs, the best third of all trials that have come there goes on; the others wait,
and go on later if enough worse ones arrive (ASHA: Li et al., 2020, arXiv 1810.05934). Hyperband (Li et al.,
2018, arXiv 1603.06560) lets some trials skip the first rungs, where slow starters are stopped too soon. With
several objectives the best are those that no other dominates, front by front (Deb et al., 2002; for ASHA:
Schmucker et al., 2021, arXiv 2106.12639), and half go on: a third lost good networks (docs/benchmarks.md).
"""

import math
import time
from bisect import bisect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import le
from statistics import median
from typing import assert_never

from optuna.trial import FrozenTrial

from dnsearch.runs.record import EpochRecord, RunRecord, Stop
from dnsearch.spec.tune import Tune

COSTS = "dnsearch:costs"
EPOCHS = "dnsearch:epochs"
KNOWN = {aim: aim for aim in ("parameters", "macs", "training_memory_bytes")} | {"latency_seconds": "macs"}
"""Objective → the cost that represents it while trials are compared; a latency is measured at the end."""
ETA = 3  # one in so many goes on from a rung, and the next one is at so many times its epochs
OF_SEVERAL = 2  # with several objectives one in so many goes on
MOST_RUNGS = 3
MEDIAN_TRIALS, MEDIAN_EPOCHS = 4, 2  # the median says nothing before so many trials or epochs ended


@dataclass(frozen=True, slots=True)
class Entrant:
    """A trial as far as its rivals are concerned."""

    number: int
    scores: Mapping[int, float]  # epoch → validation score, higher is better
    costs: tuple[float, ...] = ()  # in the other objectives, lower is better; known before it is trained


def rungs(epochs: int, skipped: int = 0) -> tuple[int, ...]:
    """The epochs after which trials are compared, without the last epoch.

    No rung is after a single epoch: what a network shows then says little about its end.

    >>> rungs(5), rungs(9), rungs(27), rungs(300), rungs(300, skipped=1), rungs(1)
    ((2,), (3,), (3, 9), (12, 36, 108), (36, 108), ())
    """
    first = epochs
    for _ in range(MOST_RUNGS):
        if first >= 5:
            first = math.ceil(first / ETA)
    return tuple(first * ETA**level for level in range(MOST_RUNGS) if first * ETA**level < epochs)[skipped:]


def skipped_rungs(number: int, levels: int) -> int:
    """How many of the first rungs a trial skips under Hyperband.

    Every bracket takes about as many epochs in all: of ``levels`` rungs, ETA^s (levels + 1) / (s + 1) trials
    in a row meet s of them. The trials' numbers alone decide, so that a study can be continued.

    >>> [skipped_rungs(number, levels=1) for number in range(6)]
    [0, 0, 0, 1, 1, 0]
    """
    sizes = [math.ceil((levels + 1) / (met + 1) * ETA**met) for met in range(levels, -1, -1)]
    return bisect(list(accumulate(sizes)), number % sum(sizes))


def admitted(entrants: Iterable[Entrant], rung: int) -> tuple[int, ...]:
    """Numbers of the trials that go on from a rung, the best first.

    The best ``max(1, floor(n / ETA))`` of the ``n`` that have come there. With costs, OF_SEVERAL stands for
    ETA, and everyone goes on that no other dominates: a network that is the best of its size is never held
    back by larger ones.

    >>> admitted([Entrant(n, {2: score}) for n, score in enumerate([0.5, 0.9, 0.7, 0.8, 0.6, 0.1])], 2)
    (1, 3)
    >>> admitted([Entrant(0, {2: 0.9}, (9,)), Entrant(1, {2: 0.8}, (5,)), Entrant(2, {2: 0.7}, (6,))], 2)
    (0, 1)
    """
    there = [entrant for entrant in entrants if rung in entrant.scores]
    there.sort(key=lambda each: (-each.scores[rung], each.costs, each.number))
    if not there or not there[0].costs:
        return tuple(each.number for each in there[: max(1, len(there) // ETA)])
    most = max(1, len(there) // OF_SEVERAL)
    going: list[int] = []
    for front in fronts(there, rung):
        going += front if not going else front[: most - len(going)]
        if len(going) >= most:
            break
    return tuple(going)


def fronts(ordered: Sequence[Entrant], rung: int) -> Iterator[list[int]]:
    """Numbers of the trials that none dominates, then of those that only the former dominate, and so on.

    They are ``ordered`` by falling score and then by rising costs: whoever dominates another comes first.
    """
    left = [(each.number, (-each.scores[rung], *each.costs)) for each in ordered]
    while left:
        front: list[tuple[int, tuple[float, ...]]] = []
        behind: list[tuple[int, tuple[float, ...]]] = []
        for number, losses in left:
            # Nowhere worse and somewhere better: equal ones do not dominate each other.
            dominated = any(other != losses and all(map(le, other, losses)) for _, other in front)
            (behind if dominated else front).append((number, losses))
        yield [number for number, _ in front]
        left = behind


def behind_median(entrant: Entrant, rivals: Iterable[Entrant], epoch: int) -> bool:
    """Whether a trial's score is below the median of those that were trained as far (Golovin et al., 2017).

    >>> rivals = [Entrant(n, {2: 0.1 * n}) for n in range(4)]
    >>> behind_median(Entrant(9, {2: 0.1}), rivals, 2), behind_median(Entrant(9, {2: 0.2}), rivals, 2)
    (True, False)
    """
    scores = [rival.scores[epoch] for rival in rivals if epoch in rival.scores]
    is_known = len(scores) >= MEDIAN_TRIALS and epoch >= MEDIAN_EPOCHS
    return is_known and entrant.scores[epoch] < median(scores)


@dataclass(frozen=True, slots=True)
class Pruning:
    """All trials of a study that have not failed, as rivals; ``epochs`` of the base spec set the brackets."""

    trials: Sequence[FrozenTrial]
    tune: Tune
    epochs: int

    def promoted(self, waiting: Mapping[int, int]) -> int | None:
        """The trial that may go on first, from the highest rung; ``waiting``: number → epoch of its rung."""
        for rung in sorted(set(waiting.values()), reverse=True):
            for bracket in sorted({self._skipped(number) for number in waiting if waiting[number] == rung}):
                for number in admitted(self._entrants(bracket), rung):
                    if waiting.get(number) == rung:
                        return number
        return None

    def verdict(self, number: int, epoch: int, planned: int) -> Stop | None:
        """A Stop where the pruner gives a trial up, or lets it wait at a rung, after one of its epochs."""
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
    """When a search ends early: after a time, without progress, or at its target."""

    def __init__(self, tune: Tune) -> None:
        self._tune, self._began = tune, time.monotonic()
        self._reached_by: int | None = None
        self.final = ""
        """Why a rule has ended the study; after a time-out it may go on another day."""

    def reason(self) -> str:
        """Why no more trials are started; empty while they are."""
        seconds = self._tune.timeout_seconds
        if not self.final and seconds is not None and time.monotonic() - self._began >= seconds:
            return f"stopped after {seconds:g} seconds, as timeout_seconds says"
        return self.final

    def epoch_ended(self, trial: int, epoch: EpochRecord) -> None:
        """Note an epoch; where the best one counts, it may reach the target."""
        if self._tune.select == "best":
            self._reach(trial, epoch.validation.score)

    def end(self, reason: str) -> None:
        """End the study, unless there is no reason to, or another one before."""
        self.final = self.final or reason

    def trial_ended(self, record: RunRecord, ranked: Sequence[int], later: int) -> None:
        """Note a trial's end.

        ``ranked``: numbers of the finished trials, the best first; ``later``: how many that ended come after
        that one.
        """
        metrics = record.last if self._tune.select == "last" else record.best
        if record.state == "finished" and metrics is not None and record.trial is not None:
            self._reach(record.trial, metrics.score)
        patience = self._tune.patience
        if ranked and patience is not None and later >= patience and not self.final:
            self.final = f"no trial was better than trial {ranked[0]} for {later} trials"

    def _reach(self, trial: int, score: float) -> None:
        target = self._tune.target
        if target is not None and score >= target and not self.final:
            self._reached_by = trial
            self.final = f"trial {trial} reached {score:.4g}; the target was {target:g}"

    def stop(self, trial: int) -> Stop | None:
        """A Stop after a trial's epoch: once the target is reached, the others need not go on."""
        is_reached = self._reached_by not in {None, trial}
        return Stop("pruned", "the target was reached") if is_reached else None
