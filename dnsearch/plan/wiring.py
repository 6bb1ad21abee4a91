"""Which earlier features each layer of a block reads, and which the block puts out.

A wiring rule is a plain function from a layer's number to the numbers of the features that it
reads. Feature 0 is the block's input; layer ``i`` (from 1) writes feature ``i``. Nothing here
knows about channels, shapes or Keras.
"""

import hashlib
from collections.abc import Sequence


def dense(layer: int) -> tuple[int, ...]:
    """Read everything written so far (Huang et al., 2017).

    >>> dense(4)
    (0, 1, 2, 3)
    """
    return tuple(range(layer))


def log(layer: int) -> tuple[int, ...]:
    """Read what lies 1, 2, 4, 8… layers back (SparseNet, Zhu et al., 2018).

    >>> log(12)
    (4, 8, 10, 11)
    """
    return tuple(layer - step for step in _powers_of_two(layer))


def harmonic(layer: int) -> tuple[int, ...]:
    """Read what lies 2ⁿ layers back, for every 2ⁿ that divides its number (HarDNet, Chao et al., 2019).

    >>> harmonic(12)
    (8, 10, 11)
    """
    return tuple(layer - step for step in _powers_of_two(layer) if layer % step == 0)


def window(layer: int, size: int) -> tuple[int, ...]:
    """Read the ``size`` most recent features (Hu et al., 2018, arXiv 1806.01935).

    >>> window(12, size=4)
    (8, 9, 10, 11)
    """
    return tuple(range(max(0, layer - size), layer))


def chain(layer: int) -> tuple[int, ...]:
    """Read the last feature alone (VoVNet's one-shot aggregation, Lee et al., 2019).

    >>> chain(12)
    (11,)
    """
    return (layer - 1,)


def strided(layer: int, stride: int) -> tuple[int, ...]:
    """Read every ``stride``-th feature, from the last one back.

    >>> strided(12, stride=3)
    (2, 5, 8, 11)
    """
    return tuple(range((layer - 1) % stride, layer, stride))


def random(layer: int, probability: float, seed: int) -> tuple[int, ...]:
    """Read each earlier feature with a probability, and always the last one (NN-Mass, Bhardwaj et al., 2021).

    An edge's chance is a hash of the seed and the edge alone: the same everywhere, for every Python and
    every machine, and a longer block has the edges of a shorter one.

    >>> random(12, probability=0.5, seed=0) == random(12, probability=0.5, seed=0)
    True
    >>> random(12, probability=0.0, seed=0), random(4, probability=1.0, seed=0)
    ((11,), (0, 1, 2, 3))
    """
    drawn = (feature for feature in range(layer - 1) if _chance(seed, layer, feature) < probability)
    return (*drawn, layer - 1)


def flipped(reads: Sequence[tuple[int, ...]], flips: int, seed: int) -> tuple[tuple[int, ...], ...]:
    """Add edges that are not there, or remove them where they are, in an order that the seed decides.

    Edges to the layer before, and a layer's only one, stay. More flips of one seed flip the same and more.

    >>> flipped([(0,), (0, 1), (0, 1, 2)], flips=1, seed=0)
    ((0,), (0, 1), (0, 2))
    """
    edges = [(layer, feature) for layer in range(2, len(reads) + 1) for feature in range(layer - 1)]
    found = [set(features) for features in reads]
    for layer, feature in sorted(edges, key=lambda edge: _chance(seed, *edge)):
        if flips and found[layer - 1] != {feature}:
            found[layer - 1] ^= {feature}
            flips -= 1
    return tuple(tuple(sorted(features)) for features in found)


def odd_and_last(layers: int) -> tuple[int, ...]:
    """What a HarDNet block puts out: its odd features and the last one.

    >>> odd_and_last(8)
    (1, 3, 5, 7, 8)
    """
    return tuple(feature for feature in range(1, layers + 1) if feature % 2 == 1 or feature == layers)


def harmonic_width(layer: int, multiplier: float) -> float:
    """How many times the growth rate a HarDNet layer writes: mⁿ, n the largest with 2ⁿ dividing the layer.

    >>> harmonic_width(12, multiplier=2.0)
    4.0
    """
    exponent = (layer & -layer).bit_length() - 1
    return float(multiplier**exponent)


def _powers_of_two(layer: int) -> tuple[int, ...]:
    """The powers of two up to a number, the largest first."""
    return tuple(1 << exponent for exponent in reversed(range(layer.bit_length())))


def _chance(seed: int, layer: int, feature: int) -> float:
    """A number from 0 to 1, even and unrelated from edge to edge."""
    digest = hashlib.blake2b(f"{seed}:{layer}:{feature}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
