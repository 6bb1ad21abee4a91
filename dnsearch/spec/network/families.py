"""The families: a DenseNet with sparse and cross-block connectivity, and a U-Net of dense or plain units.

Symbols: k is the growth rate, θ the compression, m a number of channels, α the negative slope.
Sources: Huang et al., 2017 (arXiv 1608.06993) and its official Lua code; the Keras article of 2020.
The U-Net's: Ronneberger et al., 2015 (arXiv 1505.04597); Jégou et al., 2017 (arXiv 1611.09326).
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from dnsearch.errors import Problem
from dnsearch.spec.network.parts import CrossBlock, Family, Head, Stem, length_problems, slope_problems
from dnsearch.spec.section import GrowthRate, Layers, Whole, refuse

Pooling = Literal["avg", "max", "both", "conv"]


class DenseNet(Family):
    """Dense blocks with transitions between them (DenseNet, DenseNet-B, -C and -BC)."""

    family: Literal["densenet"] = Field("densenet", description="The kind of network.")
    growth_rate: GrowthRate = Field(
        description="growth_rate is the paper's k, the channels that each layer adds; its DenseNet-BC nets "
        "for CIFAR use 12, 24 and 40. A list gives one per block (SparseNet: [16, 32, 64])."
    )
    layers_per_block: tuple[Layers, ...] = Field(
        min_length=1,
        max_length=8,
        description="Layers of each block, one number per block. The paper on CIFAR: three equal blocks of "
        "(L-4)/3 layers, half of it with a bottleneck; DenseNet-121: [6, 12, 24, 16].",
    )
    compression: Annotated[float, Field(gt=0, le=1)] | None = Field(
        0.5,
        description="θ: a transition keeps floor(θ x m) of its m channels. The paper: 0.5 for DenseNet-C "
        "and -BC, 1 otherwise. null: a transition is its pooling alone (CondenseNet).",
    )
    pooling: Pooling = Field(
        "avg",
        description="How a transition halves the image. avg, max: 2x2 pooling (the paper: avg; the article "
        "asks whether max suits edges better); both: the two concatenated, twice the channels; conv: a 2x2 "
        "convolution of stride 2 in place of the 1x1 one and the pooling (RDNet). An odd last row or column "
        "is left out.",
    )
    cross_block: CrossBlock | None = Field(
        None,
        description="Links from earlier blocks to later ones: all, non_adjacent, or a mapping. null: none.",
    )
    stem: Stem = Field(Stem.model_construct(), description="What comes before the first block.")
    head: Head = Field(Head.model_construct(), description="What comes after the last block.")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        fields = ("growth_rate", "bottleneck_width", "dropout", "connectivity")
        lengths = length_problems(self, fields, len(self.layers_per_block), "block")
        if problems := [*slope_problems(self), *lengths]:
            raise refuse(*problems)
        return self


class UNet(Family):
    """Levels that halve the image on the way down and double it on the way up, with skips between them.

    A level is numbered from the top; the last one is the bottleneck. The way up mirrors the way down.
    """

    family: Literal["unet"] = Field(description="The kind of network.")
    unit: Literal["dense", "conv"] = Field(
        "dense",
        description="What a level is made of. dense: a dense block of layers_per_block layers; conv: "
        "3x3 convolutions with channels filters. Fields of the other unit may stay: unit alone switches.",
    )
    growth_rate: GrowthRate | None = Field(
        None, description="unit: dense. The channels that each layer adds. A list gives one per level."
    )
    layers_per_block: tuple[Layers, ...] | None = Field(
        None,
        min_length=2,
        max_length=8,
        description="unit: dense. Layers of each level's block, from the top to the bottleneck. "
        "FC-DenseNet67: 5 levels of 5 layers and a bottleneck of 5; FC-DenseNet103: [4, 5, 7, 10, 12, 15].",
    )
    compression: Annotated[float, Field(gt=0, le=1)] | None = Field(
        1.0,
        description="unit: dense. θ: on the way down a 1x1 convolution keeps floor(θ x m) of the m channels "
        "before the pooling. FC-DenseNet: 1. null: the pooling alone.",
    )
    channels: tuple[Annotated[int, Field(ge=1, le=65_536)], ...] | None = Field(
        None,
        min_length=2,
        max_length=8,
        description="unit: conv. Filters of each level, from the top to the bottleneck. The classic U-Net: "
        "[64, 128, 256, 512, 1024].",
    )
    convolutions: int = Field(
        2, ge=1, le=16, description="unit: conv. 3x3 convolutions of each level. The classic U-Net: 2."
    )
    normalize: bool = Field(
        False,
        description="unit: conv. BatchNorm between convolution and activation. The classic U-Net: false.",
    )
    pooling: Pooling = Field(
        "max",
        description="How the way down halves the image: avg, max, both (concatenated) or conv (2x2, stride "
        "2). FC-DenseNet and the classic U-Net: max.",
    )
    up_kernel: Annotated[Literal[2, 3], Whole] = Field(
        3, description="Side of the transposed convolution of stride 2. FC-DenseNet: 3; the classic U-Net: 2."
    )
    up_reads: Literal["new", "all"] = Field(
        "new",
        description="unit: dense. What the transposed convolution reads: the new features of the block below "
        "alone (FC-DenseNet), or all that it puts out.",
    )
    stem: Stem = Field(
        Stem.model_construct(channels=48),
        description="unit: dense. What comes before the first block. FC-DenseNet: 48 channels.",
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        missing = ("growth_rate", "layers_per_block") if self.unit == "dense" else ("channels",)
        problems = [
            Problem(field, f"unit: {self.unit} needs it, and it is missing")
            for field in missing
            if getattr(self, field) is None
        ]
        if not problems:
            dense = ("growth_rate", "bottleneck_width", "dropout", "connectivity")
            fields = dense if self.unit == "dense" else ("dropout",)
            problems += length_problems(self, fields, len(self.levels), "level")
        if problems := [*problems, *slope_problems(self)]:
            raise refuse(*problems)
        return self

    @property
    def levels(self) -> tuple[int, ...]:
        """Layers or filters of each level, whichever the unit is made of."""
        return (self.layers_per_block if self.unit == "dense" else self.channels) or ()
