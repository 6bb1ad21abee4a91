"""The growth rate that brings a network closest to a number of parameters or multiply-adds.

A sparse network at the same growth rate is a smaller network; at an equal budget it is a fair rival.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

from dnsearch.errors import Problem, SpecError
from dnsearch.plan.cost import cost
from dnsearch.plan.family import plan_network
from dnsearch.plan.graph import Shape
from dnsearch.spec.network import Network

Figure = Literal["parameters", "macs"]
GrowthRates = int | tuple[int, ...]

MAX_GROWTH = 1024
FINENESS = 64
TOLERANCE = 0.02


@dataclass(frozen=True, slots=True)
class Match:
    """A network brought close to a budget.

    Args:
        growth_rate: the growth rate that brings it there.
        figure: what was matched.
        target: the budget.
        reached: what the network has.
    """

    growth_rate: GrowthRates
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
    rates = network.growth_rate
    if rates is None:
        raise SpecError([Problem("match", "expected a network with a growth rate to solve for")])

    def reached(growth_rate: GrowthRates) -> int:
        variant = network.model_copy(update={"growth_rate": growth_rate})
        return figure_of(variant, image_shape, classes, figure)

    candidates = _candidates(rates, lambda growth_rate: reached(growth_rate) >= target)
    closest = min(candidates, key=lambda growth_rate: abs(reached(growth_rate) - target))
    found = Match(closest, figure, target, reached(closest))
    if abs(found.off) > TOLERANCE:
        expected = f"a growth rate that brings {figure} within {TOLERANCE:.0%} of {target:,}"
        best = f"{found.reached:,} at growth_rate {_written(closest)}, {found.off:+.1%}"
        hint = "With growth_rate as a list, one per block, each is rounded on its own and comes closer."
        raise SpecError([Problem("match", expected, best, hint)])
    return found


def _candidates(rates: GrowthRates, enough: Callable[[GrowthRates], bool]) -> list[GrowthRates]:
    """The growth rates around the budget: the one that is just enough, rounded either way.

    Growth rates per block are scaled together and then rounded up or down each on its own.
    """
    several = rates if isinstance(rates, tuple) else (rates,)

    def scaled(step: int) -> list[int]:
        return [math.floor(rate * step / FINENESS / several[0]) for rate in several]

    def ranged(floors: Sequence[int]) -> GrowthRates:
        within = tuple(min(MAX_GROWTH, max(1, floor)) for floor in floors)
        return within if isinstance(rates, tuple) else within[0]

    low, high = 0, MAX_GROWTH * FINENESS
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(ranged(scaled(middle))) else (middle + 1, high)
    steps = (-1, 0, 1) if len(several) <= 4 else (-1, 0)
    return [
        ranged(floors) for floors in product(*([floor + step for step in steps] for floor in scaled(low)))
    ]


def _written(rates: GrowthRates) -> str:
    return str(list(rates) if isinstance(rates, tuple) else rates)
