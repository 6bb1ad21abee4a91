"""The ``network`` section: a DenseNet, as the paper and the article parametrise it.

Symbols: k is the growth rate, θ the compression, m a number of channels, α the negative slope.
Sources: Huang et al., 2017 (arXiv 1608.06993) and its official Lua code; the Keras article of 2020.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from dnsearch.errors import Problem
from dnsearch.spec.section import Section, Whole, refuse

Slope = Annotated[float, Field(ge=0, le=1)]


class Alpha(Section):
    """LeakyReLU's negative slope α, place by place; one number in the YAML sets all of them."""

    stem: Slope = Field(0.0, description="α after the stem (used where stem.normalize is true).")
    layers: Slope = Field(0.0, description="α inside the blocks' layers.")
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

    activation: bool = Field(
        True,
        description="Activation after the last BatchNorm. The paper: true; the article's code: false.",
    )


class DenseNet(Section):
    """Dense blocks with transitions between them (DenseNet, DenseNet-B, -C and -BC)."""

    family: Literal["densenet"] = Field("densenet", description="The kind of network.")
    growth_rate: int = Field(
        ge=1,
        le=1024,
        description="growth_rate is the paper's k, the channels that each layer adds; its DenseNet-BC nets "
        "for CIFAR use 12, 24 and 40.",
    )
    layers_per_block: tuple[Annotated[int, Field(ge=1, le=512)], ...] = Field(
        min_length=1,
        max_length=8,
        description="Layers of each block, one number per block. The paper on CIFAR: three equal blocks of "
        "(L-4)/3 layers, half of it with a bottleneck; DenseNet-121: [6, 12, 24, 16].",
    )
    bottleneck_width: int | None = Field(
        4,
        ge=1,
        le=64,
        description="A 1x1 convolution with bottleneck_width x growth_rate filters before each 3x3 one "
        "(DenseNet-B). The paper: 4. null: no bottleneck.",
    )
    compression: float = Field(
        0.5,
        gt=0,
        le=1,
        description="θ: a transition keeps floor(θ x m) of its m channels. The paper: 0.5 for DenseNet-C "
        "and -BC, 1 otherwise.",
    )
    pooling: Literal["avg", "max"] = Field(
        "avg",
        description="The 2x2 pooling of a transition. The paper: avg; the article asks whether max suits "
        "edges better.",
    )
    activation: Literal["relu", "leaky_relu"] = Field(
        "relu", description="The activation everywhere. leaky_relu takes its slope from alpha."
    )
    alpha: Alpha | None = Field(
        None,
        description="LeakyReLU's negative slope: one number for all places, or a mapping. Only with "
        "activation: leaky_relu. The article: 0.1 after the stem, 0 elsewhere.",
    )
    dropout: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of activations set to zero in training. The paper: 0.2 without augmentation, "
        "0 with it; the article: 0.2.",
    )
    dropout_after: Literal["growth", "every"] = Field(
        "growth",
        description="Which convolutions dropout follows. growth: the 3x3 ones that add channels (the "
        "article); every: all but the stem's (the paper).",
    )
    convolution_bias: bool = Field(
        False, description="A bias in every convolution. The paper: false; the article's code: true."
    )
    batch_norm: BatchNorm = Field(BatchNorm(), description="Batch normalisation.")
    initializer: Literal["fan_out_normal", "he_normal", "he_uniform", "glorot_uniform"] = Field(
        "fan_out_normal",
        description="First weights of the convolutions. fan_out_normal: N(0, sqrt(2 / (kernel area x "
        "filters))), the paper's; glorot_uniform: Keras' default, the article's. The classifier always "
        "starts with glorot_uniform.",
    )
    stem: Stem = Field(Stem(), description="What comes before the first block.")
    head: Head = Field(Head(), description="What comes after the last block.")

    @model_validator(mode="after")
    def _alpha_belongs_to_leaky_relu(self) -> Self:
        if self.activation == "leaky_relu" and self.alpha is None:
            raise refuse(
                Problem(
                    "activation",
                    "alpha, the slope of leaky_relu, is missing",
                    hint="Add alpha: 0.1 (or a mapping: stem, layers, transitions, head).",
                )
            )
        if self.activation == "relu" and self.alpha is not None:
            raise refuse(
                Problem("alpha", "relu has no slope", hint="Write activation: leaky_relu, or alpha: null.")
            )
        return self


Network = DenseNet


def example(**changes: Any) -> Network:  # noqa: ANN401  (any field of the section)
    """A small network to try things with; ``changes`` are fields of the section.

    >>> example(growth_rate=4).growth_rate
    4
    """
    return DenseNet.model_validate({"growth_rate": 12, "layers_per_block": (2, 2, 2), **changes})
