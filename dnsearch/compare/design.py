"""From a spec with a ``compare`` section to its arms, and to the runs of each pair.

::

    retune   arm × rate × seed   the rate of each arm; validation images of another split
    pilot    arm × pair          the spread of the differences, nothing else
    pairs    arm × pair          the verdict

A pair's seed is made of the spec's and of its number, with no arm in it: the first weights where shapes
allow, the order of the images, augmentation and dropout are the same for all arms.
"""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal
from zlib import crc32

from dnsearch.errors import Problem, SpecError
from dnsearch.plan.limits import Planned, planned
from dnsearch.plan.network import TOLERANCE
from dnsearch.spec.compare import RATE, SEED, SPLIT_SEED, Compare, Retune
from dnsearch.spec.document import fingerprint, settings
from dnsearch.spec.experiment import Experiment

Phase = Literal["retune", "pilot", "pairs"]


@dataclass(frozen=True)
class Arm:
    """One of the variants that are compared, at the cost that they share."""

    name: str
    values: Mapping[str, Any]  # dotted path → value, as the spec has them
    planned: Planned


@dataclass(frozen=True)
class Design:
    """A comparison to make. The baseline is the first arm."""

    spec: Experiment
    compare: Compare
    arms: tuple[Arm, ...]

    @property
    def name(self) -> str:
        """The spec's."""
        return self.spec.name

    @property
    def contrasts(self) -> list[tuple[str, str]]:
        """Each other arm and the baseline."""
        baseline, *others = (arm.name for arm in self.arms)
        return [(name, baseline) for name in others]

    @property
    def hash(self) -> str:
        """A short name for everything that decides what is trained and what counts."""
        compare = self.compare.model_dump(mode="json", by_alias=True, exclude={"arms", "baseline"})
        arms = {arm.name: settings(arm.planned.experiment) for arm in self.arms}
        canonical = json.dumps({"compare": compare, "arms": [*arms.items()]}, sort_keys=True)
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]

    def pairs(self, count: int, chosen: Mapping[str, float], phase: Phase = "pairs") -> list["PairedRun"]:
        """The runs of so many pairs, or of the pilot's; arms take turns at being first.

        ``chosen``: arm → its learning rate, where rates were tried.
        """
        return [run for number in range(1, count + 1) for run in self._pair(number, chosen, phase)]

    def _pair(self, number: int, chosen: Mapping[str, float], phase: Phase) -> list["PairedRun"]:
        runs = []
        for arm in self.arms:
            seed = _seed(arm, phase, number)
            split = {SPLIT_SEED: seed} if self.compare.resplit else {}
            rate = {RATE: chosen[arm.name]} if arm.name in chosen else {}
            runs.append(
                _run(arm, phase, number, f"pair-{number:03d}-{arm.name}", {SEED: seed, **split, **rate})
            )
        turn = (number - 1) % len(runs)
        return runs[turn:] + runs[:turn]


@dataclass(frozen=True)
class PairedRun:
    """One training of a comparison."""

    arm: str
    phase: Phase
    number: int  # of the pair, from 1; of the seed, where rates are tried
    rate: float | None
    planned: Planned
    place: Path  # of its run folder, below the comparison's


def designed(found: Planned) -> Design:
    """The comparison that a planned spec asks for.

    Raises:
        SpecError: there is none, an arm cannot be built or brought to the baseline's cost, or two are equal.
    """
    spec = found.written.experiment
    if (compare := spec.compare) is None:
        hint = "Add compare: with arms:, or say --vary network.pooling=avg,max"
        raise SpecError([Problem("compare", "a compare section", f"none in {spec.name}", hint)])
    names = [compare.reference, *(name for name in compare.arms if name != compare.reference)]
    target: int | None = None
    arms: list[Arm] = []
    for name in names:
        arm = _arm(found, compare, name, target)
        arms.append(arm)
        target = target or _figure(arm.planned, compare)
    if problems := [*_equal(arms, compare)]:
        raise SpecError(found.written.located(SpecError(problems)).problems)
    return Design(spec, compare, tuple(arms))


def _arm(found: Planned, compare: Compare, name: str, target: int | None) -> Arm:
    """An arm; with a ``target`` it is brought there, unless it is there already."""
    values = compare.arms[name]
    arm = planned(found.written.with_values(values, f"arm {name}"), found.facts)
    if target is None or abs(_figure(arm, compare) - target) <= TOLERANCE * target:
        return Arm(name, values, arm)
    own, blocks = arm.experiment.network.growth_rate, len(arm.plan.blocks)
    several = (own,) * blocks if isinstance(own, int) else own
    for growth_rate in (own, several):  # the latter rounds each block's by itself
        wanted = {**values, f"match.{compare.match}": target, "network.growth_rate": growth_rate}
        try:
            return Arm(name, values, planned(found.written.with_values(wanted, f"arm {name}"), found.facts))
        except SpecError as error:
            problems = [replace(each, where=f"compare.arms.{name}", place=None) for each in error.problems]
    raise found.written.located(SpecError(problems))


def _figure(arm: Planned, compare: Compare) -> int:
    """What arms are matched by; 0 where they are not."""
    cost = arm.summary.cost
    return {"macs": cost.macs, "parameters": cost.trainable, "none": 0}[compare.match]


def _equal(arms: list[Arm], compare: Compare) -> Iterator[Problem]:
    """Arms that differ in nothing that a training knows."""
    names: dict[str, str] = {}
    for arm in arms:
        twin = names.setdefault(fingerprint(arm.planned.experiment), arm.name)
        if twin != arm.name:
            hint = "Set compare.match: none if they differ in the growth rate alone."
            hint = hint if compare.match != "none" else "Remove one of them."
            yield Problem(f"compare.arms.{arm.name}", "another network or training", f"that of {twin}", hint)
    if compare.retune is not None and (fixed := [arm.name for arm in arms if RATE in arm.values]):
        yield Problem("compare.retune", f"null where an arm has a rate of its own: {', '.join(fixed)}")


def rates(retune: Retune) -> list[float]:
    """The learning rates that are tried first, evenly spaced over the range or its logarithm.

    >>> from dnsearch.spec.tune.parameters import FloatRange
    >>> rates(Retune(**{RATE: FloatRange(float=(0.1, 0.4), log=True), "trials": 3}))
    [0.1, 0.2, 0.4]
    """
    (low, high), steps = retune.learning_rate.bounds, retune.trials - 1
    if retune.learning_rate.log:
        return [_rounded(low * (high / low) ** (step / steps)) for step in range(steps + 1)]
    return [_rounded(low + (high - low) * step / steps) for step in range(steps + 1)]


def further(tried: list[float], *, log: bool) -> tuple[float | None, float]:
    """The rates before the first and after the last of those tried; None where it would not be above 0."""
    if log:
        return _rounded(tried[0] ** 2 / tried[1]), _rounded(tried[-1] ** 2 / tried[-2])
    below, above = 2 * tried[0] - tried[1], 2 * tried[-1] - tried[-2]
    return (_rounded(below) if below > 0 else None), _rounded(above)


def _rounded(rate: float) -> float:
    """To four digits, so that a rate is the same in a file, in a message and on every machine."""
    return float(f"{rate:.4g}") if math.isfinite(rate) else rate


def tried_run(arm: Arm, rate: float, number: int) -> PairedRun:
    """A training of an arm with a rate, by the number of its seed."""
    seed = _seed(arm, "retune", number)
    values = {RATE: rate, SEED: seed, SPLIT_SEED: seed}
    return _run(arm, "retune", number, f"{arm.name}-rate-{rate:g}-seed-{number}", values)


def _seed(arm: Arm, phase: Phase, number: int) -> int:
    return crc32(f"compare {phase} {arm.planned.written.experiment.training.seed} {number}".encode())


def _run(arm: Arm, phase: Phase, number: int, name: str, values: Mapping[str, Any]) -> PairedRun:
    document = arm.planned.document.with_values(values, name)  # the same network, which is planned already
    changed = replace(arm.planned, document=document)
    rate = document.experiment.training.learning_rate if RATE in values else None
    return PairedRun(arm.name, phase, number, rate, changed, Path(phase, name))
