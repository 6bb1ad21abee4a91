"""What a search space holds, by drawing from it evenly: what is refused, what networks cost, what is idle.

Nothing is trained, and each kind of network is planned once: what tells two draws apart leaves out numbers
that change neither what a network costs nor whether it can be built.
"""

import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from random import Random
from statistics import median
from typing import Any

from dnsearch.runs.record import RunRecord
from dnsearch.search.feasibility import SPEC, SearchSpec, costs_of
from dnsearch.spec.document import settings
from dnsearch.spec.experiment import Experiment
from dnsearch.spec.tree import overlap
from dnsearch.spec.tune import Tune
from dnsearch.spec.tune.parameters import FloatRange, IntRange, Label, Searched, exact, labelled
from dnsearch.spec.tune.search_space import Choice, Draw, Extent, chosen, endless, extent, points, size

WITHOUT_COST = (
    *("network.alpha", "network.dropout", "network.batch_norm"),
    *("training.learning_rate", "training.optimizer", "training.label_smoothing", "training.clip_norm"),
)
"""Fields whose numbers no rule of the spec compares and no cost depends on, but for whether they are 0."""
TRIES = 20  # changes of a parameter alone after which it is held to be idle, when none changed anything
Found = tuple[Mapping[str, str], Mapping[str, int]]  # why a point is refused, and what it costs


def evenly(random: Random) -> Draw:
    """Draws evenly, in the logarithm where a range says so.

    >>> evenly(Random(0))("network.pooling", ("avg", "max"))
    'max'
    """

    def in_logarithm(low: float, high: float) -> float:
        return math.exp(random.uniform(math.log(low), math.log(high)))

    def draw(_: str, searched: Searched) -> Label:
        match searched:
            case IntRange(bounds=(low, high), log=True):
                return min(max(round(in_logarithm(low - 0.5, high + 0.5)), low), high)
            case IntRange(bounds=(low, high), step=step):
                return random.randrange(low, high + 1, step)
            case FloatRange(bounds=(low, high), step=float() as step):
                return low + random.randint(0, size(searched) - 1) * step
            case FloatRange(bounds=(low, high), log=True):
                return min(max(in_logarithm(low, high), low), high)
            case FloatRange(bounds=(low, high)):
                return random.uniform(low, high)
            case choices:
                return random.choice(tuple(labelled(choices)))

    return draw


@dataclass(frozen=True, slots=True)
class Survey:
    """What is known of a space."""

    extent: Extent | None  # None where its conditions tell too much apart to go through
    samples: int  # points that were drawn
    feasible: int  # those of them that may be tried
    refused: Mapping[str, int]  # constraint or relation → points; one point may be refused by several
    costs: Mapping[str, tuple[int, ...]]  # of every point that can be built, whatever the constraints
    feasible_macs: tuple[int, ...]
    never: tuple[str, ...]  # parameters that counted in no point
    idle: tuple[str, ...]  # parameters that change nothing, neither the network nor the training


def survey(spec: SearchSpec, samples: int, seed: int, seconds: float) -> Survey:
    """Draw up to ``samples`` points of the space, for so many seconds; always one."""
    tune, draw, judged = spec.tune, evenly(Random(seed)), _remembered(spec)
    end = time.monotonic() + seconds
    refused: Counter[str] = Counter()
    met: dict[str, list[Choice]] = {path: [] for path in tune.parameters}
    costs: dict[str, list[int]] = {}
    macs: list[int] = []
    drawn = 0
    for choice in islice(points(tune, draw), samples):
        drawn += 1
        reasons, found = judged(choice)
        refused.update(reasons.keys())
        for name, cost in found.items():
            costs.setdefault(name, []).append(cost)
        if not reasons:
            macs.append(found["macs"])
        for path in choice.labels:
            if len(met[path]) < TRIES:
                met[path].append(choice)
        if time.monotonic() >= end:
            break
    return Survey(
        extent=extent(tune.parameters),
        samples=drawn,
        feasible=len(macs),
        refused={name: refused[name] for name in (*spec.names(), SPEC)},
        costs={name: tuple(each) for name, each in costs.items()},
        feasible_macs=tuple(macs),
        never=tuple(path for path, choices in met.items() if not choices),
        idle=tuple(path for path, choices in met.items() if choices and _is_idle(path, choices, spec, draw)),
    )


def _remembered(spec: SearchSpec) -> Callable[[Choice], Found]:
    """A judge that works out each kind of network once: why it is refused, and what it costs."""
    known: dict[tuple[tuple[str, Label], ...], Found] = {}
    related = [path for relation in spec.tune.relations for path in relation.operands]
    free = {path for path in spec.tune.parameters if _is_free(path, spec.tune, related)}

    def found(choice: Choice) -> Found:
        key = tuple((path, bool(label) if path in free else label) for path, label in choice.labels.items())
        if key not in known:
            judgement = spec.judge(choice.values, "sample")
            costs = costs_of(judgement.planned.summary) if judgement.planned else {}
            known[key] = judgement.reasons, costs
        return known[key]

    return found


def _is_free(path: str, tune: Tune, related: list[str]) -> bool:
    without_cost = any(f"{path}.".startswith(f"{field}.") for field in WITHOUT_COST)
    compared = any(overlap(other, path) for other in related)
    return endless(tune.parameters[path]) and without_cost and not compared


def _is_idle(path: str, choices: list[Choice], spec: SearchSpec, draw: Draw) -> bool:
    """Whether other values of a parameter make no difference to any of some points."""
    searched, compared = spec.tune.parameters[path], False
    if size(searched) == 1 and not endless(searched):
        return True
    for choice in choices:
        label = exact(searched, draw(path, searched))
        changed = None if label == choice.labels[path] else _changes(path, label, choice, spec, draw)
        if changed:
            return False
        compared = compared or changed is not None
    return compared


def _changes(path: str, label: Label, choice: Choice, spec: SearchSpec, draw: Draw) -> bool | None:
    """Whether another value of a parameter alone makes a difference; None where one cannot be built."""
    there = {**choice.labels, path: label}
    changed = chosen(spec.tune, lambda each, searched: there[each] if each in there else draw(each, searched))
    own, other = (spec.judge(values, "sample").planned for values in (choice.values, changed.values))
    if own is None or other is None:
        return None
    if path.startswith("network."):
        return own.plan != other.plan
    return settings(own.experiment) != settings(other.experiment)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A guess at the seconds of one trial to its last epoch, learned from so many runs."""

    trial_seconds: float
    runs: int


def estimate(
    records: Iterable[RunRecord], experiment: Experiment, macs: Iterable[int], host: str
) -> Estimate | None:
    """Scale the time of runs on this machine's same images by multiply-adds and epochs; medians throughout.

    Runs with other ``data`` are no basis. ``macs`` are the multiply-adds of feasible networks.
    """

    def data(values: Mapping[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in values.items() if key.startswith("data.")}

    own, networks = data(settings(experiment)), sorted(macs)
    alike = [each for each in records if each.process.get("host") == host and data(each.settings) == own]
    paces = [
        each.wall_seconds / (each.epochs * each.macs)
        for each in alike
        if each.epochs and each.macs and each.wall_seconds
    ]
    if not paces or not networks:
        return None
    return Estimate(median(paces) * median(networks) * experiment.training.epochs, len(paces))
