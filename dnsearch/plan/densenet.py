"""The DenseNet family: stem, dense blocks with transitions between them, cross-block links, head.

Transition: BN-activation-1x1(⌊θ·m⌋)-2x2 pooling (Huang et al., 2017, and its official Lua code).

Cross-block link: an earlier block's output, compressed if the spec says so, cropped to a size that can be
halved often enough, and down-sampled. A transition drops an odd last row or column, so both ways end at the
same size.
"""

from itertools import chain
from typing import Literal, assert_never

from dnsearch.plan.blocks import (
    Builder,
    Named,
    convolved,
    dense_block,
    dropped,
    kept_channels,
    normalized,
    pattern_of,
    stem,
    wired,
)
from dnsearch.plan.graph import (
    Classifier,
    Concatenate,
    Crop,
    GlobalAverage,
    Link,
    NetworkPlan,
    Pool,
    Shape,
    SpaceToDepth,
    refuse,
)
from dnsearch.spec.network import DenseNet, UNet
from dnsearch.spec.network.connectivity import CrossBlock
from dnsearch.spec.section import of_block


def linked(builder: Builder, network: DenseNet, number: int, feature: int, outputs: list[int]) -> int:
    """A block's input, with what its links bring.

    Args:
        builder: the plan in the making.
        network: the network.
        number: which block, from 0.
        feature: position of the input so far.
        outputs: positions of the outputs of the earlier blocks.

    Raises:
        SpecError: a link names a block that does not exist, or leads backwards.
    """
    if network.cross_block is None:
        return feature
    sources = _sources(network.cross_block, number, len(network.layers_per_block))
    brought = [
        _link(builder, network, network.cross_block, (source, number), outputs[source]) for source in sources
    ]
    return builder.join(f"links{number + 1}", f"links{number + 1}_concat", [feature, *brought])


def _sources(cross_block: CrossBlock, number: int, blocks: int) -> list[int]:
    """The blocks, from 0, that have a link to a block."""
    match cross_block.links:
        case "all":
            return list(range(number))
        case "non_adjacent":
            return list(range(number - 1))
        case pairs:
            for start, end in pairs:
                if not start < end <= blocks:
                    expected = f"pairs [from, to] with from before to, and at most {blocks}"
                    raise refuse("cross_block.links", expected, f"[{start}, {end}]")
            return sorted({start - 1 for start, end in pairs if end == number + 1})


def _link(
    builder: Builder, network: DenseNet, cross_block: CrossBlock, ends: tuple[int, int], feature: int
) -> int:
    source, target = ends
    part, name = f"links{target + 1}", f"links{target + 1}_from{source + 1}"
    builder.note_link(Link(f"block{source + 1}", f"block{target + 1}", "cross_block"))
    if cross_block.compression is not None:
        channels = builder.shape(feature)[-1]
        kept = kept_channels(cross_block.compression, channels, name, "cross_block.compression")
        feature = builder.chain(
            part, name, convolved(network, _slope(network), "compression", kept, 1), feature
        )
    halvings = target - source
    feature = _cut(builder, part, name, 2**halvings, feature)
    return builder.chain(
        part, name, _halved(network, cross_block, halvings, builder.shape(feature)[-1]), feature
    )


def _cut(builder: Builder, part: str, name: str, multiple: int, feature: int) -> int:
    """The feature without the last rows and columns that do not fill a multiple."""
    height, width, _ = builder.shape(feature)
    even = (height // multiple * multiple, width // multiple * multiple)
    return feature if even == (height, width) else builder.add(part, f"{name}_crop", Crop(*even), feature)


def _halved(network: DenseNet, cross_block: CrossBlock, times: int, channels: int) -> list[Named]:
    size, slope = 2**times, _slope(network)
    match cross_block.downsampling:
        case "avg" | "max" as kind:
            return [("pool", Pool(kind, size=size, stride=size, padding=0))]
        case "space_to_depth":
            return [("space_to_depth", SpaceToDepth(size))]
        case "conv3x3" | "conv2x2" as kind:
            kernel = {"conv3x3": 3, "conv2x2": 2}[kind]
            steps = [convolved(network, slope, f"down{i + 1}", channels, kernel, 2) for i in range(times)]
            return list(chain.from_iterable(steps))
        case _:
            assert_never(cross_block.downsampling)


def _slope(network: DenseNet) -> float:
    return network.alpha.transitions if network.alpha else 0.0


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
    match pooling:
        case "avg" | "max":
            return builder.add(part, f"{part}_pool", Pool(pooling, size=2, stride=2, padding=0), feature)
        case "both":
            average = builder.add(part, f"{part}_avg", Pool("avg", size=2, stride=2, padding=0), feature)
            maximum = builder.add(part, f"{part}_max", Pool("max", size=2, stride=2, padding=0), feature)
            return builder.add(part, f"{part}_pool", Concatenate(), average, maximum)
        case _:
            assert_never(pooling)


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
