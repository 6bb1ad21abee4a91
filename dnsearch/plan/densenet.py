"""The DenseNet family: stem, dense blocks with transitions between them, cross-block links, head.

Transition: BN-activation-1x1(⌊θ·m⌋)-2x2 pooling (Huang et al., 2017, and its official Lua code).

Cross-block link: an earlier block's output, compressed if the spec says so, cropped to a size that can be
halved often enough, and down-sampled. A transition drops an odd last row or column, so both ways end at the
same size.
"""

from typing import Literal

from dnsearch.plan import blocks, graph
from dnsearch.plan.blocks import Builder, Named, convolved
from dnsearch.plan.graph import NetworkPlan, Shape, refuse
from dnsearch.spec.network import DenseNet, UNet
from dnsearch.spec.network.connectivity import CrossBlock, PoolKind
from dnsearch.spec.section import of_block


def densenet(network: DenseNet, image_shape: Shape, classes: int) -> NetworkPlan:
    """The plan of a DenseNet.

    Raises:
        SpecError: a transition would keep no channel, a pooling has no pixels left, the connectivity does not
            fit a block, or a link leads nowhere.

    >>> from dnsearch.spec.network import example
    >>> densenet(example(), (8, 8, 1), classes=10).nodes[-1].shape
    (10,)
    """
    builder = Builder()
    # The paper's: 2k with a bottleneck, 16 without.
    bottleneck, growth_rate = of_block(network.bottleneck_width, 0), of_block(network.growth_rate, 0)
    default_channels = 16 if bottleneck is None else 2 * growth_rate
    feature = blocks.stem(builder, network, network.stem, image_shape, default_channels)
    outputs: list[int] = []
    for number in range(len(network.layers_per_block)):
        if number:
            feature = transition(builder, network, f"transition{number}", number - 1, outputs[-1])
        if (links := network.cross_block) is not None:
            sources = _sources(links, number, len(network.layers_per_block))
            brought = [_link(builder, network, links, each, number, outputs[each]) for each in sources]
            part = f"links{number + 1}"
            feature = builder.join(part, f"{part}_concat", [feature, *brought])
        _, output = blocks.dense_block(builder, network, f"block{number + 1}", number, feature)
        outputs.append(output)
    _head(builder, network, classes, outputs)
    return builder.finished()


def _sources(cross_block: CrossBlock, number: int, count: int) -> list[int]:
    """The blocks, from 0, that have a link to a block."""
    match cross_block.links:
        case "all":
            return list(range(number))
        case "non_adjacent":
            return list(range(number - 1))
        case pairs:
            for start, end in pairs:
                if not start < end <= count:
                    expected = f"pairs [from, to] with from before to, and at most {count}"
                    raise refuse("cross_block.links", expected, f"[{start}, {end}]")
            return sorted({start - 1 for start, end in pairs if end == number + 1})


def _link(
    builder: Builder, network: DenseNet, cross_block: CrossBlock, source: int, target: int, feature: int
) -> int:
    """The output of block ``source``, compressed and brought to the size of block ``target``'s input."""
    part, name = f"links{target + 1}", f"links{target + 1}_from{source + 1}"
    builder.links.append(graph.Link(f"block{source + 1}", f"block{target + 1}", "cross_block"))
    height, width, channels = builder.shape(feature)
    if cross_block.compression is not None:
        channels = blocks.kept_channels(cross_block.compression, channels, name, "cross_block.compression")
        compressed = convolved(network, _slope(network), "compression", channels, kernel=1)
        feature = builder.chain(part, name, compressed, feature)
    multiple = 2 ** (target - source)
    even = (height // multiple * multiple, width // multiple * multiple)
    if even != (height, width):
        feature = builder.add(part, f"{name}_crop", graph.Crop(*even), feature)
    return builder.chain(part, name, _halved(network, cross_block, target - source, channels), feature)


def _halved(network: DenseNet, cross_block: CrossBlock, times: int, channels: int) -> list[Named]:
    size = 2**times
    match cross_block.downsampling:
        case "space_to_depth":
            return [("space_to_depth", graph.SpaceToDepth(size))]
        case "conv3x3" | "conv2x2" as kind:
            kernel = {"conv3x3": 3, "conv2x2": 2}[kind]
            found: list[Named] = []
            for number in range(1, times + 1):
                found += convolved(network, _slope(network), f"down{number}", channels, kernel, stride=2)
            return found
        case pool:
            return [("pool", graph.Pool(pool, size=size, stride=size, padding=0))]


def _slope(network: DenseNet | UNet) -> float:
    return network.alpha.transitions if network.alpha else 0.0


def transition(builder: Builder, network: DenseNet | UNet, part: str, block: int, feature: int) -> int:
    """Halve the image and compress the channels; the compression is left out where it is null.

    ``feature`` is the position of the output of the block before, whose number from 0 is ``block``.
    """
    height, width, channels = builder.shape(feature)
    if min(height, width) < 2:
        expected, found = f"{part} to have at least 2x2 pixels to pool", f"{height}x{width}"
        raise refuse("layers_per_block", expected, found, "Use fewer blocks or larger images.")
    compression = 1.0 if network.compression is None else network.compression
    kept = blocks.kept_channels(compression, channels, part)
    drops = blocks.dropped(network, of_block(network.dropout, block), "compression", always=False)
    if network.pooling == "conv":
        strided = convolved(network, _slope(network), "compression", kept, kernel=2, stride=2)
        return builder.chain(part, part, [*strided, *drops], feature)
    if network.compression is not None:
        compressed = convolved(network, _slope(network), "compression", kept, kernel=1)
        feature = builder.chain(part, part, [*compressed, *drops], feature)
    return pooled(builder, part, network.pooling, feature)


def pooled(builder: Builder, part: str, pooling: Literal[PoolKind, "both"], feature: int) -> int:
    """Halve the image by 2x2 pooling; both: average and maximum, concatenated."""
    if pooling != "both":
        return builder.add(part, f"{part}_pool", graph.Pool(pooling, size=2, stride=2, padding=0), feature)
    average = builder.add(part, f"{part}_avg", graph.Pool("avg", size=2, stride=2, padding=0), feature)
    maximum = builder.add(part, f"{part}_max", graph.Pool("max", size=2, stride=2, padding=0), feature)
    return builder.join(part, f"{part}_pool", [average, maximum])


def _head(builder: Builder, network: DenseNet, classes: int, outputs: list[int]) -> None:
    """BN, activation and global average of the last block (or of each), then the classifier."""
    read = outputs if network.head.reads == "all_blocks" else outputs[-1:]
    norm, activation = blocks.normalized(network, network.alpha.head if network.alpha else 0.0)
    average: Named = ("average", graph.GlobalAverage())
    operations = [norm, activation, average] if network.head.activation else [norm, average]
    averages = []
    for number, feature in enumerate(read, start=1):
        name = "head" if len(read) == 1 else f"head_block{number}"
        averages.append(builder.chain("head", name, operations, feature))
    joined = builder.join("head", "head_concat", averages)
    builder.add("head", "head_classifier", graph.Classifier(classes), joined)
