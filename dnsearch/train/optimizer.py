"""The optimizers, each as few operations per weight as TensorFlow has.

Keras' optimizers are a handful of small operations per weight, which a network of some hundred weights
pays for at every start: tracing AdamW takes longer than tracing the network. Here a rule is written with
TensorFlow's fused updates, mostly one per weight, and what it keeps are plain variables.

Decoupled decay takes learning rate × decay × weight off the weight before the step; coupled decay, the
paper's, adds decay × weight to the gradient.

With gradient g, weight w, learning rate η::

    sgd          v ← m·v + g                              w ← w − η·v, Nesterov: w ← w − η·(g + m·v)
    adam, adamw  m ← β1·m + (1−β1)·g,  s ← β2·s + (1−β2)·g²
                 w ← w − η·√(1−β2^t)/(1−β1^t) · m/(√s + ε)       ε as Keras and TensorFlow have it
    lion         u = sign(β1·m + (1−β1)·g),  m ← β2·m + (1−β2)·g,  w ← w − η·u
    muon         v ← m·v + g,  w ← w − η·0.2·√max(rows, columns)·orthogonal(g + m·v)     (muon.py)

The velocity of sgd is free of the learning rate, as in the paper and in Torch. Keras has v ← m·v − η·g,
w ← w + v; where a schedule divides η by 10, that v still has the old η in it: with m = 0.9 and a steady
gradient the weights travel another 7.3 steps of the old size (8.1 without Nesterov) that the paper's do not,
which is not what its learning rates were tuned for.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, assert_never

import tensorflow as tf

from dnsearch.spec.training import Training
from dnsearch.spec.training.optimizer import Adam, AdamW, Lion, Muon, Sgd
from dnsearch.train.muon import muon_steps

Variable = Any
"""A Keras variable."""

Tensor = Any

Gradients = Sequence[Tensor]

MUONS_ADAM = AdamW(name="adamw")
"""What Muon leaves to AdamW: Jordan's advice for everything but hidden matrices."""


@dataclass(frozen=True)
class Optimizer:
    """An optimizer of some weights.

    Args:
        variables: what it keeps, in a fixed order; first the number of steps done.
        apply: gradients, in the order of the weights, and a learning rate → the weights and the variables
            are changed. To be called while a graph is traced, or eagerly.
    """

    variables: tuple[Variable, ...]
    apply: Callable[[Gradients, Tensor], None]


def build_optimizer(training: Training, weights: Sequence[Variable]) -> Optimizer:
    """The optimizer of a spec, its variables made."""
    rule = training.optimizer
    steps = tf.Variable(0, trainable=False, dtype=tf.int64)
    slots = [[_slot(weight) for _ in range(_slots(rule, weight))] for weight in weights]
    decayed = [rule.decayed == "all" or is_kernel(weight) for weight in weights]
    coupled = isinstance(rule, Adam) or (isinstance(rule, Sgd) and rule.decay == "coupled")

    def apply(gradients: Gradients, rate: Tensor) -> None:
        steps.assign_add(1)
        decay = tf.constant(rule.weight_decay)  # one for all, as below: each would be a node of the graph
        if rule.weight_decay and coupled:
            gradients = [
                gradient + decay * weight.value if decays else gradient
                for gradient, weight, decays in zip(gradients, weights, decayed, strict=True)
            ]
        elif rule.weight_decay:
            shrink = rate * decay
            for weight, decays in zip(weights, decayed, strict=True):
                if decays:
                    descend(weight, shrink, weight.value)
        _move(rule, list(zip(weights, gradients, slots, strict=True)), rate, steps)

    return Optimizer((steps, *(slot for of_weight in slots for slot in of_weight)), apply)


def is_kernel(weight: Variable) -> bool:
    """Whether a weight is the kernel of a convolution or of the classifier."""
    return bool(weight.path.endswith("/kernel"))


def descend(weight: Variable, rate: Tensor, direction: Tensor) -> None:
    """``weight ← weight − rate × direction``."""
    tf.raw_ops.ResourceApplyGradientDescent(var=weight.handle, alpha=rate, delta=direction)


def _slot(weight: Variable) -> Variable:
    # Without a name: TensorFlow takes six times as long to make one that has a name.
    return tf.Variable(tf.zeros(weight.shape, weight.dtype), trainable=False)


def _orthogonalised(weight: Variable) -> bool:
    """Whether a weight is Muon's: the kernels of convolutions."""
    return is_kernel(weight) and len(weight.shape) == 4


def _slots(rule: Sgd | Adam | AdamW | Lion | Muon, weight: Variable) -> int:
    """How many variables a rule keeps for a weight: a momentum, or the means of gradients and squares."""
    match rule:
        case Sgd(momentum=0.0):
            return 0
        case Sgd() | Lion():
            return 1
        case Muon() if _orthogonalised(weight):
            return 1
        case Adam() | AdamW() | Muon():
            return 2
        case _:
            assert_never(rule)


def _move(rule: Sgd | Adam | AdamW | Lion | Muon, moved: list[Any], rate: Tensor, steps: Tensor) -> None:
    """Do a rule's step, decay left out; ``moved`` holds a weight, its gradient and its slots at a time."""
    match rule:
        case Sgd(momentum=0.0):
            for weight, gradient, _ in moved:
                descend(weight, rate, gradient)
        case Sgd():
            momentum = tf.constant(rule.momentum)
            for weight, gradient, (velocity,) in moved:
                _roll(weight, velocity, gradient, rate, momentum, nesterov=rule.nesterov)
        case Adam() | AdamW():
            _adam(rule, moved, rate, steps)
        case Lion():
            _lion(rule, moved, rate)
        case Muon():
            _adam(MUONS_ADAM, [each for each in moved if not _orthogonalised(each[0])], rate, steps)
            _muon(rule, [each for each in moved if _orthogonalised(each[0])], rate)
        case _:
            assert_never(rule)


def _roll(
    weight: Variable,
    velocity: Variable,
    gradient: Tensor,
    rate: Tensor,
    momentum: Tensor,
    *,
    nesterov: bool = False,
) -> None:
    """``velocity ← momentum × velocity + gradient; weight ← weight − rate × velocity``."""
    tf.raw_ops.ResourceApplyMomentum(
        var=weight.handle,
        accum=velocity.handle,
        lr=rate,
        grad=gradient,
        momentum=momentum,
        use_nesterov=nesterov,
    )


def _adam(rule: Adam | AdamW, moved: list[Any], rate: Tensor, steps: Tensor) -> None:
    number = tf.cast(steps, tf.float32)
    beta_1, beta_2, epsilon = map(tf.constant, (rule.beta_1, rule.beta_2, rule.epsilon))
    powers = tf.pow(beta_1, number), tf.pow(beta_2, number)
    for weight, gradient, (mean, square) in moved:
        tf.raw_ops.ResourceApplyAdam(
            var=weight.handle,
            m=mean.handle,
            v=square.handle,
            beta1_power=powers[0],
            beta2_power=powers[1],
            lr=rate,
            beta1=beta_1,
            beta2=beta_2,
            epsilon=epsilon,
            grad=gradient,
        )


def _lion(rule: Lion, moved: list[Any], rate: Tensor) -> None:
    """What is kept is m / (1 − β2), which rolls as SGD's velocity does, in one operation."""
    share = tf.constant(rule.beta_1 * (1 - rule.beta_2) / (1 - rule.beta_1))
    nothing, beta_2 = tf.zeros(()), tf.constant(rule.beta_2)
    for weight, gradient, (momentum,) in moved:
        descend(weight, rate, tf.sign(share * momentum + gradient))
        _roll(weight, momentum, gradient, nothing, beta_2)


def _muon(rule: Muon, moved: list[Any], rate: Tensor) -> None:
    nothing, momentum = tf.zeros(()), tf.constant(rule.momentum)
    directions = []
    for weight, gradient, (velocity,) in moved:
        _roll(weight, velocity, gradient, nothing, momentum)
        directions.append(gradient + momentum * velocity)
    for (weight, *_), step in zip(moved, muon_steps(directions), strict=True):
        descend(weight, rate, step)
