"""The ``match`` and ``limits`` sections: what a network is compared at, and what it may cost at most.

A whole spec: one experiment.
"""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from dnsearch.errors import Problem
from dnsearch.spec.compare import Compare
from dnsearch.spec.data_section import Data
from dnsearch.spec.network import Network, UNet
from dnsearch.spec.section import Positive, Section, Whole
from dnsearch.spec.training import OF_PIXELS, Training
from dnsearch.spec.tune import Tune

Target = Positive | Annotated[str, Field(min_length=1)]


class Match(Section):
    """Solve for the growth rate, so that the network is a fair rival: exactly one of the two."""

    parameters: Target | None = None
    """Trainable parameters to come close to, or another spec (a preset's name, or a path relative to where
    dnsearch is started) whose network has them for the same images."""
    macs: Target | None = None
    """Multiply-adds for one image to come close to, or another spec whose network has them for the same
    images."""

    def misfits(self) -> Iterator[Problem]:
        """Both targets, or none."""
        if (self.parameters is None) == (self.macs is None):
            yield Problem("parameters", "either parameters or macs; a growth rate can match one figure")


class Limits(Section):
    """What a network may cost at most; ``--no-limits`` lifts them for once."""

    parameters: Positive | None = Field(1_000_000_000, description="Trainable parameters. null: no limit.")
    macs: Positive | None = 1_000_000_000_000
    """Multiply-adds for one image. null: no limit."""
    training_memory_bytes: Positive | None = None
    """Memory of a plain training step in float32."""


STAGES = "training.progressive"


class Expect(Section):
    """Facts about the network that ``dnsearch check`` compares with the plan."""

    parameters: int | None = Field(None, ge=0, description="Trainable parameters.")
    parameters_total: Annotated[int, Field(ge=0)] | None = None
    """All parameters: trainable ones and BatchNorm's moving statistics."""
    macs: Annotated[int, Field(ge=0)] | None = None
    """Multiply-adds of the convolutions and the classifier for one image."""


class Experiment(Section):
    """One YAML document."""

    version: Annotated[Literal[1], Whole] = Field(description="Version of this format: write version: 1.")
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")
    """Name of the experiment and of its run folders: letters, digits, dots, dashes and underscores. Left out:
    the file's name."""
    extends: str | None = None
    """A preset or another spec (its path relative to this one), which this file overrides, mapping by
    mapping; name and expect are not inherited."""
    network: Network = Field(description="The network.")
    data: Data = Field(description="The images.")
    training: Training = Field(description="The training.")
    match: Match | None = None
    """Solve for the growth rate that brings the network to a budget."""
    limits: Limits = Field(Limits.model_construct(), description="What the network may cost at most.")
    tune: Tune | None = Field(None, description="The search, for dnsearch tune.")
    compare: Compare | None = Field(None, description="The comparison, for dnsearch compare.")
    expect: Expect | None = Field(None, description="Facts to check.")

    def misfits(self) -> Iterator[Problem]:
        """A training or a search that the network cannot have."""
        tune, compare = self.tune, self.compare
        if compare is not None and self.match is not None and compare.match != "none":
            hint = "Set compare.match: none; match brings each arm to its budget."
            yield Problem("compare.match", "none in a spec with match", compare.match, hint)
        if isinstance(self.network, UNet):
            yield from self._unsuited_to_masks()
        elif self.training.loss in OF_PIXELS:
            expected = "cross_entropy or focal for a densenet: Dice is for masks"
            yield Problem("training.loss", expected, self.training.loss, "Or set network.family: unet.")
        if tune is not None and tune.fidelity != "epochs":
            searched = any(f"{path}.".startswith(f"{STAGES}.") for path in tune.parameters)
            if self.training.progressive or searched:
                expected = f"epochs with {STAGES}, which the search would fill in itself"
                yield Problem("tune.fidelity", expected, tune.fidelity, "Remove one of the two.")

    def _unsuited_to_masks(self) -> Iterator[Problem]:
        """Blended images, and smaller ones: classes have no average."""
        augmentation = self.training.augmentation
        if augmentation is not None and augmentation.mixup:
            expected = "0 for a U-Net: a blend of two masks is no mask"
            hint = "Use cutmix, which pastes pixels with their labels."
            yield Problem("training.augmentation.mixup", expected, f"{augmentation.mixup:g}", hint)
        for number, stage in enumerate(self.training.progressive):
            if stage.image_size is not None:
                where, found = f"{STAGES}.{number}.image_size", str(list(stage.image_size))
                yield Problem(where, "null for a U-Net: classes have no average", found, "Use examples.")
        if self.tune is not None and self.tune.fidelity == "image_size":
            expected = "epochs or examples for a U-Net: classes have no average"
            yield Problem("tune.fidelity", expected, "image_size")
