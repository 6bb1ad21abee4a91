"""``constraints``: what a network may cost to be tried at all, exact from its plan."""

from pydantic import Field

from dnsearch.spec.section import Section


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
