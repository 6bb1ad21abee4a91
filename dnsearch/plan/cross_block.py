"""Links from the outputs of earlier blocks to the input of a later one, across differences of scale.

A block's output is compressed if the spec says so, cut to a size that can be halved as often as it takes, and
down-sampled. A transition leaves out an odd last row or column, so both ways end at the same size.
"""

from dnsearch.plan.builder import Builder, Named
from dnsearch.plan.graph import Crop, Link, Pool, SpaceToDepth
from dnsearch.plan.pieces import convolved, kept_channels
from dnsearch.plan.refusal import refuse
from dnsearch.spec.network.cross_block import CrossBlock
from dnsearch.spec.network.densenet import DenseNet


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
    size = 2**times
    match cross_block.downsampling:
        case "avg" | "max" as kind:
            return [("pool", Pool(kind, size=size, stride=size, padding=0))]
        case "space_to_depth":
            return [("space_to_depth", SpaceToDepth(size))]
        case kind:
            kernel = 3 if kind == "conv3x3" else 2
            steps = [
                convolved(network, _slope(network), f"down{i + 1}", channels, kernel, 2) for i in range(times)
            ]
            return [operation for step in steps for operation in step]


def _slope(network: DenseNet) -> float:
    return network.alpha.transitions if network.alpha else 0.0
