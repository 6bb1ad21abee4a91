"""The schedules of the ``training`` section: how the learning rate goes."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from dnsearch.errors import Problem
from dnsearch.spec.section import Section, refuse


class Constant(Section):
    """The learning rate stays as it is."""

    name: Literal["constant"] = Field("constant", description="The schedule.")


class Step(Section):
    """The learning rate is multiplied by a factor at some points."""

    name: Literal["step"] = Field(description="The schedule.")
    at: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = Field(
        (0.5, 0.75),
        min_length=1,
        max_length=32,
        description="When, as shares of the training, rising. The paper: [0.5, 0.75].",
    )
    factor: float = Field(
        0.1, gt=0, lt=1, description="What the learning rate is multiplied by. The paper: 0.1."
    )

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if list(self.at) != sorted(set(self.at)):
            raise refuse(Problem("at", "numbers that rise", found=str(list(self.at))))
        return self


class Cosine(Section):
    """The learning rate falls along half a cosine (Loshchilov and Hutter, 2017)."""

    name: Literal["cosine"] = Field(description="The schedule.")
    final_fraction: float = Field(0.0, ge=0, le=1, description="Share of the learning rate left at the end.")


class Linear(Section):
    """The learning rate falls in a straight line."""

    name: Literal["linear"] = Field(description="The schedule.")
    final_fraction: float = Field(0.0, ge=0, le=1, description="Share of the learning rate left at the end.")


class OneCycle(Section):
    """The learning rate rises in a straight line and falls in another (Smith and Topin, arXiv 1708.07120)."""

    name: Literal["one_cycle"] = Field(description="The schedule.")
    initial_fraction: float = Field(
        0.1, ge=0, le=1, description="Share of the learning rate at the first step. Smith and Topin: 0.1."
    )
    peak_at: float = Field(
        0.3, gt=0, lt=1, description="When the learning rate is reached, as a share of the training."
    )
    final_fraction: float = Field(0.0, ge=0, le=1, description="Share of the learning rate at the last step.")


Schedule = Annotated[Constant | Step | Cosine | Linear | OneCycle, Field(discriminator="name")]
