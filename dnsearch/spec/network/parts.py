"""What families share: slopes, batch normalisation, stem, head, cross-block links, and common fields."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, Tag

from dnsearch.errors import Problem
from dnsearch.spec.network.connectivity import Connectivity, Dense
from dnsearch.spec.section import (
    MAX_BLOCKS,
    BottleneckWidth,
    Dropout,
    GrowthRate,
    Layers,
    OneOrMany,
    Section,
    Slope,
    Slopes,
    Whole,
)


class Alpha(Section):
    """LeakyReLU's negative slope α, place by place; one number in the YAML sets all of them."""

    stem: Slope = Field(0.0, description="α after the stem (used where stem.normalize is true).")
    layers: Slopes = Field(0.0, description="α inside the blocks' layers; a list gives one per block.")
    transitions: Slope = Field(0.0, description="α in the transitions.")
    head: Slope = Field(0.0, description="α before the classifier (used where head.activation is true).")


class BatchNorm(Section):
    """Batch normalisation, with Keras' meaning of momentum."""

    momentum: float = Field(
        0.9,
        gt=0,
        lt=1,
        description="Share of the old moving statistics kept at each step. The paper: 0.9 (Torch calls it "
        "0.1); Keras' default 0.99 makes the validation accuracy of short trainings useless.",
    )
    epsilon: float = Field(
        1e-5, gt=0, le=0.1, description="Added to the variance. The paper: 1e-5; Keras' default: 1e-3."
    )


class Stem(Section):
    """What comes before the first block."""

    channels: int | None = Field(
        None,
        ge=1,
        le=4096,
        description="Channels of the first convolution. Left out: 2k with a bottleneck, 16 without, as in "
        "the paper.",
    )
    kernel: Annotated[Literal[3, 5, 7], Whole] = Field(
        3, description="Side of the first convolution. The paper: 3 on CIFAR, 7 on ImageNet."
    )
    stride: Annotated[Literal[1, 2], Whole] = Field(
        1, description="Stride of the first convolution. The paper: 1 on CIFAR, 2 on ImageNet."
    )
    normalize: bool = Field(
        False,
        description="BatchNorm and activation after the first convolution. The article and the paper's "
        "ImageNet nets: true; its CIFAR nets: false.",
    )
    pooling: Literal["none", "max"] = Field(
        "none", description="max: 3x3 maximum pooling of stride 2 at the end of the stem, as on ImageNet."
    )


class Head(Section):
    """What comes after the last block: BatchNorm, activation, global average pooling, classifier."""

    reads: Literal["last_block", "all_blocks"] = Field(
        "last_block",
        description="What the classifier reads: the global average of the last block, or of every block "
        "(CliqueNet).",
    )
    activation: bool = Field(
        True,
        description="Activation after the last BatchNorm. The paper: true; the article's code: false.",
    )


Number = Annotated[int, Field(ge=1, le=MAX_BLOCKS)]
Pair = tuple[Number, Number]
Named = Literal["all", "non_adjacent"]
Links = Annotated[
    Annotated[Named, Tag("#one")]
    | Annotated[tuple[Pair, ...], Field(min_length=1, max_length=64), Tag("#many")],
    OneOrMany,
]


class CrossBlock(Section):
    """Each link reads a block's output, brings it to a later block's size and joins that block's input."""

    links: Links = Field(
        description="all: from every earlier block; non_adjacent: from every earlier block but the "
        "neighbour (the article's proposal); or pairs [from, to] of block numbers, from 1."
    )
    downsampling: Literal["avg", "max", "conv3x3", "conv2x2", "space_to_depth"] = Field(
        "avg",
        description="How a link halves the image, as often as it takes. avg, max: pooling (CondenseNet: "
        "avg); conv3x3, conv2x2: BN-activation-convolution of stride 2 (MSDNet and HRNet; RDNet); "
        "space_to_depth: each 2x2 cell becomes four times the channels (YOLO). Odd last rows and columns are "
        "left out first, as a transition's pooling does.",
    )
    compression: float | None = Field(
        None,
        gt=0,
        le=1,
        description="BN-activation-1x1 convolution to this share of the channels, before the "
        "down-sampling. null: none; uncompressed copies of all features undo the transitions' compression.",
    )


SLOPED = ("leaky_relu", "prelu")


class Family(Section):
    """What all networks of dense blocks have in common; abstract."""

    family: str = Field(description="The kind of network.")
    growth_rate: GrowthRate | None = Field(description="The channels that each layer adds.")
    layers_per_block: tuple[Layers, ...] | None = Field(description="Layers of each block.")
    bottleneck_width: BottleneckWidth = Field(
        4,
        description="A 1x1 convolution with bottleneck_width x growth_rate filters before each 3x3 one "
        "(DenseNet-B). The paper: 4. null: no bottleneck. A list gives one per block.",
    )
    connectivity: Connectivity = Field(
        Dense.model_construct(name="dense"),
        description="Which earlier features of its block a layer reads: dense, log, harmonic or chain by "
        "name, or a mapping with name. A list gives one per block.",
    )
    activation: Literal["relu", "leaky_relu", "prelu", "elu", "gelu", "silu", "mish"] = Field(
        "relu",
        description="The activation everywhere. leaky_relu takes its slope from alpha; prelu learns one "
        "slope per channel and starts from alpha (0.25 where alpha is left out).",
    )
    alpha: Alpha | None = Field(
        None,
        description="The negative slope of leaky_relu, and where prelu starts: one number for all places, or "
        "a mapping. The article: 0.1 after the stem, 0 elsewhere.",
    )
    dropout: Dropout = Field(
        0.0,
        description="Share of activations set to zero in training. The paper: 0.2 without augmentation, "
        "0 with it; the article and FC-DenseNet: 0.2. A list gives one per block; transitions then take the "
        "one of the block before them.",
    )
    dropout_after: Literal["growth", "every"] = Field(
        "growth",
        description="Which convolutions dropout follows. growth: the 3x3 ones that add channels (the "
        "article); every: all but the first and the last (the paper, FC-DenseNet).",
    )
    convolution_bias: bool = Field(
        False, description="A bias in every convolution. The paper: false; the article's code: true."
    )
    batch_norm: BatchNorm = Field(BatchNorm.model_construct(), description="Batch normalisation.")
    initializer: Literal["fan_out_normal", "he_normal", "he_uniform", "glorot_uniform"] = Field(
        "fan_out_normal",
        description="First weights of the convolutions. fan_out_normal: N(0, sqrt(2 / (kernel area x "
        "filters))), the paper's; glorot_uniform: Keras' default, the article's; he_uniform: FC-DenseNet's. "
        "The classifier always starts with glorot_uniform.",
    )


def slope_problems(network: Family) -> Iterator[Problem]:
    """A slope without an activation that has one, or the other way round."""
    if network.activation == "leaky_relu" and network.alpha is None:
        hint = "Add alpha: 0.1 (or a mapping: stem, layers, transitions, head)."
        yield Problem("activation", "alpha, the slope of leaky_relu, is missing", hint=hint)
    if network.activation not in SLOPED and network.alpha is not None:
        hint = "Write activation: leaky_relu, or alpha: null."
        yield Problem("alpha", f"{network.activation} has no slope", hint=hint)


def length_problems(network: Family, fields: tuple[str, ...], blocks: int, what: str) -> Iterator[Problem]:
    """Lists that do not have one value per block."""
    values = {field: getattr(network, field) for field in fields}
    if network.alpha is not None:
        values["alpha.layers"] = network.alpha.layers
    for field, value in values.items():
        if isinstance(value, tuple) and len(value) != blocks:
            expected = f"one value, or a list of {blocks}, one for each {what}"
            yield Problem(field, expected, found=f"a list of {len(value)}")
