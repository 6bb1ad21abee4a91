"""Everything that is said of a network's predictions on some images."""

from dataclasses import dataclass

import numpy as np

from dnsearch.assess.calibration import BINS, expected_error, gaps
from dnsearch.assess.confusion import ClassFigures, Counts, class_figures, confusion
from dnsearch.assess.intervals import Figure, bootstrap, resampled_means, wilson
from dnsearch.assess.scores import Floats, Labels, losses, ranks, softmax

TOP = 5
SEED = 0
HIT, LOSS, NEAR, GAPS = 0, 1, 2, 3
"""Columns of the values that the figures are means of; the gaps are the last ones."""


@dataclass(frozen=True, slots=True, eq=False)
class Assessment:
    """How good predictions are.

    Args:
        examples: how many images.
        accuracy: share of the images whose class was found.
        wilson: the same figure's interval by Wilson's formula, to check the bootstrap's against.
        top5_accuracy: share of the images whose class was among the five likeliest; None where there are no
            more than five classes.
        loss: mean negative log-likelihood, in nats.
        calibration_error: expected calibration error, from 0 to 1.
        classes: each class by itself, in the order of the labels.
        confusion: (classes, classes): images of the row's class that were given the column's.
    """

    examples: int
    accuracy: Figure
    wilson: tuple[float, float]
    top5_accuracy: Figure | None
    loss: Figure
    calibration_error: Figure
    classes: tuple[ClassFigures, ...]
    confusion: Counts


def assess(logits: Floats, labels: Labels, class_names: tuple[str, ...]) -> Assessment:
    """Judge a network's answers; the resamples are the same ones for every figure and every time.

    Args:
        logits: (n, classes), n at least 1.
        labels: (n,), from 0 to the number of classes less one.
        class_names: one name per class.
    """
    probabilities, rank = softmax(logits), ranks(logits, labels)
    values = np.column_stack([rank == 0, losses(logits, labels), rank < TOP, gaps(probabilities, labels)])
    means = resampled_means(values, SEED)
    counts = confusion(labels, logits.argmax(axis=1), len(class_names))
    near = bootstrap(values, means, lambda each: each[..., NEAR]) if len(class_names) > TOP else None
    return Assessment(
        examples=len(labels),
        accuracy=bootstrap(values, means, lambda each: each[..., HIT]),
        wilson=wilson(int(counts.trace()), len(labels)),
        top5_accuracy=near,
        loss=bootstrap(values, means, lambda each: each[..., LOSS]),
        calibration_error=bootstrap(
            values, means, lambda each: expected_error(each[..., GAPS : GAPS + BINS])
        ),
        classes=class_figures(counts, class_names),
        confusion=counts,
    )
