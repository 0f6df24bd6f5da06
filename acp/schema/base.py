"""Reads messages leniently: unknown fields and wrong values of an agent do not fail the rest.

Unlisted fields survive as extras. Where the schema says so (`x-deserialize-default-on-error`,
`x-deserialize-skip-invalid-items`) a malformed field counts as absent (`Lenient`), and a malformed item of a list is
skipped (`Items`). Reading a message therefore never fails because of an agent's additions or of unused fields.

The cost is bounded: a list keeps its first `MAX_ITEMS`, and validation stops at the first fault.
"""

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticUseDefault

from acp.defects import Invalid
from acp.errors import ProtocolError

MAX_ITEMS = 2000
"""Items read of a list; the others are left out. Each costs some microseconds, a wrong one ten; people see some
hundreds at most."""


class SchemaModel(BaseModel):
    """A type of the schema; immutable."""

    model_config = ConfigDict(frozen=True, extra="allow", alias_generator=to_camel, populate_by_name=True)


def _read_or_default(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    try:
        return read(value)
    except ValidationError:
        raise PydanticUseDefault from None


def _read_valid_items(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    items = value[:MAX_ITEMS] if isinstance(value, list) else value
    try:
        return read(items)
    except ValidationError:
        if not isinstance(items, list) or len(items) == 1:
            return []
        return [part for item in items for part in _read_valid_items([item], read)]


_T = TypeVar("_T")
Lenient = Annotated[_T, WrapValidator(_read_or_default)]
All = Annotated[list[_T], Field(fail_fast=True)]
Items = Annotated[list[_T], Field(fail_fast=True), WrapValidator(_read_valid_items)]

Tokens = Annotated[int, Field(ge=0, le=2**64 - 1)]
"""A number of tokens (uint64 in the schema), since one of thousands of digits can be neither divided nor shown."""

_P = TypeVar("_P", bound=SchemaModel)


def read(kind: type[_P], method: str, result: Any) -> _P:
    """Read the answer to `method`. Raises `ProtocolError` where a required field is missing or wrong."""
    try:
        return kind.model_validate(result)
    except ValidationError as error:
        raise ProtocolError(Invalid(said_shortly(error)), method) from None


def said_shortly(error: ValidationError) -> str:
    """Describe the first fault on one line. The full text would quote the input once for each fault."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'params'}: {first['msg']}"
