"""The fields that every family has, and the rules between them."""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from dnsearch.errors import Problem
from dnsearch.spec.network.connectivity import Connectivity, Dense
from dnsearch.spec.network.parts import Alpha, BatchNorm
from dnsearch.spec.network.per_block import BottleneckWidth, Dropout, GrowthRate, Layers
from dnsearch.spec.section import Section

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
        Dense(name="dense"),
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
    batch_norm: BatchNorm = Field(BatchNorm(), description="Batch normalisation.")
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
