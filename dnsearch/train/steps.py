"""The compiled steps: one for training, one for evaluation."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from dnsearch.records.record import Metrics
from dnsearch.spec.training import Training
from dnsearch.train.optimizer import build_optimizer, coupled_decay

Logits = Callable[[Any], Any]
"""``images (batch, height, width, channels) → logits (batch, classes)``."""

TrainingStep = Callable[[Any, Any, float], tuple[Any, Any]]
"""``(images, labels, learning rate) → (sum of losses, number of hits)``; changes the weights."""


@dataclass(frozen=True)
class Trainer:
    """A model with everything that trains it.

    Args:
        model: from images to logits.
        optimizer: already built, so that the first step traces once.
        train: a compiled step; the loss that it minimises has label smoothing, the one that it tells none.
    """

    model: keras.Model
    optimizer: keras.optimizers.Optimizer
    train: TrainingStep

    @property
    def variables(self) -> list[keras.Variable]:
        """All state that a training has, in an order that is the same in every process."""
        return [*self.model.variables, *self.optimizer.variables]


def build_trainer(model: keras.Model, training: Training) -> Trainer:
    """Build the optimizer's variables and the training step of a model."""
    optimizer = build_optimizer(training)
    optimizer.build(model.trainable_variables)
    return Trainer(model, optimizer, _training_step(model, optimizer, training))


def _training_step(
    model: keras.Model, optimizer: keras.optimizers.Optimizer, training: Training
) -> TrainingStep:
    variables = model.trainable_variables
    decay = coupled_decay(training)
    classes = model.output_shape[-1]
    images = tf.TensorSpec((None, *model.input_shape[1:]), tf.float32)

    def step(images: Any, labels: Any, learning_rate: Any) -> tuple[Any, Any]:  # noqa: ANN401  (tensors)
        with tf.GradientTape() as tape:
            logits = model(images, training=True)
            target = _smoothed(labels, classes, training.label_smoothing)
            loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(target, logits))
        gradients = tape.gradient(loss, variables)
        if decay:
            gradients = [each + decay * variable for each, variable in zip(gradients, variables, strict=True)]
        optimizer.learning_rate.assign(learning_rate)
        optimizer.apply(gradients, variables)
        return _loss_and_hits(logits, labels)

    labels_spec = tf.TensorSpec([None, *model.output_shape[1:-1]], tf.int32)
    signature = [images, labels_spec, tf.TensorSpec([], tf.float32)]
    compiled: TrainingStep = tf.function(step, autograph=False, input_signature=signature)
    return compiled


def _smoothed(labels: Any, classes: int, smoothing: float) -> Any:  # noqa: ANN401  (tensors)
    return tf.one_hot(labels, classes) * (1 - smoothing) + smoothing / classes


def _loss_and_hits(logits: Any, labels: Any) -> tuple[Any, Any]:  # noqa: ANN401  (tensors)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    hits = tf.equal(tf.argmax(logits, axis=-1, output_type=tf.int32), labels)
    return tf.reduce_sum(losses), tf.reduce_sum(tf.cast(hits, tf.int32))


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
        examples += int(np.prod(labels.shape))
    return Metrics(loss / examples, hits / examples, examples)
