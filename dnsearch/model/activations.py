"""Activations, and how a gradient passes through them."""

from typing import Any, assert_never

import tensorflow as tf

from dnsearch.plan.graph import Activation

Tensor = Any
"""A TensorFlow tensor; the library ships no complete types."""


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
        before: its input.
        after: its output; for relu and leaky_relu it has the input's sign, which is all that they ask for.
        slope: prelu's slopes.
    """
    if activation.kind in {"relu", "leaky_relu"}:
        if activation.slope:
            return [tf.raw_ops.LeakyReluGrad(gradients=upstream, features=after, alpha=activation.slope)]
        return [tf.raw_ops.ReluGrad(gradients=upstream, features=after)]
    inputs = [before] if slope is None else [before, slope]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        output = activated(before, activation, slope)
    gradients: list[Tensor] = tape.gradient(output, inputs, output_gradients=upstream)
    return gradients
