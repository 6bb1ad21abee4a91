"""Which earlier features each layer of a block reads, and which the block puts out.

Feature 0 is the block's input; layer ``i`` (from 1) writes feature ``i``. Nothing here knows about shapes or
Keras.
"""

import hashlib
from collections.abc import Sequence
from typing import assert_never

from dnsearch.plan.graph import Block, refuse
from dnsearch.spec.network import connectivity
from dnsearch.spec.network.connectivity import Explicit, Harmonic, OnePattern

Reads = tuple[int, ...]


def wired(pattern: OnePattern, layers: int, part: str, level: int) -> Block:
    """The wiring of a block; a SpecError where the pattern does not fit it or leaves something unread."""
    if isinstance(pattern, Explicit):
        _check_lists(pattern, layers, part)
    read = tuple(reads(pattern, layer) for layer in range(1, layers + 1))
    if isinstance(pattern, Explicit):
        read = flipped(read, pattern.flips, pattern.seed)
    match pattern.output:
        case "all":
            output = tuple(range(layers + 1))
        case "rule":
            output = reads(pattern, layers + 1)
        case "odd_and_last":  # HarDNet's
            output = tuple(feature for feature in range(1, layers + 1) if feature % 2 or feature == layers)
        case _:
            assert_never(pattern.output)
    if unread := sorted(set(range(layers + 1)).difference(output, *read)):
        expected = f"expected {f'layer {unread[0]}' if unread[0] else 'the input'} of {part} to be read"
        hint = "Put it out with output: all, or let a layer read it."
        raise refuse("connectivity", f"{expected}; nothing does", hint=hint)
    return Block(part, level, read, output)


def reads(pattern: OnePattern, layer: int) -> Reads:
    """The features that a layer reads.

    >>> reads(connectivity.Log(name="log"), 12), reads(Harmonic(name="harmonic"), 12)
    ((4, 8, 10, 11), (8, 10, 11))
    >>> reads(connectivity.Strided(name="strided", stride=3), 12)
    (2, 5, 8, 11)
    """
    powers_of_two = [1 << exponent for exponent in reversed(range(layer.bit_length()))]
    match pattern:
        case connectivity.Dense():  # everything written so far (Huang et al., 2017)
            return tuple(range(layer))
        case connectivity.Log():  # 1, 2, 4, 8… layers back (SparseNet, Zhu et al., 2018)
            return tuple(layer - step for step in powers_of_two)
        case Harmonic():  # 2ⁿ layers back, for every 2ⁿ that divides its number (HarDNet, Chao et al., 2019)
            return tuple(layer - step for step in powers_of_two if layer % step == 0)
        case connectivity.Window(size=size):  # the most recent ones (Hu et al., 2018, arXiv 1806.01935)
            return tuple(range(max(0, layer - size), layer))
        case connectivity.Chain():  # the last one alone (VoVNet's one-shot aggregation, Lee et al., 2019)
            return (layer - 1,)
        case connectivity.Strided(stride=stride):
            return tuple(range((layer - 1) % stride, layer, stride))
        case connectivity.Random(probability=probability, seed=seed):  # NN-Mass, Bhardwaj et al., 2021
            drawn = (feature for feature in range(layer - 1) if _chance(seed, layer, feature) < probability)
            return (*drawn, layer - 1)
        case Explicit(layers=lists):
            return tuple(sorted(set(lists[layer - 1])))
        case _:
            assert_never(pattern)


def layer_width(pattern: OnePattern, layer: int, growth_rate: int) -> int:
    """How many channels a layer writes: k, or HarDNet's k·mⁿ rounded to an even number as its code does.

    n is the largest for which 2ⁿ divides the layer's number.

    >>> layer_width(Harmonic(name="harmonic", width_multiplier=1.7), 4, growth_rate=10)
    28
    """
    if not isinstance(pattern, Harmonic) or pattern.width_multiplier == 1:
        return growth_rate
    exponent = (layer & -layer).bit_length() - 1
    return max(2, int(growth_rate * pattern.width_multiplier**exponent + 1) // 2 * 2)


def flipped(read: Sequence[Reads], flips: int, seed: int) -> tuple[Reads, ...]:
    """Add edges that are not there, or remove them where they are, in an order that the seed decides.

    Edges to the layer before, and a layer's only one, stay. More flips of one seed flip the same and more.

    >>> flipped([(0,), (0, 1), (0, 1, 2)], flips=1, seed=0)
    ((0,), (0, 1), (0, 2))
    """
    edges = [(layer, feature) for layer in range(2, len(read) + 1) for feature in range(layer - 1)]
    found = [set(features) for features in read]
    for layer, feature in sorted(edges, key=lambda edge: _chance(seed, *edge)):
        if flips and found[layer - 1] != {feature}:
            found[layer - 1] ^= {feature}
            flips -= 1
    return tuple(tuple(sorted(features)) for features in found)


def _check_lists(pattern: Explicit, layers: int, part: str) -> None:
    with_output = pattern.output == "rule"
    if len(pattern.layers) != layers + with_output:
        one_each = f"one per layer{' and one for its output' * with_output}"
        expected = f"{layers + with_output} lists for {part}, {one_each}"
        raise refuse("connectivity.layers", expected, f"{len(pattern.layers)}")
    for layer, read in enumerate(pattern.layers, start=1):
        if not read:
            raise refuse("connectivity.layers", f"layer {layer} of {part} to read something", "an empty list")
        if wrong := [feature for feature in read if feature >= layer]:
            expected = f"layer {layer} of {part} to read features 0 to {layer - 1}"
            raise refuse("connectivity.layers", expected, f"{wrong[0]}")


def _chance(seed: int, layer: int, feature: int) -> float:
    """A number from 0 to 1 for an edge: a hash, so the same on every machine, for every length of block."""
    digest = hashlib.blake2b(f"{seed}:{layer}:{feature}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
