"""A DenseNet, as papers and the article parametrise it, with sparse and cross-block connectivity.

Symbols: k is the growth rate, θ the compression, m a number of channels, α the negative slope.
Sources: Huang et al., 2017 (arXiv 1608.06993) and its official Lua code; the Keras article of 2020.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from dnsearch.spec.network.cross_block import CrossBlock
from dnsearch.spec.network.family import Family, length_problems, slope_problems
from dnsearch.spec.network.parts import Head, Stem
from dnsearch.spec.network.per_block import GrowthRate, Layers
from dnsearch.spec.section import refuse

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
    stem: Stem = Field(Stem(), description="What comes before the first block.")
    head: Head = Field(Head(), description="What comes after the last block.")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        fields = ("growth_rate", "bottleneck_width", "dropout", "connectivity")
        lengths = length_problems(self, fields, len(self.layers_per_block), "block")
        if problems := [*slope_problems(self), *lengths]:
            raise refuse(*problems)
        return self
