"""U-Nets: levels that halve the image on the way down and double it on the way up, with skips between them.

unit: dense is FC-DenseNet (Jégou et al., 2017): each level's whole stack is the skip; a transposed
convolution brings up the new features of the block below alone. unit: conv is the classic U-Net
(Ronneberger et al., 2015): convolutions with zeros around the image, so that sizes stay.
"""

from dnsearch.plan.blocks import Builder, Named, convolution, dense_block, dropped, normalized, stem
from dnsearch.plan.densenet import pooled, transition
from dnsearch.plan.graph import Convolution, Input, Link, NetworkPlan, Shape, TransposedConvolution, refuse
from dnsearch.spec.network import UNet
from dnsearch.spec.section import of_block


def unet(network: UNet, image_shape: Shape, classes: int) -> NetworkPlan:
    """The plan of a U-Net: from an image to one logit per class and pixel."""
    _check_sides(network, image_shape)
    builder = Builder()
    walk = _dense if network.unit == "dense" else _plain
    feature = walk(builder, network, image_shape)
    builder.add("head", "head_conv", Convolution(classes, 1, 1, True, "glorot_uniform"), feature)
    return builder.finished()


def _check_sides(network: UNet, image_shape: Shape) -> None:
    height, width, _ = image_shape
    levels = len(network.levels)
    multiple = 2 ** (levels - 1)
    if height % multiple or width % multiple:
        nearest = "x".join(str(max(1, round(side / multiple)) * multiple) for side in (height, width))
        raise refuse(
            "layers_per_block" if network.unit == "dense" else "channels",
            f"sides that are multiples of {multiple}, since {levels} levels halve them {levels - 1} times",
            f"{height}x{width}",
            f"{nearest} would do, and so would fewer levels.",
        )
    if network.unit == "dense" and (network.stem.stride, network.stem.pooling) != (1, "none"):
        raise refuse("stem", "expected stride: 1 and pooling: none; a U-Net puts out every pixel")


def _dense(builder: Builder, network: UNet, image_shape: Shape) -> int:
    """Dense blocks down, at the bottom, and up again."""
    feature = stem(builder, network, network.stem, image_shape, 48)  # channels, as FC-DenseNet has
    bottom = len(network.levels) - 1
    skips: list[int] = []
    for level in range(bottom):
        _, stack = dense_block(builder, network, f"down{level + 1}", level, feature)
        skips.append(stack)
        feature = transition(builder, network, f"transition{level + 1}", level, stack)
    new, stack = dense_block(builder, network, "bottleneck", bottom, feature)
    for level in reversed(range(bottom)):
        part = f"up{level + 1}"
        joined = builder.join(part, f"{part}_new", new) if network.up_reads == "new" else stack
        filters = sum(builder.shape(feature)[-1] for feature in new)
        feature = _raised(builder, network, level, filters, joined, skips[level])
        new, stack = dense_block(builder, network, part, level, feature)
    return stack


def _raised(builder: Builder, network: UNet, level: int, filters: int, below: int, skip: int) -> int:
    """The feature ``below`` at twice the size, joined with the skip of the same level."""
    part = f"up{level + 1}"
    how = network.up_kernel, network.convolution_bias, network.initializer
    up = builder.add(part, f"{part}_transposed", TransposedConvolution(filters, *how), below)
    builder.links.append(Link(f"down{level + 1}", part, "skip"))
    return builder.join(part, f"{part}_skip", [skip, up])


def _plain(builder: Builder, network: UNet, image_shape: Shape) -> int:
    """Plain convolutions down, at the bottom, and up again."""
    upper = network.levels[:-1]
    feature = builder.add("stem", "images", Input(image_shape))
    skips: list[int] = []
    for level in range(len(upper)):
        feature = _convolutions(builder, network, f"down{level + 1}", level, feature)
        skips.append(feature)
        part = f"transition{level + 1}"
        if network.pooling == "conv":
            strided = convolution(network, builder.shape(feature)[-1], kernel=2, stride=2)
            feature = builder.add(part, f"{part}_pool", strided, feature)
        else:
            feature = pooled(builder, part, network.pooling, feature)
    feature = _convolutions(builder, network, "bottleneck", len(upper), feature)
    for level, filters in reversed([*enumerate(upper)]):
        feature = _raised(builder, network, level, filters, feature, skips[level])
        feature = _convolutions(builder, network, f"up{level + 1}", level, feature)
    return feature


def _convolutions(builder: Builder, network: UNet, part: str, level: int, feature: int) -> int:
    """3x3 convolutions, each with its activation, BatchNorm between them if wanted, and dropout."""
    norm, activation = normalized(network, of_block(network.alpha.layers, level) if network.alpha else 0.0)
    operations: list[Named] = [("conv", convolution(network, network.levels[level], kernel=3))]
    operations += [norm, activation] if network.normalize else [activation]
    operations += dropped(network, of_block(network.dropout, level), "growth", always=True)
    for number in range(1, network.convolutions + 1):
        feature = builder.chain(part, f"{part}_layer{number}", operations, feature)
    return feature
