"""The DenseNet family: stem, dense blocks with transitions between them, cross-block links, head.

Transition: BN-activation-1x1(⌊θ·m⌋)-2x2 pooling. (Huang et al., 2017, and its official Lua code.)
"""

from typing import Literal

from dnsearch.plan.block import dense_block, pattern_of, wired
from dnsearch.plan.builder import Builder, Named
from dnsearch.plan.cross_block import linked
from dnsearch.plan.graph import Classifier, Concatenate, GlobalAverage, NetworkPlan, Pool, Shape
from dnsearch.plan.pieces import convolved, dropped, kept_channels, normalized, stem
from dnsearch.plan.refusal import refuse
from dnsearch.spec.network.densenet import DenseNet
from dnsearch.spec.network.per_block import of_block
from dnsearch.spec.network.unet import UNet


def densenet(network: DenseNet, image_shape: Shape, classes: int) -> NetworkPlan:
    """The plan of a DenseNet.

    Args:
        network: the ``network`` section of a spec.
        image_shape: ``(height, width, channels)``.
        classes: number of classes.

    Raises:
        SpecError: a transition would keep no channel, a pooling has no pixels left, the connectivity does not
            fit a block, or a link leads nowhere.

    >>> from dnsearch.spec.network import example
    >>> densenet(example(), (8, 8, 1), classes=10).nodes[-1].shape
    (10,)
    """
    builder = Builder()
    feature = stem(builder, network, network.stem, image_shape, _stem_channels(network))
    outputs: list[int] = []
    for number, layers in enumerate(network.layers_per_block):
        if number:
            part = f"transition{number}"
            feature = transition(builder, network, part, number - 1, outputs[-1])
        feature = linked(builder, network, number, feature, outputs)
        place = wired(pattern_of(network, number), layers, f"block{number + 1}", level=number)
        growth = of_block(network.growth_rate, number)
        features = dense_block(builder, network, place, growth, number, feature)
        outputs.append(builder.join(place.part, f"{place.part}_concat", [features[i] for i in place.output]))
    _head(builder, network, classes, outputs)
    return builder.finished()


def _stem_channels(network: DenseNet) -> int:
    """The paper's: 2k with a bottleneck, 16 without."""
    return 16 if of_block(network.bottleneck_width, 0) is None else 2 * of_block(network.growth_rate, 0)


def transition(builder: Builder, network: DenseNet | UNet, part: str, block: int, feature: int) -> int:
    """Halve the image and compress the channels; the compression is left out where it is null.

    Args:
        builder: the plan in the making.
        network: the network.
        part: the transition's name.
        block: number of the block before it, from 0.
        feature: position of that block's output.

    Raises:
        SpecError: there are no pixels to pool, or no channel would be kept.
    """
    height, width, channels = builder.shape(feature)
    if min(height, width) < 2:
        hint = "Use fewer blocks or larger images."
        raise refuse(
            "layers_per_block", f"{part} to have at least 2x2 pixels to pool", f"{height}x{width}", hint
        )
    compression, pooling = network.compression, network.pooling
    kept = channels if compression is None else kept_channels(compression, channels, part)
    slope = network.alpha.transitions if network.alpha else 0.0
    rate = of_block(network.dropout, block)
    operations: list[Named] = []
    if pooling == "conv":
        operations += convolved(network, slope, "compression", kept, kernel=2, stride=2)
    elif compression is not None:
        operations += convolved(network, slope, "compression", kept, kernel=1)
    if operations:
        operations += dropped(network, rate, "compression", always=False)
    feature = builder.chain(part, part, operations, feature)
    return feature if pooling == "conv" else pooled(builder, part, pooling, feature)


def pooled(builder: Builder, part: str, pooling: Literal["avg", "max", "both"], feature: int) -> int:
    """Halve the image by 2x2 pooling: average, maximum, or both concatenated."""
    if pooling == "both":
        average = builder.add(part, f"{part}_avg", Pool("avg", size=2, stride=2, padding=0), feature)
        maximum = builder.add(part, f"{part}_max", Pool("max", size=2, stride=2, padding=0), feature)
        return builder.add(part, f"{part}_pool", Concatenate(), average, maximum)
    return builder.add(part, f"{part}_pool", Pool(pooling, size=2, stride=2, padding=0), feature)


def _head(builder: Builder, network: DenseNet, classes: int, outputs: list[int]) -> None:
    """BN, activation and global average of the last block (or of each), then the classifier."""
    read = outputs if network.head.reads == "all_blocks" else outputs[-1:]
    norm, activation = normalized(network, network.alpha.head if network.alpha else 0.0)
    operations = [norm, activation] if network.head.activation else [norm]
    averages = []
    for number, feature in enumerate(read, start=1):
        name = "head" if len(read) == 1 else f"head_block{number}"
        averages.append(builder.chain("head", name, [*operations, ("average", GlobalAverage())], feature))
    builder.add("head", "head_classifier", Classifier(classes), builder.join("head", "head_concat", averages))
