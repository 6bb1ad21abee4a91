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
from dnsearch.train.losses import confusion, counted, label_count, loss_and_hits, mean_iou
from dnsearch.train.losses import loss as loss_of
from dnsearch.train.optimizer import Optimizer, build_optimizer

Logits = Callable[[Any], Any]
"""``images (batch, height, width, channels) → logits (batch, classes)``."""

TrainingStep = Callable[[Any, Any, float], tuple[Any, Any]]
"""``(images, labels, learning rate) → (sum of losses, number of hits)``; changes the weights.

Labels are int32 (batch,) or, of pixels, (batch, height, width); where augmentation mixes them, float32
(batch, classes), their shares.
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
    variables = model.trainable_variables
    per_image = len(model.output_shape) == 2  # of masks nothing is mixed but whole pixels
    mixed = per_image and training.augmentation is not None and training.augmentation.mixes_labels

    def gradients_and_sums(images: Any, labels: Any, count: Any) -> tuple[list[Any], list[Any]]:  # noqa: ANN401  (tensors)
        """Of the loss of these images; its sums are divided by ``count``."""
        with tf.GradientTape() as tape:
            logits = model(images, training=True)
            loss = loss_of(training, logits, labels, count, class_weights)
        return tape.gradient(loss, variables), [*loss_and_hits(logits, labels)]

    def step(images: Any, labels: Any, learning_rate: Any) -> tuple[Any, Any]:  # noqa: ANN401  (tensors)
        of_part = partial(gradients_and_sums, count=counted(labels))
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


def evaluator(model: keras.Model) -> Logits:
    """A compiled ``images → logits``, with moving statistics and without dropout."""
    images = tf.TensorSpec((None, *model.input_shape[1:]), tf.float32)
    logits: Logits = tf.function(
        lambda images: model(images, training=False), autograph=False, input_signature=[images]
    )
    return logits


def evaluate(logits_of: Logits, batches: Iterable[tuple[Any, Any]]) -> Metrics:
    """Mean loss and accuracy over batches of images and labels; of masks, over pixels, and mean IoU."""
    loss, hits, examples, counts = 0.0, 0, 0, None
    for images, labels in batches:
        logits = logits_of(images)
        batch_loss, batch_hits = loss_and_hits(logits, labels)
        loss += float(batch_loss)
        hits += int(batch_hits)
        examples += label_count(labels)
        if logits.shape.rank == 4:
            found = np.asarray(confusion(logits, labels))
            counts = found if counts is None else counts + found
    overlap = None if counts is None else mean_iou(counts)
    return Metrics(loss / examples, hits / examples, examples, overlap)
