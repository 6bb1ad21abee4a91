"""The short runs of operations that all families are made of."""

import math

from dnsearch.plan.builder import Builder, Named
from dnsearch.plan.graph import (
    Activation,
    BatchNorm,
    Convolution,
    Dropout,
    Input,
    Pool,
    Shape,
)
from dnsearch.plan.refusal import refuse
from dnsearch.spec.network.family import Family
from dnsearch.spec.network.parts import Stem

PRELU_START = 0.25  # He et al., 2015 (arXiv 1502.01852)


def convolution(network: Family, filters: int, kernel: int, stride: int = 1) -> Convolution:
    """A convolution with the network's bias and initialiser."""
    return Convolution(filters, kernel, stride, network.convolution_bias, network.initializer)


def activation(network: Family, slope: float) -> Activation:
    """The network's activation, with the slope of its place."""
    match network.activation:
        case "prelu":
            return Activation("prelu", PRELU_START if network.alpha is None else slope)
        case "leaky_relu":
            return Activation("leaky_relu", slope)
        case kind:
            return Activation(kind, 0.0)


def normalized(network: Family, slope: float) -> list[Named]:
    """BN and activation."""
    norm = BatchNorm(network.batch_norm.momentum, network.batch_norm.epsilon)
    return [("norm", norm), ("activation", activation(network, slope))]


def convolved(
    network: Family, slope: float, name: str, filters: int, kernel: int, stride: int = 1
) -> list[Named]:
    """BN, activation, convolution: the order of pre-activation that all DenseNets share."""
    prefixed = [(f"{name}_{suffix}", operation) for suffix, operation in normalized(network, slope)]
    return [*prefixed, (f"{name}_conv", convolution(network, filters, kernel, stride))]


def dropped(network: Family, rate: float, name: str, *, always: bool) -> list[Named]:
    """Dropout, where the network wants it after this convolution."""
    wanted = rate > 0 and (always or network.dropout_after == "every")
    return [(f"{name}_dropout", Dropout(rate))] if wanted else []


def stem(builder: Builder, network: Family, options: Stem, image_shape: Shape, default: int) -> int:
    """The first convolution and what follows it; ``default`` channels where the spec says none."""
    first = convolution(network, options.channels or default, options.kernel, options.stride)
    operations: list[Named] = [("conv", first)]
    if options.normalize:
        operations += normalized(network, network.alpha.stem if network.alpha else 0.0)
    if options.pooling == "max":
        operations.append(("pool", Pool("max", size=3, stride=2, padding=1)))
    images = builder.add("stem", "images", Input(image_shape))
    return builder.chain("stem", "stem", operations, images)


def kept_channels(compression: float, channels: int, part: str, field: str = "compression") -> int:
    """⌊θ·m⌋; ``field`` is where θ comes from.

    Raises:
        SpecError: that is none.
    """
    kept = math.floor(compression * channels)
    if kept < 1:
        found = f"{compression:g} x {channels} = {compression * channels:g}"
        raise refuse(field, f"{part} to keep at least 1 of its {channels} channels", found)
    return kept
