"""What a searched field may be: one of some choices, or a number of a range."""

from typing import Annotated, Any, Self

from pydantic import Discriminator, Field, Tag, model_validator

from dnsearch.errors import Problem
from dnsearch.spec.section import Section, refuse

Choices = Annotated[tuple[Any, ...], Field(min_length=1, max_length=1000)]


class IntRange(Section):
    """Whole numbers from low to high, both included: ``{int: [4, 24], step: 4}``."""

    bounds: tuple[int, int] = Field(alias="int", description="[low, high], both included.")
    step: int = Field(1, ge=1, description="Distance between two values.")
    log: bool = Field(False, description="Sample evenly in the logarithm.")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        _check(self)
        return self


class FloatRange(Section):
    """Numbers from low to high, both included: ``{float: [1e-4, 1e-1], log: true}``."""

    bounds: tuple[float, float] = Field(alias="float", description="[low, high], both included.")
    step: float | None = Field(None, gt=0, description="Distance between two values. null: any number.")
    log: bool = Field(False, description="Sample evenly in the logarithm.")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        _check(self)
        return self


def _check(searched: IntRange | FloatRange) -> None:
    low, high = searched.bounds
    kind = "int" if isinstance(searched, IntRange) else "float"
    problems = []
    if low >= high:
        problems.append(Problem(kind, "[low, high] with low below high", found=f"[{low}, {high}]"))
    if searched.log and low <= 0:
        problems.append(Problem(kind, "a low above 0, since log is true", found=str(low)))
    if searched.log and searched.step not in {1, None}:
        problems.append(Problem("step", "no step together with log: true", found=str(searched.step)))
    if problems:
        raise refuse(*problems)


def _kind(value: Any) -> str:  # noqa: ANN401  (whatever the YAML holds)
    match value:
        case tuple() | list():
            return "#choices"
        case IntRange() | {"int": _}:
            return "#int"
        case FloatRange() | {"float": _}:
            return "#float"
        case _:
            return ""


Searched = Annotated[
    Annotated[Choices, Tag("#choices")]
    | Annotated[IntRange, Tag("#int")]
    | Annotated[FloatRange, Tag("#float")],
    Discriminator(_kind),
]
