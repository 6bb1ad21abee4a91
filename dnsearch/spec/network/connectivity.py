"""Which earlier features each layer of a block reads, which the block puts out, and links between blocks.

Feature 0 is the block's input, layer l (from 1) writes feature l. A sparse block at the same growth rate is
a smaller network, not a fair rival; papers compare at equal parameters by raising the growth rate.
"""

from typing import Annotated, Literal

from pydantic import Field

from dnsearch.spec.section import MAX_BLOCKS, Many, One, OneOrMany, PerBlock, Ratio, Section, Seed, Share

PoolKind = Literal["avg", "max"]


class Pattern(Section):
    """What all patterns have in common; abstract."""

    name: str = Field(description="The pattern.")
    output: Literal["all", "rule", "odd_and_last"] = "all"
    """Which features the block puts out. all: its input and every layer's (DenseNet); rule: what a further
    layer would read; odd_and_last: HarDNet's."""


class Dense(Pattern):
    """Layer l reads all of 0…l-1 (DenseNet, Huang et al., 2017)."""

    name: Literal["dense"] = Field("dense", description="The pattern.")


class Log(Pattern):
    """Layer l reads l-1, l-2, l-4, l-8… (SparseNet, Zhu et al., 2018)."""

    name: Literal["log"] = Field(description="The pattern.")


class Harmonic(Pattern):
    """Layer l reads l-2ⁿ for every 2ⁿ that divides l (HarDNet, Chao et al., 2019)."""

    name: Literal["harmonic"] = Field(description="The pattern.")
    width_multiplier: Annotated[float, Field(ge=1, le=4)] = 1.0
    """m: layer l writes k·mⁿ channels, rounded to an even number, with n the largest for which 2ⁿ divides l.
    HarDNet: 1.6 to 1.9; 1: k channels everywhere."""


class Window(Pattern):
    """Layer l reads the most recent features (Hu et al., 2018, arXiv 1806.01935)."""

    name: Literal["window"] = Field(description="The pattern.")
    size: int = Field(ge=1, le=256, description="N: how many features a layer reads at most.")


class Chain(Pattern):
    """Layer l reads l-1 alone; the block's output gathers all (VoVNet, Lee et al., 2019)."""

    name: Literal["chain"] = Field(description="The pattern.")


class Strided(Pattern):
    """Layer l reads l-1, l-1-s, l-1-2s and so on."""

    name: Literal["strided"] = Field(description="The pattern.")
    stride: int = Field(ge=1, le=256, description="s: distance between two features that are read.")


class Random(Pattern):
    """Layer l reads l-1, and each earlier feature with a probability (NN-Mass, Bhardwaj et al., 2021)."""

    name: Literal["random"] = Field(description="The pattern.")
    probability: Share = Field(description="p: chance of each edge but the one to l-1.")
    seed: Seed = Field(0, description="The same seed draws the same edges everywhere.")


class Explicit(Pattern):
    """Layer l reads what a list says."""

    name: Literal["explicit"] = Field(description="The pattern.")
    layers: tuple[Annotated[tuple[Annotated[int, Field(ge=0, le=256)], ...], Field(max_length=256)], ...] = (
        Field(min_length=1, max_length=257)
    )
    """For each layer the features that it reads; with output: rule, one more list for the block's output."""
    flips: Annotated[int, Field(ge=0, le=32_896)] = 0
    """How many edges to add or remove at random, for a search. An edge to l-1, and a layer's only one,
    stay."""
    seed: Seed = Field(0, description="Which edges are flipped; a larger flips flips more.")


OnePattern = Annotated[
    Dense | Log | Harmonic | Window | Chain | Strided | Random | Explicit, Field(discriminator="name")
]
Connectivity = PerBlock[OnePattern]

Block = Annotated[int, Field(ge=1, le=MAX_BLOCKS)]
Links = Annotated[
    Annotated[Literal["all", "non_adjacent"], One]
    | Annotated[tuple[tuple[Block, Block], ...], Field(min_length=1, max_length=64), Many],
    OneOrMany,
]


class CrossBlock(Section):
    """Each link reads a block's output, brings it to a later block's size and joins that block's input."""

    links: Links
    """all: from every earlier block; non_adjacent: all but the neighbour (the article); or pairs [from, to]
    of block numbers, from 1."""
    downsampling: Literal[PoolKind, "conv3x3", "conv2x2", "space_to_depth"] = "avg"
    """How a link halves the image. avg (CondenseNet), max: pooling; conv3x3, conv2x2:
    BN-activation-convolution of stride 2 (HRNet; RDNet); space_to_depth: each 2x2 cell becomes four channels
    (YOLO)."""
    compression: Ratio | None = None
    """BN-activation-1x1 convolution to this share of the channels, before the down-sampling. null: none."""
