"""The optimizer of a spec, with both kinds of weight decay.

Keras' ``weight_decay`` is decoupled: learning rate × decay × weight is taken off the weight. Coupled
decay, the paper's, adds decay × weight to the gradient and is done in the training step.
"""

from typing import assert_never

import keras

from dnsearch.spec.training import Adam, AdamW, Sgd, Training


def build_optimizer(training: Training) -> keras.optimizers.Optimizer:
    """The Keras optimizer; its learning rate is set anew before each step."""
    rate = training.learning_rate
    match training.optimizer:
        case Sgd(momentum=momentum, nesterov=nesterov, weight_decay=decay, decay=kind):
            decoupled = decay if kind == "decoupled" else None
            nesterov = nesterov and momentum > 0
            return keras.optimizers.SGD(rate, momentum, nesterov, weight_decay=decoupled)
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
