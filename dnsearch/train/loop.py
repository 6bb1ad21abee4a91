"""The epoch loop. It yields what happens; whoever consumes it decides what to do about it.

Saving, progress bars, pruning and Ctrl-C are all consumers: to stop, they stop iterating.
"""

import math
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from dnsearch.errors import TrainingError
from dnsearch.runs.record import EpochRecord, Metrics, StepEnded
from dnsearch.spec.training import EarlyStopping, Training
from dnsearch.train.devices import memory_errors_explained
from dnsearch.train.losses import label_count
from dnsearch.train.schedules import learning_rate
from dnsearch.train.step import Logits, Trainer, evaluate, evaluator


class Batches(Protocol):
    """Batches of images and labels that know how many they are."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[tuple[Any, Any]]: ...


@dataclass(frozen=True, slots=True)
class Feed:
    """Where the loop gets its batches.

    Args:
        training: number of an epoch, from 1 → its batches of images and labels.
        validation: the held-out batches.
        epochs: the epochs that it is for; None: all.
    """

    training: Callable[[int], Batches]
    validation: Iterable[tuple[Any, Any]]
    epochs: range | None = None


def train(
    trainer: Trainer, feed: Feed, training: Training, history: Sequence[EpochRecord] = ()
) -> Iterator[StepEnded | EpochRecord]:
    """Train from the epoch after ``history`` to the last one, as long as the feed is for them.

    Raises:
        TrainingError: a loss is not finite, or memory is used up.
    """
    history = list(history)
    logits_of = evaluator(trainer.model)
    while not is_over(training, history) and (feed.epochs is None or len(history) + 1 in feed.epochs):
        started = time.perf_counter()
        epoch = len(history) + 1
        totals, batches = _Totals(), feed.training(epoch)
        steps = len(batches)
        for step, batch in enumerate(batches):
            yield _step(trainer, training, steps, totals, (epoch, step), batch)
        rate = learning_rate(training, epoch * steps - 1, steps)
        trainer.settle()
        validation = _validated(logits_of, feed.validation, epoch, rate)
        seconds = time.perf_counter() - started
        record = EpochRecord(epoch, rate, totals.metrics(), validation, seconds, totals.speed())
        history.append(record)
        yield record


class _Totals:
    """What the steps of an epoch add up to."""

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
    moment = f"at step {step + 1} of epoch {epoch}"
    rate = learning_rate(training, (epoch - 1) * steps + step, steps)
    started = time.perf_counter()
    with memory_errors_explained(moment):
        sums = trainer.train(images, labels, rate)
        loss, hits = float(sums[0]), int(sums[1])  # a GPU computes until here
    seconds = time.perf_counter() - started
    examples, count = label_count(labels), int(labels.shape[0])
    _check_finite(loss, moment, rate)
    totals.loss += loss
    totals.hits += hits
    totals.examples += examples
    totals.speeds.append(count / seconds)
    return StepEnded(epoch, step + 1, steps, count / seconds)


def _validated(logits_of: Logits, batches: Iterable[tuple[Any, Any]], epoch: int, rate: float) -> Metrics:
    """The metrics on the held-out images; the last step of an epoch may have ruined the weights."""
    moment = f"on the validation images after epoch {epoch}"
    with memory_errors_explained(moment):
        metrics = evaluate(logits_of, batches)
    _check_finite(metrics.loss, moment, rate)
    return metrics


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
