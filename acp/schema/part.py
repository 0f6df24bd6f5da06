"""How messages are read, whatever an agent adds to them or gets wrong in them.

Fields that are not listed survive as extras. Where the schema says so (`x-deserialize-default-on-error`,
`x-deserialize-skip-invalid-items`) a malformed field counts as absent (`Lenient`), and a malformed item of a list is
skipped (`Items`). Reading a message therefore never fails because of what an agent added, or of what nobody needs.
"""

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticUseDefault

from acp.errors import ProtocolError

__all__ = ["Items", "Lenient", "Part", "read"]


class Part(BaseModel):
    """Anything that the schema describes; immutable."""

    model_config = ConfigDict(frozen=True, extra="allow", alias_generator=to_camel, populate_by_name=True)


def _read_or_default(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    try:
        return read(value)
    except ValidationError:
        raise PydanticUseDefault from None


def _read_valid_items(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    try:
        return read(value)
    except ValidationError:
        if not isinstance(value, list) or len(value) == 1:
            return []
        return [part for item in value for part in _read_valid_items([item], read)]


_T = TypeVar("_T")
Lenient = Annotated[_T, WrapValidator(_read_or_default)]
Items = Annotated[list[_T], WrapValidator(_read_valid_items)]

_P = TypeVar("_P", bound=Part)


def read(kind: type[_P], method: str, result: Any) -> _P:
    """Read the answer to `method`. Raises `ProtocolError` where what is needed of it is missing or wrong."""
    try:
        return kind.model_validate(result)
    except ValidationError as error:
        raise ProtocolError(f"{method} was answered by something else than version 1 allows: {error}") from None
