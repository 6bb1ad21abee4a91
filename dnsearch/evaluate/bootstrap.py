"""Intervals of figures that are means over images, from resampled images.

SciPy's ``stats.bootstrap`` draws anew for every figure and keeps a table of all images by all images; here
one set serves every figure.
"""

from collections.abc import Callable
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from dnsearch.evaluate.intervals import TAILS, Figure

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], Floats]
"""Means of values, (..., columns) → the figure that is made of them, (...,)."""

RESAMPLES, SEED = 2000, 0
CHUNK = 2**22  # draws held in memory at once


def resampled_means(values: Floats, seed: int = SEED, resamples: int = RESAMPLES) -> Floats:
    """Means over as many images as there are, drawn with replacement: (n, columns) → (resamples, columns)."""
    examples = len(values)
    rng = np.random.default_rng(seed)
    means = np.empty((resamples, values.shape[1]))
    step = max(1, CHUNK // examples)
    for start in range(0, resamples, step):
        count = min(step, resamples - start)
        drawn = rng.integers(examples, size=(count, examples)) + examples * np.arange(count)[:, np.newaxis]
        times = np.bincount(drawn.ravel(), minlength=count * examples).reshape(count, examples)
        means[start : start + count] = times @ values / examples
    return means


def bootstrap(values: Floats, means: Floats, statistic: Statistic) -> Figure:
    """A figure and its bias-corrected and accelerated bootstrap interval (BCa; Efron, 1987).

    With ``θ`` the figure, ``θ*`` those of the resamples, ``θ₍ᵢ₎`` the one without image i and
    ``d = mean(θ₍·₎) - θ₍ᵢ₎``: ``z₀ = Φ⁻¹(share of θ* below θ)``, ``a = Σ d³ / (6 (Σ d²)^1.5)``, and the ends
    are the quantiles ``Φ(z₀ + (z₀ ± z) / (1 - a (z₀ ± z)))`` of ``θ*``.

    Args:
        values: (n, columns), one row per image.
        means: (resamples, columns), from ``resampled_means``.
        statistic: from means to the figure.
    """
    figure, found = float(statistic(values.mean(axis=0))), statistic(means)
    if len(values) == 1 or np.ptp(found) == 0:
        return Figure(figure, figure, figure)
    without = statistic((values.sum(axis=0) - values) / (len(values) - 1))
    off = without.mean() - without
    squares = float((off**2).sum())
    acceleration = float((off**3).sum()) / (6 * squares**1.5) if squares else 0.0
    below = float((found < figure).mean() + (found == figure).mean() / 2)
    edge = 1 / (2 * len(found))  # so few resamples cannot tell a share from 0 or 1
    normal = NormalDist()
    bias = normal.inv_cdf(min(max(below, edge), 1 - edge))
    shifted = [bias + normal.inv_cdf(tail) for tail in TAILS]
    low, high = np.quantile(found, [normal.cdf(bias + z / (1 - acceleration * z)) for z in shifted])
    return Figure(figure, float(low), float(high))
