"""What all families are made of: the plan's builder, short runs of operations, stem and dense block."""

import math
from collections.abc import Sequence

from dnsearch.plan import graph
from dnsearch.plan.cost import output_shape
from dnsearch.plan.graph import Block, Link, NetworkPlan, Node, Operation, Shape, refuse
from dnsearch.plan.wiring import layer_width, wired
from dnsearch.spec.network import Family, Stem
from dnsearch.spec.section import of_block

Named = tuple[str, Operation]
"""An operation and the last part of its node's name."""


class Builder:
    """A plan in the making. Nodes are named by their positions, the numbers that ``add`` returns."""

    def __init__(self) -> None:
        self._nodes: list[Node] = []
        self.blocks: list[Block] = []
        self.links: list[Link] = []

    def add(self, part: str, name: str, operation: Operation, *inputs: int) -> int:
        """Append one operation; returns its position."""
        shape = output_shape(operation, [self.shape(position) for position in inputs])
        self._nodes.append(Node(name, part, operation, inputs, shape))
        return len(self._nodes) - 1

    def join(self, part: str, name: str, inputs: Sequence[int]) -> int:
        """Concatenate features; a single one is left as it is."""
        return inputs[0] if len(inputs) == 1 else self.add(part, name, graph.Concatenate(), *inputs)

    def chain(self, part: str, name: str, operations: Sequence[Named], start: int) -> int:
        """Append operations one after the other."""
        for suffix, operation in operations:
            start = self.add(part, f"{name}_{suffix}", operation, start)
        return start

    def shape(self, position: int) -> Shape:
        """Shape of a node's output."""
        return self._nodes[position].shape

    def finished(self) -> NetworkPlan:
        """The plan."""
        return NetworkPlan(tuple(self._nodes), tuple(self.blocks), tuple(self.links))


def convolution(network: Family, filters: int, kernel: int, stride: int = 1) -> graph.Convolution:
    """A convolution with the network's bias and initialiser."""
    return graph.Convolution(filters, kernel, stride, network.convolution_bias, network.initializer)


def normalized(network: Family, slope: float) -> list[Named]:
    """BN and the network's activation, with the slope of its place."""
    match network.activation:
        case "prelu":  # from 0.25, as in He et al., 2015 (arXiv 1502.01852)
            activation = graph.Activation("prelu", 0.25 if network.alpha is None else slope)
        case "leaky_relu":
            activation = graph.Activation("leaky_relu", slope)
        case kind:
            activation = graph.Activation(kind, 0.0)
    norm = graph.BatchNorm(network.batch_norm.momentum, network.batch_norm.epsilon)
    return [("norm", norm), ("activation", activation)]


def convolved(
    network: Family, slope: float, name: str, filters: int, kernel: int, stride: int = 1
) -> list[Named]:
    """BN, activation, convolution: the order of pre-activation that all DenseNets share."""
    prefixed = [(f"{name}_{suffix}", operation) for suffix, operation in normalized(network, slope)]
    return [*prefixed, (f"{name}_conv", convolution(network, filters, kernel, stride))]


def dropped(network: Family, rate: float, name: str, *, always: bool) -> list[Named]:
    """Dropout, where the network wants it after this convolution."""
    wanted = rate > 0 and (always or network.dropout_after == "every")
    return [(f"{name}_dropout", graph.Dropout(rate))] if wanted else []


def stem(builder: Builder, network: Family, options: Stem, image_shape: Shape, default: int) -> int:
    """The first convolution and what follows it; ``default`` channels where the spec says none."""
    first = convolution(network, options.channels or default, options.kernel, options.stride)
    operations: list[Named] = [("conv", first)]
    if options.normalize:
        operations += normalized(network, network.alpha.stem if network.alpha else 0.0)
    poolings: dict[str, list[Named]] = {"max": [("pool", graph.Pool("max", 3, 2, padding=1))], "none": []}
    images = builder.add("stem", "images", graph.Input(image_shape))
    return builder.chain("stem", "stem", [*operations, *poolings[options.pooling]], images)


def kept_channels(compression: float, channels: int, part: str, field: str = "compression") -> int:
    """⌊θ·m⌋, of which there must be some; ``field`` is where θ comes from."""
    kept = math.floor(compression * channels)
    if kept < 1:
        found = f"{compression:g} x {channels} = {compression * channels:g}"
        raise refuse(field, f"{part} to keep at least 1 of its {channels} channels", found)
    return kept


def dense_block(
    builder: Builder, network: Family, part: str, number: int, feature: int
) -> tuple[list[int], int]:
    """Append a block; returns the positions of its new features, and of all that it puts out.

    Args:
        builder: the plan in the making.
        network: the network's fields.
        part: the block's name.
        number: which block it is, from 0: its level, and its place in fields with one value per block.
        feature: position of its input.
    """
    layers, growth_rate = network.layers_per_block, network.growth_rate
    if layers is None or growth_rate is None:
        raise refuse("unit", "expected layers_per_block and growth_rate")
    patterns, rate = network.connectivity, of_block(growth_rate, number)
    pattern = patterns[number] if isinstance(patterns, tuple) else patterns
    block, features = wired(pattern, layers[number], part, number), [feature]
    widths = [layer_width(pattern, layer, rate) for layer in range(1, layers[number] + 1)]
    operations = {filters: _layer(network, number, filters) for filters in set(widths)}
    for layer, (reads, filters) in enumerate(zip(block.reads, widths, strict=True), start=1):
        name = f"{part}_layer{layer}"
        read = builder.join(part, f"{name}_concat", [features[i] for i in reads])
        features.append(builder.chain(part, name, operations[filters], read))
    builder.blocks.append(block)
    return features[1:], builder.join(part, f"{part}_concat", [features[i] for i in block.output])


def _layer(network: Family, number: int, filters: int) -> list[Named]:
    """[BN-activation-1x1(w·k)-]BN-activation-3x3(k), with dropout where it is wanted."""
    slope = of_block(network.alpha.layers, number) if network.alpha else 0.0
    rate = of_block(network.dropout, number)
    operations: list[Named] = []
    if (width := of_block(network.bottleneck_width, number)) is not None:
        operations += convolved(network, slope, "bottleneck", width * filters, kernel=1)
        operations += dropped(network, rate, "bottleneck", always=False)
    operations += convolved(network, slope, "growth", filters, kernel=3)
    return operations + dropped(network, rate, "growth", always=True)
