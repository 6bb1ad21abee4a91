"""What all families are made of: the plan's builder, short runs of operations, stem and dense block."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import assert_never

from dnsearch.plan import wiring
from dnsearch.plan.graph import (
    Activation,
    BatchNorm,
    Block,
    Concatenate,
    Convolution,
    Dropout,
    Input,
    Link,
    NetworkPlan,
    Node,
    Operation,
    Pool,
    Shape,
    refuse,
)
from dnsearch.plan.shapes import output_shape
from dnsearch.spec.network import Family, Stem
from dnsearch.spec.network.connectivity import (
    Chain,
    Dense,
    Explicit,
    Harmonic,
    Log,
    OnePattern,
    Random,
    Strided,
    Window,
)
from dnsearch.spec.section import of_block

Named = tuple[str, Operation]
"""An operation and the last part of its node's name."""


class Builder:
    """A plan in the making. Nodes are named by their positions, the numbers that ``add`` returns."""

    def __init__(self) -> None:
        self._nodes: list[Node] = []
        self._blocks: list[Block] = []
        self._links: list[Link] = []

    def add(self, part: str, name: str, operation: Operation, *inputs: int) -> int:
        """Append one operation; returns its position."""
        nodes = self._nodes
        shape = output_shape(operation, [nodes[position].shape for position in inputs])
        nodes.append(Node(name, part, operation, inputs, shape))
        return len(nodes) - 1

    def join(self, part: str, name: str, inputs: Sequence[int]) -> int:
        """Concatenate features; a single one is left as it is."""
        return inputs[0] if len(inputs) == 1 else self.add(part, name, Concatenate(), *inputs)

    def chain(self, part: str, name: str, operations: Sequence[Named], start: int) -> int:
        """Append operations one after the other; each is given a suffix of the name."""
        for suffix, operation in operations:
            start = self.add(part, f"{name}_{suffix}", operation, start)
        return start

    def note_block(self, block: Block) -> None:
        """Keep how a block is connected."""
        self._blocks.append(block)

    def note_link(self, link: Link) -> None:
        """Keep a connection between parts."""
        self._links.append(link)

    def shape(self, position: int) -> Shape:
        """Shape of a node's output."""
        return self._nodes[position].shape

    def finished(self) -> NetworkPlan:
        """The plan."""
        return NetworkPlan(tuple(self._nodes), tuple(self._blocks), tuple(self._links))


PRELU_START = 0.25  # He et al., 2015 (arXiv 1502.01852)


def convolution(network: Family, filters: int, kernel: int, stride: int = 1) -> Convolution:
    """A convolution with the network's bias and initialiser."""
    return Convolution(filters, kernel, stride, network.convolution_bias, network.initializer)


def activation(network: Family, slope: float) -> Activation:
    """The network's activation, with the slope of its place."""
    match network.activation:
        case "prelu":
            return Activation("prelu", PRELU_START if network.alpha is None else slope)
        case "leaky_relu":
            return Activation("leaky_relu", slope)
        case "relu" | "elu" | "gelu" | "silu" | "mish" as kind:
            return Activation(kind, 0.0)
        case _:
            assert_never(network.activation)


def normalized(network: Family, slope: float) -> list[Named]:
    """BN and activation."""
    norm = BatchNorm(network.batch_norm.momentum, network.batch_norm.epsilon)
    return [("norm", norm), ("activation", activation(network, slope))]


def convolved(
    network: Family, slope: float, name: str, filters: int, kernel: int, stride: int = 1
) -> list[Named]:
    """BN, activation, convolution: the order of pre-activation that all DenseNets share."""
    prefixed = [(f"{name}_{suffix}", operation) for suffix, operation in normalized(network, slope)]
    return [*prefixed, (f"{name}_conv", convolution(network, filters, kernel, stride))]


def dropped(network: Family, rate: float, name: str, *, always: bool) -> list[Named]:
    """Dropout, where the network wants it after this convolution."""
    wanted = rate > 0 and (always or network.dropout_after == "every")
    return [(f"{name}_dropout", Dropout(rate))] if wanted else []


def stem(builder: Builder, network: Family, options: Stem, image_shape: Shape, default: int) -> int:
    """The first convolution and what follows it; ``default`` channels where the spec says none."""
    first = convolution(network, options.channels or default, options.kernel, options.stride)
    operations: list[Named] = [("conv", first)]
    if options.normalize:
        operations += normalized(network, network.alpha.stem if network.alpha else 0.0)
    match options.pooling:
        case "max":
            operations.append(("pool", Pool("max", size=3, stride=2, padding=1)))
        case "none":
            pass
        case _:
            assert_never(options.pooling)
    images = builder.add("stem", "images", Input(image_shape))
    return builder.chain("stem", "stem", operations, images)


def kept_channels(compression: float, channels: int, part: str, field: str = "compression") -> int:
    """⌊θ·m⌋; ``field`` is where θ comes from.

    Raises:
        SpecError: that is none.
    """
    kept = math.floor(compression * channels)
    if kept < 1:
        found = f"{compression:g} x {channels} = {compression * channels:g}"
        raise refuse(field, f"{part} to keep at least 1 of its {channels} channels", found)
    return kept


Rule = Callable[[int], tuple[int, ...]]


def dense_block(
    builder: Builder, network: Family, place: Block, growth_rate: int, number: int, feature: int
) -> list[int]:
    """Append a block; returns the positions of all its features, its input first.

    Args:
        builder: the plan in the making.
        network: the network's fields.
        place: the block's part, level and wiring.
        growth_rate: k of this block.
        number: which block it is for fields with one value per block, from 0.
        feature: position of its input.
    """
    features, pattern = [feature], pattern_of(network, number)
    widths = [layer_width(pattern, layer, growth_rate) for layer in range(1, len(place.reads) + 1)]
    operations = {filters: _layer(network, number, filters) for filters in set(widths)}
    for layer, (reads, filters) in enumerate(zip(place.reads, widths, strict=True), start=1):
        name = f"{place.part}_layer{layer}"
        read = builder.join(place.part, f"{name}_concat", [features[i] for i in reads])
        features.append(builder.chain(place.part, name, operations[filters], read))
    builder.note_block(place)
    return features


def pattern_of(network: Family, number: int) -> OnePattern:
    """The connectivity of one block, counted from 0."""
    patterns = network.connectivity
    return patterns[number] if isinstance(patterns, tuple) else patterns


def wired(pattern: OnePattern, layers: int, part: str, level: int) -> Block:
    """The wiring of a block.

    Raises:
        SpecError: the pattern does not fit the number of layers, or leaves something unread.
    """
    rule = _rule(pattern, layers, part)
    reads = tuple(rule(layer) for layer in range(1, layers + 1))
    match pattern.output:
        case "all":
            output = tuple(range(layers + 1))
        case "rule":
            output = rule(layers + 1)
        case "odd_and_last":
            output = wiring.odd_and_last(layers)
        case _:
            assert_never(pattern.output)
    _check_everything_is_read(reads, output, part)
    return Block(part, level, reads, output)


def layer_width(pattern: OnePattern, layer: int, growth_rate: int) -> int:
    """How many channels a layer writes: k, or HarDNet's k·mⁿ rounded to an even number as its code does.

    >>> layer_width(Harmonic(name="harmonic", width_multiplier=1.7), 4, growth_rate=10)
    28
    """
    match pattern:
        case Harmonic(width_multiplier=multiplier) if multiplier > 1:
            return max(2, int(growth_rate * wiring.harmonic_width(layer, multiplier) + 1) // 2 * 2)
        case Dense() | Log() | Harmonic() | Window() | Chain() | Strided() | Random() | Explicit():
            return growth_rate
        case _:
            assert_never(pattern)


def _layer(network: Family, number: int, filters: int) -> list[Named]:
    """[BN-activation-1x1(w·k)-]BN-activation-3x3(k), with dropout where it is wanted."""
    slope = of_block(network.alpha.layers, number) if network.alpha else 0.0
    width = of_block(network.bottleneck_width, number)
    rate = of_block(network.dropout, number)
    operations: list[Named] = []
    if width is not None:
        operations += convolved(network, slope, "bottleneck", width * filters, kernel=1)
        operations += dropped(network, rate, "bottleneck", always=False)
    operations += convolved(network, slope, "growth", filters, kernel=3)
    return operations + dropped(network, rate, "growth", always=True)


def _rule(pattern: OnePattern, layers: int, part: str) -> Rule:
    match pattern:
        case Dense():
            return wiring.dense
        case Log():
            return wiring.log
        case Harmonic():
            return wiring.harmonic
        case Window(size=size):
            return partial(wiring.window, size=size)
        case Chain():
            return wiring.chain
        case Strided(stride=stride):
            return partial(wiring.strided, stride=stride)
        case Random(probability=probability, seed=seed):
            return partial(wiring.random, probability=probability, seed=seed)
        case Explicit(layers=lists, flips=flips, seed=seed):
            listed = _listed(lists, layers, pattern.output == "rule", part)
            reads = wiring.flipped([listed(layer) for layer in range(1, layers + 1)], flips, seed)
            return lambda layer: reads[layer - 1] if layer <= layers else listed(layer)
        case _:
            assert_never(pattern)


def _listed(lists: tuple[tuple[int, ...], ...], layers: int, output_too: bool, part: str) -> Rule:
    """The rule of an explicit list, once it is known to fit."""
    wanted = layers + output_too
    if len(lists) != wanted:
        expected = f"{wanted} lists for {part}, one per layer{' and one for its output' * output_too}"
        raise refuse("connectivity.layers", expected, f"{len(lists)}")
    for layer, reads in enumerate(lists, start=1):
        if not reads:
            raise refuse("connectivity.layers", f"layer {layer} of {part} to read something", "an empty list")
        if wrong := [feature for feature in reads if feature >= layer]:
            expected = f"layer {layer} of {part} to read features 0 to {layer - 1}"
            raise refuse("connectivity.layers", expected, f"{wrong[0]}")
    return lambda layer: tuple(sorted(set(lists[layer - 1])))


def _check_everything_is_read(reads: tuple[tuple[int, ...], ...], output: tuple[int, ...], part: str) -> None:
    read = {feature for features in (*reads, output) for feature in features}
    for layer in range(len(reads) + 1):
        if layer not in read:
            what = f"layer {layer} of {part}" if layer else f"the input of {part}"
            hint = "Put it out with output: all, or let a layer read it."
            raise refuse("connectivity", f"expected {what} to be read; nothing does", hint=hint)
