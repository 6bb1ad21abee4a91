"""The layers that Keras lacks: BatchNorm → activation → convolution in one piece, and space-to-depth."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, Self

import keras
import tensorflow as tf

from dnsearch.model.fused import Fused, activated, padding, trained
from dnsearch.plan.graph import Activation, BatchNorm, Convolution

Tensor = Any
"""A TensorFlow tensor; the library ships no complete types."""

Shapes = Any
"""One shape ``(batch, height, width, channels)`` or a list of them."""


@keras.saving.register_keras_serializable(package="dnsearch")
class NormalizedConvolution(keras.layers.Layer):  # type: ignore[misc]  # keras ships no types
    """Batch-normalises its joined inputs, activates them and convolves them.

    Input: one tensor or several of shape ``(batch, height, width, channels_i)``; they are concatenated.
    Output: ``(batch, height, width, filters)``, or the joined channels where there is no convolution.

    The moving statistics are those of ``keras.layers.BatchNormalization`` (biased variance); the
    normalisation is TensorFlow's fused kernel, whose own variance estimate has Bessel's correction.

    Args:
        norm: momentum and epsilon.
        activation: what follows, or None.
        convolution: what follows, or None.
        recompute: whether a training's backward pass computes joined and activated features again.
        options: ``name``, ``dtype`` and ``trainable``, as of every Keras layer.
    """

    def __init__(
        self,
        norm: BatchNorm,
        activation: Activation | None,
        convolution: Convolution | None,
        recompute: bool = False,
        **options: Any,  # noqa: ANN401  (Keras' own)
    ) -> None:
        super().__init__(**options)
        self._norm = norm
        self._activation = activation
        self._convolution = convolution
        self._recompute = recompute
        self._moves = True

    def get_config(self) -> dict[str, Any]:
        """The arguments of the layer as JSON values, for ``keras.Model.save``."""
        parts = {"norm": self._norm, "activation": self._activation, "convolution": self._convolution}
        values = {name: part and asdict(part) for name, part in parts.items()}
        return {**super().get_config(), **values, "recompute": self._recompute}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The layer that ``get_config`` describes."""
        kinds = {"norm": BatchNorm, "activation": Activation, "convolution": Convolution}
        parts = {name: config[name] and kind(**config[name]) for name, kind in kinds.items()}
        return cls(**{**config, **parts})

    def build(self, input_shape: Shapes) -> None:
        """Make the weights: BatchNorm's four, a learned slope, then kernel and bias."""
        shapes = _shapes(input_shape)
        channels = sum(shape[-1] for shape in shapes)
        self.pixels = shapes[0][1] * shapes[0][2]
        self.gamma = self._add_norm_weight("gamma", channels, "ones")
        self.beta = self._add_norm_weight("beta", channels, "zeros")
        self.moving_mean = self._add_norm_weight("moving_mean", channels, "zeros", trainable=False)
        self.moving_variance = self._add_norm_weight("moving_variance", channels, "ones", trainable=False)
        if self._activation is not None and self._activation.kind == "prelu":
            start = keras.initializers.Constant(self._activation.slope)
            self.slope = self.add_weight(shape=(channels,), initializer=start, name="slope")
        if self._convolution is not None:
            self._build_convolution(self._convolution, channels)

    def _add_norm_weight(self, name: str, channels: int, start: str, trainable: bool = True) -> Tensor:
        """A weight that stays float32: the fused kernel normalises features of 16 bits by float32."""
        shape = (channels,)
        return self.add_weight(shape, start, trainable=trainable, autocast=False, name=name)

    def _build_convolution(self, convolution: Convolution, channels: int) -> None:
        self.kernel = self.add_weight(
            shape=(convolution.kernel, convolution.kernel, channels, convolution.filters),
            initializer=initializer(convolution.initializer),
            name="kernel",
        )
        if convolution.bias:
            self.bias = self.add_weight(shape=(convolution.filters,), initializer="zeros", name="bias")

    def call(self, inputs: Tensor | Sequence[Tensor], training: bool = False) -> Tensor:
        """Join, normalise, activate, convolve; in training the moving statistics move, unless frozen."""
        training = training and self.trainable
        features = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
        if training and self._convolution is not None:
            weights = [self.gamma, self.beta, self.kernel, *self._slopes()]
            fused = Fused(self._norm, self._activation, self._convolution, self._recompute)
            output, mean, variance = trained(
                fused, features, [tf.convert_to_tensor(each) for each in weights]
            )
            self._move_towards(mean, variance, features[0])
            return self._biased(output)
        return self._untrained(features, training)

    def _untrained(self, features: Sequence[Tensor], training: bool) -> Tensor:
        joined = tf.concat(features, axis=-1) if len(features) > 1 else features[0]
        output, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=joined,
            scale=self.gamma,
            offset=self.beta,
            mean=[] if training else self.moving_mean,
            variance=[] if training else self.moving_variance,
            epsilon=self._norm.epsilon,
            is_training=training,
        )
        if training:
            self._move_towards(mean, variance, joined)
        if self._activation is not None:
            output = activated(output, self._activation, *self._slopes())
        if self._convolution is None:
            return output
        kernel, stride = self.kernel, self._convolution.stride
        return self._biased(tf.nn.conv2d(output, kernel, stride, padding(self._convolution)))

    def _slopes(self) -> list[Tensor]:
        return [self.slope] if self._activation is not None and self._activation.kind == "prelu" else []

    def _biased(self, output: Tensor) -> Tensor:
        has_bias = self._convolution is not None and self._convolution.bias
        return tf.nn.bias_add(output, self.bias) if has_bias else output

    def _move_towards(self, mean: Tensor, variance: Tensor, features: Tensor) -> None:
        """Move the moving statistics; the kernel's variance has Bessel's correction, Keras' has none."""
        if not self._moves:
            self.moving_mean.assign(mean)
            self.moving_variance.assign(variance)
            return
        examples = tf.cast(tf.size(features), tf.float32) / features.shape[-1]
        _move(self.moving_mean, mean, 1 - self._norm.momentum)
        _move(self.moving_variance, variance - variance / examples, 1 - self._norm.momentum)

    @property
    def momentum(self) -> float:
        """The share of the old moving statistics that is kept at each step."""
        return self._norm.momentum

    @contextlib.contextmanager
    def unmoved(self) -> Iterator[None]:
        """A stretch of code in which a training pass puts the batch's statistics in the moving ones' place.

        The variance has Bessel's correction. Whoever asks for this moves the statistics of all layers at
        once, which is a dozen operations less for each.
        """
        self._moves = False
        try:
            yield
        finally:
            self._moves = True

    def compute_output_shape(self, input_shape: Shapes) -> tuple[int | None, ...]:
        """Said outright, so that Keras does not trace ``call`` to find it out."""
        shapes = _shapes(input_shape)
        batch, height, width, _ = shapes[0]
        if self._convolution is None:
            return (batch, height, width, sum(shape[-1] for shape in shapes))
        kernel, stride, padding = (
            self._convolution.kernel,
            self._convolution.stride,
            self._convolution.padding,
        )
        sides = ((side + 2 * padding - kernel) // stride + 1 for side in (height, width))
        return (batch, *sides, self._convolution.filters)


@keras.saving.register_keras_serializable(package="dnsearch")
class SpaceToDepth(keras.layers.Layer):  # type: ignore[misc]  # keras ships no types
    """``(batch, height, width, channels)`` → ``(batch, height / size, width / size, size² x channels)``.

    Args:
        size: side of the cells that become one pixel.
        options: ``name``, ``dtype`` and ``trainable``, as of every Keras layer.
    """

    def __init__(self, size: int, **options: Any) -> None:  # noqa: ANN401  (Keras' own)
        super().__init__(**options)
        self._size = size

    def get_config(self) -> dict[str, Any]:
        """The arguments of the layer as JSON values, for ``keras.Model.save``."""
        return {**super().get_config(), "size": self._size}

    def call(self, inputs: Tensor) -> Tensor:
        """Move each cell's pixels into its channels."""
        return tf.nn.space_to_depth(inputs, self._size)

    def compute_output_shape(self, input_shape: Shapes) -> tuple[int | None, ...]:
        """Said outright, so that Keras does not trace ``call`` to find it out."""
        batch, height, width, channels = input_shape
        return (batch, height // self._size, width // self._size, channels * self._size**2)


def _move(variable: Tensor, batch: Tensor, share: float) -> None:
    variable.assign_sub((variable - batch) * share)


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


def _shapes(input_shape: Shapes) -> Sequence[tuple[int, ...]]:
    return input_shape if isinstance(input_shape[0], list | tuple) else [input_shape]
