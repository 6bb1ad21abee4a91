"""What each single prediction is worth: its probabilities, its rank, its log-likelihood."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Labels = NDArray[np.integer]


def softmax(logits: Floats) -> Floats:
    """Probabilities ``p_j = exp(z_j) / Σ_k exp(z_k)``, of the same shape; the last axis sums to 1.

    >>> softmax(np.array([[0.0, 0.0], [1000.0, 0.0]])).tolist()
    [[0.5, 0.5], [1.0, 0.0]]
    """
    odds = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities: Floats = odds / odds.sum(axis=-1, keepdims=True)
    return probabilities


def losses(logits: Floats, labels: Labels) -> Floats:
    """The negative log-likelihood of each label, in nats: ``log Σ_k exp(z_k) - z_label``.

    Args:
        logits: (n, classes).
        labels: (n,), from 0 to the number of classes less one.

    Returns:
        (n,).

    >>> losses(np.zeros((1, 4)), np.array([2])).round(4).tolist()
    [1.3863]
    """
    shifted = logits - logits.max(axis=1, keepdims=True)
    found: Floats = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(labels)), labels]
    return found


def ranks(logits: Floats, labels: Labels) -> NDArray[np.intp]:
    """How many classes stand before the right one; of equal logits the first class stands before.

    Args:
        logits: (n, classes).
        labels: (n,).

    Returns:
        (n,): 0 where the label is what is predicted.

    >>> ranks(np.array([[0.1, 0.7, 0.2], [0.5, 0.5, 0.0]]), np.array([2, 1])).tolist()
    [1, 1]
    """
    own = logits[np.arange(len(labels)), labels][:, np.newaxis]
    earlier = np.arange(logits.shape[1]) < labels[:, np.newaxis]
    found: NDArray[np.intp] = ((logits > own) | ((logits == own) & earlier)).sum(axis=1)
    return found
