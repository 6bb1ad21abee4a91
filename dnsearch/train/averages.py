"""A moving average of a model's weights and moving statistics, step by step.

    average ← d·average + (1 − d)·weight        d = min(decay, t / (t + 10))

with t the steps done before this one. At the first step d is 0: the average is the weight, whatever it was
before. What a training keeps are the averages; what it goes on with are the weights.
"""

from typing import Any

import tensorflow as tf

from dnsearch.train.state import State

WARMING_UP = 10


class Averages:
    """The averages of a state's weights and statistics.

    Args:
        state: what is averaged.
        decay: share of the average kept at each step.
    """

    def __init__(self, state: State, decay: float) -> None:
        self._state = state
        self._decay = decay
        self.weights = tf.Variable(state.weights.value, trainable=False)
        self.statistics = tf.Variable(state.statistics.value, trainable=False)

    def restart(self) -> None:
        """Forget what was averaged; average what the state has now."""
        self.weights.assign(self._state.weights.value)
        self.statistics.assign(self._state.statistics.value)

    def update(self, steps: Any) -> None:  # noqa: ANN401  (a tensor)
        """Take in the weights after a step; ``steps`` counts it too."""
        before = tf.cast(steps, tf.float32) - 1
        taken = 1 - tf.minimum(self._decay, before / (before + WARMING_UP))
        self.weights.assign_sub(taken * (self.weights - self._state.weights.value))
        self.statistics.assign_sub(taken * (self.statistics - self._state.statistics.value))
