"""The ``network`` section: a DenseNet with sparse and cross-block connectivity, or a U-Net.

Symbols: k is the growth rate, θ the compression, m a number of channels, α the negative slope.
Sources: Huang et al., 2017 (arXiv 1608.06993) and its official Lua code; the Keras article of 2020.
The U-Net's: Ronneberger et al., 2015 (arXiv 1505.04597); Jégou et al., 2017 (arXiv 1611.09326).
"""

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from dnsearch.errors import Problem
from dnsearch.spec.network.connectivity import Connectivity, CrossBlock, Dense, PoolKind
from dnsearch.spec.section import MAX_BLOCKS, Fraction, PerBlock, Rate, Ratio, Section, Share, Whole

GrowthRate = PerBlock[Annotated[int, Field(ge=1, le=1024)]]
Layers = Annotated[int, Field(ge=1, le=256)]
ActivationKind = Literal["relu", "leaky_relu", "prelu", "elu", "gelu", "silu", "mish"]


class Alpha(Section):
    """LeakyReLU's negative slope α, place by place; one number in the YAML sets all of them."""

    stem: Share = Field(0.0, description="α after the stem (used where stem.normalize is true).")
    layers: PerBlock[Share] = 0.0
    """α inside the blocks' layers; a list gives one per block."""
    transitions: Share = Field(0.0, description="α in the transitions.")
    head: Share = Field(0.0, description="α before the classifier (used where head.activation is true).")


class BatchNorm(Section):
    """Batch normalisation, with Keras' meaning of momentum."""

    momentum: Fraction = 0.9
    """Share of the old moving statistics kept at each step. The paper: 0.9 (0.1 in Torch). Keras' default,
    0.99, is too slow for short trainings."""
    epsilon: Annotated[float, Field(gt=0, le=0.1)] = 1e-5
    """Added to the variance. The paper: 1e-5; Keras' default: 1e-3."""


class Stem(Section):
    """What comes before the first block."""

    channels: Annotated[int, Field(ge=1, le=4096)] | None = None
    """Channels of the first convolution. Left out: 2kwith a bottleneck, else 16 (the paper)."""
    kernel: Annotated[Literal[3, 5, 7], Whole] = 3
    """Side of the first convolution. The paper: 3 on CIFAR, 7 on ImageNet."""
    stride: Annotated[Literal[1, 2], Whole] = 1
    """Stride of the first convolution. The paper: 1 on CIFAR, 2 on ImageNet."""
    normalize: bool = False
    """BatchNorm and activation after the first convolution. The paper: true on ImageNet, false on CIFAR; the
    article: true."""
    pooling: Literal["none", "max"] = "none"
    """At the end of the stem. max: 3x3 of stride 2, as on ImageNet."""


class Head(Section):
    """What comes after the last block: BatchNorm, activation, global average pooling, classifier."""

    reads: Literal["last_block", "all_blocks"] = "last_block"
    """The global average of what the classifier reads: the last block, or every block (CliqueNet)."""
    activation: bool = True
    """Activation after the last BatchNorm. The paper: true; the article's code: false."""


class Family(Section):
    """What all networks of dense blocks have in common; abstract."""

    family: str = Field(description="The kind of network.")
    growth_rate: GrowthRate | None = Field(description="The channels that each layer adds.")
    layers_per_block: tuple[Layers, ...] | None = Field(description="Layers of each block.")
    bottleneck_width: PerBlock[Annotated[int, Field(ge=1, le=64)] | None] = 4
    """A 1x1 convolution with bottleneck_width x growth_rate filters before each 3x3 one (DenseNet-B; the
    paper: 4). null: none."""
    connectivity: Connectivity = Dense.model_construct(name="dense")
    """Which earlier features of its block a layer reads."""
    activation: ActivationKind = "relu"
    """leaky_relu has the slope alpha; prelu learns a slope per channel, starting from alpha (0.25 if left
    out)."""
    alpha: Alpha | None = None
    """The negative slope of leaky_relu, and where prelu starts. The article: 0.1 after the stem, 0
    elsewhere."""
    dropout: PerBlock[Rate] = 0.0
    """Share of activations set to zero in training. The paper: 0.2 without augmentation, else 0. A transition
    takes the value of the block before it."""
    dropout_after: Literal["growth", "every"] = "growth"
    """Where dropout goes. growth: after the 3x3 convolutions that add channels (the article); every: after
    all but the first and the last (the paper)."""
    convolution_bias: bool = False
    """A bias in every convolution. The paper: false; the article's code: true."""
    batch_norm: BatchNorm = Field(BatchNorm.model_construct(), description="Batch normalisation.")
    initializer: Literal["fan_out_normal", "he_normal", "he_uniform", "glorot_uniform"] = "fan_out_normal"
    """Initial weights of the convolutions. fan_out_normal: the paper's, with variance 2 / (kernel area x
    filters); glorot_uniform: Keras' default, the article's; he_uniform: FC-DenseNet's. The classifier has
    glorot_uniform."""

    def misfits(self) -> Iterator[Problem]:
        """A slope without an activation that has one, or the other way round."""
        if self.activation == "leaky_relu" and self.alpha is None:
            hint = "Add alpha: 0.1 (or a mapping: stem, layers, transitions, head)."
            yield Problem("activation", "alpha, the slope of leaky_relu, is missing", hint=hint)
        if self.activation not in {"leaky_relu", "prelu"} and self.alpha is not None:
            hint = "Write activation: leaky_relu, or alpha: null."
            yield Problem("alpha", f"{self.activation} has no slope", hint=hint)

    def wrong_lengths(self, fields: Iterable[str], blocks: int, what: str) -> Iterator[Problem]:
        """Lists that do not have one value per block."""
        values = {field: getattr(self, field) for field in fields}
        if self.alpha is not None:
            values["alpha.layers"] = self.alpha.layers
        for field, value in values.items():
            if isinstance(value, tuple) and len(value) != blocks:
                expected = f"one value, or a list of {blocks}, one for each {what}"
                yield Problem(field, expected, found=f"a list of {len(value)}")


PER_BLOCK = ("growth_rate", "bottleneck_width", "dropout", "connectivity")
"""Fields that take one value per block."""

Pooling = Literal[PoolKind, "both", "conv"]


class DenseNet(Family):
    """Dense blocks with transitions between them (DenseNet, DenseNet-B, -C and -BC)."""

    family: Literal["densenet"] = Field("densenet", description="The kind of network.")
    growth_rate: GrowthRate
    """growth_rate is the paper's k, the channels that each layer adds; its DenseNet-BC nets for CIFAR use 12,
    24 and 40. A list gives one per block (SparseNet: [16, 32, 64])."""
    layers_per_block: tuple[Layers, ...] = Field(min_length=1, max_length=MAX_BLOCKS)
    """Layers of each block. The paper on CIFAR, depth L: three blocks of (L-4)/3 layers, half of it with a
    bottleneck; DenseNet-121: [6, 12, 24, 16]."""
    compression: Ratio | None = 0.5
    """θ: a transition keeps floor(θ x m) of its m channels. The paper: 0.5 for DenseNet-C and -BC, 1
    otherwise. null: a transition is its pooling alone (CondenseNet)."""
    pooling: Pooling = "avg"
    """How a transition halves the image. avg (the paper), max: 2x2 pooling; both: the two concatenated, twice
    the channels; conv: a 2x2 convolution of stride 2 in place of the 1x1 one and the pooling (RDNet)."""
    cross_block: CrossBlock | None = None
    """Links from earlier blocks to later ones. null: none."""
    stem: Stem = Field(Stem.model_construct(), description="What comes before the first block.")
    head: Head = Field(Head.model_construct(), description="What comes after the last block.")

    def misfits(self) -> Iterator[Problem]:
        """Slopes and lists that do not suit the network."""
        yield from super().misfits()
        yield from self.wrong_lengths(PER_BLOCK, len(self.layers_per_block), "block")


class UNet(Family):
    """Levels that halve the image on the way down and double it on the way up, with skips between them.

    A level is numbered from the top; the last one is the bottleneck. The way up mirrors the way down.
    """

    family: Literal["unet"] = Field(description="The kind of network.")
    unit: Literal["dense", "conv"] = "dense"
    """What a level is made of. dense: layers_per_block layers of a dense block; conv: 3x3 convolutions with
    channels filters. Fields of the other unit are ignored."""
    growth_rate: GrowthRate | None = None
    """unit: dense. The channels that each layer adds. A list gives one per level."""
    layers_per_block: tuple[Layers, ...] | None = Field(None, min_length=2, max_length=MAX_BLOCKS)
    """unit: dense. Layers of each level, from the top to the bottleneck. FC-DenseNet103: [4, 5, 7, 10, 12,
    15]."""
    compression: Ratio | None = 1.0
    """unit: dense. θ: on the way down a 1x1 convolution keeps floor(θ x m) of the m channels before the
    pooling. FC-DenseNet: 1. null: the pooling alone."""
    channels: tuple[Annotated[int, Field(ge=1, le=65_536)], ...] | None = Field(
        None, min_length=2, max_length=MAX_BLOCKS
    )
    """unit: conv. Filters of each level, from the top to the bottleneck. The classic U-Net: [64, 128, 256,
    512, 1024]."""
    convolutions: Annotated[int, Field(ge=1, le=16)] = 2
    """unit: conv. 3x3 convolutions of each level. The classic U-Net: 2."""
    normalize: bool = False
    """unit: conv. BatchNorm between convolution and activation. The classic U-Net: false."""
    pooling: Pooling = "max"
    """How the way down halves the image; as in a densenet."""
    up_kernel: Annotated[Literal[2, 3], Whole] = 3
    """Side of the transposed convolution of stride 2. FC-DenseNet: 3; the classic U-Net: 2."""
    up_reads: Literal["new", "all"] = "new"
    """unit: dense. What the transposed convolution reads of the block below: its new features (FC-DenseNet),
    or all."""
    stem: Stem = Stem.model_construct(channels=48)
    """unit: dense. What comes before the first block; 48 channels by default, as in FC-DenseNet."""

    def misfits(self) -> Iterator[Problem]:
        """What the unit lacks; slopes and lists that do not suit the network."""
        yield from super().misfits()
        needed = ("growth_rate", "layers_per_block") if self.unit == "dense" else ("channels",)
        missing = [field for field in needed if getattr(self, field) is None]
        for field in missing:
            yield Problem(field, f"unit: {self.unit} needs it, and it is missing")
        if not missing:
            fields = PER_BLOCK if self.unit == "dense" else ("dropout",)
            yield from self.wrong_lengths(fields, len(self.levels), "level")

    @property
    def levels(self) -> tuple[int, ...]:
        """Layers or filters of each level, whichever the unit is made of."""
        return (self.layers_per_block if self.unit == "dense" else self.channels) or ()


def _family(value: Any) -> str:  # noqa: ANN401  (whatever the YAML holds)
    family = value.get("family") if isinstance(value, dict) else getattr(value, "family", None)
    return "#unet" if family == "unet" else "#densenet"


Network = Annotated[
    Annotated[DenseNet, Tag("#densenet")] | Annotated[UNet, Tag("#unet")], Discriminator(_family)
]


def example(**changes: Any) -> DenseNet:  # noqa: ANN401  (any field of the section)
    """A small network to try things with; ``changes`` are fields of the section.

    >>> example(growth_rate=4).growth_rate
    4
    """
    return DenseNet.model_validate({"growth_rate": 12, "layers_per_block": (2, 2, 2), **changes})
