"""The optimizers, their learning rates and the averaged weights, on one vector of all weights.

Decoupled decay takes learning rate × decay × weight off the weight before the step; coupled decay, the
paper's, adds decay × weight to the gradient. With gradient g, weight w, learning rate η::

    sgd          v ← m·v + g                              w ← w − η·v, Nesterov: w ← w − η·(g + m·v)
    adam, adamw  m ← β1·m + (1−β1)·g,  s ← β2·s + (1−β2)·g²
                 w ← w − η·√(1−β2^t)/(1−β1^t) · m/(√s + ε)       ε as Keras and TensorFlow have it
    lion         u = sign(β1·m + (1−β1)·g),  m ← β2·m + (1−β2)·g,  w ← w − η·u
    muon         v ← m·v + g,  w ← w − η·0.2·√max(rows, columns)·orthogonal(g + m·v)

The velocity of sgd does not contain the learning rate, as in the paper and in Torch. Keras has v ← m·v − η·g,
w ← w + v; where a schedule divides η by 10, that v still has the old η in it: with m = 0.9 and a steady
gradient the weights move another 7.3 steps of the old size (8.1 without Nesterov).

Muon (Jordan et al., 2024) makes the momentum of a convolution's kernel nearly orthogonal, so that no
direction is too small to be learned; AdamW does the rest, with the first and the last layer. A kernel of
shape (height, width, channels, filters) is the matrix X of (height × width × channels, filters), divided by
its norm. Five turns of

    X ← a·X + X·(b·A + c·A²)    A = XᵀX    (a, b, c) = (3.4445, −4.7750, 2.0315)

bring singular values between 0.01 and 1 into about 0.7 to 1.2. With the factor 0.2·√max(rows, columns) the
elements are as large as AdamW's, and so its learning rate and decay fit (Liu et al., 2025, arXiv 2502.16982).
``keras.optimizers.Muon`` leaves convolutions to AdamW, so Muon is written out here. Kernels with equally many
filters are stacked, padded with rows of zeros, which stay zeros, and made orthogonal in one go.

``ema`` averages weights and moving statistics after each step::

    average ← d·average + (1 − d)·weight        d = min(decay, t / (t + 10)), t from 0

A training keeps the averages; it goes on with the weights.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, assert_never

import tensorflow as tf

from dnsearch.spec.optimization import Adam, AdamW, Constant, Cosine, Linear, Lion, Muon, OneCycle, Sgd, Step
from dnsearch.spec.training import Training
from dnsearch.train.state import State, Vector

Tensor = Any


def muon_steps(directions: Sequence[Tensor]) -> list[Tensor]:
    """What a learning rate of 1 takes off each kernel, by its momentum (height, width, channels, filters)."""
    steps: dict[int, Tensor] = {}
    for filters in sorted({direction.shape[-1] for direction in directions}):
        numbers = [number for number, each in enumerate(directions) if each.shape[-1] == filters]
        matrices = [tf.reshape(directions[number], (-1, filters)) for number in numbers]
        most = max(matrix.shape[0] for matrix in matrices)
        stacked = tf.stack([tf.pad(matrix, [[0, most - matrix.shape[0]], [0, 0]]) for matrix in matrices])
        for number, matrix, found in zip(numbers, matrices, tf.unstack(orthogonal(stacked)), strict=True):
            step = found[: matrix.shape[0]] * (0.2 * math.sqrt(max(matrix.shape)))
            steps[number] = tf.reshape(step, directions[number].shape)
    return [steps[number] for number in range(len(directions))]


def orthogonal(matrices: Tensor) -> Tensor:
    """Matrices of shape ``(many, rows, columns)`` with their singular values brought near 1."""
    a, b, c = 3.4445, -4.7750, 2.0315
    found = matrices / (tf.norm(matrices, axis=(1, 2), keepdims=True) + 1e-7)
    for _ in range(5):
        gram = tf.matmul(found, found, transpose_a=True)
        found = a * found + tf.matmul(found, b * gram + c * tf.matmul(gram, gram))
    return found


class Averages:
    """The averages of a state's weights and statistics."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.weights = tf.Variable(state.weights.value, trainable=False)
        self.statistics = tf.Variable(state.statistics.value, trainable=False)
        self.variables = {"average weights": self.weights, "average statistics": self.statistics}

    def restart(self) -> None:
        """Forget what was averaged; average what the state has now."""
        self.weights.assign(self._state.weights.value)
        self.statistics.assign(self._state.statistics.value)

    def update(self, steps: Tensor, decay: Tensor) -> None:
        """Take in the weights after a step; ``steps`` counts it too. The decay is that after many steps."""
        before = tf.cast(steps, tf.float32) - 1
        taken = 1 - tf.minimum(decay, before / (before + 10))
        self.weights.assign_sub(taken * (self.weights - self._state.weights.value))
        self.statistics.assign_sub(taken * (self.statistics - self._state.statistics.value))


Rule = Sgd | Adam | AdamW | Lion | Muon
Slots = Mapping[str, Any]
"""Name → a vector that an optimizer keeps, as long as the weights'."""


@dataclass(frozen=True)
class Optimizer:
    """An optimizer of a vector of weights.

    ``variables`` is what it keeps, by name; ``steps`` is the number of steps done. ``apply`` changes them and
    the weights by a gradient and a learning rate.
    """

    variables: Mapping[str, Any]
    apply: Callable[[Tensor, Tensor], None]


def build_optimizer(training: Training, weights: Vector, inputs: Mapping[str, Tensor]) -> Optimizer:
    """The optimizer of a spec, its variables made; ``inputs`` has its momentum and weight decay."""
    rule = training.optimizer
    steps = tf.Variable(0, trainable=False, dtype=tf.int64)
    slots = {name: tf.Variable(tf.zeros_like(weights.value), trainable=False) for name in _slots(rule)}
    coupled = isinstance(rule, Adam) or (isinstance(rule, Sgd) and rule.decay == "coupled")
    decayed = 1.0 if rule.decayed == "all" else weights.each(lambda weight: float(is_kernel(weight)))

    def apply(gradient: Tensor, rate: Tensor) -> None:
        steps.assign_add(1)
        decay = inputs["weight_decay"] * decayed
        if rule.weight_decay and coupled:
            gradient += decay * weights.value
        elif rule.weight_decay:
            weights.value.assign_sub(rate * decay * weights.value)
        now = {**inputs, "learning_rate": rate, "steps": tf.cast(steps, tf.float32)}
        _move(rule, weights, gradient, slots, now)

    return Optimizer({"steps": steps, **slots}, apply)


def is_kernel(weight: Any) -> bool:  # noqa: ANN401  (a Keras variable)
    """Whether a weight is the kernel of a convolution or of the classifier."""
    return bool(weight.path.endswith("/kernel"))


def _slots(rule: Rule) -> tuple[str, ...]:
    match rule:
        case Sgd(momentum=0.0):
            return ()
        case Sgd() | Lion():
            return ("momentum",)
        case Adam() | AdamW():
            return ("mean", "square")
        case Muon():
            return ("momentum", "mean", "square")
        case _:
            assert_never(rule)


def _move(rule: Rule, weights: Vector, gradient: Tensor, slots: Slots, now: Mapping[str, Tensor]) -> None:
    """Do a rule's step, decay left out; ``now`` has momentum, learning rate and steps, this one counted."""
    rate = now["learning_rate"]
    match rule:
        case Sgd(momentum=0.0):
            weights.value.assign_sub(rate * gradient)
        case Sgd():
            tf.raw_ops.ResourceApplyMomentum(
                var=weights.value.handle,
                accum=slots["momentum"].handle,
                lr=rate,
                grad=gradient,
                momentum=now["momentum"],
                use_nesterov=rule.nesterov,
            )
        case Adam() | AdamW():
            weights.value.assign_sub(rate * _adam(rule, gradient, slots, now["steps"]))
        case Lion():
            before = slots["momentum"] + 0.0
            weights.value.assign_sub(rate * tf.sign(_mixed(before, gradient, rule.beta_1)))
            slots["momentum"].assign(_mixed(before, gradient, rule.beta_2))
        case Muon():
            weights.value.assign_sub(rate * _muon(weights, gradient, slots, now))
        case _:
            assert_never(rule)


def _mixed(old: Tensor, new: Tensor, share: float) -> Tensor:
    return share * old + (1 - share) * new


def _adam(rule: Adam | AdamW, gradient: Tensor, slots: Slots, steps: Tensor) -> Tensor:
    """What a learning rate of 1 takes off."""
    mean = slots["mean"].assign(_mixed(slots["mean"], gradient, rule.beta_1))
    square = slots["square"].assign(_mixed(slots["square"], tf.square(gradient), rule.beta_2))
    correction = tf.sqrt(1 - tf.pow(rule.beta_2, steps)) / (1 - tf.pow(rule.beta_1, steps))
    return correction * mean / (tf.sqrt(square) + rule.epsilon)


def _muon(weights: Vector, gradient: Tensor, slots: Slots, now: Mapping[str, Tensor]) -> Tensor:
    """The same: Muon's steps for the kernels of the inner convolutions, AdamW's for all others.

    The first layer and the last one are AdamW's too, as Jordan advises, also where they are convolutions.
    """
    momentum = now["momentum"]
    velocity = slots["momentum"].assign(momentum * slots["momentum"] + gradient)
    directions = weights.parts(gradient + momentum * velocity)
    found = weights.parts(_adam(AdamW(name="adamw"), gradient, slots, now["steps"]))
    inner = [n for n, each in enumerate(weights.variables) if is_kernel(each)][1:-1]
    kernels = [n for n in inner if len(directions[n].shape) == 4]
    for number, step in zip(kernels, muon_steps([directions[n] for n in kernels]), strict=True):
        found[number] = step
    return weights.joined(found)


def learning_rate(training: Training, step: int, steps_per_epoch: int) -> float:
    """The learning rate of a step.

    Over the warm-up it rises in a straight line and reaches the full rate at the warm-up's last step; a
    cosine or a line then covers the rest, while the points of a step schedule and of one cycle are shares of
    the whole training. Where epochs have different numbers of steps, a step's place in its own counts:
    ``step``, from 0, is its number if all epochs had as many.

    >>> from dnsearch.spec.document import load
    >>> paper = load("densenet-bc-100-12").experiment.training
    >>> [round(learning_rate(paper, epoch * 704, 704), 5) for epoch in (0, 149, 150, 225)]
    [0.1, 0.1, 0.01, 0.001]
    """
    warmup = round(training.warmup_epochs * steps_per_epoch)
    if step < warmup:
        return training.learning_rate * (step + 1) / warmup
    steps = training.epochs * steps_per_epoch
    progress = (step - warmup) / max(1, steps - warmup)
    match training.schedule:
        case Constant():
            factor = 1.0
        case Step(at=at, factor=each):
            factor = each ** sum(step >= round(share * steps) for share in at)
        case Cosine(final_fraction=final):
            factor = final + (1 - final) * 0.5 * (1 + math.cos(math.pi * progress))
        case Linear(final_fraction=final):
            factor = final + (1 - final) * (1 - progress)
        case OneCycle():
            factor = one_cycle(training.schedule, step / max(1, steps - 1))
        case _:
            assert_never(training.schedule)
    return training.learning_rate * factor


def one_cycle(schedule: OneCycle, progress: float) -> float:
    """The share of the learning rate; ``progress`` is 0 at the first step of a training, 1 at the last one.

    >>> schedule = OneCycle(name="one_cycle", initial_fraction=0.5, peak_at=0.5, final_fraction=0.0)
    >>> [one_cycle(schedule, progress) for progress in (0.0, 0.25, 0.5, 0.75, 1.0)]
    [0.5, 0.75, 1.0, 0.5, 0.0]
    """
    peak = schedule.peak_at
    if progress < peak:
        return schedule.initial_fraction + (1 - schedule.initial_fraction) * progress / peak
    return schedule.final_fraction + (1 - schedule.final_fraction) * (1 - progress) / (1 - peak)
