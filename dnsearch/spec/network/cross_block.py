"""Links between blocks that are not neighbours, as the article proposes: simple down-sampling."""

from typing import Annotated, Literal

from pydantic import Field, Tag

from dnsearch.spec.network.per_block import MAX_BLOCKS, OneOrMany
from dnsearch.spec.section import Section

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
