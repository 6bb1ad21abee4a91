"""The learning rate of each step, as a plain function of the step's number.

Epochs of fewer images have fewer steps. What counts is how far in its epoch a step is: each is asked for as
if all epochs had as many steps as its own.
"""

import math
from typing import assert_never

from dnsearch.spec.optimization import Constant, Cosine, Linear, OneCycle, Step
from dnsearch.spec.training import Training


def learning_rate(training: Training, step: int, steps_per_epoch: int) -> float:
    """The learning rate of a step.

    Over the warm-up it rises in a straight line and reaches the full rate at the warm-up's last step; a
    cosine or a line then covers the rest, while the points of a step schedule and of one cycle are shares of
    the whole training.

    Args:
        training: the ``training`` section of a spec.
        step: number of the step in the whole training, from 0, if all epochs were as long.
        steps_per_epoch: steps of its epoch.

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
        case Linear(final_fraction=final):
            progress = (step - warmup) / max(1, steps - warmup)
            factor = final + (1 - final) * (1 - progress)
        case OneCycle():
            factor = one_cycle(training.schedule, step / max(1, steps - 1))
        case _:
            assert_never(training.schedule)
    return training.learning_rate * factor


def one_cycle(schedule: OneCycle, progress: float) -> float:
    """The share of the learning rate at a point of the training.

    Args:
        schedule: from ``initial_fraction`` in a line to 1 at ``peak_at``, in a line to ``final_fraction``.
        progress: 0 at the first step, 1 at the last one.

    >>> schedule = OneCycle(name="one_cycle", initial_fraction=0.5, peak_at=0.5, final_fraction=0.0)
    >>> [one_cycle(schedule, progress) for progress in (0.0, 0.25, 0.5, 0.75, 1.0)]
    [0.5, 0.75, 1.0, 0.5, 0.0]
    """
    peak = schedule.peak_at
    if progress < peak:
        return schedule.initial_fraction + (1 - schedule.initial_fraction) * progress / peak
    return schedule.final_fraction + (1 - schedule.final_fraction) * (1 - progress) / (1 - peak)
