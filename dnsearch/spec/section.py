"""The base of every section of a spec, its refusals, and fields with one value or one value per block."""

from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag
from pydantic_core import PydanticCustomError

from dnsearch.errors import Problem

RULE = "dnsearch_rule"


def _whole(value: object) -> object:
    """Refuse true and 1.0 where 1 is meant; Python holds the three to be equal."""
    if isinstance(value, bool | float):
        raise PydanticCustomError("whole_number", "not a whole number")
    return value


Whole = BeforeValidator(_whole)


class Section(BaseModel):
    """A mapping in the YAML: frozen, strictly typed, without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, defer_build=True)


def refuse(*problems: Problem) -> PydanticCustomError:
    """An error for a validator to raise; each problem's ``where`` is relative to the section."""
    return PydanticCustomError(RULE, "values do not fit together", {"problems": problems})


MAX_BLOCKS = 8

Value = TypeVar("Value")

Many = Field(min_length=1, max_length=MAX_BLOCKS)


def _one_or_many(value: Any) -> str:  # noqa: ANN401  (whatever the YAML holds)
    return "#many" if isinstance(value, tuple | list) else "#one"


OneOrMany = Discriminator(_one_or_many)

Growth = Annotated[int, Field(ge=1, le=1024)]
GrowthRate = Annotated[
    Annotated[Growth, Tag("#one")] | Annotated[tuple[Growth, ...], Many, Tag("#many")], OneOrMany
]

Layers = Annotated[int, Field(ge=1, le=256)]

Width = Annotated[int, Field(ge=1, le=64)]
BottleneckWidth = Annotated[
    Annotated[Width | None, Tag("#one")] | Annotated[tuple[Width | None, ...], Many, Tag("#many")], OneOrMany
]

Rate = Annotated[float, Field(ge=0, lt=1)]
Dropout = Annotated[Annotated[Rate, Tag("#one")] | Annotated[tuple[Rate, ...], Many, Tag("#many")], OneOrMany]

Slope = Annotated[float, Field(ge=0, le=1)]
Slopes = Annotated[
    Annotated[Slope, Tag("#one")] | Annotated[tuple[Slope, ...], Many, Tag("#many")], OneOrMany
]


def of_block(value: Value | Sequence[Value], block: int) -> Value:
    """The value of one block, counted from 0.

    >>> of_block(12, 2), of_block((8, 16, 32), 2)
    (12, 32)
    """
    return value[block] if isinstance(value, tuple) else value  # type: ignore[return-value]  # lists are tuples here
