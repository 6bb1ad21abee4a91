"""The optimizers, on one vector of all weights.

Keras' optimizers are a handful of small operations for each of some hundred weights, which are paid for at
every start: tracing AdamW takes longer than tracing the network. On one vector a rule is a handful of
operations in all, and what it keeps are vectors, too.

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

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, assert_never

import tensorflow as tf

from dnsearch.spec.training import Training
from dnsearch.spec.training.optimizer import Adam, AdamW, Lion, Muon, Sgd
from dnsearch.train.muon import muon_steps
from dnsearch.train.state import Vector

Tensor = Any
Rule = Sgd | Adam | AdamW | Lion | Muon
Slots = Mapping[str, Any]
"""Name → a vector that an optimizer keeps, as long as the weights'."""

MUONS_ADAM = AdamW(name="adamw")
"""What Muon leaves to AdamW: Jordan's advice for everything but hidden matrices."""


@dataclass(frozen=True)
class Optimizer:
    """An optimizer of a vector of weights.

    Args:
        variables: what it keeps, by name; ``steps`` is the number of steps done.
        apply: gradient and learning rate → the weights and the variables are changed. To be called while a
            graph is traced, or eagerly.
    """

    variables: Mapping[str, Any]
    apply: Callable[[Tensor, Tensor], None]


def build_optimizer(training: Training, weights: Vector) -> Optimizer:
    """The optimizer of a spec, its variables made."""
    rule = training.optimizer
    steps = tf.Variable(0, trainable=False, dtype=tf.int64)
    slots = {name: tf.Variable(tf.zeros_like(weights.value), trainable=False) for name in _slots(rule)}
    coupled = isinstance(rule, Adam) or (isinstance(rule, Sgd) and rule.decay == "coupled")
    decay = rule.weight_decay * _decayed(rule, weights)

    def apply(gradient: Tensor, rate: Tensor) -> None:
        steps.assign_add(1)
        if rule.weight_decay and coupled:
            gradient += decay * weights.value
        elif rule.weight_decay:
            weights.value.assign_sub(rate * decay * weights.value)
        _move(rule, weights, gradient, slots, (rate, tf.cast(steps, tf.float32)))

    return Optimizer({"steps": steps, **slots}, apply)


def _decayed(rule: Rule, weights: Vector) -> Any:  # noqa: ANN401  (a number, or a vector)
    """1 for each number that decays and 0 for the others."""
    if rule.decayed == "all":
        return 1.0
    return weights.each(lambda weight: float(is_kernel(weight)))


def is_kernel(weight: Any) -> bool:  # noqa: ANN401  (a Keras variable)
    """Whether a weight is the kernel of a convolution or of the classifier."""
    return bool(weight.path.endswith("/kernel"))


def _orthogonalised(weight: Any) -> bool:  # noqa: ANN401  (a Keras variable)
    """Whether a weight is Muon's: the kernels of convolutions."""
    return is_kernel(weight) and len(weight.shape) == 4


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


def _move(rule: Rule, weights: Vector, gradient: Tensor, slots: Slots, at: tuple[Tensor, Tensor]) -> None:
    """Do a rule's step, decay left out, at a learning rate and a number of steps, this one included."""
    rate, steps = at
    match rule:
        case Sgd(momentum=0.0):
            weights.value.assign_sub(rate * gradient)
        case Sgd():
            tf.raw_ops.ResourceApplyMomentum(
                var=weights.value.handle,
                accum=slots["momentum"].handle,
                lr=rate,
                grad=gradient,
                momentum=rule.momentum,
                use_nesterov=rule.nesterov,
            )
        case Adam() | AdamW():
            weights.value.assign_sub(rate * _adam(rule, gradient, slots, steps))
        case Lion():
            before = slots["momentum"] + 0.0
            weights.value.assign_sub(rate * tf.sign(_mixed(before, gradient, rule.beta_1)))
            slots["momentum"].assign(_mixed(before, gradient, rule.beta_2))
        case Muon():
            weights.value.assign_sub(rate * _muon(rule, weights, gradient, slots, steps))
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


def _muon(rule: Muon, weights: Vector, gradient: Tensor, slots: Slots, steps: Tensor) -> Tensor:
    """The same: Muon's steps for the kernels of convolutions, AdamW's for all others."""
    velocity = slots["momentum"].assign(rule.momentum * slots["momentum"] + gradient)
    directions = weights.parts(gradient + rule.momentum * velocity)
    kernels = [number for number, each in enumerate(weights.variables) if _orthogonalised(each)]
    own = muon_steps([directions[number] for number in kernels])
    found = weights.parts(_adam(MUONS_ADAM, gradient, slots, steps))
    for number, step in zip(kernels, own, strict=True):
        found[number] = step
    return weights.joined(found)
