"""The epoch loop. It yields what happens; whoever consumes it decides what to do about it.

Saving, progress bars, pruning and Ctrl-C are all consumers: to stop, they stop iterating.
"""

import math
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dnsearch.data.batches import Batches
from dnsearch.errors import TrainingError
from dnsearch.runs.record import EpochRecord, StepEnded
from dnsearch.spec.training import EarlyStopping, Training
from dnsearch.train.devices import memory_errors_explained
from dnsearch.train.optimizers import learning_rate
from dnsearch.train.step import Sums, Trainer, judge


@dataclass(frozen=True, slots=True)
class Feed:
    """The batches of each epoch, by its number from 1, and the held-out ones; for some epochs, or for all."""

    training: Callable[[int], Batches]
    validation: Iterable[tuple[Any, Any]]
    epochs: range | None = None


def train(
    trainer: Trainer,
    feed: Feed,
    training: Training,
    history: Sequence[EpochRecord] = (),
    judged: Callable[[NDArray[np.bool_] | None], object] = lambda right: None,
) -> Iterator[StepEnded | EpochRecord]:
    """Train from the epoch after ``history`` to the last one, as long as the feed is for them.

    ``judged`` is told before the end of each epoch which validation images were right; None of masks.
    """
    history = list(history)
    while not is_over(training, history) and (feed.epochs is None or len(history) + 1 in feed.epochs):
        started = time.perf_counter()
        epoch = len(history) + 1
        batches = feed.training(epoch)
        steps, sums = len(batches), Sums()
        speeds: list[float] = []
        for step, (images, labels) in enumerate(batches, start=1):
            moment = f"at step {step} of epoch {epoch}"
            rate = learning_rate(training, (epoch - 1) * steps + step - 1, steps)
            began = time.perf_counter()
            with memory_errors_explained(moment):
                found = trainer.train(images, labels, rate)
                loss, hits = float(found[0]), int(found[1])  # a GPU computes until here
            speeds.append(int(labels.shape[0]) / (time.perf_counter() - began))
            _check_finite(loss, moment, rate)
            sums.add(loss, hits, labels)
            yield StepEnded(epoch, step, steps, speeds[-1])
        trainer.fill_model()
        moment = f"on the validation images after epoch {epoch}"
        with memory_errors_explained(moment):
            validation, right = judge(trainer.logits, feed.validation)
        _check_finite(validation.loss, moment, rate)  # the last step may have ruined the weights
        seconds = time.perf_counter() - started
        history.append(
            EpochRecord(epoch, rate, sums.metrics(), validation, seconds, statistics.median(speeds))
        )
        judged(right)
        yield history[-1]


def _check_finite(loss: float, moment: str, rate: float) -> None:
    if not math.isfinite(loss):
        raise TrainingError(
            f"the loss is {loss} {moment}; nothing more can be learned.\n"
            f"  A smaller training.learning_rate (now {rate:g}) or a warm-up usually helps."
        )


def is_over(training: Training, history: Sequence[EpochRecord]) -> bool:
    """Whether all epochs are behind, or those that see all images as they are no longer help."""
    stages = training.progressive
    full = history[stages[-1].epochs if stages else 0 :]
    return len(history) >= training.epochs or stopped_early(full, training.early_stopping)


def stopped_early(history: Sequence[EpochRecord], rule: EarlyStopping | None) -> bool:
    """Whether the validation score has not risen for as long as the rule has patience."""
    if rule is None:
        return False
    best, since = -math.inf, 0
    for record in history:
        risen = record.validation.score > best + rule.minimum_delta
        best, since = (record.validation.score, 0) if risen else (best, since + 1)
    return since >= rule.patience
