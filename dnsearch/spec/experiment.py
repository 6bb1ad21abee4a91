"""A whole spec: one experiment."""

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from dnsearch.errors import Problem
from dnsearch.spec.budget import Limits, Match
from dnsearch.spec.data import Data
from dnsearch.spec.network import Network
from dnsearch.spec.network.unet import UNet
from dnsearch.spec.section import Section, Whole, refuse
from dnsearch.spec.training import OF_PIXELS, Training
from dnsearch.spec.tune import Tune

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
        "is laid over it, mapping by mapping; name and expect are not inherited.",
    )
    network: Network = Field(description="The network.")
    data: Data = Field(description="The images.")
    training: Training = Field(description="The training.")
    match: Match | None = Field(
        None, description="Solve for the growth rate that brings the network to a budget."
    )
    limits: Limits = Field(Limits(), description="What the network may cost at most.")
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
    def _stages_are_said_once(self) -> Self:
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
