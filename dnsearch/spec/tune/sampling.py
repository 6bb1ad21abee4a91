"""Who may propose, what a search may be for, and which sampler can do what.

Optuna's samplers draw at random what they cannot do, without a word. Here that is refused: the sampler that
is asked for is the one that is used.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from dnsearch.errors import Problem
from dnsearch.spec.tune.parameters import Choices, FloatRange, Searched, when

Sampler = Literal["tpe", "random", "grid", "nsga2", "cmaes", "qmc", "gp"]
Objective = Literal["validation", "parameters", "macs", "training_memory_bytes", "latency_seconds"]

WITHOUT_CONDITIONS = ("grid", "cmaes", "qmc", "gp")
WITHOUT_CHOICES = ("cmaes", "qmc")
WITH_ONE_OBJECTIVE = ("cmaes",)


def unsuited(
    sampler: Sampler, parameters: Mapping[str, Searched], objectives: Sequence[Objective]
) -> Iterator[Problem]:
    """What a sampler cannot do of a search."""
    hint = "tpe, random and nsga2 can."
    for path, searched in parameters.items():
        if sampler in WITHOUT_CONDITIONS and when(searched) is not None:
            yield Problem("sampler", f"one that can do conditions: {path} has when", sampler, hint)
        if sampler in WITHOUT_CHOICES and isinstance(searched, Choices | tuple):
            yield Problem("sampler", f"one that can do choices: {path} is no range of numbers", sampler, hint)
        if sampler == "grid" and isinstance(searched, FloatRange) and searched.step is None:
            found = "grid, which tries every value"
            yield Problem("sampler", f"one that can do any number: {path} has no step", found, hint)
    if sampler in WITH_ONE_OBJECTIVE and len(objectives) > 1:
        yield Problem("sampler", "one that can do several objectives", sampler, hint)
    if sampler == "cmaes" and len(parameters) == 1:
        yield Problem("sampler", "one that can do a single parameter", sampler, hint)


def ill_chosen(objectives: Sequence[Objective]) -> Iterator[Problem]:
    """What is wrong with a list of objectives."""
    if "validation" not in objectives:
        yield Problem("objectives", "validation among them", found=", ".join(objectives))
    if len(set(objectives)) < len(objectives):
        yield Problem("objectives", "each one once", found=", ".join(objectives))
