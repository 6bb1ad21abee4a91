"""A moving average of a model's weights and moving statistics, step by step.

    average ← d·average + (1 − d)·weight        d = min(decay, t / (t + 10))

with t the steps done before this one. At the first step d is 0: the average is the weight, whatever it was
before. What a training keeps are the averages; what it goes on with are the weights.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from dnsearch.train.optimizer import descend

WARMING_UP = 10


class Averages:
    """The averages of a model.

    Args:
        model: whose weights are averaged, but for frozen layers'; states of random generators are none.
        decay: share of the average kept at each step.
    """

    def __init__(self, model: keras.Model, decay: float) -> None:
        self._weights = [weight for layer in model.layers if layer.trainable for weight in layer.weights]
        self._decay = decay
        self._averages = [tf.Variable(weight.value, trainable=False) for weight in self._weights]

    @property
    def variables(self) -> tuple[Any, ...]:
        """The averages, in the order of the model's weights."""
        return tuple(self._averages)

    def update(self, steps: Any) -> None:  # noqa: ANN401  (a tensor)
        """Take in the weights after a step; ``steps`` counts it too."""
        before = tf.cast(steps, tf.float32) - 1
        taken = 1 - tf.minimum(self._decay, before / (before + WARMING_UP))
        for average, weight in zip(self._averages, self._weights, strict=True):
            descend(average, taken, average - weight.value)

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Lend the averages to the model; afterwards it has its own weights again, bit by bit."""
        own = [weight.numpy() for weight in self._weights]
        try:
            for weight, average in zip(self._weights, self._averages, strict=True):
                weight.assign(average)
            yield
        finally:
            for weight, values in zip(self._weights, own, strict=True):
                weight.assign(values)
