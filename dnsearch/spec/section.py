"""The base of every section of a spec, and how a section refuses values that do not fit together."""

from pydantic import BaseModel, BeforeValidator, ConfigDict
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

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def refuse(*problems: Problem) -> PydanticCustomError:
    """An error for a validator to raise; each problem's ``where`` is relative to the section."""
    return PydanticCustomError(RULE, "values do not fit together", {"problems": problems})
