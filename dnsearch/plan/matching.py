"""The growth rate that brings a network closest to a number of parameters or multiply-adds.

A sparse network at the same growth rate is a smaller network; at an equal budget it is a fair rival.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Literal

from dnsearch.errors import Problem, SpecError
from dnsearch.plan.cost import cost
from dnsearch.plan.family import plan_network
from dnsearch.plan.graph import Shape
from dnsearch.spec.network import Network

Figure = Literal["parameters", "macs"]

MAX_GROWTH = 1024
FINENESS = 64
TOLERANCE = 0.02


@dataclass(frozen=True, slots=True)
class Match:
    """A network brought close to a budget.

    Args:
        network: the network with its new growth rate.
        figure: what was matched.
        target: the budget.
        reached: what the network has.
    """

    network: Network
    figure: Figure
    target: int
    reached: int

    @property
    def off(self) -> float:
        """How far the network is from the budget, as a share of it; negative below."""
        return self.reached / self.target - 1


def figure_of(network: Network, image_shape: Shape, classes: int, figure: Figure) -> int:
    """A network's trainable parameters or multiply-adds."""
    costs = cost(plan_network(network, image_shape, classes))
    return costs.trainable if figure == "parameters" else costs.macs


def matched(network: Network, image_shape: Shape, classes: int, figure: Figure, target: int) -> Match:
    """The same network with the growth rate that comes closest to a budget.

    Growth rates per block keep their proportions, each rounded up or down on its own.

    Args:
        network: the network.
        image_shape: (height, width, channels).
        classes: number of classes.
        figure: what to match.
        target: the budget.

    Raises:
        SpecError: the closest is more than 2 % away, or the network has no growth rate.
    """
    if network.growth_rate is None:
        raise SpecError([Problem("match", "expected a network with a growth rate to solve for")])

    def reached(variant: Network) -> int:
        return figure_of(variant, image_shape, classes, figure)

    candidates = _candidates(network, lambda variant: reached(variant) >= target)
    closest = min(candidates, key=lambda variant: abs(reached(variant) - target))
    found = Match(closest, figure, target, reached(closest))
    if abs(found.off) > TOLERANCE:
        expected = f"a growth rate that brings {figure} within {TOLERANCE:.0%} of {target:,}"
        best = f"{found.reached:,} at {_written(closest)}, {found.off:+.1%}"
        hint = "With growth_rate as a list, one per block, each is rounded on its own and comes closer."
        raise SpecError([Problem("match", expected, best, hint)])
    return found


def _candidates(network: Network, enough: Callable[[Network], bool]) -> list[Network]:
    """The networks around the budget: the growth rate that is just enough, rounded either way.

    Growth rates per block are scaled together and then rounded up or down each on its own.
    """
    rates = network.growth_rate if isinstance(network.growth_rate, tuple) else (network.growth_rate,)
    first = rates[0] or 1
    low, high = 0, MAX_GROWTH * FINENESS
    while low < high:
        middle = (low + high) // 2
        rounded = tuple(math.floor((rate or 1) * middle / FINENESS / first) for rate in rates)
        low, high = (low, middle) if enough(_grown(network, rounded)) else (middle + 1, high)
    scaled = [(rate or 1) * low / FINENESS / first for rate in rates]
    steps = (-1, 0, 1) if len(scaled) <= 4 else (-1, 0)
    rounded = product(*((math.floor(rate) + step for step in steps) for rate in scaled))
    return [_grown(network, each) for each in rounded]


def _grown(network: Network, rates: tuple[int, ...]) -> Network:
    """The network with other growth rates, each within its range."""
    ranged = tuple(min(MAX_GROWTH, max(1, rate)) for rate in rates)
    several = isinstance(network.growth_rate, tuple)
    return network.model_copy(update={"growth_rate": ranged if several else ranged[0]})


def _written(network: Network) -> str:
    rates = network.growth_rate
    return f"growth_rate {list(rates) if isinstance(rates, tuple) else rates}"
