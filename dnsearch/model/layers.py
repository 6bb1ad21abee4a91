"""The layers that Keras lacks: BatchNorm → activation → convolution in one piece, and two small ones.

Plain training keeps the joined features and their activations for the backward pass, as TensorFlow does; in a
dense block they grow with the square of its depth. Recomputing keeps only the inputs and computes the rest
again (Pleiss et al., 2017, arXiv 1707.06990): the same operations, so results are equal to the last bit.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple, Self

import keras
import tensorflow as tf

from dnsearch.model.activations import Tensor, activated, passed_back
from dnsearch.plan import graph
from dnsearch.plan.cost import output_shape

Shapes = Any  # one shape (batch, height, width, channels) or a list of them
PARTS = {"norm": graph.BatchNorm, "activation": graph.Activation, "convolution": graph.Convolution}


class _Middle(NamedTuple):
    """What lies between inputs and convolution; ``reserved`` is what BatchNorm's gradient asks for."""

    joined: Tensor
    normalized: Tensor
    activated: Tensor
    mean: Tensor
    variance: Tensor
    reserved: Sequence[Tensor]


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
        options: as of every Keras layer.
    """

    def __init__(
        self,
        norm: graph.BatchNorm,
        activation: graph.Activation | None,
        convolution: graph.Convolution | None,
        recompute: bool = False,
        **options: Any,  # noqa: ANN401  (Keras' own)
    ) -> None:
        super().__init__(**options)
        self._norm = norm
        self._activation = activation
        self._convolution = convolution
        self._recompute = recompute
        self._moves = True
        self.slope = None

    def get_config(self) -> dict[str, Any]:
        """The arguments of the layer as JSON values, for ``keras.Model.save``."""
        parts = zip(PARTS, (self._norm, self._activation, self._convolution), strict=True)
        values = {name: part and asdict(part) for name, part in parts}
        return {**super().get_config(), **values, "recompute": self._recompute}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The layer that ``get_config`` describes."""
        parts = {name: config[name] and kind(**config[name]) for name, kind in PARTS.items()}
        return cls(**{**config, **parts})

    def build(self, input_shape: Shapes) -> None:
        """Make the weights: BatchNorm's four, a learned slope, then kernel and bias."""
        _, height, width, channels = _joined(input_shape)
        self.pixels = height * width
        # These stay float32: the fused kernel normalises features of 16 bits by float32.
        self.gamma = self.add_weight((channels,), "ones", autocast=False, name="gamma")
        self.beta = self.add_weight((channels,), "zeros", autocast=False, name="beta")
        moving = {"trainable": False, "autocast": False}
        self.moving_mean = self.add_weight((channels,), "zeros", **moving, name="moving_mean")
        self.moving_variance = self.add_weight((channels,), "ones", **moving, name="moving_variance")
        if self._activation is not None and self._activation.kind == "prelu":
            start = keras.initializers.Constant(self._activation.slope)
            self.slope = self.add_weight((channels,), start, name="slope")
        if self._convolution is not None:
            side, filters = self._convolution.kernel, self._convolution.filters
            start = initializer(self._convolution.initializer)
            self.kernel = self.add_weight((side, side, channels, filters), start, name="kernel")
            if self._convolution.bias:
                self.bias = self.add_weight((filters,), "zeros", name="bias")

    def call(self, inputs: Tensor | Sequence[Tensor], training: bool = False) -> Tensor:
        """Join, normalise, activate, convolve; in training the moving statistics move, unless frozen."""
        training = training and self.trainable
        features = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
        own = [self.gamma, self.beta] if self.slope is None else [self.gamma, self.beta, self.slope]
        weights = [tf.convert_to_tensor(weight) for weight in own]
        if self._convolution is not None and training:
            kernel = tf.convert_to_tensor(self.kernel)
            output, mean, variance = self._trained(self._convolution, features, kernel, weights)
        else:
            moving = None if training else (self.moving_mean, self.moving_variance)
            _, _, output, mean, variance, _ = self._middle(features, weights, moving)
            if self._convolution is not None:
                output = _convolved(output, self.kernel, self._convolution)
        if training:
            self._move_towards(mean, variance, features[0])
        has_bias = self._convolution is not None and self._convolution.bias
        return tf.nn.bias_add(output, self.bias) if has_bias else output

    def _middle(
        self, features: Sequence[Tensor], weights: Sequence[Tensor], moving: Sequence[Tensor] | None = None
    ) -> _Middle:
        """Join, normalise and activate.

        Args:
            features: tensors of shape (batch, height, width, channels_i).
            weights: gamma, beta and, for prelu, the slopes.
            moving: the mean and variance to normalise by; None: the batch's own, which are returned, the
                variance with Bessel's correction.
        """
        gamma, beta, *slope = weights
        joined = tf.concat(features, axis=-1) if len(features) > 1 else tf.identity(features[0])
        how = {"epsilon": self._norm.epsilon, "is_training": moving is None}
        mean, variance = moving or ([], [])
        normalized, mean, variance, *reserved = tf.raw_ops.FusedBatchNormV3(
            x=joined, scale=gamma, offset=beta, mean=mean, variance=variance, **how
        )
        output = normalized if self._activation is None else activated(normalized, self._activation, *slope)
        return _Middle(joined, normalized, output, mean, variance, reserved)

    def _trained(
        self,
        convolution: graph.Convolution,
        features: Sequence[Tensor],
        kernel: Tensor,
        weights: Sequence[Tensor],
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The output without bias; the batch's mean and (Bessel's) variance, which pass no gradient on."""
        count = len(weights)
        statistics: list[Tensor] = []

        @tf.custom_gradient  # type: ignore[untyped-decorator]  # TensorFlow ships no types
        def run(kernel: Tensor, *inputs: Tensor) -> tuple[Tensor, Callable[[Tensor], list[Tensor]]]:
            weights, features = inputs[:count], inputs[count:]
            found = self._middle(features, weights)
            statistics.extend([found.mean, found.variance])

            def gradient(upstream: Tensor) -> list[Tensor]:
                middle = found
                if self._recompute:
                    with tf.control_dependencies([upstream]):
                        middle = self._middle(features, weights)
                down, *by_weights = self._gradients(convolution, middle, upstream, kernel, weights)
                channels = [each.shape[-1] for each in features]
                by_features = tf.split(down, channels, axis=-1) if len(features) > 1 else [down]
                return [*by_weights, *by_features]

            return _convolved(found.activated, kernel, convolution), gradient

        output = run(kernel, *weights, *features)
        return output, statistics[0], statistics[1]

    def _gradients(
        self,
        convolution: graph.Convolution,
        middle: _Middle,
        upstream: Tensor,
        kernel: Tensor,
        weights: Sequence[Tensor],
    ) -> list[Tensor]:
        """By the joined features, by the kernel, then by each weight."""
        gamma, _, *slope = weights
        how = _strides_and_padding(convolution)
        by_kernel = tf.raw_ops.Conv2DBackpropFilter(
            input=middle.activated, filter_sizes=kernel.shape, out_backprop=upstream, **how
        )
        down = tf.raw_ops.Conv2DBackpropInput(
            input_sizes=tf.shape(middle.activated), filter=kernel, out_backprop=upstream, **how
        )
        by_slope: list[Tensor] = []
        if self._activation is not None:
            down, *by_slope = passed_back(down, self._activation, middle.normalized, middle.activated, *slope)
        options = {f"reserve_space_{number}": each for number, each in enumerate(middle.reserved, 1)}
        options |= {"epsilon": self._norm.epsilon, "is_training": True}
        down, by_gamma, by_beta, *_ = tf.raw_ops.FusedBatchNormGradV3(
            y_backprop=down, x=middle.joined, scale=gamma, **options
        )
        return [down, by_kernel, by_gamma, by_beta, *by_slope]

    def _move_towards(self, mean: Tensor, variance: Tensor, features: Tensor) -> None:
        """Move the moving statistics; the kernel's variance has Bessel's correction, Keras' has none."""
        if not self._moves:
            self.moving_mean.assign(mean)
            self.moving_variance.assign(variance)
            return
        examples = tf.cast(tf.size(features), tf.float32) / features.shape[-1]
        share = 1 - self._norm.momentum
        self.moving_mean.assign_sub((self.moving_mean - mean) * share)
        self.moving_variance.assign_sub((self.moving_variance - (variance - variance / examples)) * share)

    @property
    def momentum(self) -> float:
        """The share of the old moving statistics that is kept at each step."""
        return self._norm.momentum

    @contextlib.contextmanager
    def unmoved(self) -> Iterator[None]:
        """A block in which a training pass puts the batch's statistics in the moving ones' place.

        Whoever asks for this moves those of all layers at once, a dozen operations less for each.
        """
        self._moves = False
        try:
            yield
        finally:
            self._moves = True

    def compute_output_shape(self, input_shape: Shapes) -> tuple[int | None, ...]:
        """The shape without tracing ``call``, which Keras would do to find it out."""
        batch, *shape = _joined(input_shape)
        return (batch, *(output_shape(self._convolution, [tuple(shape)]) if self._convolution else shape))


@keras.saving.register_keras_serializable(package="dnsearch")
class Dropout(keras.layers.Dropout):  # type: ignore[misc]  # keras ships no types
    """Keras' dropout; whoever traces it may set its rate to a tensor, which need not be known then."""

    @contextlib.contextmanager
    def at(self, rate: Tensor) -> Iterator[None]:
        """A block in which the rate is a scalar tensor."""
        own = self.rate
        self.rate: Any = rate
        try:
            yield
        finally:
            self.rate = own

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        """Set a share of the activations to zero in training, and scale up the rest."""
        if not training:
            return inputs
        rate = tf.cast(self.rate, inputs.dtype)
        drawn = keras.random.uniform(tf.shape(inputs), dtype=inputs.dtype, seed=self.seed_generator)
        return tf.where(drawn >= rate, inputs * (1 / (1 - rate)), tf.zeros_like(inputs))


@keras.saving.register_keras_serializable(package="dnsearch")
class SpaceToDepth(keras.layers.Layer):  # type: ignore[misc]  # keras ships no types
    """``(batch, height, width, channels)`` → ``(batch, height / size, width / size, size² x channels)``."""

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
        """The shape without tracing ``call``, which Keras would do to find it out."""
        batch, *shape = input_shape
        return (batch, *output_shape(graph.SpaceToDepth(self._size), [tuple(shape)]))


def initializer(name: str) -> keras.initializers.Initializer:
    """The initialiser of a convolution's kernel, by its name in the spec; all but one are Keras' names."""
    if name == "fan_out_normal":
        return keras.initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal")
    return keras.initializers.get(name)


def _joined(input_shape: Shapes) -> tuple[Any, ...]:
    shapes = input_shape if isinstance(input_shape[0], list | tuple) else [input_shape]
    return (*shapes[0][:-1], sum(shape[-1] for shape in shapes))


def _convolved(features: Tensor, kernel: Tensor, convolution: graph.Convolution) -> Tensor:
    return tf.raw_ops.Conv2D(input=features, filter=kernel, **_strides_and_padding(convolution))


def _strides_and_padding(convolution: graph.Convolution) -> dict[str, Any]:
    """By name wherever that is the same: with explicit numbers the gradients take several times as long."""
    strides = [1, convolution.stride, convolution.stride, 1]
    if not convolution.padding or convolution.stride == 1:
        return {"strides": strides, "padding": "SAME" if convolution.padding else "VALID"}
    sides = [convolution.padding] * 4
    return {"strides": strides, "padding": "EXPLICIT", "explicit_paddings": [0, 0, *sides, 0, 0]}
