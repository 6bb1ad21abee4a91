"""The compiled steps: one for training, one for evaluation."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from dnsearch.runs.record import Metrics
from dnsearch.spec.training import Training
from dnsearch.train.devices import accumulated, shared_out, strategy_over, uses_xla
from dnsearch.train.losses import confusion, counted, label_count, loss_and_hits, mean_iou
from dnsearch.train.losses import loss as loss_of
from dnsearch.train.optimizers import Averages, Optimizer, build_optimizer
from dnsearch.train.state import State, dropout_rate
from dnsearch.train.step_inputs import Inputs, step_inputs

Tensor = Any

Logits = Callable[[Any], Any]
"""``images (batch, height, width, channels) → logits (batch, classes)``."""

TrainingStep = Callable[[Any, Any, float], tuple[Any, Any]]
"""``(images, labels, learning rate) → (sum of losses, number of hits)``; changes the state."""

Move = Callable[[Tensor, Tensor], None]
"""Moves the weights by a gradient and a learning rate."""

FIRST, SMALLEST, LARGEST, GROWTH_STEPS = 2.0**15, 1.0, 2.0**24, 2000


class LossScaling:
    """Loss scaling for float16 (Micikevicius et al., 2018): a power of two, and the good steps since.

    float16 has nothing between 0 and 6e-8, and the gradients of features are often that small. So the loss
    is multiplied by a scale, and the gradient, a float32 vector by then, divided by it. Where the gradient is
    not finite, the step is skipped and the scale halved; after 2,000 good steps it is doubled.
    ``keras.optimizers.LossScaleOptimizer`` has the same rule and numbers, but for two cases. At a scale of 1
    a step is done whatever its gradient: the training has diverged, and the next loss shows it. And the scale
    stops at 2^24, so that gradients of zeros do not double it until it is infinite.
    """

    def __init__(self) -> None:
        self.scale = tf.Variable(FIRST, trainable=False)
        self.good_steps = tf.Variable(0, trainable=False, dtype=tf.int64)
        self.variables = {"loss scale": self.scale, "good steps": self.good_steps}

    def restart(self) -> None:
        """Begin with the first scale."""
        self.scale.assign(FIRST)
        self.good_steps.assign(0)

    def apply(self, move: Move, gradient: Tensor, rate: Tensor) -> None:
        """Move by the gradient of a scaled loss; nothing moves where that is not finite."""
        finite = tf.reduce_all(tf.math.is_finite(gradient))
        tf.cond(finite | (self.scale <= SMALLEST), lambda: self._go(move, gradient, rate), self._skip)

    def _go(self, move: Move, gradient: Tensor, rate: Tensor) -> Tensor:
        """Do a step that goes well; double the scale after so many."""
        move(gradient / self.scale, rate)
        counted = self.good_steps.assign_add(1)
        enough = tf.equal(counted, GROWTH_STEPS)
        self.good_steps.assign(tf.where(enough, tf.zeros_like(counted), counted))
        return self.scale.assign(tf.where(enough, tf.minimum(2 * self.scale, LARGEST), self.scale))

    def _skip(self) -> Tensor:
        self.good_steps.assign(0)
        return self.scale.assign(self.scale / 2)


@dataclass(frozen=True)
class Trainer:
    """A model, which has what was learned only after ``fill_model``, and all that trains and judges it.

    The loss that ``train``, a compiled step, minimises has label smoothing and class weights, the one that it
    tells none. ``inputs`` are the variables
    that it reads of ``step_inputs``; ``logits`` are the model's, for evaluation.
    """

    model: keras.Model
    state: State
    optimizer: Optimizer
    averages: Averages | None
    scaling: LossScaling | None
    inputs: Mapping[str, Any]
    train: TrainingStep
    logits: Logits

    @property
    def variables(self) -> Mapping[str, Any]:
        """All that a resume needs, by names that are the same in every process."""
        state, averages, scaling = self.state, self.averages, self.scaling
        return {
            "weights": state.weights.value,
            "statistics": state.statistics.value,
            "counters": state.counters.value,
            **self.optimizer.variables,
            **(averages.variables if averages else {}),
            **(scaling.variables if scaling else {}),
        }

    def start_anew(self, model: keras.Model, inputs: Inputs) -> None:
        """Forget what was learned, and start from what another model of the same network holds."""
        for name, value in inputs.items():
            self.inputs[name].assign(value)
        for own, other in zip(self.model.variables, model.variables, strict=True):
            own.assign(other)
        for variable in self.optimizer.variables.values():
            variable.assign(tf.zeros_like(variable))
        if self.scaling is not None:
            self.scaling.restart()
        self.take_over()

    def take_over(self) -> None:
        """Start from what the model holds."""
        for vector in (self.state.weights, self.state.statistics, self.state.counters):
            vector.read()
        if self.averages is not None:
            self.averages.restart()

    def fill_model(self) -> None:
        """Fill the model with what a run saves: the averages where the spec has ``ema``, else the weights."""
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
    """Build the state, the optimizer's variables and the training step of a model; on which GPUs, if any."""
    state = State(model)
    given = step_inputs(training, class_weights, dropout_rate(model))
    inputs = {name: tf.Variable(value, trainable=False, dtype=tf.float32) for name, value in given.items()}
    optimizer = build_optimizer(training, state.weights, inputs)
    averages = Averages(state) if training.ema else None
    scaling = LossScaling() if training.precision == "mixed_float16" else None

    def move(gradient: Tensor, learning_rate: Tensor) -> None:
        if training.clip_norm is not None:
            gradient = tf.clip_by_norm(gradient, training.clip_norm)
        optimizer.apply(gradient, learning_rate)
        if averages is not None:
            averages.update(optimizer.variables["steps"], inputs["ema_decay"])

    moved = partial(scaling.apply, move) if scaling else move
    step = _training_step(state, moved, training, inputs, devices, scaling)
    return Trainer(model, state, optimizer, averages, scaling, inputs, step, evaluator(model))


def _training_step(
    state: State,
    move: Move,
    training: Training,
    inputs: Mapping[str, Any],
    devices: Sequence[str],
    scaling: LossScaling | None,
) -> TrainingStep:
    """The step: ``move`` is given the gradient, of the scaled loss where that is scaled, and the rate."""
    weighted, smoothed = inputs["class_weights"].shape[0] > 0, training.label_smoothing > 0
    read = ["dropout", *["class_weights"] * weighted, *["label_smoothing"] * smoothed]
    shape = state.model.output_shape
    per_image = len(shape) == 2  # of masks nothing is mixed but whole pixels
    mixed = per_image and training.augmentation is not None and training.augmentation.mixes_labels

    def of_part(
        images: Tensor,
        labels: Tensor,
        given: Sequence[Tensor],
        weights: Tensor,
        numbers: Mapping[str, Tensor],
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Gradient of the loss, divided by a count and times a scale, and sums; statistics, counters."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights)
            logits, *passed_on = state.network((weights, *given), images, numbers["dropout"])
            how = (numbers.get(name) for name in ("label_smoothing", "class_weights"))
            loss = loss_of(training.loss, logits, labels, numbers["count"], *how)
            loss = loss * numbers["scale"] if scaling else loss
        return [tape.gradient(loss, weights), *loss_and_hits(logits, labels)], passed_on

    if uses_xla(training, devices):
        of_part = tf.function(of_part, autograph=False, jit_compile=True)
    strategy = strategy_over(tuple(devices)) if len(devices) > 1 else None

    def step(images: Tensor, labels: Tensor, learning_rate: Tensor) -> tuple[Tensor, Tensor]:
        weights = state.weights.value.read_value()
        given = [state.statistics.value.read_value(), state.counters.value.read_value()]
        numbers = {"count": counted(labels), **{name: inputs[name].read_value() for name in read}}
        if scaling:
            numbers["scale"] = scaling.scale.read_value()
        part = partial(of_part, weights=weights, numbers=numbers)
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


def evaluator(model: keras.Model) -> Logits:
    """A compiled ``images → logits``, with moving statistics and without dropout."""
    images = tf.TensorSpec((None, *model.input_shape[1:]), tf.float32)
    logits: Logits = tf.function(
        lambda images: tf.cast(model(images, training=False), tf.float32),
        autograph=False,
        input_signature=[images],
    )
    return logits


class Sums:
    """What batches add up to."""

    def __init__(self) -> None:
        self.loss, self.hits, self.examples = 0.0, 0, 0

    def add(self, loss: float, hits: int, labels: Any) -> None:  # noqa: ANN401  (an array or a tensor)
        """Take in a batch's sum of losses and its hits."""
        self.loss += loss
        self.hits += hits
        self.examples += label_count(labels)

    def metrics(self, mean_iou: float | None = None) -> Metrics:
        """The means over all of it."""
        return Metrics(self.loss / self.examples, self.hits / self.examples, self.examples, mean_iou)


def evaluate(logits_of: Logits, batches: Iterable[tuple[Any, Any]]) -> Metrics:
    """Mean loss and accuracy over batches of images and labels; of masks, over pixels, and mean IoU."""
    return judge(logits_of, batches)[0]


def judge(logits_of: Logits, batches: Iterable[tuple[Any, Any]]) -> tuple[Metrics, NDArray[np.bool_] | None]:
    """The same, and which images were right, (images,); None of masks."""
    sums, counts = Sums(), None
    right: list[NDArray[np.bool_]] = []
    for images, labels in batches:
        logits = logits_of(images)
        loss, hits = loss_and_hits(logits, labels)
        sums.add(float(loss), int(hits), labels)
        if logits.shape.rank == 4:
            found = np.asarray(confusion(logits, labels))
            counts = found if counts is None else counts + found
        else:
            right.append(np.asarray(logits).argmax(axis=1) == np.asarray(labels))
    metrics = sums.metrics(None if counts is None else mean_iou(counts))
    return metrics, np.concatenate(right) if right else None
