"""The base of every section of a spec, and fields with one value or one value per block."""

import ast
import inspect
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag
from pydantic_core import PydanticCustomError

from dnsearch.errors import Problem

RULE = "dnsearch_rule"
MAX_BLOCKS = 8


class Section(BaseModel):
    """A mapping in the YAML: frozen, strictly typed, without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, defer_build=True)

    def misfits(self) -> Iterable[Problem]:
        """Values that do not fit together; each problem's ``where`` is relative to the section."""
        return ()

    def model_post_init(self, context: Any) -> None:  # noqa: ANN401  (pydantic's signature)
        """Refuse what does not fit together; pydantic calls this when every value is valid by itself."""
        if problems := tuple(self.misfits()):
            raise PydanticCustomError(RULE, "values do not fit together", {"problems": problems})

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: Any) -> Any:  # noqa: ANN401  (pydantic's)
        """The JSON Schema, with the text below each field as its description.

        Pydantic's ``use_attribute_docstrings`` reads the sources whenever the classes are made; this only
        when a schema is asked for.
        """
        schema = handler(core_schema)
        properties = handler.resolve_ref_schema(schema)["properties"]
        for name, text in _texts_below_fields(cls):
            properties[cls.model_fields[name].alias or name]["description"] = text
        return schema


def _texts_below_fields(section: type[Section]) -> Iterator[tuple[str, str]]:
    """Field → the string below it, in the source of the section and of those that it extends."""
    for each in reversed(section.__mro__[: section.__mro__.index(Section)]):
        (tree,) = ast.parse(inspect.getsource(each)).body
        for above, below in pairwise(tree.body if isinstance(tree, ast.ClassDef) else ()):
            match above, below:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str(text))),
                ):
                    yield name, inspect.cleandoc(text)


def _whole(value: object) -> object:
    """Refuse true and 1.0 where 1 is meant; Python holds the three to be equal."""
    if isinstance(value, bool | float):
        raise PydanticCustomError("whole_number", "not a whole number")
    return value


Whole = BeforeValidator(_whole)

Side = Annotated[int, Field(ge=1, le=4096)]
Positive = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Share = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[float, Field(ge=0, lt=1)]
Ratio = Annotated[float, Field(gt=0, le=1)]
Fraction = Annotated[float, Field(gt=0, lt=1)]

Value = TypeVar("Value")
One = Tag("#one")
Many = Tag("#many")
OneOrMany = Discriminator(lambda value: "#many" if isinstance(value, tuple | list) else "#one")
PerBlock = Annotated[
    Annotated[Value, One] | Annotated[tuple[Value, ...], Field(min_length=1, max_length=MAX_BLOCKS), Many],
    OneOrMany,
]


def of_block(value: Value | Sequence[Value], block: int) -> Value:
    """The value of one block, counted from 0."""
    return value[block] if isinstance(value, tuple) else value  # type: ignore[return-value]  # lists are tuples here
