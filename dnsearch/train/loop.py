"""The epoch loop. It yields what happens; whoever consumes it decides what to do about it.

Saving, progress bars, pruning and Ctrl-C are all consumers: to stop, they stop iterating.
"""

import math
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from dnsearch.errors import TrainingError
from dnsearch.records.record import EpochRecord, Metrics, StepEnded
from dnsearch.spec.training import EarlyStopping, Training
from dnsearch.train.schedule import learning_rate
from dnsearch.train.steps import Trainer, evaluate, evaluator

Batches = Iterable[tuple[Any, Any]]


@dataclass(frozen=True, slots=True)
class Feed:
    """Where the loop gets its batches.

    Args:
        training: number of an epoch, from 1 → its batches of images and labels.
        validation: the held-out batches.
        steps: batches of one epoch.
    """

    training: Callable[[int], Batches]
    validation: Batches
    steps: int


def train(
    trainer: Trainer, feed: Feed, training: Training, history: Sequence[EpochRecord] = ()
) -> Iterator[StepEnded | EpochRecord]:
    """Train from the epoch after ``history`` to the last one.

    Raises:
        TrainingError: the loss of a step is not finite.
    """
    history = list(history)
    logits_of = evaluator(trainer.model)
    while len(history) < training.epochs and not stopped_early(history, training.early_stopping):
        started = time.perf_counter()
        epoch = len(history) + 1
        totals = _Totals()
        for step, (images, labels) in enumerate(feed.training(epoch)):
            yield _step(trainer, training, feed.steps, totals, (epoch, step), (images, labels))
        validation = evaluate(logits_of, feed.validation)
        rate = learning_rate(training, epoch * feed.steps - 1, feed.steps)
        seconds = time.perf_counter() - started
        record = EpochRecord(epoch, rate, totals.metrics(), validation, seconds, totals.speed())
        history.append(record)
        yield record


class _Totals:
    """What an epoch's steps add up to."""

    def __init__(self) -> None:
        self.loss = 0.0
        self.hits = 0
        self.examples = 0
        self.speeds: list[float] = []

    def metrics(self) -> Metrics:
        return Metrics(self.loss / self.examples, self.hits / self.examples, self.examples)

    def speed(self) -> float:
        return statistics.median(self.speeds)


def _step(
    trainer: Trainer,
    training: Training,
    steps: int,
    totals: _Totals,
    at: tuple[int, int],
    batch: tuple[Any, Any],
) -> StepEnded:
    """Do one optimizer step and add it to the epoch's totals."""
    epoch, step = at
    images, labels = batch
    started = time.perf_counter()
    rate = learning_rate(training, (epoch - 1) * steps + step, steps)
    loss, hits = trainer.train(images, labels, rate)
    examples = int(labels.shape[0])
    mean = float(loss) / examples
    if not math.isfinite(mean):
        raise TrainingError(
            f"the loss is {mean} at step {step + 1} of epoch {epoch}; nothing more can be learned.\n"
            f"  A smaller training.learning_rate (now {rate:g}) or a warm-up usually helps."
        )
    totals.loss += float(loss)
    totals.hits += int(hits)
    totals.examples += examples
    totals.speeds.append(examples / (time.perf_counter() - started))
    return StepEnded(epoch, step + 1, steps, totals.speeds[-1])


def stopped_early(history: Sequence[EpochRecord], rule: EarlyStopping | None) -> bool:
    """Whether the validation accuracy has not risen for as long as the rule has patience."""
    if rule is None:
        return False
    best, since = -math.inf, 0
    for record in history:
        risen = record.validation.accuracy > best + rule.minimum_delta
        best, since = (record.validation.accuracy, 0) if risen else (best, since + 1)
    return since >= rule.patience
