"""The optimizer of a spec, with both kinds of weight decay.

Keras' ``weight_decay`` is decoupled: learning rate × decay × weight is taken off the weight. Coupled
decay, the paper's, adds decay × weight to the gradient and is done in the training step.
"""

from typing import Any, assert_never

import keras
import tensorflow as tf

from dnsearch.spec.training import Adam, AdamW, Sgd, Training


class MomentumSgd(keras.optimizers.SGD):  # type: ignore[misc]  # keras ships no types
    """Keras' SGD with the momentum of the paper (and of Torch): the velocity is free of the learning rate.

    With gradient g, weight w, velocity v, momentum m and learning rate η::

        paper:  v ← m·v + g        w ← w − η·v        Nesterov: w ← w − η·(g + m·v)
        Keras:  v ← m·v − η·g      w ← w + v          Nesterov: w ← w − η·g + m·v

    The two are the same while η stays as it is. Where a schedule divides η by 10, Keras' v still has the
    old η in it: with m = 0.9 and a steady gradient the weights travel another 7.3 steps of the old size
    (8.1 without Nesterov) that the paper's do not, which is not what its learning rates were tuned for.
    TensorFlow has the paper's rule as one fused operation.
    """

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:  # noqa: ANN401  (tensors)
        """Move one variable and its velocity."""
        if not self.momentum:
            super().update_step(gradient, variable, learning_rate)
            return
        velocity = self.momentums[self._get_variable_index(variable)]
        tf.raw_ops.ResourceApplyMomentum(
            var=variable.handle,
            accum=velocity.value.handle,
            lr=learning_rate,
            grad=gradient,
            momentum=self.momentum,
            use_nesterov=self.nesterov,
        )


def build_optimizer(training: Training) -> keras.optimizers.Optimizer:
    """The Keras optimizer; its learning rate is set anew before each step."""
    rate = training.learning_rate
    match training.optimizer:
        case Sgd(momentum=momentum, nesterov=nesterov, weight_decay=decay, decay=kind):
            decoupled = decay if kind == "decoupled" else None
            return MomentumSgd(rate, momentum, nesterov, weight_decay=decoupled)
        case Adam(beta_1=beta_1, beta_2=beta_2, epsilon=epsilon):
            return keras.optimizers.Adam(rate, beta_1, beta_2, epsilon)
        case AdamW(beta_1=beta_1, beta_2=beta_2, epsilon=epsilon, weight_decay=decay):
            return keras.optimizers.AdamW(rate, decay, beta_1, beta_2, epsilon)
        case _:
            assert_never(training.optimizer)


def coupled_decay(training: Training) -> float:
    """What is multiplied with each variable and added to its gradient.

    >>> from dnsearch.spec.document import load
    >>> coupled_decay(load("densenet-40-12").experiment.training)
    0.0001
    """
    match training.optimizer:
        case Sgd(weight_decay=decay, decay="coupled") | Adam(weight_decay=decay):
            return decay
        case _:
            return 0.0
