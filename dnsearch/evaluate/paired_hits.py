"""Two networks judged by the same images: their hits are compared image by image.

Hits are packed bits, ``numpy.packbits(right).tobytes()``. Networks mostly miss the same images, so the images
that both got right or both got wrong say nothing, and the difference is known far better than from two
shares. Plain Python, for a leaderboard that needs no NumPy.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

from dnsearch.evaluate.intervals import Figure, wilson


class Agreement(NamedTuple):
    """How many images both networks got right, only the first, only the second, and neither."""

    both: int
    first_only: int
    second_only: int
    neither: int


@dataclass(frozen=True, slots=True)
class McNemar:
    """Probabilities, two-sided, of so unequal a count if neither network is better.

    Args:
        exact: of this or a more unequal count; at most its level, often far below.
        mid_p: the same with half of this very count (Fagerland et al., 2013); close to its level.
    """

    exact: float
    mid_p: float


def agreement(first: bytes, second: bytes, examples: int) -> Agreement:
    """Count the images by who got them right; both have ``⌈examples / 8⌉`` bytes.

    >>> agreement(bytes([0b1110_0000]), bytes([0b1001_0000]), examples=5)
    Agreement(both=1, first_only=2, second_only=1, neither=1)
    """
    one, other = int.from_bytes(first), int.from_bytes(second)
    both = (one & other).bit_count()
    ones, others = one.bit_count() - both, other.bit_count() - both
    return Agreement(both, ones, others, examples - both - ones - others)


def mcnemar(first_only: int, second_only: int) -> McNemar:
    """McNemar's test (1947): of n images that only one got right, k ~ Binomial(n, 1/2) are the first's.

    ``exact = 2 P(K ≤ min)``, at most 1, and ``mid_p = exact - P(K = min)``, with ``2 P(K ≤ min) - P(K =
    min)`` = 1 where both counts are equal.

    >>> found = mcnemar(1, 7)
    >>> round(found.exact, 4), round(found.mid_p, 4)
    (0.0703, 0.0391)
    """
    total, fewer = first_only + second_only, min(first_only, second_only)
    below = sum(math.comb(total, count) for count in range(fewer + 1))
    exact = 2 * below / 2**total
    return McNemar(min(1.0, exact), min(1.0, (2 * below - math.comb(total, fewer)) / 2**total))


def paired_difference(counts: Agreement) -> Figure:
    """How much larger the first share is, from -1 to 1, with Newcombe's interval for pairs (method 10).

    With ``(l, u)`` Wilson's interval of each share p, and φ the correlation of the hits, the ends are
    ``d - √(a₁² - 2 φ a₁ b₂ + b₂²)`` and ``d + √(b₁² - 2 φ b₁ a₂ + a₂²)``; ``a = p - l``, ``b = u - p``. Of a
    table that correlates positively, φ's numerator is made smaller by n / 2, not below 0 (R. G. Newcombe,
    1998, "Improved confidence intervals for the difference between binomial proportions based on paired
    data").

    >>> found = paired_difference(Agreement(both=80, first_only=12, second_only=4, neither=4))
    >>> round(found.value, 2), round(found.low, 4), round(found.high, 4)
    (0.08, -0.0009, 0.1645)
    """
    examples = sum(counts)
    rights = counts.both + counts.first_only, counts.both + counts.second_only
    (first, second), ((low_1, high_1), (low_2, high_2)) = (
        [right / examples for right in rights],
        [wilson(right, examples) for right in rights],
    )
    phi, difference = _correlation(counts), first - second
    below = _joined(first - low_1, high_2 - second, phi)
    above = _joined(high_1 - first, second - low_2, phi)
    return Figure(difference, difference - below, difference + above)


def _joined(one: float, other: float, phi: float) -> float:
    return math.sqrt(max(0.0, one**2 - 2 * phi * one * other + other**2))


def _correlation(counts: Agreement) -> float:
    both, first_only, second_only, neither = counts
    product = math.prod((both + first_only, second_only + neither, both + second_only, first_only + neither))
    if product == 0:
        return 0.0
    numerator = float(both * neither - first_only * second_only)
    if numerator > 0:
        numerator = max(numerator - sum(counts) / 2, 0.0)
    return numerator / math.sqrt(product)
