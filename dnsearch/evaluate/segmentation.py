"""How good a network's masks are.

Pixels of one image resemble each other, so intervals come from resampled images, not pixels. All figures are
ratios of sums over images; a resample's are the same ratios of its own sums.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from dnsearch.evaluate import metrics
from dnsearch.evaluate.bootstrap import Floats, bootstrap, resampled_means
from dnsearch.evaluate.calibration import Labels
from dnsearch.evaluate.intervals import Figure
from dnsearch.evaluate.metrics import ClassFigures, Counts

LOSS, PIXELS, FIRST_CLASS = 0, 1, 2
"""Columns of an image's values; then, for each class, its right pixels, the given ones, the shown ones."""


@dataclass(frozen=True, slots=True, eq=False)
class Segmentation:
    """How good masks are.

    Args:
        examples: how many images.
        pixels: how many labelled pixels; ``accuracy`` is a share of these.
        mean_iou: mean IoU of the classes that are shown or given at all.
        loss: mean negative log-likelihood of a pixel, in nats.
        ious: of each class, right pixels as a share of those that show it or were given it (the Jaccard
            index); None where there are no such pixels.
        classes: figures of each class; F1 is the Dice coefficient.
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
    """Judge a network's answers; every figure and every call uses the same resamples.

    Args:
        batches: logits (n, height, width, classes) and labels (n, height, width); negative labels do not
            count, and at least one is not negative.
        class_names: one name per class.
    """
    classes = len(class_names)
    counts, rows = np.zeros((classes, classes), np.int64), []
    for logits, labels in batches:
        for each, mask in zip(logits, labels, strict=True):
            logits_of_pixels, pixels = each[mask >= 0], mask[mask >= 0]
            found = metrics.confusion(pixels, logits_of_pixels.argmax(axis=1), classes)
            counts += found
            sums = found.diagonal(), found.sum(axis=0), found.sum(axis=1)
            loss = metrics.losses(logits_of_pixels, pixels).sum()
            rows.append(np.concatenate([[loss, found.sum()], *sums]))
    values = np.stack(rows)
    means = resampled_means(values)
    right = slice(FIRST_CLASS, FIRST_CLASS + classes)
    return Segmentation(
        examples=len(values),
        pixels=int(counts.sum()),
        accuracy=bootstrap(
            values, means, lambda each: _ratio(each[..., right].sum(axis=-1), each[..., PIXELS])
        ),
        mean_iou=bootstrap(values, means, _mean_iou),
        loss=bootstrap(values, means, lambda each: _ratio(each[..., LOSS], each[..., PIXELS])),
        ious=tuple(_class_iou(values, means, number) for number in range(classes)),
        classes=metrics.class_figures(counts, class_names),
        confusion=counts,
    )


def _parts(each: Floats) -> Floats:
    """(..., 3, classes): right, given and shown."""
    parts: Floats = each[..., FIRST_CLASS:].reshape(*each.shape[:-1], 3, -1)
    return parts


def _ratio(part: Floats, whole: Floats, otherwise: float = 0.0) -> Floats:
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1), otherwise)


def _mean_iou(each: Floats) -> Floats:
    right, given, shown = np.moveaxis(_parts(each), -2, 0)
    either = given + shown - right
    return _ratio(_ratio(right, either).sum(axis=-1), (either > 0).sum(axis=-1))


def _class_iou(values: Floats, means: Floats, number: int) -> Figure | None:
    """The IoU of one class; a resample without the class says nothing, and so counts as the figure itself."""
    right, given, shown = _parts(values.sum(axis=0))[:, number]
    either = given + shown - right
    if not either:
        return None

    def iou(each: Floats) -> Floats:
        right, given, shown = np.moveaxis(_parts(each)[..., number], -1, 0)
        return _ratio(right, given + shown - right, whole)

    whole = float(right / either)
    return bootstrap(values, means, iou)
