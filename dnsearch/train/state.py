"""All that changes in a network while it is trained, as three vectors.

A DenseNet has hundreds of small weights, and tracing the operations on each of them takes longer than tracing
the network. Put end to end in one vector, all are read, and moved, by one operation::

    weights     ──split──▶ kernels, gammas, …   ┐
    statistics  ──split──▶ moving means, …      ├─▶ network ─▶ logits, new statistics, new counters
    counters    ──split──▶ dropout's generators ┘

and the gradient by the weights comes back as one vector. The model's own variables are read once, and filled
again when somebody wants to look at them: after an epoch.
"""

import contextlib
from collections.abc import Callable, Collection, Iterable, Sequence
from math import prod
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from dnsearch.model.layers import Dropout, NormalizedConvolution

Tensor = Any
Variable = Any


class Vector:
    """Variables of one type, end to end."""

    def __init__(self, variables: Sequence[Variable]) -> None:
        self.variables = tuple(variables)
        self._sizes = [prod(variable.shape) for variable in variables]
        self.value = tf.Variable(self._held(), trainable=False)

    def _held(self) -> Any:  # noqa: ANN401  (an array)
        """What the variables hold, (numbers,)."""
        values = [np.asarray(variable).ravel() for variable in self.variables]
        return np.concatenate(values) if values else np.zeros(0, np.float32)

    def parts(self, vector: Tensor) -> list[Tensor]:
        """A vector cut into tensors of the variables' shapes."""
        if not self.variables:
            return []
        pieces = tf.split(vector, self._sizes) if len(self._sizes) > 1 else [vector]
        return [
            piece if len(variable.shape) == 1 else tf.reshape(piece, variable.shape)
            for piece, variable in zip(pieces, self.variables, strict=True)
        ]

    def joined(self, tensors: Iterable[Tensor]) -> Tensor:
        """The other way round."""
        pieces = [each if len(each.shape) == 1 else tf.reshape(each, [-1]) for each in tensors]
        return tf.concat(pieces, axis=0) if pieces else tf.zeros(0, self.value.dtype)

    def each(self, number: Callable[[Variable], float]) -> Tensor:
        """A vector of this form with one number for each variable."""
        numbers = np.array([number(variable) for variable in self.variables], np.float32)
        return tf.constant(np.repeat(numbers, np.array(self._sizes, np.intp)))

    def read(self) -> None:
        """Take over what the variables hold."""
        self.value.assign(self._held())

    def write(self, vector: Variable) -> None:
        """Fill the variables with what a vector of this form holds."""
        start, values = 0, np.asarray(vector)
        for variable, size in zip(self.variables, self._sizes, strict=True):
            variable.assign(values[start : start + size].reshape(variable.shape))
            start += size


class State:
    """A model's weights, its statistics (and frozen weights) and its random generators, as vectors."""

    def __init__(self, model: keras.Model) -> None:
        self.model = model
        others = model.non_trainable_variables
        self.weights = Vector(model.trainable_variables)
        self.statistics = Vector([each for each in others if not _counts(each)])
        self.counters = Vector([each for each in others if _counts(each)])
        layers = [each for each in model.layers if isinstance(each, NormalizedConvolution)]
        self._normalizing = [layer for layer in layers if layer.trainable]
        self._dropping = [each for each in model.layers if isinstance(each, Dropout)]
        variances = {id(layer.moving_variance): layer for layer in self._normalizing}
        moved = variances | {id(layer.moving_mean): layer for layer in self._normalizing}
        self._share = self.statistics.each(lambda v: 1 - moved[id(v)].momentum if id(v) in moved else 1.0)
        self._inverse_pixels = self.statistics.each(
            lambda v: 1 / variances[id(v)].pixels if id(v) in variances else 0.0
        )

    def network(
        self, vectors: tuple[Tensor, Tensor, Tensor], images: Tensor, dropout: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Weights, statistics and counters → logits in float32, statistics and counters after one pass."""
        weights, statistics, counters = vectors
        others = [_counts(variable) for variable in self.model.non_trainable_variables]
        numbers, counts = iter(self.statistics.parts(statistics)), iter(self.counters.parts(counters))
        with contextlib.ExitStack() as stack:
            for layer in self._normalizing:
                stack.enter_context(layer.unmoved())
            for layer in self._dropping:
                stack.enter_context(layer.at(dropout))
            logits, after = self.model.stateless_call(
                self.weights.parts(weights),
                [next(counts if counter else numbers) for counter in others],
                images,
                training=True,
            )
        numbers = (value for value, counter in zip(after, others, strict=True) if not counter)
        counts = (value for value, counter in zip(after, others, strict=True) if counter)
        found = self._moved(statistics, self.statistics.joined(numbers), tf.shape(images)[0])
        return tf.cast(logits, tf.float32), found, self.counters.joined(counts)

    def _moved(self, old: Tensor, new: Tensor, batch: Tensor) -> Tensor:
        """Statistics on their way to a batch's: its variances without Bessel's correction."""
        if not self._normalizing:
            return new
        biased = new * (1 - self._inverse_pixels / tf.cast(batch, tf.float32))
        return self._share * biased + (1 - self._share) * old


def _counts(variable: Variable) -> bool:
    """Whether a variable is the state of a random generator: the only ones that hold whole numbers."""
    return "int" in variable.dtype


def dropout_rate(model: keras.Model) -> float:
    """The rate of a model's dropout; 0: it has none."""
    return next((float(layer.rate) for layer in model.layers if isinstance(layer, Dropout)), 0.0)


def start_afresh(seed: int) -> None:
    """Forget earlier models, then seed Python, NumPy and TensorFlow: forgetting would undo the seed."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)


def freeze(model: keras.Model, layers: Collection[str]) -> None:
    """Take layers out of the training, by name; a BatchNorm's moving statistics are used and do not move."""
    for layer in model.layers:
        if layer.name in layers:
            layer.trainable = False
