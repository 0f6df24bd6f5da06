"""The parts of the ACP v1 schema that Threadline uses, named as the specification names them.

Source: the protocol's `schema.json`, version 1. Fields that are not listed survive as extras; kinds that are not
listed have a type of their own (`OtherBlock`, `OtherToolContent`, `UnknownUpdate`), and so has a known kind whose
needed fields are wrong. Where the schema says so (`x-deserialize-default-on-error`, `x-deserialize-skip-invalid-items`)
a malformed field counts as absent (`_Lenient`), and a malformed item of a list is skipped (`_Items`). Reading a message
therefore never fails because of what an agent added, or of what nobody needs.
"""

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticUseDefault

__all__ = [
    "PROTOCOL_VERSION",
    "AgentCapabilities",
    "AgentMessageChunk",
    "AgentThoughtChunk",
    "AudioBlock",
    "AvailableCommand",
    "AvailableCommandsUpdate",
    "ConfigOption",
    "ConfigOptionUpdate",
    "ContentBlock",
    "CurrentModeUpdate",
    "Diff",
    "EmbeddedResource",
    "ImageBlock",
    "Implementation",
    "InitializeResponse",
    "ModeState",
    "NewSessionResponse",
    "PermissionOption",
    "Plan",
    "PlanEntry",
    "PromptResponse",
    "RequestPermission",
    "ResourceLink",
    "SessionInfoUpdate",
    "SessionResponse",
    "TextBlock",
    "ToolCall",
    "ToolCallUpdate",
    "UnknownUpdate",
    "Update",
    "UsageUpdate",
    "UserMessageChunk",
    "parse_update",
]

PROTOCOL_VERSION = 1


class _Part(BaseModel):
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
_Lenient = Annotated[_T, WrapValidator(_read_or_default)]
_Items = Annotated[list[_T], WrapValidator(_read_valid_items)]


# ---- content


class TextBlock(_Part):
    """Text. Every agent accepts it."""

    type: Literal["text"] = "text"
    text: str


class ImageBlock(_Part):
    """An image; `data` is base64. Gated by `promptCapabilities.image`."""

    type: Literal["image"] = "image"
    data: str
    mime_type: str
    uri: str | None = None


class AudioBlock(_Part):
    """Sound; `data` is base64. Gated by `promptCapabilities.audio`."""

    type: Literal["audio"] = "audio"
    data: str
    mime_type: str


class ResourceLink(_Part):
    """A pointer to a resource that the agent can reach by itself. Every agent accepts it."""

    type: Literal["resource_link"] = "resource_link"
    name: str
    uri: str
    mime_type: str | None = None
    title: str | None = None
    description: str | None = None
    size: int | None = None


class EmbeddedResource(_Part):
    """A resource with its contents. Gated by `promptCapabilities.embeddedContext`."""

    type: Literal["resource"] = "resource"
    resource: dict[str, Any]


class OtherBlock(_Part):
    """A content block of a kind that is not known here."""

    type: str = ""


ContentBlock = Annotated[
    TextBlock | ImageBlock | AudioBlock | ResourceLink | EmbeddedResource | OtherBlock,
    Field(union_mode="left_to_right"),
]


# ---- session/update


class UserMessageChunk(_Part):
    """A piece of the person's own message: replayed by session/load, echoed live by some agents."""

    content: ContentBlock
    message_id: str | None = None


class AgentMessageChunk(_Part):
    """A piece of the agent's answer."""

    content: ContentBlock
    message_id: str | None = None


class AgentThoughtChunk(_Part):
    """A piece of the agent's reasoning."""

    content: ContentBlock
    message_id: str | None = None


class ToolContent(_Part):
    """Content that a tool produced."""

    type: Literal["content"] = "content"
    content: ContentBlock


class Diff(_Part):
    """A file's change; `old_text` is None for a new file."""

    type: Literal["diff"] = "diff"
    path: str
    old_text: str | None = None
    new_text: str


class OtherToolContent(_Part):
    """Tool content of a kind that is not known here."""

    type: str = ""


class ToolCallLocation(_Part):
    """A file, and perhaps a line (from 1), that a tool touches."""

    path: str
    line: int | None = None


class ToolCallUpdate(_Part):
    """What has become known of a tool call. None: unchanged; lists replace (schema: ToolCallUpdate)."""

    tool_call_id: str
    title: str | None = None
    kind: _Lenient[str | None] = None
    status: _Lenient[str | None] = None
    content: _Items[Annotated[ToolContent | Diff | OtherToolContent, Field(union_mode="left_to_right")]] | None = None
    locations: _Items[ToolCallLocation] | None = None
    raw_input: Any = None
    raw_output: Any = None


class ToolCall(ToolCallUpdate):
    """The announcement of a tool call. Some agents repeat it, some leave it out: callers upsert by id."""


class PlanEntry(_Part):
    """One step of a plan."""

    content: str
    priority: str = "medium"
    status: str = "pending"


class Plan(_Part):
    """The whole plan; replaces the one before."""

    entries: _Items[PlanEntry]


class AvailableCommand(_Part):
    """A command the agent offers, called by `/name` in a prompt."""

    name: str
    description: str = ""
    input: Any = None


class AvailableCommandsUpdate(_Part):
    """All commands the agent offers now."""

    available_commands: _Items[AvailableCommand]


class CurrentModeUpdate(_Part):
    """The mode the session is in now."""

    current_mode_id: str


class ConfigOption(_Part):
    """One option of a session. `options` of a select are flat, or groups with `options` of their own."""

    id: str
    name: str = ""
    type: str = "select"
    category: _Lenient[str | None] = None
    current_value: Any = None
    options: _Items[dict[str, Any]] = Field(default_factory=list)

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


class ConfigOptionUpdate(_Part):
    """All options of the session as they are now."""

    config_options: _Items[ConfigOption]


class SessionInfoUpdate(_Part):
    """A patch of the session's description."""

    title: _Lenient[str | None] = None
    updated_at: _Lenient[str | None] = None


class UsageUpdate(_Part):
    """Context window: tokens used and its size. `cost` is cumulative."""

    used: int
    size: int
    cost: Any = None


class UnknownUpdate(_Part):
    """An update of a kind that is not known here, or whose fields are wrong."""

    session_update: str = ""


Update = (
    UserMessageChunk
    | AgentMessageChunk
    | AgentThoughtChunk
    | ToolCall
    | ToolCallUpdate
    | Plan
    | AvailableCommandsUpdate
    | CurrentModeUpdate
    | ConfigOptionUpdate
    | SessionInfoUpdate
    | UsageUpdate
    | UnknownUpdate
)

_UPDATES: dict[str, type[Update]] = {
    "user_message_chunk": UserMessageChunk,
    "agent_message_chunk": AgentMessageChunk,
    "agent_thought_chunk": AgentThoughtChunk,
    "tool_call": ToolCall,
    "tool_call_update": ToolCallUpdate,
    "plan": Plan,
    "available_commands_update": AvailableCommandsUpdate,
    "current_mode_update": CurrentModeUpdate,
    "config_option_update": ConfigOptionUpdate,
    "session_info_update": SessionInfoUpdate,
    "usage_update": UsageUpdate,
}


def parse_update(raw: dict[str, Any]) -> Update:
    """Read the `update` member of a session/update. Never raises: what does not fit becomes `UnknownUpdate`."""
    kind = str(raw.get("sessionUpdate"))
    try:
        return _UPDATES.get(kind, UnknownUpdate).model_validate(raw)
    except ValidationError:
        return UnknownUpdate.model_validate({"sessionUpdate": kind, "malformed": raw})


# ---- requests and their answers


class Implementation(_Part):
    """Name and version of a program that speaks ACP."""

    name: str = ""
    title: str | None = None
    version: str = ""


class PromptCapabilities(_Part):
    """Content an agent accepts beside text and resource links."""

    image: _Lenient[bool] = False
    audio: _Lenient[bool] = False
    embedded_context: _Lenient[bool] = False


class SessionCapabilities(_Part):
    """Optional session methods; an object (even empty) means supported, None means not."""

    list: Any = None
    resume: Any = None
    close: Any = None
    delete: Any = None
    additional_directories: Any = None


class AgentCapabilities(_Part):
    """What the agent can do."""

    load_session: _Lenient[bool] = False
    prompt_capabilities: _Lenient[PromptCapabilities] = PromptCapabilities()
    session_capabilities: _Lenient[SessionCapabilities] = SessionCapabilities()


class InitializeResponse(_Part):
    """The answer to `initialize`."""

    protocol_version: int
    agent_capabilities: _Lenient[AgentCapabilities] = AgentCapabilities()
    agent_info: _Lenient[Implementation | None] = None
    auth_methods: _Lenient[list[Any] | None] = None


class Mode(_Part):
    """A mode that a session can be in."""

    id: str
    name: str = ""


class ModeState(_Part):
    """The modes of a session and the current one."""

    current_mode_id: str
    available_modes: _Items[Mode]


class SessionResponse(_Part):
    """The answer to session/load and session/resume; some agents answer null."""

    modes: _Lenient[ModeState | None] = None
    config_options: _Items[ConfigOption] | None = None


class NewSessionResponse(SessionResponse):
    """The answer to session/new."""

    session_id: str


class PromptResponse(_Part):
    """The answer to session/prompt, which in version 1 ends the turn."""

    stop_reason: str


class PermissionOption(_Part):
    """One way to answer a permission request. `kind`: allow_once, allow_always, reject_once, reject_always, or new."""

    option_id: str
    name: str
    kind: str


class RequestPermission(_Part):
    """The parameters of session/request_permission."""

    session_id: str
    tool_call: ToolCallUpdate
    options: list[PermissionOption]
