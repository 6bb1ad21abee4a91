"""The compiled steps: one for training, one for evaluation."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from dnsearch.records.record import Metrics
from dnsearch.spec.training import Training
from dnsearch.train.accumulation import accumulated
from dnsearch.train.averages import Averages
from dnsearch.train.devices import uses_xla
from dnsearch.train.loss_scaling import LossScaling
from dnsearch.train.optimizer import Optimizer, build_optimizer
from dnsearch.train.replicas import shared_out, strategy_over
from dnsearch.train.state import State

Tensor = Any

Logits = Callable[[Any], Any]
"""``images (batch, height, width, channels) → logits (batch, classes)``."""

TrainingStep = Callable[[Any, Any, float], tuple[Any, Any]]
"""``(images, labels, learning rate) → (sum of losses, number of hits)``; changes the state.

Labels are int32 (batch,); where augmentation mixes them, float32 (batch, classes), their shares.
"""


@dataclass(frozen=True)
class Trainer:
    """A model with everything that trains it.

    Args:
        model: from images to logits; it has what was learned only after ``settle``.
        state: what is trained.
        optimizer: what moves the weights.
        averages: the moving average of the weights, where the spec has ``ema``.
        scaling: of the loss, where the spec's ``precision`` needs it.
        train: a compiled step; the loss that it minimises has label smoothing and class weights, the one
            that it tells none.
    """

    model: keras.Model
    state: State
    optimizer: Optimizer
    averages: Averages | None
    scaling: LossScaling | None
    train: TrainingStep

    @property
    def variables(self) -> Mapping[str, Any]:
        """All that a resume needs, by names that are the same in every process."""
        kept = dict(self.optimizer.variables)
        if self.averages is not None:
            kept |= {"average weights": self.averages.weights, "average statistics": self.averages.statistics}
        if self.scaling is not None:
            kept |= self.scaling.variables
        state = self.state
        own = {"weights": state.weights, "statistics": state.statistics, "counters": state.counters}
        return {**{name: vector.value for name, vector in own.items()}, **kept}

    def take_over(self) -> None:
        """Start from what the model holds."""
        for vector in (self.state.weights, self.state.statistics, self.state.counters):
            vector.read()
        if self.averages is not None:
            self.averages.restart()

    def settle(self) -> None:
        """Put what a run keeps into the model: the averages where there are such, else the weights."""
        state, averages = self.state, self.averages
        state.counters.write(state.counters.value)
        state.weights.write(averages.weights if averages else state.weights.value)
        state.statistics.write(averages.statistics if averages else state.statistics.value)


def build_trainer(
    model: keras.Model,
    training: Training,
    class_weights: Sequence[float] | None = None,
    devices: Sequence[str] = (),
) -> Trainer:
    """Build the state, the optimizer's variables and the training step of a model.

    Args:
        model: from images to logits; frozen layers are not trained.
        training: the section of the spec.
        class_weights: what each class counts in the loss that is minimised; None: all the same.
        devices: TensorFlow's names of the graphics cards to train on; none: the processor.
    """
    state = State(model)
    optimizer = build_optimizer(training, state.weights)
    averages = Averages(state, training.ema.decay) if training.ema else None
    scaling = LossScaling() if training.precision == "mixed_float16" else None

    def move(gradient: Tensor, learning_rate: Tensor) -> None:
        if training.clip_norm is not None:
            gradient = tf.clip_by_norm(gradient, training.clip_norm)
        optimizer.apply(gradient, learning_rate)
        if averages is not None:
            averages.update(optimizer.variables["steps"])

    moved = scaling.applied(move) if scaling else move
    step = _training_step(state, moved, training, class_weights, devices, scaling)
    return Trainer(model, state, optimizer, averages, scaling, step)


def _training_step(
    state: State,
    move: Callable[[Tensor, Tensor], None],
    training: Training,
    class_weights: Sequence[float] | None,
    devices: Sequence[str],
    scaling: LossScaling | None,
) -> TrainingStep:
    """The step: ``move`` is given the gradient, of the scaled loss where that is scaled, and the rate."""
    shape = state.model.output_shape
    mixed = training.augmentation is not None and training.augmentation.mixes_labels

    def of_part(
        images: Tensor, labels: Tensor, given: Sequence[Tensor], weights: Tensor, count: Tensor
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Gradient and sums of the losses over these images, divided by ``count``; statistics, counters."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights)
            logits, *passed_on = state.network((weights, *given), images)
            shares = labels if mixed else tf.one_hot(labels, shape[-1])
            target = shares * (1 - training.label_smoothing) + training.label_smoothing / shape[-1]
            losses = tf.nn.softmax_cross_entropy_with_logits(target, logits)
            if class_weights is not None:
                losses *= tf.linalg.matvec(shares, tf.constant(class_weights, losses.dtype))
            loss = tf.reduce_sum(losses) / count
        return [tape.gradient(loss, weights), *_loss_and_hits(logits, labels)], passed_on

    if uses_xla(training, devices):
        of_part = tf.function(of_part, autograph=False, jit_compile=True)
    strategy = strategy_over(tuple(devices)) if len(devices) > 1 else None

    def step(images: Tensor, labels: Tensor, learning_rate: Tensor) -> tuple[Tensor, Tensor]:
        count = tf.size(labels) // (shape[-1] if mixed else 1)
        weights = state.weights.value.read_value()
        given = [state.statistics.value.read_value(), state.counters.value.read_value()]
        divisor = tf.cast(count, tf.float32)
        part = partial(of_part, weights=weights, count=divisor / scaling.scale if scaling else divisor)
        if training.accumulate > 1:
            nothing = [tf.zeros_like(weights), tf.zeros(()), tf.zeros((), tf.int32)]
            part = partial(accumulated, part, parts=training.accumulate, nothing=nothing)
        if strategy is not None:
            part = partial(shared_out, part, strategy)
        (gradient, loss, hits), after = part(images, labels, given)
        state.statistics.value.assign(after[0])
        state.counters.value.assign(after[1])
        move(gradient, learning_rate)
        return loss, hits

    signature = [
        tf.TensorSpec((None, *state.model.input_shape[1:]), tf.float32),
        tf.TensorSpec((None, *(shape[1:] if mixed else shape[1:-1])), tf.float32 if mixed else tf.int32),
        tf.TensorSpec([], tf.float32),
    ]
    compiled: TrainingStep = tf.function(step, autograph=False, input_signature=signature)
    return compiled


def _loss_and_hits(logits: Any, labels: Any) -> tuple[Any, Any]:  # noqa: ANN401  (tensors)
    """Of labels, or of the shares that mixing gave several classes: a hit is then the heaviest of them."""
    if labels.dtype == tf.float32:
        losses = tf.nn.softmax_cross_entropy_with_logits(labels, logits)
        labels = tf.argmax(labels, axis=-1, output_type=tf.int32)
    else:
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    hits = tf.equal(tf.argmax(logits, axis=-1, output_type=tf.int32), labels)
    return tf.reduce_sum(losses), tf.reduce_sum(tf.cast(hits, tf.int32))


def label_count(labels: Any) -> int:  # noqa: ANN401  (tensors)
    """How many labels there are: one per image or pixel, however many classes share it."""
    return int(np.prod(labels.shape[:-1] if labels.dtype == tf.float32 else labels.shape))


def evaluator(model: keras.Model) -> Logits:
    """A compiled ``images → logits``, with moving statistics and without dropout."""
    images = tf.TensorSpec((None, *model.input_shape[1:]), tf.float32)
    logits: Logits = tf.function(
        lambda images: tf.cast(model(images, training=False), tf.float32),
        autograph=False,
        input_signature=[images],
    )
    return logits


def evaluate(logits_of: Logits, batches: Iterable[tuple[Any, Any]]) -> Metrics:
    """Mean loss and accuracy over batches of images and labels, one per image or, for a U-Net, per pixel."""
    loss, hits, examples = 0.0, 0, 0
    for images, labels in batches:
        batch_loss, batch_hits = _loss_and_hits(logits_of(images), labels)
        loss += float(batch_loss)
        hits += int(batch_hits)
        examples += label_count(labels)
    return Metrics(loss / examples, hits / examples, examples)
