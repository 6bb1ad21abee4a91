"""The story of a comparison: try rates, measure the spread, freeze the plan, train the pairs.

Everything is in the comparison's folder, so whoever asks again after a kill goes on with what is missing, and
comes to the same verdict::

    RUNS/starter-pooling/
     ├── spec.yaml    what was asked, with every default
     ├── plan.json    arms and, once they are known, rates and number of pairs: frozen before the first pair
     ├── retune/      the runs that chose the rates
     ├── pilot/       those that measured the spread
     ├── pairs/       those that the verdict is about
     └── lock         held while a process trains them

What the pairs say is not looked at before the last one has ended.
"""

import math
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import assert_never

import numpy as np

from dnsearch.compare.design import Arm, Design, PairedRun, Phase, further, rates, tried_run
from dnsearch.compare.frozen_plan import PLAN, Plan, frozen_plan, written
from dnsearch.compare.statistics import detectable_gap, pairs_needed
from dnsearch.errors import Problem, TrainingError
from dnsearch.runs.atomic import atomic_write, writing
from dnsearch.runs.cleaning import heavy, remove
from dnsearch.runs.folder import RunFolder, write_asked
from dnsearch.runs.lock import locked
from dnsearch.runs.record import EpochRecord, Parameters, RunRecord, opening
from dnsearch.runs.scan import known
from dnsearch.search.messages import Executor, Job, RunFailed, RunLost
from dnsearch.spec.compare import FEWEST_PAIRS
from dnsearch.spec.document import resolved_yaml

MAX_LOST = 5  # attempts of a run that may lose their node
MAX_FURTHER = 3  # times that the range of rates gets longer

Records = Mapping[Path, RunRecord]


@dataclass(frozen=True, slots=True)
class Progressed:
    """So much of a phase is done; ``seconds`` is how long the rest of it will take, None: not known yet."""

    phase: Phase
    done: int
    runs: int
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision, in words: the rates, the plan."""

    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """All pairs have ended, and there is a result."""


Event = Progressed | Decided | Finished


@dataclass
class Comparison:
    """A comparison and where it is trained."""

    design: Design
    folder: Path
    workers: int
    executor: Executor

    def go(self, interrupts: Callable[[], int] = lambda: 0) -> Iterator[Event]:
        """Train what is missing; the last event is ``Finished``, unless a person has stopped before.

        ``interrupts`` tells how often a person has asked to stop: once, no more runs are started; twice,
        those at work are stopped.
        """
        self._interrupts = interrupts
        with writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        with locked(self.folder / "lock"):
            try:
                plan = frozen_plan(self.folder, self.design)
                write_asked(self.folder, resolved_yaml(self.design.spec))
                plan = plan or (yield from self._planned())
                if plan and (yield from self._train("pairs", self.design.pairs(plan.pairs, plan.rates))):
                    yield Finished()
            finally:
                self.executor.close()

    def _planned(self) -> Generator[Event, None, Plan | None]:
        """Decide on rates and on the number of pairs, and freeze both."""
        curves = yield from self._curves()
        if curves is None:
            return None
        best = {name: max(curve, key=lambda rate: curve[rate]) for name, curve in curves.items()}
        plan = yield from self._sized(best)
        if plan is not None:
            told = {name: {f"{rate:g}": mean for rate, mean in each.items()} for name, each in curves.items()}
            plan = replace(plan, tried=told)
            atomic_write(self.folder / PLAN, written(self.design, plan))
            yield Decided(f"{PLAN}: {plan.pairs} pairs of {len(self.design.arms)} runs")
        return plan

    def _curves(self) -> Generator[Event, None, dict[str, dict[float, float]] | None]:
        """Arm → rate → mean score, all with the same rates; where an arm's best is at an end, with more."""
        if (retune := self.design.compare.retune) is None:
            return {}
        tried, arms = rates(retune), self.design.arms
        seeds = range(1, retune.seeds + 1)
        for _ in range(MAX_FURTHER + 1):
            runs = [tried_run(arm, rate, seed) for seed in seeds for rate in tried for arm in arms]
            if (records := (yield from self._train("retune", runs))) is None:
                return None
            curves = {arm.name: curve(arm, tried, runs, records) for arm in arms}
            best = {name: max(each, key=each.__getitem__) for name, each in curves.items()}
            below, above = further(tried, log=retune.learning_rate.log)
            longer = [below] * (tried[0] in best.values()) + [*tried] + [above] * (tried[-1] in best.values())
            more = [rate for rate in longer if rate is not None]
            if more == tried:
                break
            tried = more
        told = ", ".join(f"{name} {rate:g}" for name, rate in best.items())
        yield Decided(f"learning rates, the best of {len(tried)} from {tried[0]:g} to {tried[-1]:g}: {told}")
        return curves

    def _sized(self, chosen: dict[str, float]) -> Generator[Event, None, Plan | None]:
        """The number of pairs: given, or what the pilot's spread asks for."""
        compare, contrasts = self.design.compare, self.design.contrasts
        if isinstance(compare.pairs, int):
            return Plan(self.design.hash, compare.pairs, chosen)
        pilot = compare.pairs.pilot
        runs = self.design.pairs(pilot, chosen, "pilot")
        if (records := (yield from self._train("pilot", runs))) is None:
            return None
        scores = scores_of(runs, records)
        spread = {
            name: float(np.std(np.subtract(scores[name], scores[other]), ddof=1)) for name, other in contrasts
        }
        q, power, count = resplit_of(self.folder, self.design, runs), compare.pairs.power, len(contrasts)
        needed = [pairs_needed(compare.margin, s, pilot - 1, count, q, power) for s in spread.values()]
        most = compare.pairs.at_most
        pairs = max(FEWEST_PAIRS, *(min(most, each or most) for each in needed))
        gaps = {name: detectable_gap(pairs, s, count, q, power) for name, s in spread.items() if s > 0}
        if pairs == most and any(each is None or each > most for each in needed):
            found = ", ".join(f"{gap:.2f} points ({name})" for name, gap in gaps.items())
            yield Decided(f"{most} pairs are too few for {compare.margin:g} points; they would find {found}")
        return Plan(self.design.hash, pairs, chosen, spread, gaps)

    def _train(self, phase: Phase, runs: Sequence[PairedRun]) -> Generator[Event, None, Records | None]:
        """Train the runs that have not ended; their records, or None if a person has stopped before."""
        work = _Work(self, phase, runs, self._interrupts)
        yield from work.go()
        return work.records if len(work.records) == len(runs) else None


class _Work:
    """The runs of a phase: those that ended, those at work and those that wait."""

    def __init__(
        self, comparison: Comparison, phase: Phase, runs: Sequence[PairedRun], interrupts: Callable[[], int]
    ) -> None:
        self._comparison, self._executor = comparison, comparison.executor
        self._phase, self._runs, self._interrupts = phase, runs, interrupts
        self.records: dict[Path, RunRecord] = {}
        self._waiting: list[PairedRun] = []
        self._at_work: dict[Path, PairedRun] = {}
        self._lost: Counter[Path] = Counter()
        self._seconds: list[float] = []  # of the runs that ended since the start
        for run in runs:
            record = known(RunFolder(comparison.folder / run.place), _opened(run))
            if record.state == "finished" or (record.state == "failed" and phase == "retune"):
                self.records[run.place] = record
            else:
                self._waiting.append(run)

    def go(self) -> Iterator[Event]:
        """Train until nothing waits, or a person wants to stop; twice ends what is at work."""
        interrupts = self._interrupts
        while interrupts() < 2 and (self._at_work or (self._waiting and not interrupts())):
            while self._waiting and not interrupts() and len(self._at_work) < self._comparison.workers:
                self._start(self._waiting.pop(0))
                yield self._progress()
            for job, message in self._executor.poll():
                run = self._at_work[job.folder]
                match message:
                    case EpochRecord():
                        self._executor.answer(job, None)
                    case RunRecord():
                        self._seconds.append(message.wall_seconds)
                        self._close(run, message)
                    case RunFailed(reason):
                        self._failed(run, reason)
                    case RunLost(reason):
                        self._restart(run, reason)
                    case _:
                        assert_never(message)
                yield self._progress()
        for run in self._at_work.values():
            folder = self._folder(run)
            folder.write(replace(known(folder, _opened(run)), state="interrupted", reason="stopped"))

    def _progress(self) -> Progressed:
        done, left = len(self.records), len(self._runs) - len(self.records)
        rounds = math.ceil(left / self._comparison.workers)
        return Progressed(
            self._phase, done, len(self._runs), fmean(self._seconds) * rounds if self._seconds else None
        )

    def _folder(self, run: PairedRun) -> RunFolder:
        return RunFolder(self._comparison.folder / run.place)

    def _start(self, run: PairedRun) -> None:
        folder = self._folder(run)
        with writing(folder.path):
            folder.path.mkdir(parents=True, exist_ok=True)
        folder.write(replace(known(folder, _opened(run)), state="running", reason=""))
        self._at_work[folder.path] = run
        self._executor.start(Job(run.planned, folder.path, None, test=run.phase == "pairs"))

    def _close(self, run: PairedRun, record: RunRecord) -> None:
        """Write down how a run ended; of a pair its weights stay, of what only prepares it nothing heavy."""
        folder = self._folder(run)
        self._executor.end(folder.path)
        del self._at_work[folder.path]
        folder.write(record)
        remove(each for each in heavy(folder) if run.phase != "pairs" or each.path != folder.weights)
        self.records[run.place] = record

    def _failed(self, run: PairedRun, reason: str) -> None:
        """A rate may be too large to learn anything; a pair that lacks a run decides nothing."""
        folder = self._folder(run)
        self._close(run, replace(known(folder, _opened(run)), state="failed", reason=reason))
        if run.phase != "retune":
            hint = (
                "Mend the cause and compare again; what is finished stays. A lower rate, or retune, may help."
            )
            raise TrainingError(str(Problem(str(folder.path), f"the training failed: {reason}", hint=hint)))

    def _restart(self, run: PairedRun, reason: str) -> None:
        folder = self._folder(run)
        self._lost[folder.path] += 1
        if self._lost[folder.path] >= MAX_LOST:
            self._failed(run, f"{reason}, {MAX_LOST} times")
        else:
            self._executor.end(folder.path)
            self._start(run)


def _opened(run: PairedRun) -> RunRecord:
    cost = run.planned.summary.cost
    parameters = Parameters(cost.trainable, cost.other)
    return opening(run.place.name, run.planned.experiment, parameters, cost.macs, None)


def curve(
    arm: Arm, tried: Sequence[float], runs: Sequence[PairedRun], records: Records
) -> dict[float, float]:
    """Rate → an arm's mean score with it, in points; the smallest rate first. A failed training scores 0."""

    def mean(rate: float) -> float:
        own = (records[run.place] for run in runs if run.arm == arm.name and run.rate == rate)
        return fmean(100 * each.last.score if each.last and each.state == "finished" else 0.0 for each in own)

    return {rate: mean(rate) for rate in tried}


def scores_of(runs: Sequence[PairedRun], records: Records) -> dict[str, list[float]]:
    """Arm → its validation scores at the last epoch, in points, pair by pair."""
    found: dict[str, list[float]] = {}
    for run in sorted(runs, key=lambda run: run.number):
        last = records[run.place].last
        found.setdefault(run.arm, []).append(100 * last.score if last else math.nan)
    return found


def resplit_of(folder: Path, design: Design, runs: Sequence[PairedRun]) -> float:
    """``n_val / n_train`` where each pair has a split of its own, else 0."""
    if not design.compare.resplit:
        return 0.0
    (epoch, *_) = RunFolder(folder / runs[0].place).epochs()
    return epoch.validation.examples / epoch.training.examples
