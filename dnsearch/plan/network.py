"""From a spec's network section to its plan, and to the growth rate that brings it closest to a budget.

A sparse network at the same growth rate is a smaller network; at an equal budget it is a fair rival.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal, assert_never

from dnsearch.errors import Problem, SpecError
from dnsearch.plan.cost import cost
from dnsearch.plan.densenet import densenet
from dnsearch.plan.graph import NetworkPlan, Shape
from dnsearch.plan.unet import unet
from dnsearch.spec.network import DenseNet, Network, UNet

Figure = Literal["parameters", "macs"]
GrowthRates = int | tuple[int, ...]

MAX_GROWTH = 1024
FINENESS = 64
TOLERANCE = 0.02
STEPS = 17  # halvings of 1 to MAX_GROWTH in steps of 1 / FINENESS
MIN_VARIANTS = STEPS + 3
MAX_WORK = 800_000
"""Of all the variants together: half a second. The largest published networks take a third of it."""


def plan_network(network: Network, image_shape: Shape, classes: int) -> NetworkPlan:
    """The plan of any network of the grammar; a SpecError where it does not fit the images.

    Args:
        network: the ``network`` section of a spec.
        image_shape: ``(height, width, channels)`` of the images.
        classes: number of classes, of an image or, for a U-Net, of a pixel.
    """
    match network:
        case DenseNet():
            return densenet(network, image_shape, classes)
        case UNet():
            return unet(network, image_shape, classes)
        case _:
            assert_never(network)


def figure_of(network: Network, image_shape: Shape, classes: int, figure: Figure) -> int:
    """A network's trainable parameters or multiply-adds."""
    costs = cost(plan_network(network, image_shape, classes))
    return costs.trainable if figure == "parameters" else costs.macs


@dataclass(frozen=True, slots=True)
class Match:
    """The growth rate that brings a network close to a budget, ``target``, and what it then has."""

    growth_rate: GrowthRates
    figure: Figure
    target: int
    reached: int

    @property
    def off(self) -> float:
        """How far the network is from the budget, as a share of it; negative below."""
        return self.reached / self.target - 1

    @property
    def written(self) -> str:
        """The growth rate as YAML has it."""
        return str(list(self.growth_rate) if isinstance(self.growth_rate, tuple) else self.growth_rate)

    def __str__(self) -> str:
        budget = f"{self.target:,} {self.figure}: {self.reached:,}, {self.off:+.2%}"
        return f"growth_rate {self.written} comes closest to {budget}"


def matched(network: Network, image_shape: Shape, classes: int, figure: Figure, target: int) -> Match:
    """The growth rate that brings a network closest to a budget.

    Growth rates per block keep their proportions, each rounded up or down on its own.

    Raises:
        SpecError: the closest is more than 2 % away, or the network has no growth rate, cannot be planned or
            is too large to try many variants of it.
    """
    rates = network.growth_rate
    if rates is None or (isinstance(network, UNet) and network.unit == "conv"):
        raise SpecError([Problem("match", "expected a network with a growth rate to solve for")])
    variants = MAX_WORK // _work(plan_network(network, image_shape, classes))

    def reached(growth_rate: GrowthRates) -> int:
        variant = network.model_copy(update={"growth_rate": growth_rate})
        try:
            return figure_of(variant, image_shape, classes, figure)
        except SpecError:
            return 0  # so few channels that a compression would keep none

    candidates = _candidates(rates, variants, lambda growth_rate: reached(growth_rate) >= target)
    closest = min(candidates, key=lambda growth_rate: (abs(reached(growth_rate) - target), growth_rate))
    found = Match(closest, figure, target, reached(closest))
    if abs(found.reached - target) > TOLERANCE * target:
        expected = f"a growth rate that brings {figure} within {TOLERANCE:.0%} of {target:,}"
        best = f"{found.reached:,} at growth_rate {found.written}, {found.off:+.1%}"
        hint = "With growth_rate as a list, one per block, each is rounded on its own and comes closer."
        if isinstance(closest, tuple):
            hint = "Change layers_per_block, bottleneck_width or the budget."
        raise SpecError([Problem("match", expected, best, hint)])
    return found


def _work(plan: NetworkPlan) -> int:
    """How much there is to do for one variant: a node costs about as much as eight of its inputs."""
    nodes, inputs = len(plan.nodes), sum(len(node.inputs) for node in plan.nodes)
    work = 8 * nodes + inputs
    if work > MAX_WORK // MIN_VARIANTS:
        expected = "a network of which many variants can be tried in a second"
        found = f"one of {nodes:,} operations with {inputs:,} inputs"
        hint = "Use fewer layers, or set growth_rate by hand."
        raise SpecError([Problem("match", expected, found, hint)])
    return work


def _candidates(
    rates: GrowthRates, variants: int, enough: Callable[[GrowthRates], bool]
) -> list[GrowthRates]:
    """The growth rates around the one that is just ``enough``; no more of them than ``variants`` allow."""
    several = rates if isinstance(rates, tuple) else (rates,)

    def scaled(step: int) -> list[int]:
        return [math.floor(rate * step / FINENESS / several[0]) for rate in several]

    def ranged(floors: Sequence[int]) -> GrowthRates:
        within = tuple(min(MAX_GROWTH, max(1, floor)) for floor in floors)
        return within if isinstance(rates, tuple) else within[0]

    low = bisect_left(range(MAX_GROWTH * FINENESS), True, key=lambda step: enough(ranged(scaled(step))))
    floors = scaled(low)
    for steps in ((-1, 0, 1), (-1, 0)):
        if len(steps) ** len(several) <= variants - STEPS:
            return [ranged(each) for each in product(*([floor + step for step in steps] for floor in floors))]
    return [ranged(scaled(low - 1)), ranged(floors)]
