"""The search space as a plain random number generator walks through it: every value as likely as the others.

The distributions are those of Optuna's random sampler, without Optuna.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from dnsearch.spec.tune.conditions import Label
from dnsearch.spec.tune.parameters import FloatRange, IntRange


@dataclass(frozen=True, slots=True)
class Uniform:
    """Draws evenly, in the logarithm where a range says so.

    >>> Uniform(Random(0)).label("network.pooling", ["avg", "max"])
    'max'
    """

    random: Random

    def whole(self, path: str, searched: IntRange, high: int) -> int:
        """A whole number of a range."""
        low, _ = searched.bounds
        if searched.log:
            drawn = round(self._log(low - 0.5, high + 0.5))
            return min(max(drawn, low), high)
        return self.random.randrange(low, high + 1, searched.step)

    def number(self, path: str, searched: FloatRange, high: float) -> float:
        """A number of a range."""
        low, _ = searched.bounds
        if searched.step is not None:
            steps = round((high - low) / searched.step)
            return low + self.random.randint(0, steps) * searched.step
        return min(max(self._log(low, high), low), high) if searched.log else self.random.uniform(low, high)

    def label(self, path: str, labels: Sequence[Label]) -> Label:
        """One of some labels."""
        return self.random.choice(labels)

    def _log(self, low: float, high: float) -> float:
        return math.exp(self.random.uniform(math.log(low), math.log(high)))
