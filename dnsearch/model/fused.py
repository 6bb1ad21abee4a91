"""Activations, and how a gradient passes through them.

Concatenation → BatchNorm → activation → convolution, with a backward pass of its own.

TensorFlow's own backward pass keeps the joined features and their activations of every layer, which for a
dense block grows with the square of its depth. Plain training keeps the same here. Recomputing keeps only the
inputs, which the network keeps anyway, and computes the rest again once the gradient has come down to the
layer (Pleiss et al., 2017, arXiv 1707.06990). Both do the same operations on the same numbers, so their
results are equal to the last bit.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, assert_never

import tensorflow as tf

from dnsearch.plan.graph import Activation, BatchNorm, Convolution

Tensor = Any
"""A TensorFlow tensor; the library ships no complete types."""

KNOWN_BY_THEIR_OUTPUT = ("relu", "leaky_relu")
"""Kinds whose output has the sign of their input, which is all that a gradient asks for."""


def activated(features: Tensor, activation: Activation, slope: Tensor = None) -> Tensor:
    """An activation; ``slope`` are prelu's trained slopes, one per channel."""
    match activation.kind:
        case "relu":
            return tf.nn.relu(features)
        case "leaky_relu":
            return tf.nn.leaky_relu(features, activation.slope) if activation.slope else tf.nn.relu(features)
        case "prelu":
            return tf.nn.relu(features) - slope * tf.nn.relu(-features)
        case "elu":
            return tf.nn.elu(features)
        case "gelu":
            return tf.nn.gelu(features, approximate=False)
        case "silu":
            return tf.nn.silu(features)
        case "mish":
            return features * tf.tanh(tf.math.softplus(features))
        case _:
            assert_never(activation.kind)


def passed_back(
    upstream: Tensor, activation: Activation, before: Tensor, after: Tensor, slope: Tensor = None
) -> list[Tensor]:
    """The gradient by the input and, for prelu, by the slopes.

    Args:
        upstream: the gradient by the output.
        activation: what was computed.
        before: its input; not looked at for ``KNOWN_BY_THEIR_OUTPUT``.
        after: its output; looked at for them alone.
        slope: prelu's slopes.
    """
    if activation.kind in KNOWN_BY_THEIR_OUTPUT:
        if activation.slope:
            return [tf.raw_ops.LeakyReluGrad(gradients=upstream, features=after, alpha=activation.slope)]
        return [tf.raw_ops.ReluGrad(gradients=upstream, features=after)]
    inputs = [before] if slope is None else [before, slope]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        output = activated(before, activation, slope)
    gradients: list[Tensor] = tape.gradient(output, inputs, output_gradients=upstream)
    return gradients


@dataclass(frozen=True, slots=True)
class Fused:
    """What is computed, in this order.

    Args:
        norm: the normalisation.
        activation: what follows, or None.
        convolution: what follows then.
        recompute: whether the backward pass computes joined and activated features again.
    """

    norm: BatchNorm
    activation: Activation | None
    convolution: Convolution
    recompute: bool


@dataclass(frozen=True, slots=True)
class _Middle:
    """What lies between inputs and convolution, and what BatchNorm's gradient asks for."""

    joined: Tensor
    normalized: Tensor
    activated: Tensor
    statistics: Sequence[Tensor]


def trained(fused: Fused, features: Sequence[Tensor], weights: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """One training pass.

    Args:
        fused: what to compute.
        features: tensors of shape (batch, height, width, channels_i).
        weights: gamma, beta, kernel and, for prelu, the slopes.

    Returns:
        The convolution's output without bias, and the batch's mean and (Bessel-corrected) variance of each
        channel. No gradient flows through the last two.
    """
    count = len(weights)
    statistics: list[Tensor] = []

    @tf.custom_gradient  # type: ignore[untyped-decorator]  # TensorFlow ships no types
    def run(*inputs: Tensor) -> tuple[Tensor, Callable[[Tensor], list[Tensor]]]:
        middle = _middle(fused, inputs[count:], inputs[:count])
        statistics.extend(middle.statistics[:2])
        output = tf.nn.conv2d(
            middle.activated, inputs[2], fused.convolution.stride, padding(fused.convolution)
        )

        def gradient(upstream: Tensor) -> list[Tensor]:
            if not fused.recompute:
                return _gradients(fused, middle, upstream, inputs[:count], inputs[count:])
            with tf.control_dependencies([upstream]):
                again = _middle(fused, inputs[count:], inputs[:count])
            return _gradients(fused, again, upstream, inputs[:count], inputs[count:])

        return output, gradient

    output = run(*weights, *features)
    return output, *statistics


def _middle(fused: Fused, features: Sequence[Tensor], weights: Sequence[Tensor]) -> _Middle:
    gamma, beta, _, *slope = weights
    joined = tf.concat(features, axis=-1) if len(features) > 1 else tf.identity(features[0])
    normalized, *statistics = tf.raw_ops.FusedBatchNormV3(
        x=joined,
        scale=gamma,
        offset=beta,
        mean=[],
        variance=[],
        epsilon=fused.norm.epsilon,
        is_training=True,
    )
    output = normalized if fused.activation is None else activated(normalized, fused.activation, *slope)
    return _Middle(joined, normalized, output, statistics)


def _gradients(
    fused: Fused, middle: _Middle, upstream: Tensor, weights: Sequence[Tensor], features: Sequence[Tensor]
) -> list[Tensor]:
    """By each weight, then by each of the features."""
    gamma, _, kernel, *slope = weights
    how = {"strides": [1, *[fused.convolution.stride] * 2, 1], **_raw_padding(fused.convolution)}
    by_kernel = tf.raw_ops.Conv2DBackpropFilter(
        input=middle.activated, filter_sizes=kernel.shape, out_backprop=upstream, **how
    )
    down = tf.raw_ops.Conv2DBackpropInput(
        input_sizes=tf.shape(middle.activated), filter=kernel, out_backprop=upstream, **how
    )
    by_slope: list[Tensor] = []
    if fused.activation is not None:
        down, *by_slope = passed_back(down, fused.activation, middle.normalized, middle.activated, *slope)
    reserved = {f"reserve_space_{number}": each for number, each in enumerate(middle.statistics[2:], 1)}
    down, by_gamma, by_beta, *_ = tf.raw_ops.FusedBatchNormGradV3(
        y_backprop=down,
        x=middle.joined,
        scale=gamma,
        epsilon=fused.norm.epsilon,
        is_training=True,
        **reserved,
    )
    channels = [each.shape[-1] for each in features]
    by_features = tf.split(down, channels, axis=-1) if len(features) > 1 else [down]
    return [by_gamma, by_beta, by_kernel, *by_slope, *by_features]


def padding(convolution: Convolution) -> str | list[list[int]]:
    """Zeros on each side of the image, as TensorFlow wants to be told.

    By name wherever that is the same: with explicit numbers the gradients leave oneDNN and take several times
    as long.
    """
    if not convolution.padding:
        return "VALID"
    if convolution.stride == 1:
        return "SAME"
    sides = [convolution.padding, convolution.padding]
    return [[0, 0], sides, sides, [0, 0]]


def _raw_padding(convolution: Convolution) -> dict[str, Any]:
    """The same for TensorFlow's raw operations."""
    sides = padding(convolution)
    if isinstance(sides, str):
        return {"padding": sides}
    return {"padding": "EXPLICIT", "explicit_paddings": [side for pair in sides for side in pair]}
