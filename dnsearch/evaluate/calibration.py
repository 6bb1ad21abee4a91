"""How far confidence is from accuracy, without what chance alone adds to it.

The expected calibration error sums absolute values. So it is above 0 even of a perfectly calibrated network,
by 0.02 to 0.04 for some hundred images, and every resample of the images adds the same again: the bootstrap's
intervals lie above the truth. Here that part is taken off (Kumar et al., 2019, arXiv:1909.10155), and the
error is shown beside those that a calibrated network would have (Bröcker and Smith, 2007, "Increasing the
reliability of reliability diagrams").
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from dnsearch.evaluate.bootstrap import CHUNK, RESAMPLES, SEED, Floats
from dnsearch.evaluate.intervals import TAILS, Figure, Z

Labels = NDArray[np.integer]

BINS = 15


@dataclass(frozen=True, slots=True)
class Calibration:
    """All from 0 to 1.

    Args:
        plain: the expected calibration error as it is defined, for comparison with papers.
        error: without what chance adds, and its 95 % interval; from 0 on where ``plain`` lies within
            ``band``.
        band: between which 95 % of the plain errors of a calibrated network with these confidences lie.
    """

    plain: float
    error: Figure
    band: tuple[float, float]


def calibration(
    probabilities: Floats, labels: Labels, seed: int = SEED, resamples: int = RESAMPLES, bins: int = BINS
) -> Calibration:
    """The calibration error of predictions (n, classes), by labels (n,) from 0.

    The interval is ``error ± 1.96 √(Σ_m e_m²)``, with the standard errors of ``debiased_error``; where the
    plain error is not above the band, the network may be calibrated, and the interval begins at 0.

    >>> sure = np.tile([0.8, 0.2], (100, 1))
    >>> found = calibration(sure, np.repeat([0, 1], [80, 20]))
    >>> round(found.plain, 4), round(found.error.value, 4), round(found.error.low, 4)
    (0.0, 0.0, 0.0)
    """
    values = gaps(probabilities, labels, bins)
    plain = float(expected_error(values.mean(axis=0)))
    band = consistency_band(probabilities, seed, resamples, bins)
    error = debiased_error(values)
    half = Z * math.sqrt(np.square(_errors(values)).sum())
    low = 0.0 if plain <= band[1] else max(0.0, error - half)
    return Calibration(plain, Figure(error, low, min(1.0, error + half)), band)


def gaps(probabilities: Floats, labels: Labels, bins: int = BINS) -> Floats:
    """What each prediction adds to its bin, (n, bins): 1 if it is right, else 0, less its confidence.

    Its confidence is its largest probability; bin m is for those above ``(m - 1) / bins`` up to ``m / bins``;
    all others are 0. As in Guo et al., 2017, "On calibration of modern neural networks".
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    place = _places(confidence, bins)
    found = np.zeros((len(labels), bins))
    found[np.arange(len(labels)), place] = right - confidence
    return found


def _places(confidence: Floats, bins: int) -> NDArray[np.intp]:
    return np.clip(np.ceil(confidence * bins).astype(np.intp) - 1, 0, bins - 1)


def expected_error(mean_gaps: Floats) -> Floats:
    """The expected calibration error, ``ECE = Σ_m |B_m| / n · |accuracy(B_m) - confidence(B_m)|``.

    ``|B_m| / n`` times the difference is the mean of that bin's gaps over all predictions, so this is the sum
    of the absolute values of means of ``gaps``: (..., bins) → (...,).

    >>> sure = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6]])
    >>> round(float(expected_error(gaps(sure, np.array([0, 1, 1])).mean(axis=0))), 4)  # (|1 - 1.8| + 0.4) / 3
    0.4
    """
    found: Floats = np.abs(mean_gaps).sum(axis=-1)
    return found


def _errors(values: Floats) -> Floats:
    """The standard errors of the bins' mean gaps; 0 of a single prediction, which tells nothing of them."""
    found: Floats = np.sqrt(values.var(axis=0, ddof=min(1, len(values) - 1)) / len(values))
    return found


def debiased_error(values: Floats) -> float:
    """The expected calibration error less its bias, ``Σ_m (2 |d_m| - E|N(d_m, e_m²)|)``, not below 0.

    ``d_m`` is the mean of bin m's gaps over all predictions and ``e_m`` its standard error. Were ``d_m`` the
    truth, ``E|N(d, e²)| = e √(2/π) exp(-d² / 2e²) + d (1 - 2 Φ(-d / e))`` would be measured on the average,
    so much more than ``|d_m|`` (Kumar et al., 2019, appendix).

    Args:
        values: (n, bins), from ``gaps``.

    >>> round(debiased_error(np.array([[0.1], [-0.9], [0.1], [0.1], [0.1]])), 4)
    0.0209
    """
    mean = values.mean(axis=0)
    error = _errors(values)
    scale = np.where(error > 0, error, 1.0)
    expected = error * np.sqrt(2 / np.pi) * np.exp(-((mean / scale) ** 2) / 2) + mean * (
        1 - 2 * special.ndtr(-mean / scale)
    )
    expected = np.where(error > 0, expected, np.abs(mean))
    return max(0.0, float((2 * np.abs(mean) - expected).sum()))


def consistency_band(
    probabilities: Floats, seed: int = SEED, resamples: int = RESAMPLES, bins: int = BINS
) -> tuple[float, float]:
    """Between which values 95 % of the plain errors of a calibrated network lie: labels drawn as it expects.

    A prediction of confidence c is taken to be right with probability c.

    >>> low, high = consistency_band(np.tile([0.8, 0.2], (100, 1)))
    >>> round(low, 3), round(high, 3)
    (0.0, 0.09)
    """
    confidence = probabilities.max(axis=1)
    place = _places(confidence, bins)
    member = np.zeros((len(place), bins))
    member[np.arange(len(place)), place] = 1 / len(place)
    rng = np.random.default_rng(seed)
    found = np.empty(resamples)
    step = max(1, CHUNK // len(place))
    for start in range(0, resamples, step):
        drawn = rng.random((min(step, resamples - start), len(place))) < confidence
        found[start : start + step] = expected_error((drawn - confidence) @ member)
    low, high = np.quantile(found, TAILS)
    return float(low), float(high)
