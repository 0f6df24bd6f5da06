"""The agent's updates about a turn or a session (schema: SessionUpdate).

A kind that is not known has a type of its own, and so has a known kind whose needed fields are wrong.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from .base import Items, Lenient, SchemaModel, Tokens
from .content import ContentBlock
from .options import ConfigOption

__all__ = [
    "UPDATES",
    "AgentMessageChunk",
    "AgentThoughtChunk",
    "AvailableCommand",
    "AvailableCommandsUpdate",
    "CompactionSummaryChunk",
    "CompactionUpdate",
    "ConfigOptionUpdate",
    "CurrentModeUpdate",
    "Diff",
    "Notice",
    "OtherToolContent",
    "Plan",
    "PlanEntry",
    "SessionInfoUpdate",
    "ToolCall",
    "ToolCallLocation",
    "ToolCallUpdate",
    "ToolContent",
    "ToolTerminal",
    "UnknownUpdate",
    "Update",
    "UsageUpdate",
    "UserMessageChunk",
    "parse_update",
]


class UserMessageChunk(SchemaModel):
    """A piece of the person's own message: replayed by session/load, echoed live by some agents."""

    content: ContentBlock
    message_id: str | None = None


class AgentMessageChunk(SchemaModel):
    """A piece of the agent's answer."""

    content: ContentBlock
    message_id: str | None = None


class AgentThoughtChunk(SchemaModel):
    """A piece of the agent's reasoning."""

    content: ContentBlock
    message_id: str | None = None


class ToolContent(SchemaModel):
    """Content that a tool produced."""

    type: Literal["content"] = "content"
    content: ContentBlock


class Diff(SchemaModel):
    """A file's change; `old_text` is None for a new file."""

    type: Literal["diff"] = "diff"
    path: str
    old_text: str | None = None
    new_text: str


class ToolTerminal(SchemaModel):
    """The output of a terminal that the agent has made through us."""

    type: Literal["terminal"] = "terminal"
    terminal_id: str


class OtherToolContent(SchemaModel):
    """Tool content of a kind that is not known here."""

    type: str = ""


AnyToolContent = Annotated[
    ToolContent | Diff | ToolTerminal | OtherToolContent,
    Field(union_mode="left_to_right"),
]


class ToolCallLocation(SchemaModel):
    """A file, and perhaps a line (from 1), that a tool touches."""

    path: str
    line: int | None = None


MAX_TOOL_CALL_ID = 1000
"""Longest id of a tool call, in characters; each is kept until its turn ends. Those of real agents have some dozens."""


class ToolCallUpdate(SchemaModel):
    """What has become known of a tool call. None: unchanged; lists replace (schema: ToolCallUpdate)."""

    tool_call_id: Annotated[str, Field(max_length=MAX_TOOL_CALL_ID)]
    title: Lenient[str | None] = None
    kind: Lenient[str | None] = None
    status: Lenient[str | None] = None
    content: Items[AnyToolContent] | None = None
    locations: Items[ToolCallLocation] | None = None
    name: Lenient[str | None] = None
    raw_input: Any = None
    raw_output: Any = None


class ToolCall(ToolCallUpdate):
    """The announcement of a tool call. Some agents repeat it, some leave it out: callers upsert by id."""


class PlanEntry(SchemaModel):
    """One step of a plan."""

    content: str
    priority: str = "medium"
    status: str = "pending"


class Plan(SchemaModel):
    """The whole plan; replaces the one before."""

    entries: Items[PlanEntry]


class AvailableCommand(SchemaModel):
    """A command the agent offers, called by `/name` in a prompt."""

    name: str
    description: str = ""
    input: Any = None


class AvailableCommandsUpdate(SchemaModel):
    """All commands the agent offers now."""

    available_commands: Items[AvailableCommand]


class CurrentModeUpdate(SchemaModel):
    """The mode the session is in now."""

    current_mode_id: str


class ConfigOptionUpdate(SchemaModel):
    """All options of the session as they are now."""

    config_options: Items[ConfigOption]


class SessionInfoUpdate(SchemaModel):
    """A patch of the session's description."""

    title: Lenient[str | None] = None
    updated_at: Lenient[str | None] = None


class UsageUpdate(SchemaModel):
    """Context window: tokens used and its size. `cost` is cumulative."""

    used: Tokens
    size: Tokens
    cost: Any = None


class Notice(SchemaModel):
    """Something the agent wants the person to know. `severity`: info, warning, error, or new."""

    severity: str = "info"
    title: str
    description: Lenient[str | None] = None


class CompactionUpdate(SchemaModel):
    """The agent shortens its memory of the session. `status`: in_progress, completed, failed, cancelled, or new."""

    compaction_id: str
    status: str
    summary: Items[ContentBlock] | None = None
    error: Lenient[str | None] = None


class CompactionSummaryChunk(SchemaModel):
    """A piece of the summary that replaces what was compacted."""

    compaction_id: str
    content: ContentBlock


class UnknownUpdate(SchemaModel):
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
    | Notice
    | CompactionUpdate
    | CompactionSummaryChunk
    | UnknownUpdate
)

UPDATES: dict[str, type[Update]] = {
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
    "notice": Notice,
    "compaction_update": CompactionUpdate,
    "compaction_summary_chunk": CompactionSummaryChunk,
}
"""Every kind of session/update that is known."""


def parse_update(raw: dict[str, Any]) -> Update:
    """Read the `update` member of a session/update. Never raises: what does not fit becomes `UnknownUpdate`."""
    kind = str(raw.get("sessionUpdate"))
    try:
        return UPDATES.get(kind, UnknownUpdate).model_validate(raw)
    except ValidationError:
        return UnknownUpdate.model_validate({"sessionUpdate": kind, "malformed": raw})
