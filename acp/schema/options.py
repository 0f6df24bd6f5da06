"""The modes, models and options of a session, as agents report them."""

from typing import Any

from pydantic import Field

from .base import Items, Lenient, SchemaModel


class ConfigOption(SchemaModel):
    """One option of a session. `options` of a select are flat, or groups with `options` of their own."""

    id: str
    name: str = ""
    description: Lenient[str | None] = None
    type: str = "select"
    category: Lenient[str | None] = None
    current_value: Any = None
    options: Items[dict[str, Any]] = Field(default_factory=list)

    def values(self) -> list[str]:
        """Return the values of a select in the agent's order, groups flattened."""
        return [value for entry in self.options for value in _values(entry)]


def _values(entry: dict[str, Any]) -> list[str]:
    match entry:
        case {"options": [*choices]}:
            return [value for choice in choices if isinstance(choice, dict) for value in _values(choice)]
        case {"value": str(value)}:
            return [value]
    return []


class Mode(SchemaModel):
    """A mode that a session can be in."""

    id: str
    name: str = ""
    description: Lenient[str | None] = None


class ModeState(SchemaModel):
    """The modes of a session and the current one."""

    current_mode_id: str
    available_modes: Items[Mode]


class Model(SchemaModel):
    """A model of an agent without a config option for it; no longer in the schema."""

    model_id: str
    name: str = ""
    description: Lenient[str | None] = None


class ModelState(SchemaModel):
    """The models of a session and the current one; no longer in the schema, but some agents still send it."""

    current_model_id: str
    available_models: Items[Model]
