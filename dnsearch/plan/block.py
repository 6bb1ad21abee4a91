"""A dense block: layers that each read some of what was written before them."""

from collections.abc import Callable
from functools import partial
from typing import assert_never

from dnsearch.plan import wiring
from dnsearch.plan.builder import Builder, Named
from dnsearch.plan.graph import Block
from dnsearch.plan.pieces import convolved, dropped
from dnsearch.plan.refusal import refuse
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
from dnsearch.spec.network.family import Family
from dnsearch.spec.network.per_block import of_block

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
        case _:
            return growth_rate


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
