"""The DenseNet family: stem, dense blocks with transitions between them, head.

Layer: BN-activation-3x3(k), or with a bottleneck BN-activation-1x1(w·k)-BN-activation-3x3(k).
Transition: BN-activation-1x1(⌊θ·m⌋)-2x2 pooling. (Huang et al., 2017, and its official Lua code.)
"""

import math

from dnsearch.errors import Problem, SpecError
from dnsearch.plan import wiring
from dnsearch.plan.builder import Builder
from dnsearch.plan.graph import (
    BatchNorm,
    Classifier,
    Convolution,
    Dropout,
    GlobalAverage,
    Input,
    LeakyRelu,
    NetworkPlan,
    Operation,
    Pool,
    Shape,
)
from dnsearch.spec.network import Alpha, DenseNet

Named = tuple[str, Operation]
RELU = Alpha()


def densenet(network: DenseNet, image_shape: Shape, classes: int) -> NetworkPlan:
    """The plan of a DenseNet.

    Args:
        network: the ``network`` section of a spec.
        image_shape: ``(height, width, channels)``.
        classes: number of classes.

    Raises:
        SpecError: a transition would keep no channel, or a pooling has no pixels left.

    >>> from dnsearch.spec.network import example
    >>> densenet(example(), (8, 8, 1), classes=10).nodes[-1].shape
    (10,)
    """
    builder = Builder()
    feature = _stem(builder, network, image_shape)
    last = len(network.layers_per_block)
    for number, layers in enumerate(network.layers_per_block, start=1):
        feature = _block(builder, network, number, layers, feature)
        if number < last:
            feature = _transition(builder, network, number, feature)
    _head(builder, network, classes, feature)
    return builder.finished()


def _stem(builder: Builder, network: DenseNet, image_shape: Shape) -> int:
    stem = network.stem
    default = 16 if network.bottleneck_width is None else 2 * network.growth_rate
    convolution = Convolution(
        stem.channels or default, stem.kernel, stem.stride, network.convolution_bias, network.initializer
    )
    operations: list[Named] = [("conv", convolution)]
    if stem.normalize:
        operations += _normalized(network, _alpha(network).stem)
    if stem.pooling == "max":
        operations.append(("pool", Pool("max", size=3, stride=2, padding=1)))
    images = builder.add("stem", "images", Input(image_shape))
    return builder.chain("stem", "stem", operations, images)


def _block(builder: Builder, network: DenseNet, number: int, layers: int, feature: int) -> int:
    """One dense block; returns everything that it wrote, its input included."""
    part = f"block{number}"
    features = [feature]
    for layer in range(1, layers + 1):
        name = f"{part}_layer{layer}"
        read = builder.join(part, f"{name}_concat", [features[i] for i in wiring.dense(layer)])
        features.append(builder.chain(part, name, _layer(network), read))
    return builder.join(part, f"{part}_concat", features)


def _layer(network: DenseNet) -> list[Named]:
    alpha = _alpha(network).layers
    operations: list[Named] = []
    if network.bottleneck_width is not None:
        filters = network.bottleneck_width * network.growth_rate
        operations += _convolved(network, alpha, "bottleneck", filters, kernel=1)
        operations += _dropped(network, "bottleneck", always=False)
    operations += _convolved(network, alpha, "growth", network.growth_rate, kernel=3)
    return operations + _dropped(network, "growth", always=True)


def _transition(builder: Builder, network: DenseNet, number: int, feature: int) -> int:
    part = f"transition{number}"
    height, width, channels = builder.shape(feature)
    kept = math.floor(network.compression * channels)
    if kept < 1:
        found = f"{network.compression:g} x {channels} = {network.compression * channels:g}"
        raise _problem("compression", f"{part} to keep at least 1 of its {channels} channels", found)
    if min(height, width) < 2:
        found = f"{height}x{width}"
        raise _problem(
            "layers_per_block",
            f"{part} to have at least 2x2 pixels to pool",
            found,
            "Use fewer blocks or larger images.",
        )
    operations = _convolved(network, _alpha(network).transitions, "compression", kept, kernel=1)
    operations += _dropped(network, "compression", always=False)
    operations.append(("pool", Pool(network.pooling, size=2, stride=2, padding=0)))
    return builder.chain(part, part, operations, feature)


def _head(builder: Builder, network: DenseNet, classes: int, feature: int) -> None:
    norm, activation = _normalized(network, _alpha(network).head)
    operations = [norm, activation] if network.head.activation else [norm]
    operations += [("average", GlobalAverage()), ("classifier", Classifier(classes))]
    builder.chain("head", "head", operations, feature)


def _convolved(network: DenseNet, alpha: float, name: str, filters: int, kernel: int) -> list[Named]:
    """BN, activation, convolution: the order of pre-activation that all DenseNets share."""
    convolution = Convolution(filters, kernel, 1, network.convolution_bias, network.initializer)
    prefixed = [(f"{name}_{suffix}", operation) for suffix, operation in _normalized(network, alpha)]
    return [*prefixed, (f"{name}_conv", convolution)]


def _normalized(network: DenseNet, alpha: float) -> list[Named]:
    norm = BatchNorm(network.batch_norm.momentum, network.batch_norm.epsilon)
    return [("norm", norm), ("activation", LeakyRelu(alpha))]


def _dropped(network: DenseNet, name: str, *, always: bool) -> list[Named]:
    wanted = network.dropout > 0 and (always or network.dropout_after == "every")
    return [(f"{name}_dropout", Dropout(network.dropout))] if wanted else []


def _alpha(network: DenseNet) -> Alpha:
    return network.alpha or RELU


def _problem(field: str, expected: str, found: str, hint: str = "") -> SpecError:
    return SpecError([Problem(f"network.{field}", expected, found, hint)])
