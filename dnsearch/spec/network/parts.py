"""What all families share: activation slopes, batch normalisation, stem and head."""

from typing import Annotated, Literal

from pydantic import Field

from dnsearch.spec.network.per_block import Slope, Slopes
from dnsearch.spec.section import Section, Whole


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
