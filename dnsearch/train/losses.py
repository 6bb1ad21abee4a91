"""What a training minimises and what it reports: pure functions of logits and labels.

Labels are int32, one per image (batch,) or per pixel (batch, height, width); negative ones do not count.
Where augmentation mixes images they are shares instead, float32 (batch, classes). With p the softmax of the
logits, t the target and N the labels that count:

- cross-entropy: Σ -t·log p / N;
- focal: Σ -t·(1 - p)^γ·log p / N, γ = 2 (Lin et al., 2017, arXiv 1708.02002; without its α, which is
  ``class_weights``);
- Dice: the mean over the classes c that the batch shows of 1 - (2·Σ p·t + s) / (Σ p² + Σ t² + s), s = 1
  (Milletari et al., 2016, arXiv 1606.04797, for each class).

``class_weights`` says what each class counts in the loss that is minimised.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import tensorflow as tf

from dnsearch.errors import Problem, SpecError
from dnsearch.spec.training import Loss

Tensor = Any

FOCUS, SMOOTH = 2.0, 1.0  # γ, the paper's best; s: a class of few pixels has no sudden slope


def shares_of(labels: Tensor, classes: int) -> Tensor:
    """Float32 (..., classes): the share of each class; all 0 where a label does not count."""
    return labels if labels.dtype == tf.float32 else tf.one_hot(labels, classes)


def label_count(labels: Tensor) -> int:
    """How many labels count: one per image or pixel, however many classes share it."""
    if labels.dtype == tf.float32:
        return int(np.prod(labels.shape[:-1]))
    return int(np.count_nonzero(np.asarray(labels) >= 0))


def counted(labels: Tensor) -> Tensor:
    """The same inside a graph, float32 and at least 1, to divide by."""
    if labels.dtype == tf.float32:
        return tf.cast(tf.shape(labels)[0], tf.float32)
    return tf.maximum(tf.reduce_sum(tf.cast(labels >= 0, tf.float32)), 1.0)


def loss(
    kind: Loss,
    logits: Tensor,
    labels: Tensor,
    count: Tensor,
    smoothing: Tensor | None = None,
    weights: Tensor | None = None,
) -> Tensor:
    """The loss that is minimised, a scalar, of logits (..., classes).

    Args:
        kind: its name.
        logits: float32.
        labels: as in this module.
        count: what sums are divided by: the labels of the whole batch, of which these may be a part.
        smoothing: the share of a target that all classes get, if any.
        weights: (classes,): what each class counts; None: all the same.
    """
    shares = shares_of(labels, logits.shape[-1])
    # Where a label does not count, its shares are 0 and so must be what smoothing gives each class.
    valid = tf.reduce_sum(shares, axis=-1, keepdims=True)
    target = shares
    if smoothing is not None:
        target = shares * (1 - smoothing) + valid * smoothing / logits.shape[-1]
    match kind:
        case "cross_entropy" | "cross_entropy_dice":
            # TensorFlow's gradient supposes targets that sum to 1.
            losses = tf.nn.softmax_cross_entropy_with_logits(target, logits) * valid[..., 0]
        case "focal":
            losses = focal(logits, target)
        case "dice":
            return dice(logits, shares, weights)
    if weights is not None:
        losses *= tf.linalg.matvec(shares, weights)
    mean = tf.reduce_sum(losses) / count
    return mean + dice(logits, shares, weights) if kind == "cross_entropy_dice" else mean


def focal(logits: Tensor, target: Tensor) -> Tensor:
    """The focal loss of each label, (...,)."""
    logs = tf.nn.log_softmax(logits)
    return -tf.reduce_sum(target * (1 - tf.exp(logs)) ** FOCUS * logs, axis=-1)


def dice(logits: Tensor, shares: Tensor, weights: Tensor | None) -> Tensor:
    """The soft Dice loss of a batch, a scalar from 0 to 1; ``weights`` (classes,) are those of the mean."""
    shares = tf.reshape(shares, (-1, shares.shape[-1]))
    valid = tf.reduce_sum(shares, axis=-1, keepdims=True)
    likely = tf.reshape(tf.nn.softmax(logits), tf.shape(shares)) * valid
    shown = tf.reduce_sum(shares**2, axis=0)
    both, all_of_it = tf.reduce_sum(likely * shares, axis=0), tf.reduce_sum(likely**2, axis=0) + shown
    share = tf.cast(shown > 0, tf.float32) * (1.0 if weights is None else weights)
    off = 1 - (2 * both + SMOOTH) / (all_of_it + SMOOTH)
    return tf.math.divide_no_nan(tf.reduce_sum(share * off), tf.reduce_sum(share))


def loss_and_hits(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The sum of cross-entropies and the number of hits; of labels that are shares, the heaviest counts."""
    losses = tf.nn.softmax_cross_entropy_with_logits(shares_of(labels, logits.shape[-1]), logits)
    if labels.dtype == tf.float32:
        labels = tf.argmax(labels, axis=-1, output_type=tf.int32)
    hits = tf.equal(tf.argmax(logits, axis=-1, output_type=tf.int32), labels)
    return tf.reduce_sum(losses), tf.reduce_sum(tf.cast(hits, tf.int32))


def confusion(logits: Tensor, labels: Tensor) -> Tensor:
    """How many labels of each class (row) were given each class (column), int64; those that count alone."""
    valid, given = labels >= 0, tf.argmax(logits, axis=-1, output_type=tf.int32)
    return tf.math.confusion_matrix(labels[valid], given[valid], logits.shape[-1], dtype=tf.int64)


def mean_iou(counts: Any) -> float:  # noqa: ANN401  (an array)
    """The mean over the classes of what is right of all that is or was given the class.

    Classes that are neither shown nor predicted are left out (the Jaccard index, 1901).

    >>> mean_iou(np.array([[2, 1, 0], [1, 2, 0], [0, 0, 0]]))
    0.5
    """
    counts = np.asarray(counts)
    right, either = counts.diagonal(), counts.sum(axis=0) + counts.sum(axis=1) - counts.diagonal()
    return float((right[either > 0] / either[either > 0]).mean())


ClassWeights = Literal["balanced"] | Mapping[str, float]


def class_weights(wanted: ClassWeights, names: Sequence[str], counts: Sequence[int]) -> tuple[float, ...]:
    """One weight per class, by the training images (for a U-Net, pixels) of each.

    ``balanced`` is images / (classes × images of the class), so that all classes count the same and the mean
    over the images is 1; a class without images has 1. A mapping is from names or numbers; what it leaves out
    has 1.

    >>> class_weights("balanced", ("cat", "dog"), (30, 10))
    (0.6666666666666666, 2.0)
    >>> class_weights({"dog": 3.0}, ("cat", "dog"), (30, 10))
    (1.0, 3.0)
    """
    if wanted == "balanced":
        total, classes = sum(counts), len(counts)
        return tuple(total / (classes * count) if count else 1.0 for count in counts)
    found: dict[int, float] = {}
    for said, weight in wanted.items():
        number = _number(said, names)
        if number in found:
            expected = f"each class once; {said} is class {number}, which has a weight already"
            raise SpecError([Problem(f"training.class_weights.{said}", expected)])
        found[number] = weight
    return tuple(found.get(number, 1.0) for number in range(len(names)))


def _number(said: str, names: Sequence[str]) -> int:
    """The number of a class that is called by its name or its number; a name goes first."""
    if said in names:
        return names.index(said)
    if said.isdecimal() and int(said) < len(names):
        return int(said)
    expected = f"a class's name or its number from 0 to {len(names) - 1}"
    hint = f"The classes are {', '.join(names[:20])}{', ...' if len(names) > 20 else ''}."
    raise SpecError([Problem(f"training.class_weights.{said}", expected, said, hint)])
