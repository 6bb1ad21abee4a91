"""Which searched settings matter: of all trials that reached the first rung, by their scores there.

Finished trials are the wrong ones to ask: pruning leaves nearly one value of what matters, and the sampler
drew the later ones near the best, so that what does not matter looks as if it did (docs/benchmarks.md,
"Statistics"). Here every setting is judged by the trials that it was really drawn for, beside all other
settings, and against what chance would give it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from dnsearch.evaluate.bootstrap import RESAMPLES, SEED, Floats
from dnsearch.evaluate.intervals import CONFIDENCE

Setting = str | float | bool | None
"""A searched value; None where a trial does not have the setting."""

FEWEST_TRIALS = 30
MOST_LEVELS, QUARTERS = 4, (0.25, 0.5, 0.75)
"""Numbers with more values than that are judged by their order, others value by value."""


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


@dataclass(frozen=True, slots=True)
class Effect:
    """The trials with one value of a setting, or with numbers between two: how many, mean and best score."""

    low: Setting
    high: Setting
    trials: int
    mean: float
    best: float


def importances(
    settings: Sequence[Mapping[str, Setting]], scores: Sequence[float], seed: int = SEED
) -> dict[str, Importance]:
    """Setting → its importance, the largest first; nothing of fewer than 30 trials.

    The ranks y of the scores are fitted by least squares to all settings: numbers by their rank and its
    square, other values each by itself. With ``y = R y + e`` the fit without a setting and ``U`` an
    orthonormal basis of what the setting adds, its share is ``|Uᵀ y|² / |y - ȳ|²``. For chance, e is permuted
    among the trials, 2,000 times, and made longer by ``√(n / (n - rank R))`` as residuals are too short
    (Freedman and Lane, 1983).

    Args:
        settings: of each trial that reached the first rung.
        scores: their scores there, higher is better.
        seed: of the permutations.

    >>> settings = [{"pooling": name, "alpha": each % 5} for each in range(20) for name in ("avg", "max")]
    >>> found = importances(settings, [0.9 if each["pooling"] == "avg" else 0.8 for each in settings])
    >>> list(found), found["pooling"].share > found["pooling"].chance, found["alpha"].share < 0.01
    (['pooling', 'alpha'], True, True)
    """
    if len(scores) < FEWEST_TRIALS:
        return {}
    paths = sorted({path for each in settings for path in each})
    columns = {path: _columns([each.get(path) for each in settings]) for path in paths}
    ranks = stats.rankdata(scores)
    total = float(((ranks - ranks.mean()) ** 2).sum())
    if total == 0:
        return {}
    rng = np.random.default_rng(seed)
    orders = rng.permuted(np.tile(np.arange(len(ranks)), (RESAMPLES, 1)), axis=1)
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
        drawn = (rest[orders] @ added * np.sqrt(len(ranks) / free)) ** 2
        chance = np.quantile(drawn.sum(axis=1) / total, 1 - (1 - CONFIDENCE) / len(paths))
        found[path] = Importance(float(((added.T @ ranks) ** 2).sum() / total), float(chance))
    return dict(sorted(found.items(), key=lambda item: -item[1].share))


def _columns(values: Sequence[Setting]) -> Floats:
    """A setting as numbers that scores are fitted to, (trials, columns)."""
    levels = sorted(set(values), key=repr)
    if len(levels) <= MOST_LEVELS or not all(map(_is_number, filter(_is_set, levels))):
        return np.array([[value == level for level in levels[1:]] for value in values], np.float64)
    known = np.array([value is not None for value in values])
    order = np.zeros(len(values))
    order[known] = stats.rankdata([value for value in values if value is not None])
    order[known] = 2 * (order[known] - 0.5) / known.sum() - 1
    return np.column_stack([order, order**2, ~known])


def _basis(columns: Floats) -> Floats:
    """Orthonormal columns that span the same, (trials, rank)."""
    found, sizes, _ = np.linalg.svd(columns, full_matrices=False)
    return np.asarray(found[:, sizes > 1e-9 * max(1.0, sizes.max(initial=0.0))])


def _is_set(value: Setting) -> bool:
    return value is not None


def _is_number(value: Setting) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def effects(values: Sequence[Setting], scores: Sequence[float]) -> list[Effect]:
    """What trials with each value of a setting scored at the first rung; more than 4 numbers in four groups.

    A sampler that prefers good values makes the other settings of their trials good as well: what a value
    does by itself, this does not say.

    >>> effects(["avg", "max", "avg"], [0.5, 0.25, 0.75])
    [Effect(low='avg', high='avg', trials=2, mean=0.625, best=0.75),
     Effect(low='max', high='max', trials=1, mean=0.25, best=0.25)]
    """
    present = [value for value in values if value is not None]
    levels = sorted(set(present), key=lambda level: (type(level).__name__, level))
    if len(levels) > MOST_LEVELS and all(map(_is_number, levels)):
        ends = np.quantile(np.asarray(present, np.float64), QUARTERS, method="inverted_cdf")
        places = np.searchsorted(ends, np.asarray(levels, np.float64))
        groups = [
            [level for level, own in zip(levels, places, strict=True) if own == place]
            for place in np.unique(places)
        ]
    else:
        groups = [[level] for level in levels]
    return [_effect(group, values, scores) for group in groups]


def _effect(group: Sequence[Setting], values: Sequence[Setting], scores: Sequence[float]) -> Effect:
    own = [score for value, score in zip(values, scores, strict=True) if value in group]
    return Effect(group[0], group[-1], len(own), float(np.mean(own)), max(own))
