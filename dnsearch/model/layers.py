"""The one layer that Keras lacks: concatenate → BatchNorm → LeakyReLU → convolution, in one piece."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from dnsearch.plan.graph import BatchNorm, Convolution, LeakyRelu

Tensor = Any
"""A TensorFlow tensor; the library ships no complete types."""

Shapes = Any
"""One shape ``(batch, height, width, channels)`` or a list of them."""


class NormalizedConvolution(keras.layers.Layer):  # type: ignore[misc]  # keras ships no types
    """Batch-normalises its joined inputs, activates them and convolves them.

    Input: one tensor or several of shape ``(batch, height, width, channels_i)``; they are concatenated.
    Output: ``(batch, height, width, filters)``, or the joined channels where there is no convolution.

    The moving statistics are those of ``keras.layers.BatchNormalization`` (biased variance); the
    normalisation is TensorFlow's fused kernel, whose own variance estimate has Bessel's correction.

    Args:
        norm: momentum and epsilon.
        activation: the slope, or None for no activation.
        convolution: what follows, or None.
        name: name of the layer.
    """

    def __init__(
        self, norm: BatchNorm, activation: LeakyRelu | None, convolution: Convolution | None, name: str
    ) -> None:
        super().__init__(name=name)
        self._norm = norm
        self._activation = activation
        self._convolution = convolution

    def build(self, input_shape: Shapes) -> None:
        """Make the weights: BatchNorm's four, then kernel and bias."""
        channels = sum(shape[-1] for shape in _shapes(input_shape))
        self.gamma = self.add_weight(shape=(channels,), initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=(channels,), initializer="zeros", name="beta")
        self.moving_mean = self.add_weight(
            shape=(channels,), initializer="zeros", trainable=False, name="moving_mean"
        )
        self.moving_variance = self.add_weight(
            shape=(channels,), initializer="ones", trainable=False, name="moving_variance"
        )
        if self._convolution is not None:
            self._build_convolution(self._convolution, channels)

    def _build_convolution(self, convolution: Convolution, channels: int) -> None:
        self.kernel = self.add_weight(
            shape=(convolution.kernel, convolution.kernel, channels, convolution.filters),
            initializer=initializer(convolution.initializer),
            name="kernel",
        )
        if convolution.bias:
            self.bias = self.add_weight(shape=(convolution.filters,), initializer="zeros", name="bias")

    def call(self, inputs: Tensor | Sequence[Tensor], training: bool = False) -> Tensor:
        """Join, normalise, activate, convolve; in training the moving statistics move."""
        joined = tf.concat(inputs, axis=-1) if isinstance(inputs, list | tuple) else inputs
        features = self._normalized(joined, training)
        if self._activation is not None:
            features = _leaky_relu(features, self._activation.alpha)
        return features if self._convolution is None else self._convolved(features, self._convolution)

    def _normalized(self, features: Tensor, training: bool) -> Tensor:
        normalized, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=features,
            scale=self.gamma,
            offset=self.beta,
            mean=[] if training else self.moving_mean,
            variance=[] if training else self.moving_variance,
            epsilon=self._norm.epsilon,
            is_training=training,
        )
        if training:
            examples = tf.cast(tf.reduce_prod(tf.shape(features)[:3]), variance.dtype)
            self._move(self.moving_mean, mean)
            self._move(self.moving_variance, variance * ((examples - 1) / examples))
        return normalized

    def _move(self, variable: Tensor, batch: Tensor) -> None:
        variable.assign_sub((variable - batch) * (1 - self._norm.momentum))

    def _convolved(self, features: Tensor, convolution: Convolution) -> Tensor:
        output = tf.nn.conv2d(features, self.kernel, convolution.stride, padding(convolution.kernel))
        return tf.nn.bias_add(output, self.bias) if convolution.bias else output

    def compute_output_shape(self, input_shape: Shapes) -> tuple[int | None, ...]:
        """Said outright, so that Keras does not trace ``call`` to find it out."""
        shapes = _shapes(input_shape)
        batch, height, width, _ = shapes[0]
        if self._convolution is None:
            return (batch, height, width, sum(shape[-1] for shape in shapes))
        stride = self._convolution.stride
        return (batch, -(-height // stride), -(-width // stride), self._convolution.filters)


def initializer(name: str) -> keras.initializers.Initializer:
    """The initialiser of a convolution's kernel, by its name in the spec."""
    match name:
        case "fan_out_normal":
            return keras.initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal")
        case "he_normal":
            return keras.initializers.HeNormal()
        case "he_uniform":
            return keras.initializers.HeUniform()
        case _:
            return keras.initializers.GlorotUniform()


def padding(kernel: int) -> list[list[int]]:
    """``kernel // 2`` zeros on each side, as TensorFlow wants to be told.

    >>> padding(3)
    [[0, 0], [1, 1], [1, 1], [0, 0]]
    """
    sides = [kernel // 2, kernel // 2]
    return [[0, 0], sides, sides, [0, 0]]


def _leaky_relu(features: Tensor, alpha: float) -> Tensor:
    return tf.nn.leaky_relu(features, alpha) if alpha else tf.nn.relu(features)


def _shapes(input_shape: Shapes) -> Sequence[tuple[int, ...]]:
    return input_shape if isinstance(input_shape[0], list | tuple) else [input_shape]
