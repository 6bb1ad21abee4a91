"""Whether a network is right as often as it says.

Guo et al., 2017, "On calibration of modern neural networks".

A prediction's confidence is its largest probability. Predictions are put into bins of equal width by their
confidence; in each bin the mean confidence is held against the share that is right.
"""

import numpy as np

from dnsearch.assess.scores import Floats, Labels

BINS = 15
"""As in the paper."""


def gaps(probabilities: Floats, labels: Labels, bins: int = BINS) -> Floats:
    """What each prediction adds to its bin: 1 if it is right, else 0, less its confidence.

    Args:
        probabilities: (n, classes).
        labels: (n,).
        bins: how many; bin m is for confidences above (m - 1) / bins up to m / bins.

    Returns:
        (n, bins): zero but for one bin per prediction.
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    place = np.clip(np.ceil(confidence * bins).astype(np.intp) - 1, 0, bins - 1)
    found = np.zeros((len(labels), bins))
    found[np.arange(len(labels)), place] = right - confidence
    return found


def expected_error(mean_gaps: Floats) -> Floats:
    """The expected calibration error ``ECE = Σ_m |B_m| / n · |accuracy(B_m) - confidence(B_m)|``.

    Since ``|B_m| / n`` times the difference is the mean of that bin's gaps over all predictions, the sum of
    the absolute means is all that is left.

    Args:
        mean_gaps: (..., bins): means of ``gaps`` over predictions.

    Returns:
        (...,): from 0 to 1.

    >>> sure = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6]])
    >>> round(float(expected_error(gaps(sure, np.array([0, 1, 1])).mean(axis=0))), 4)  # (|1 - 1.8| + 0.4) / 3
    0.4
    """
    found: Floats = np.abs(mean_gaps).sum(axis=-1)
    return found
