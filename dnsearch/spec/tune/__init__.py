"""The ``tune`` section: which fields to search, over which values, and how.

Optuna's samplers silently draw at random what they cannot do. Here that is refused: the sampler that is
asked for is the one that is used, and ``SAMPLERS`` says what each one can do.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from dnsearch.errors import Problem
from dnsearch.spec.section import Section, refuse
from dnsearch.spec.tune.conditions import Relation
from dnsearch.spec.tune.parameters import Choices, FloatRange, Searched, when


class Constraints(Section):
    """Upper bounds of a search. What costs more is not trained and no trial, but the sampler learns of it."""

    parameters: int | None = Field(None, ge=1, description="Trainable parameters. null: no bound.")
    macs: int | None = Field(None, ge=1, description="Multiply-adds for one image. null: no bound.")
    training_memory_bytes: int | None = Field(
        None,
        ge=1,
        description="One plain training step in float32, as inspect counts it. null: no bound.",
    )
    inference_peak_bytes: int | None = Field(
        None,
        ge=1,
        description="Activations alive at once for one image in float32, as inspect counts them. null: no "
        "bound.",
    )

    def bounds(self) -> dict[str, int]:
        """The bounds that there are.

        >>> Constraints(parameters=50_000).bounds()
        {'parameters': 50000}
        """
        return self.model_dump(exclude_none=True)


Sampler = Literal["tpe", "random", "grid", "nsga2", "cmaes", "qmc", "gp"]
Objective = Literal["validation", "parameters", "macs", "training_memory_bytes", "latency_seconds"]


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a sampler can do.

    Args:
        about: what it is, in a few words.
        conditions: whether it can do parameters with ``when``.
        choices: whether it can do parameters that are no numbers.
        any_number: whether it can do ranges of floats without a step.
        several_objectives: whether it can do more than one objective.
        single_parameter: whether it can do a search of one parameter.
        common_parameters_only: whether it proposes only parameters that every finished trial has.
        learns_from_studies: whether it can learn from another study's trials.
    """

    about: str
    conditions: bool = True
    choices: bool = True
    any_number: bool = True
    several_objectives: bool = True
    single_parameter: bool = True
    common_parameters_only: bool = False
    learns_from_studies: bool = False


SAMPLERS: Mapping[Sampler, Abilities] = {
    "tpe": Abilities("tree-structured Parzen estimator", learns_from_studies=True),
    "random": Abilities("every value as likely as the others"),
    "grid": Abilities("every combination", conditions=False, any_number=False),
    "nsga2": Abilities("genetic", common_parameters_only=True),
    "cmaes": Abilities(
        "an evolution strategy; extra cmaes",
        conditions=False,
        choices=False,
        several_objectives=False,
        single_parameter=False,
        common_parameters_only=True,
    ),
    "qmc": Abilities("a Sobol sequence", conditions=False, choices=False, common_parameters_only=True),
    "gp": Abilities("a Gaussian process; extra gp", conditions=False, common_parameters_only=True),
}


NEUTRAL: Mapping[str, Any] = {"about": "", "common_parameters_only": False, "learns_from_studies": False}
"""Abilities that refuse no search."""


def described() -> str:
    """The samplers by name, each with what it is."""
    return ", ".join(f"{name} ({each.about})" for name, each in SAMPLERS.items())


def _all_rounders() -> str:
    """The samplers that can do every search, in words."""
    *others, last = (name for name, each in SAMPLERS.items() if replace(each, **NEUTRAL) == Abilities(""))
    return f"{', '.join(others)} and {last}"


def unsuited(
    sampler: Sampler, parameters: Mapping[str, Searched], objectives: Sequence[Objective]
) -> Iterator[Problem]:
    """What a sampler cannot do of a search."""
    can, hint = SAMPLERS[sampler], f"{_all_rounders()} can."
    for path, searched in parameters.items():
        if not can.conditions and when(searched) is not None:
            yield Problem("sampler", f"one that can do conditions: {path} has when", sampler, hint)
        if not can.choices and isinstance(searched, Choices | tuple):
            yield Problem("sampler", f"one that can do choices: {path} is no range of numbers", sampler, hint)
        if not can.any_number and isinstance(searched, FloatRange) and searched.step is None:
            found = f"{sampler}, which tries every value"
            yield Problem("sampler", f"one that can do any number: {path} has no step", found, hint)
    if not can.several_objectives and len(objectives) > 1:
        yield Problem("sampler", "one that can do several objectives", sampler, hint)
    if not can.single_parameter and len(parameters) == 1:
        yield Problem("sampler", "one that can do a single parameter", sampler, hint)


def ill_chosen(objectives: Sequence[Objective]) -> Iterator[Problem]:
    """What is wrong with a list of objectives."""
    if "validation" not in objectives:
        yield Problem("objectives", "validation among them", found=", ".join(objectives))
    if len(set(objectives)) < len(objectives):
        yield Problem("objectives", "each one once", found=", ".join(objectives))


class Confirm(Section):
    """The best trials of a search, trained again on fresh seeds: a trial was chosen for its own figure."""

    top: int = Field(5, ge=1, le=1000, description="How many of the best finished trials.")
    seeds: int = Field(
        3,
        ge=1,
        le=100,
        description="Trainings of each, on seeds that are derived from tune.seed. An interval takes two.",
    )


class Tune(Section):
    """A search over variants of the spec."""

    parameters: dict[str, Searched] = Field(
        min_length=1,
        max_length=100,
        description="What to search: the dotted path of a field of network or training (a number is a "
        "position in a list: network.layers_per_block.0), and its values: a list of choices, "
        "{choices: {label: value}}, {int: [low, high], step: 4} or {float: [low, high], log: true}; the last "
        "three also with when.",
    )
    relations: tuple[Relation, ...] = Field(
        (),
        max_length=100,
        description="What must hold between fields: equal, non_decreasing or sum_at_most.",
    )
    constraints: Constraints = Field(
        Constraints.model_construct(), description="What a network may cost to be tried, exact from its plan."
    )
    trials: int = Field(
        50, ge=1, le=1_000_000, description="Finished trials that the study shall have in all."
    )
    select: Literal["last", "best"] = Field(
        "last",
        description="Which validation accuracy (of a U-Net: mean IoU) a trial is judged by: its last "
        "epoch's (the paper's habit) or its best epoch's (optimistic). Both are recorded.",
    )
    objectives: tuple[Objective, ...] = Field(
        ("validation",),
        min_length=1,
        description="What is searched for: validation (higher is better), and what it is weighed against "
        "(lower is better): parameters, macs, training_memory_bytes, latency_seconds (of one image, measured "
        "after the training). Several: a front of trials that no other beats in everything.",
    )
    sampler: Sampler = Field(
        "tpe",
        description=f"What proposes: {described()}.",
    )
    pruner: Literal["halving", "hyperband", "median", "none"] = Field(
        "halving",
        description="What saves the epochs of poor trials: successive halving (the best third, "
        "or with several objectives the best half, goes on, the others wait at their epoch), hyperband (some "
        "trials skip the first comparisons), the median of the others, or nothing.",
    )
    fidelity: Literal["epochs", "examples", "image_size"] = Field(
        "epochs",
        description="What trials get less of until halving or hyperband let them go on. epochs: nothing but "
        "epochs; examples: until the rung after r of E epochs also the share sqrt(r / E) of the training "
        "images (Klein et al., 2017, arXiv 1605.07079); image_size: likewise that share of the images' area, "
        "not for U-Nets. Each trial's spec has it as training.progressive.",
    )
    timeout_seconds: float | None = Field(
        None, gt=0, description="After so long a search starts no more trials. null: no limit."
    )
    patience: int | None = Field(
        None, ge=1, description="End the search after so many trials that are no better. null: never."
    )
    target: float | None = Field(
        None,
        gt=0,
        le=1,
        description="End the search when a trial reaches this validation score. null: never.",
    )
    trial_timeout_seconds: float | None = Field(
        None, gt=0, description="A trial that takes longer is stopped and recorded as failed. null: no limit."
    )
    confirm: Confirm | None = Field(
        None,
        description="When the trials are used up, the best ones are trained again on fresh seeds, ranked by "
        "their mean, and only then the test images are looked at. null: they are not.",
    )
    keep: int = Field(
        5,
        ge=1,
        le=1_000_000,
        description="Trials that keep their checkpoints and weights: the best so many. Of the others that "
        "ended, spec, epochs and record stay; what runs or waits keeps everything.",
    )
    gpus_per_trial: float = Field(
        1.0,
        gt=0,
        le=64,
        description="GPUs of a trial, of those named with --gpus: a share such as 0.5 (two trials on a GPU "
        "at once) or a whole number (of use with training.devices: all).",
    )
    seed: int = Field(0, ge=0, lt=2**32, description="Seed of the sampler.")

    @model_validator(mode="after")
    def _sampler_suits_search(self) -> Self:
        problems = [*ill_chosen(self.objectives), *unsuited(self.sampler, self.parameters, self.objectives)]
        if problems:
            raise refuse(*problems)
        return self

    @model_validator(mode="after")
    def _fidelity_has_rungs(self) -> Self:
        if self.fidelity != "epochs" and self.pruner not in {"halving", "hyperband"}:
            expected = f"epochs with pruner {self.pruner}, which has no rungs"
            hint = "Set pruner: halving or hyperband, or leave fidelity out."
            raise refuse(Problem("fidelity", expected, self.fidelity, hint))
        return self

    @model_validator(mode="after")
    def _gpus_are_a_share_or_whole(self) -> Self:
        share = self.gpus_per_trial
        if share > 1 and not share.is_integer():
            expected = "a share of a GPU up to 1, or a whole number of GPUs"
            raise refuse(Problem("gpus_per_trial", expected, found=f"{share:g}"))
        return self
