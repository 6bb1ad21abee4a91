"""The ``match`` and ``limits`` sections: what a network is compared at, and what it may cost at most."""

from typing import Annotated, Any, Self

from pydantic import Discriminator, Field, Tag, model_validator

from dnsearch.errors import Problem
from dnsearch.spec.section import Section, refuse


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
