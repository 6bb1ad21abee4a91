"""The ``match`` and ``limits`` sections: what a network is compared at, and what it may cost at most.

A whole spec: one experiment.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from dnsearch.errors import Problem
from dnsearch.spec.data_section import Data
from dnsearch.spec.network import Network
from dnsearch.spec.network.families import UNet
from dnsearch.spec.section import Section, Whole, refuse
from dnsearch.spec.training import OF_PIXELS, Training
from dnsearch.spec.tune import Tune


def _kind(value: Any) -> str:  # noqa: ANN401  (whatever the YAML holds)
    return "#spec" if isinstance(value, str) else "#number"


Target = Annotated[
    Annotated[Annotated[int, Field(ge=1)], Tag("#number")]
    | Annotated[Annotated[str, Field(min_length=1)], Tag("#spec")],
    Discriminator(_kind),
]


class Match(Section):
    """Solve for the growth rate, so that the network is a fair rival: exactly one of the two."""

    parameters: Target | None = Field(
        None,
        description="Trainable parameters to come close to, or another spec (a preset's name, or a path "
        "relative to where dnsearch is started) whose network has them for the same images.",
    )
    macs: Target | None = Field(
        None,
        description="Multiply-adds for one image to come close to, or another spec whose network has them "
        "for the same images.",
    )

    @model_validator(mode="after")
    def _one_of_the_two(self) -> Self:
        if (self.parameters is None) == (self.macs is None):
            raise refuse(
                Problem("parameters", "either parameters or macs; a growth rate can match one figure")
            )
        return self


class Limits(Section):
    """What a network may cost at most; ``--no-limits`` lifts them for once."""

    parameters: int | None = Field(1_000_000_000, ge=1, description="Trainable parameters. null: no limit.")
    macs: int | None = Field(
        1_000_000_000_000, ge=1, description="Multiply-adds for one image. null: no limit."
    )
    training_memory_bytes: int | None = Field(
        None, ge=1, description="One plain training step in float32, as inspect counts it. null: no limit."
    )


STAGES = "training.progressive"


class Expect(Section):
    """Facts about the network that ``dnsearch check`` compares with the plan."""

    parameters: int | None = Field(None, ge=0, description="Trainable parameters.")
    parameters_total: int | None = Field(
        None, ge=0, description="All parameters: trainable ones and BatchNorm's moving statistics."
    )
    macs: int | None = Field(
        None, ge=0, description="Multiply-adds of the convolutions and the classifier for one image."
    )


class Experiment(Section):
    """One YAML document."""

    version: Annotated[Literal[1], Whole] = Field(description="Version of this format: write version: 1.")
    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$",
        description="Name of the experiment and of its run folders: letters, digits, dots, dashes and "
        "underscores. Left out: the file's name.",
    )
    extends: str | None = Field(
        None,
        description="A preset's name or the path of another spec (relative to this one). What this file says "
        "overrides it, mapping by mapping; name and expect are not inherited.",
    )
    network: Network = Field(description="The network.")
    data: Data = Field(description="The images.")
    training: Training = Field(description="The training.")
    match: Match | None = Field(
        None, description="Solve for the growth rate that brings the network to a budget."
    )
    limits: Limits = Field(Limits.model_construct(), description="What the network may cost at most.")
    tune: Tune | None = Field(None, description="The search, for dnsearch tune.")
    expect: Expect | None = Field(None, description="Facts to check.")

    @model_validator(mode="after")
    def _training_suits_network(self) -> Self:
        problems, loss, augmentation = [], self.training.loss, self.training.augmentation
        if isinstance(self.network, UNet):
            if augmentation is not None and augmentation.mixup:
                expected = "0 for a U-Net: a blend of two masks is no mask"
                hint = "Use cutmix, which pastes pixels with their labels."
                where = "training.augmentation.mixup"
                problems.append(Problem(where, expected, f"{augmentation.mixup:g}", hint))
            problems += _averaged_masks(self.training, self.tune)
        elif loss in OF_PIXELS:
            expected = "cross_entropy or focal for a densenet: Dice is for masks"
            problems.append(Problem("training.loss", expected, loss, "Or set network.family: unet."))
        if problems:
            raise refuse(*problems)
        return self

    @model_validator(mode="after")
    def _stages_are_given_once(self) -> Self:
        if self.tune is None or self.tune.fidelity == "epochs":
            return self
        searched = any(f"{path}.".startswith(f"{STAGES}.") for path in self.tune.parameters)
        if self.training.progressive or searched:
            expected = f"epochs with {STAGES}, which the search would fill in itself"
            raise refuse(Problem("tune.fidelity", expected, self.tune.fidelity, "Remove one of the two."))
        return self


def _averaged_masks(training: Training, tune: Tune | None) -> Iterator[Problem]:
    """Smaller images where every pixel has a label."""
    for number, stage in enumerate(training.progressive):
        if stage.image_size is not None:
            where, found = f"{STAGES}.{number}.image_size", str(list(stage.image_size))
            yield Problem(where, "null for a U-Net: classes have no average", found, "Use examples.")
    if tune is not None and tune.fidelity == "image_size":
        expected = "epochs or examples for a U-Net: classes have no average"
        yield Problem("tune.fidelity", expected, "image_size")
