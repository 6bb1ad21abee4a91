"""What a search space holds, by drawing from it evenly: what is refused, what networks cost, what is idle.

Nothing is trained, and each kind of network is planned once: numbers that change neither what a network costs
nor whether it can be built are left out of what tells two draws apart.
"""

import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
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
from dnsearch.spec.tune.parameters import FloatRange, IntRange, Label
from dnsearch.spec.tune.search_space import (
    Choice,
    Extent,
    Values,
    counts,
    endless,
    extent,
    followers,
    in_order,
    points,
    size,
    value_of,
)

WITHOUT_COST = (
    *("network.alpha", "network.dropout", "network.batch_norm"),
    *("training.learning_rate", "training.optimizer", "training.label_smoothing", "training.clip_norm"),
)
"""Fields whose numbers no rule of the spec compares and no cost depends on, but for whether they are 0."""

TRIES = 20
"""Changes of a parameter alone after which it is held to be idle, when none changed anything."""

Key = tuple[tuple[str, Label], ...]
Found = tuple[Mapping[str, str], Mapping[str, int]]
"""Why a point is refused, and what it costs."""


@dataclass(frozen=True, slots=True)
class Uniform:
    """Draws evenly, in the logarithm where a range says so.

    >>> Uniform(Random(0)).label("network.pooling", ["avg", "max"])
    'max'
    """

    random: Random

    def whole(self, path: str, searched: IntRange, high: int) -> int:
        """A whole number of a range."""
        low, _ = searched.bounds
        if searched.log:
            return min(max(round(self._log(low - 0.5, high + 0.5)), low), high)
        return self.random.randrange(low, high + 1, searched.step)

    def number(self, path: str, searched: FloatRange, high: float) -> float:
        """A number of a range."""
        low, _ = searched.bounds
        if searched.step is not None:
            return low + self.random.randint(0, round((high - low) / searched.step)) * searched.step
        return min(max(self._log(low, high), low), high) if searched.log else self.random.uniform(low, high)

    def label(self, path: str, labels: Sequence[Label]) -> Label:
        """One of some labels."""
        return self.random.choice(labels)

    def _log(self, low: float, high: float) -> float:
        return math.exp(self.random.uniform(math.log(low), math.log(high)))


@dataclass(frozen=True, slots=True)
class Survey:
    """What is known of a space.

    Args:
        extent: how far it reaches; None where its conditions tell too much apart to go through.
        samples: how many points were drawn.
        feasible: how many of them may be tried.
        refused: constraint or relation → how many points it refused; one point may be refused by several.
        costs: cost → of every point whose network can be built, whatever the constraints.
        feasible_macs: multiply-adds of every feasible point.
        never: parameters that counted in no point.
        idle: parameters that change nothing, neither the network nor the training.
    """

    extent: Extent | None
    samples: int
    feasible: int
    refused: Mapping[str, int]
    costs: Mapping[str, tuple[int, ...]]
    feasible_macs: tuple[int, ...]
    never: tuple[str, ...]
    idle: tuple[str, ...]


def survey(spec: SearchSpec, samples: int, seed: int, seconds: float) -> Survey:
    """Draw points of the space.

    Args:
        spec: what proposals are judged by, with the space.
        samples: how many points to draw at most.
        seed: equal seeds draw equal points.
        seconds: after this time no more points are drawn, but always one.
    """
    tune, judged = spec.tune, _remembered(spec)
    end = time.monotonic() + seconds
    refused: Counter[str] = Counter()
    met: dict[str, list[Choice]] = {path: [] for path in tune.parameters}
    costs: dict[str, list[int]] = {}
    macs: list[int] = []
    drawn = 0
    for choice in islice(points(tune, Uniform(Random(seed))), samples):
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
        idle=tuple(path for path, choices in met.items() if choices and _is_idle(path, choices, spec)),
    )


def _remembered(spec: SearchSpec) -> Callable[[Choice], Found]:
    """A judge that works out each kind of network once: why it is refused, and what it costs."""
    known: dict[Key, Found] = {}
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
    """Whether a parameter's numbers make no difference here, but for 0."""
    compared = any(overlap(other, path) for other in related)
    without_cost = any(f"{path}.".startswith(f"{field}.") for field in WITHOUT_COST)
    return endless(tune.parameters[path]) and without_cost and not compared


def _is_idle(path: str, choices: list[Choice], spec: SearchSpec) -> bool:
    """Whether each of some points stays what it is with the next one's value of a parameter."""
    if size(spec.tune.parameters[path]) == 1 and not endless(spec.tune.parameters[path]):
        return True
    others = (each.labels[path] for each in (*choices[1:], choices[0]))
    changes = [_changes(path, label, choice, spec) for choice, label in zip(choices, others, strict=True)]
    return any(each is not None for each in changes) and not any(changes)


def _changes(path: str, label: Label, choice: Choice, spec: SearchSpec) -> bool | None:
    """Whether another value of a parameter alone makes a difference; None where one cannot be built."""
    if label == choice.labels[path]:
        return None
    values = _with(path, label, choice, spec.tune)
    own, other = (spec.judge(each, "sample").planned for each in (choice.values, values))
    if own is None or other is None:
        return None
    if path.startswith("network."):
        return own.plan != other.plan
    return settings(own.experiment) != settings(other.experiment)


def _with(path: str, label: Label, choice: Choice, tune: Tune) -> Values:
    """The values of a point with another label for one parameter; what does not count any more falls away."""
    labels: dict[str, Label] = {}
    for each in in_order(tune.parameters):
        if each in choice.labels and counts(tune.parameters[each], labels):
            labels[each] = label if each == path else choice.labels[each]
    values = {each: value_of(tune.parameters[each], label) for each, label in labels.items()}
    return {**values, **followers(tune.relations, values)}


@dataclass(frozen=True, slots=True)
class Estimate:
    """A guess at the seconds of one trial to its last epoch, learned from so many runs."""

    trial_seconds: float
    runs: int


def estimate(
    records: Iterable[RunRecord], experiment: Experiment, macs: Iterable[int], host: str
) -> Estimate | None:
    """Scale the time of runs on this machine's same images by multiply-adds and epochs; medians throughout.

    Args:
        records: any runs.
        experiment: the spec of the search; what differs in ``data`` is no basis.
        macs: multiply-adds of feasible networks.
        host: this machine's name.
    """

    def data(values: Mapping[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in values.items() if key.startswith("data.")}

    own, networks = data(settings(experiment)), sorted(macs)
    paces = [
        record.wall_seconds / (record.epochs * record.macs)
        for record in records
        if record.epochs
        and record.macs
        and record.wall_seconds
        and record.process.get("host") == host
        and data(record.settings) == own
    ]
    if not paces or not networks:
        return None
    return Estimate(median(paces) * median(networks) * experiment.training.epochs, len(paces))
