"""The compiled steps: one for training, one for evaluation."""

import contextlib
from collections.abc import Callable, Iterable, Sequence
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
from dnsearch.train.optimizer import Optimizer, build_optimizer

Logits = Callable[[Any], Any]
"""``images (batch, height, width, channels) → logits (batch, classes)``."""

TrainingStep = Callable[[Any, Any, float], tuple[Any, Any]]
"""``(images, labels, learning rate) → (sum of losses, number of hits)``; changes the weights.

Labels are int32 (batch,); where augmentation mixes them, float32 (batch, classes), their shares.
"""


@dataclass(frozen=True)
class Trainer:
    """A model with everything that trains it.

    Args:
        model: from images to logits.
        optimizer: what moves the model's trainable variables.
        averages: the moving average of the weights, where the spec has ``ema``.
        train: a compiled step; the loss that it minimises has label smoothing and class weights, the one
            that it tells none.
    """

    model: keras.Model
    optimizer: Optimizer
    averages: Averages | None
    train: TrainingStep

    @property
    def variables(self) -> tuple[Any, ...]:
        """All that a resume needs, in a fixed order: the model's, the optimizer's, the averages."""
        averages = self.averages.variables if self.averages else ()
        return (*self.model.variables, *self.optimizer.variables, *averages)

    def averaged(self) -> contextlib.AbstractContextManager[None]:
        """A stretch of code in which the model has its averaged weights, where there are such."""
        return self.averages.in_place() if self.averages else contextlib.nullcontext()


def build_trainer(
    model: keras.Model, training: Training, class_weights: Sequence[float] | None = None
) -> Trainer:
    """Build the optimizer's variables and the training step of a model.

    Args:
        model: from images to logits; frozen layers are not trained.
        training: the section of the spec.
        class_weights: what each class counts in the loss that is minimised; None: all the same.
    """
    optimizer = build_optimizer(training, model.trainable_variables)
    averages = Averages(model, training.ema.decay) if training.ema else None
    step = _training_step(model, optimizer, averages, training, class_weights)
    return Trainer(model, optimizer, averages, step)


def _training_step(
    model: keras.Model,
    optimizer: Optimizer,
    averages: Averages | None,
    training: Training,
    class_weights: Sequence[float] | None,
) -> TrainingStep:
    classes = model.output_shape[-1]
    variables = model.trainable_variables
    mixed = training.augmentation is not None and training.augmentation.mixes_labels

    def gradients_and_sums(images: Any, labels: Any, count: Any) -> tuple[list[Any], list[Any]]:  # noqa: ANN401  (tensors)
        """Of the losses' sum over these images, divided by ``count``."""
        with tf.GradientTape() as tape:
            logits = model(images, training=True)
            shares = labels if mixed else tf.one_hot(labels, classes)
            target = shares * (1 - training.label_smoothing) + training.label_smoothing / classes
            losses = tf.nn.softmax_cross_entropy_with_logits(target, logits)
            if class_weights is not None:
                losses *= tf.linalg.matvec(shares, tf.constant(class_weights, losses.dtype))
            loss = tf.reduce_sum(losses) / count
        return tape.gradient(loss, variables), [*_loss_and_hits(logits, labels)]

    def step(images: Any, labels: Any, learning_rate: Any) -> tuple[Any, Any]:  # noqa: ANN401  (tensors)
        count = tf.size(labels) // (classes if mixed else 1)
        of_part = partial(gradients_and_sums, count=tf.cast(count, tf.float32))
        if training.accumulate > 1:
            gradients, sums = accumulated(of_part, (images, labels), training.accumulate, variables)
        else:
            gradients, sums = of_part(images, labels)
        if training.clip_norm is not None:
            gradients, _ = tf.clip_by_global_norm(gradients, training.clip_norm)
        optimizer.apply(gradients, learning_rate)
        if averages is not None:
            averages.update(optimizer.variables[0])
        loss, hits = sums
        return loss, hits

    images = tf.TensorSpec((None, *model.input_shape[1:]), tf.float32)
    labels_shape = model.output_shape[1:] if mixed else model.output_shape[1:-1]
    labels_spec = tf.TensorSpec([None, *labels_shape], tf.float32 if mixed else tf.int32)
    signature = [images, labels_spec, tf.TensorSpec([], tf.float32)]
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
        lambda images: model(images, training=False), autograph=False, input_signature=[images]
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
