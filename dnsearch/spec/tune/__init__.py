"""The ``tune`` section: which fields to search, over which values, and how.

Optuna's samplers silently draw at random what they cannot do. Here that is refused: the sampler that is
asked for is the one that is used, and ``SAMPLERS`` says what each one can do.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from dnsearch.errors import Problem
from dnsearch.spec.section import Many, One, OneOrMany, Positive, Ratio, Section, Seed
from dnsearch.spec.tune.parameters import Choices, FloatRange, Searched, when


class Constraints(Section):
    """Upper bounds of a search. What costs more is not trained and no trial, but the sampler learns of it."""

    parameters: Positive | None = Field(None, description="Trainable parameters. null: no bound.")
    macs: Positive | None = Field(None, description="Multiply-adds for one image. null: no bound.")
    training_memory_bytes: Positive | None = None
    """Memory of a plain training step in float32."""
    inference_peak_bytes: Positive | None = None
    """Activations of one image alive at once, in float32."""

    def bounds(self) -> dict[str, int]:
        """The bounds that there are."""
        return self.model_dump(exclude_none=True)


Paths = Annotated[
    Annotated[str, One] | Annotated[tuple[str, ...], Field(min_length=1, max_length=64), Many], OneOrMany
]


class SumAtMost(Section):
    """A bound for a sum: ``{of: network.layers_per_block, at_most: 12}``."""

    of: Paths = Field(description="The field, or a list of fields, whose numbers are added up.")
    at_most: float = Field(gt=0, description="The largest sum that is tried.")


class Relation(Section):
    """One relation: exactly one of the three."""

    equal: Annotated[tuple[str, ...], Field(min_length=2, max_length=64)] | None = None
    """A parameter, and fields that always take its value: [network.layers_per_block.0,
    network.layers_per_block.1]."""
    non_decreasing: Paths | None = None
    """A field with a list, or a list of fields, whose numbers never fall."""
    sum_at_most: SumAtMost | None = None
    """Fields whose numbers add up to no more than a bound."""

    def misfits(self) -> Iterator[Problem]:
        """Not exactly one of them."""
        named = [field for field in Relation.model_fields if getattr(self, field) is not None]
        if len(named) != 1:
            expected = "exactly one of equal, non_decreasing and sum_at_most"
            hint = "Write each relation as an item of the list, after its own dash."
            yield Problem("", expected, " and ".join(named) or "none", hint)

    @property
    def operands(self) -> tuple[str, ...]:
        """All fields that the relation names."""
        named = self.sum_at_most.of if self.sum_at_most else self.non_decreasing or self.equal or ()
        return (named,) if isinstance(named, str) else named

    def __str__(self) -> str:
        """How counts and refusals call it; two relations are called alike only if they are."""
        if self.sum_at_most is not None:
            return f"sum_at_most {self.sum_at_most.at_most:g} of {' + '.join(self.operands)}"
        kind = "equal" if self.equal is not None else "non_decreasing"
        return f"{kind} {' '.join(self.operands)}"


Sampler = Literal["tpe", "random", "grid", "nsga2", "cmaes", "qmc", "gp"]
Select = Literal["last", "best"]
Objective = Literal["validation", "parameters", "macs", "training_memory_bytes", "latency_seconds"]
Difficulty = Literal["conditions", "choices", "any number", "several objectives", "a single parameter"]


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a sampler can do.

    Args:
        about: what it is, in a few words.
        cannot: "choices" are parameters that are no numbers, "any number" a range of floats without a step.
        common_parameters_only: whether it proposes only parameters that every finished trial has.
        learns_from_studies: whether it can learn from another study's trials.
    """

    about: str
    cannot: tuple[Difficulty, ...] = ()
    common_parameters_only: bool = False
    learns_from_studies: bool = False


SAMPLERS: Mapping[Sampler, Abilities] = {
    "tpe": Abilities("tree-structured Parzen estimator", learns_from_studies=True),
    "random": Abilities("every value as likely as the others"),
    "grid": Abilities("every combination", ("conditions", "any number")),
    "nsga2": Abilities("genetic", common_parameters_only=True),
    "cmaes": Abilities(
        "an evolution strategy; extra cmaes",
        ("conditions", "choices", "several objectives", "a single parameter"),
        common_parameters_only=True,
    ),
    "qmc": Abilities("a Sobol sequence", ("conditions", "choices"), common_parameters_only=True),
    "gp": Abilities("a Gaussian process; extra gp", ("conditions",), common_parameters_only=True),
}


def _unsuited(
    sampler: Sampler, parameters: Mapping[str, Searched], objectives: Sequence[Objective]
) -> Iterator[Problem]:
    """What a sampler cannot do of a search."""
    cannot = SAMPLERS[sampler].cannot
    *others, last = (name for name, each in SAMPLERS.items() if not each.cannot)
    hint = f"{', '.join(others)} and {last} can."
    for path, searched in parameters.items():
        if "conditions" in cannot and when(searched):
            yield Problem("sampler", f"one that can do conditions: {path} has when", sampler, hint)
        if "choices" in cannot and isinstance(searched, Choices | tuple):
            yield Problem("sampler", f"one that can do choices: {path} is no range of numbers", sampler, hint)
        if "any number" in cannot and isinstance(searched, FloatRange) and searched.step is None:
            found = f"{sampler}, which tries every value"
            yield Problem("sampler", f"one that can do any number: {path} has no step", found, hint)
    if "several objectives" in cannot and len(objectives) > 1:
        yield Problem("sampler", "one that can do several objectives", sampler, hint)
    if "a single parameter" in cannot and len(parameters) == 1:
        yield Problem("sampler", "one that can do a single parameter", sampler, hint)


class Confirm(Section):
    """The best trials of a search, trained again on fresh seeds: a trial was chosen for its own figure."""

    top: int = Field(5, ge=1, le=1000, description="How many of the best finished trials.")
    seeds: Annotated[int, Field(ge=1, le=100)] = 3
    """Trainings of each. An interval takes two."""


class Tune(Section):
    """A search over variants of the spec."""

    parameters: dict[str, Searched] = Field(min_length=1, max_length=100)
    """What to search: the dotted path of a field of network or training (network.layers_per_block.0 is the
    first of a list), and its values: a list, {choices: {label: value}}, {int: [low, high], step: 4} or
    {float: [low, high], log: true}."""
    relations: tuple[Relation, ...] = Field((), max_length=100)
    """What must hold between fields: equal, non_decreasing or sum_at_most."""
    constraints: Constraints = Constraints.model_construct()
    """What a network may cost to be tried, exact from its plan."""
    trials: Annotated[int, Field(ge=1, le=1_000_000)] = 50
    """Finished trials that the study shall have in all."""
    select: Select = "last"
    """Whose weights are kept and tested, and whose validation accuracy (of a U-Net: mean IoU) judges a trial:
    the last epoch's or the best one's."""
    objectives: tuple[Objective, ...] = Field(("validation",), min_length=1)
    """validation (higher is better), and what it is weighed against (lower is better): parameters, macs,
    training_memory_bytes, latency_seconds (of one image, measured after the training). Several give a front
    of trials."""
    sampler: Sampler = Field(
        "tpe",
        description="What proposes: "
        + ", ".join(f"{name} ({each.about})" for name, each in SAMPLERS.items())
        + ".",
    )
    pruner: Literal["halving", "hyperband", "median", "none"] = "halving"
    """What stops poor trials: successive halving (the best third goes on, with several objectives the best
    half), hyperband (some trials skip the first rungs), the median of the others, or none."""
    fidelity: Literal["epochs", "examples", "image_size"] = "epochs"
    """What trials get less of before a rung, with halving or hyperband: epochs alone, or also examples
    (training images) or image_size (not for U-Nets)."""
    timeout_seconds: Annotated[float, Field(gt=0)] | None = None
    """After so long a search starts no more trials."""
    patience: Positive | None = None
    """End the search after so many trials that are no better."""
    target: Ratio | None = None
    """End the search when a trial reaches this validation score."""
    trial_timeout_seconds: Annotated[float, Field(gt=0)] | None = None
    """A trial that takes longer is stopped and has failed."""
    confirm: Confirm | None = None
    """Train the best trials again on fresh seeds at the end, rank them by their mean, and evaluate them on
    the test images."""
    keep: Annotated[int, Field(ge=1, le=1_000_000)] = 5
    """How many of the best trials keep their checkpoints and weights; of the others spec, epochs and record
    stay."""
    gpus_per_trial: Annotated[float, Field(gt=0, le=64)] = 1.0
    """GPUs of a trial, of those named with --gpus: a share such as 0.5, or a whole number (with
    training.devices: all)."""
    seed: Seed = Field(0, description="Seed of the sampler.")

    def misfits(self) -> Iterator[Problem]:
        """Objectives that make no search, and what does not go with the rest of it."""
        if "validation" not in self.objectives:
            yield Problem("objectives", "validation among them", found=", ".join(self.objectives))
        if len(set(self.objectives)) < len(self.objectives):
            yield Problem("objectives", "each one once", found=", ".join(self.objectives))
        yield from _unsuited(self.sampler, self.parameters, self.objectives)
        if self.fidelity != "epochs" and self.pruner not in {"halving", "hyperband"}:
            expected = f"epochs with pruner {self.pruner}, which has no rungs"
            hint = "Set pruner: halving or hyperband, or leave fidelity out."
            yield Problem("fidelity", expected, self.fidelity, hint)
        share = self.gpus_per_trial
        if share > 1 and not share.is_integer():
            expected = "a share of a GPU up to 1, or a whole number of GPUs"
            yield Problem("gpus_per_trial", expected, found=f"{share:g}")
