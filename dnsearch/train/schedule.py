"""The learning rate of each step, as a plain function of the step's number."""

import math
from typing import assert_never

from dnsearch.spec.training import Constant, Cosine, Step, Training


def learning_rate(training: Training, step: int, steps_per_epoch: int) -> float:
    """The learning rate of a step.

    Over the warm-up it rises in a straight line and reaches the full rate at the warm-up's last step; a
    cosine then covers the rest, while the points of a step schedule are shares of the whole training, to the
    nearest step.

    Args:
        training: the ``training`` section of a spec.
        step: number of the step in the whole training, from 0.
        steps_per_epoch: steps of one epoch.

    >>> from dnsearch.spec.document import load
    >>> paper = load("densenet-bc-100-12").experiment.training
    >>> [round(learning_rate(paper, epoch * 704, 704), 5) for epoch in (0, 149, 150, 225)]
    [0.1, 0.1, 0.01, 0.001]
    """
    warmup = round(training.warmup_epochs * steps_per_epoch)
    if step < warmup:
        return training.learning_rate * (step + 1) / warmup
    steps = training.epochs * steps_per_epoch
    match training.schedule:
        case Constant():
            factor = 1.0
        case Step(at=at, factor=each):
            factor = each ** sum(step >= round(share * steps) for share in at)
        case Cosine(final_fraction=final):
            progress = (step - warmup) / max(1, steps - warmup)
            factor = final + (1 - final) * 0.5 * (1 + math.cos(math.pi * progress))
        case _:
            assert_never(training.schedule)
    return training.learning_rate * factor
