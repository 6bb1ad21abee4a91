"""Which searched settings matter: of all trials that reached the first rung, by their scores there.

Finished trials are the wrong ones to ask: pruning leaves nearly one value of what matters, and the sampler
drew the later ones near the best, so that what does not matter looks as if it did (docs/benchmarks.md,
"Statistics"). Here every setting is judged by the trials that it was really drawn for, beside all other
settings, and against what chance would give it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from scipy.special import betaincinv

from dnsearch.evaluate.bootstrap import RESAMPLES, SEED, Floats
from dnsearch.evaluate.intervals import CONFIDENCE
from dnsearch.runs.record import FEWEST_SCORED, Effect, Setting

MOST_LEVELS, QUARTERS = 4, (0.25, 0.5, 0.75)
"""Numbers with more values than that are judged by their order, others value by value."""
MOST_DRAWN, SMALL = 30, 300
"""The mean of more trials is normal; of a study of no more, they are drawn without replacement."""


@dataclass(frozen=True, slots=True)
class Importance:
    """How much of the differences between trials one setting alone explains.

    Args:
        share: of the variance of the scores' ranks, from 0 to 1; what settings explain only together is
            nobody's.
        chance: how large the share of a setting without any effect gets; of all settings without effect
            together, one is larger in at most 5 % of studies.
    """

    share: float
    chance: float


def importances(settings: Sequence[Mapping[str, Setting]], scores: Sequence[float]) -> dict[str, Importance]:
    """Setting → its importance, the largest first; nothing of fewer than 30 trials.

    The ranks y of the scores are fitted by least squares to all settings: numbers by their rank and its
    square, other values each by itself. With ``y = R y + e`` the fit without a setting and ``U`` an
    orthonormal basis of the k columns that the setting adds, its share is ``|Uᵀ y|² / |y - ȳ|²``. Without an
    effect ``|Uᵀ y|² / |e|²`` is distributed as Beta(k / 2, (n - rank R - k) / 2): Fisher's F test (1925), of
    ranks (Conover and Iman, 1981). Permuting the scores gives the same and takes longer.

    Args:
        settings: of each trial that reached the first rung.
        scores: their scores there, higher is better.

    >>> settings = [{"pooling": name, "alpha": each % 5} for each in range(20) for name in ("avg", "max")]
    >>> found = importances(settings, [0.9 if each["pooling"] == "avg" else 0.8 for each in settings])
    >>> list(found), found["pooling"].share > found["pooling"].chance, found["alpha"].share < 0.01
    (['pooling', 'alpha'], True, True)
    """
    if len(scores) < FEWEST_SCORED:
        return {}
    paths = sorted({path for each in settings for path in each})
    columns = {path: _columns([each.get(path) for each in settings]) for path in paths}
    ranks = _ranks(np.asarray(scores, np.float64))
    total = float(((ranks - ranks.mean()) ** 2).sum())
    if total == 0:
        return {}
    found = {}
    for path in paths:
        others = _basis(
            np.column_stack([np.ones(len(ranks)), *(columns[each] for each in paths if each != path)])
        )
        added = _basis(columns[path] - others @ (others.T @ columns[path]))
        rest = ranks - others @ (others.T @ ranks)
        free = len(ranks) - others.shape[1]
        if free <= added.shape[1]:
            return {}  # more values than trials
        degrees = added.shape[1] / 2, (free - added.shape[1]) / 2
        most = betaincinv(*degrees, 1 - (1 - CONFIDENCE) / len(paths)) if added.shape[1] else 0.0
        chance = most * float((rest**2).sum()) / total
        found[path] = Importance(float(((added.T @ ranks) ** 2).sum() / total), float(chance))
    return dict(sorted(found.items(), key=lambda item: -item[1].share))


def _columns(values: Sequence[Setting]) -> Floats:
    """A setting as numbers that scores are fitted to, (trials, columns)."""
    levels = sorted(set(values), key=repr)
    if len(levels) <= MOST_LEVELS or not all(map(_is_number, filter(_is_set, levels))):
        return np.array([[value == level for level in levels[1:]] for value in values], np.float64)
    known = np.array([value is not None for value in values])
    order = np.zeros(len(values))
    order[known] = _ranks(np.array([value for value in values if value is not None], np.float64))
    order[known] = 2 * (order[known] - 0.5) / known.sum() - 1
    return np.column_stack([order, order**2, ~known])


def _ranks(values: Floats) -> Floats:
    """From 1; equal values share the mean of their places."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: Floats = (np.cumsum(counts) - (counts - 1) / 2)[places]
    return ranks


def _basis(columns: Floats) -> Floats:
    """Orthonormal columns that span the same, (trials, rank)."""
    found, sizes, _ = np.linalg.svd(columns, full_matrices=False)
    return np.asarray(found[:, sizes > 1e-9 * max(1.0, sizes.max(initial=0.0))])


def _is_set(value: Setting) -> bool:
    return value is not None


def _is_number(value: Setting) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def effects(values: Sequence[Setting], scores: Sequence[float], seed: int = SEED) -> list[Effect]:
    """What trials with each value of a setting scored at the first rung; more than 4 numbers in four groups.

    A sampler that prefers good values makes the other settings of their trials good as well: what a value
    does by itself, this does not say. Chance is that of as many trials, drawn from those with the setting.

    >>> [(each.low, each.trials, each.mean) for each in effects(["avg", "max", "avg"], [0.5, 0.25, 0.75])]
    [('avg', 2, 0.625), ('max', 1, 0.25)]
    """
    pairs = [(value, score) for value, score in zip(values, scores, strict=True) if value is not None]
    present = [value for value, _ in pairs]
    levels = sorted(set(present), key=lambda level: (type(level).__name__, level))
    if len(levels) > MOST_LEVELS and all(map(_is_number, levels)):
        ends = np.quantile(np.asarray(present, np.float64), QUARTERS, method="inverted_cdf")
        places = np.searchsorted(ends, np.asarray(levels, np.float64))
    else:
        places = np.arange(len(levels))
    group_of = dict(zip(levels, places.tolist(), strict=True))
    groups: dict[int, list[float]] = {place: [] for place in sorted(group_of.values())}
    for value, score in pairs:
        groups[group_of[value]].append(score)
    everyone, tail = np.array([score for _, score in pairs]), (1 - CONFIDENCE) / 2 / max(1, len(groups))
    found = []
    for place, own in groups.items():
        inside = [level for level in levels if group_of[level] == place]
        chance = _means_by_chance(everyone, len(own), tail, seed)
        found.append(Effect(inside[0], inside[-1], len(own), float(np.mean(own)), max(own), chance))
    return found


def _means_by_chance(scores: Floats, size: int, tail: float, seed: int) -> tuple[float, float]:
    """Between which values the mean of ``size`` scores drawn without replacement is, but for two tails."""
    count, mean = len(scores), float(scores.mean())
    drawn = min(size, count - size)  # the mean of all others tells as much
    if drawn == 0:
        return mean, mean
    if drawn > MOST_DRAWN:
        error = float(scores.std(ddof=1)) * np.sqrt((1 - size / count) / size)
        off = NormalDist().inv_cdf(1 - tail) * float(error)
        return mean - off, mean + off
    rng = np.random.default_rng(seed)
    if count <= SMALL:
        draws = rng.permuted(np.tile(scores, (RESAMPLES, 1)), axis=1)[:, :drawn]
    else:
        draws = rng.choice(scores, (RESAMPLES, drawn))
    sums = draws.sum(axis=1)
    means = (sums if drawn == size else scores.sum() - sums) / size
    low, high = np.quantile(means, (tail, 1 - tail))
    return float(low), float(high)
