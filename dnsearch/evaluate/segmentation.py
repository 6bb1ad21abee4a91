"""Everything that is said of a network's masks on some images.

Pixels of one image resemble each other, so intervals come from resampled images, not pixels. All figures are
ratios of sums over images; a resample's are the same ratios of its own sums.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from dnsearch.evaluate.intervals import Figure, Floats, bootstrap, resampled_means
from dnsearch.evaluate.metrics import ClassFigures, Counts, Labels, class_figures, confusion, losses

SEED = 0
LOSS, PIXELS, FIRST_CLASS = 0, 1, 2
"""Columns of an image's values; then, for each class, its right pixels, the given ones, the shown ones."""


@dataclass(frozen=True, slots=True, eq=False)
class Segmentation:
    """How good masks are.

    Args:
        examples: how many images.
        pixels: how many pixels that count.
        accuracy: share of the pixels whose class was found.
        mean_iou: mean of the classes' IoU, of those that are shown or given at all.
        loss: mean negative log-likelihood of a pixel, in nats.
        ious: of each class, right pixels as a share of those that show it or were given it (the Jaccard
            index); None where there are none.
        classes: each class by itself, in the order of the labels; its F1 is the Dice coefficient.
        confusion: (classes, classes): pixels of the row's class that were given the column's.
    """

    examples: int
    pixels: int
    accuracy: Figure
    mean_iou: Figure
    loss: Figure
    ious: tuple[Figure | None, ...]
    classes: tuple[ClassFigures, ...]
    confusion: Counts


def assess_masks(batches: Iterable[tuple[Floats, Labels]], class_names: tuple[str, ...]) -> Segmentation:
    """Judge a network's answers; the resamples are the same ones for every figure and every time.

    Args:
        batches: logits (n, height, width, classes) and labels (n, height, width), negative ones of which do
            not count; at least one counts.
        class_names: one name per class.
    """
    classes = len(class_names)
    counts, rows = np.zeros((classes, classes), np.int64), []
    for logits, labels in batches:
        for each, mask in zip(logits, labels, strict=True):
            loss, found = _image(each[mask >= 0], mask[mask >= 0])
            counts += found
            sums = found.diagonal(), found.sum(axis=0), found.sum(axis=1)
            rows.append(np.concatenate([[loss, found.sum()], *sums]))
    values = np.stack(rows)
    means = resampled_means(values, SEED)
    return Segmentation(
        examples=len(values),
        pixels=int(counts.sum()),
        accuracy=bootstrap(values, means, _accuracy),
        mean_iou=bootstrap(values, means, _mean_iou),
        loss=bootstrap(values, means, lambda each: _ratio(each[..., LOSS], each[..., PIXELS], 0.0)),
        ious=tuple(_class_iou(values, means, number) for number in range(classes)),
        classes=class_figures(counts, class_names),
        confusion=counts,
    )


def _image(logits: Floats, labels: Labels) -> tuple[float, Counts]:
    """The sum of losses and the confusion of the pixels that count, (pixels, classes) and (pixels,)."""
    return float(losses(logits, labels).sum()), confusion(labels, logits.argmax(axis=1), logits.shape[1])


def _parts(each: Floats) -> Floats:
    """(..., 3, classes): right, given and shown."""
    parts: Floats = each[..., FIRST_CLASS:].reshape(*each.shape[:-1], 3, -1)
    return parts


def _ratio(part: Floats, whole: Floats, otherwise: float) -> Floats:
    """What a part is of the whole; of nothing, as told."""
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1), otherwise)


def _accuracy(each: Floats) -> Floats:
    return _ratio(_parts(each)[..., 0, :].sum(axis=-1), each[..., PIXELS], 0.0)


def _mean_iou(each: Floats) -> Floats:
    parts = _parts(each)
    either = parts[..., 1, :] + parts[..., 2, :] - parts[..., 0, :]
    return _ratio(_ratio(parts[..., 0, :], either, 0.0).sum(axis=-1), (either > 0).sum(axis=-1), 0.0)


def _class_iou(values: Floats, means: Floats, number: int) -> Figure | None:
    """A resample without the class says nothing of it, and so counts as the figure itself."""
    right, given, shown = _parts(values.sum(axis=0))[:, number]
    either = given + shown - right
    if not either:
        return None

    def iou(each: Floats) -> Floats:
        right, given, shown = np.moveaxis(_parts(each)[..., number], -1, 0)
        return _ratio(right, given + shown - right, whole)

    whole = float(right / either)
    return bootstrap(values, means, iou)
