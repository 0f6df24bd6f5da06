"""The agent's updates about a turn or a session (schema: SessionUpdate).

An unknown kind, or a known kind with wrong required fields, becomes `UnknownUpdate`.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from .base import Items, Lenient, SchemaModel, Tokens
from .content import ContentBlock
from .options import ConfigOption


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
    """The output of a terminal that the agent created through its client."""

    type: Literal["terminal"] = "terminal"
    terminal_id: str


class OtherToolContent(SchemaModel):
    """Tool content of an unknown kind."""

    type: str = ""


AnyToolContent = Annotated[
    ToolContent | Diff | ToolTerminal | OtherToolContent,
    Field(union_mode="left_to_right"),
]


class ToolCallLocation(SchemaModel):
    """A file, and optionally a line (from 1), that a tool touches."""

    path: str
    line: int | None = None


MAX_TOOL_CALL_ID = 1000
"""Longest id of a tool call, in characters; it is kept until its turn ends. Real agents use some dozens."""


class ToolCallUpdate(SchemaModel):
    """A change of a tool call. None means unchanged; lists replace (schema: ToolCallUpdate)."""

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
    """The announcement of a tool call. Agents may repeat it or leave it out, so callers upsert by id."""


class PlanEntry(SchemaModel):
    """One step of a plan."""

    content: str
    priority: str = "medium"
    status: str = "pending"


class Plan(SchemaModel):
    """The whole plan; replaces the previous one."""

    entries: Items[PlanEntry]


class AvailableCommand(SchemaModel):
    """A command of the agent, called by `/name` in a prompt."""

    name: str
    description: str = ""
    input: Any = None


class AvailableCommandsUpdate(SchemaModel):
    """All current commands of the agent."""

    available_commands: Items[AvailableCommand]


class CurrentModeUpdate(SchemaModel):
    """The current mode of the session."""

    current_mode_id: str


class ConfigOptionUpdate(SchemaModel):
    """All current options of the session."""

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
    """A notice for the person. `severity`: info, warning, error, or a new one."""

    severity: str = "info"
    title: str
    description: Lenient[str | None] = None


class CompactionUpdate(SchemaModel):
    """A compaction of the session's history. `status`: in_progress, completed, failed, cancelled, or a new one."""

    compaction_id: str
    status: str
    summary: Items[ContentBlock] | None = None
    error: Lenient[str | None] = None


class CompactionSummaryChunk(SchemaModel):
    """A piece of the summary that replaces the compacted history."""

    compaction_id: str
    content: ContentBlock


MAX_SESSION_ID = 1000
"""Longest id of a subagent's session, in characters; it is kept. Real agents use some dozens."""


class SubagentStatus(SchemaModel):
    """What a subagent's session is doing. `state`: running, requires_action, idle, unknown, or a new one."""

    state: str
    stop_reason: Lenient[str | None] = None
    error: Any = None


class SubagentUpdate(SchemaModel):
    """A change of a subagent, on the session above it; the first one announces it. Omitted fields stay, None clears.

    Unstable in the schema.
    """

    session_id: Annotated[str, Field(max_length=MAX_SESSION_ID)]
    title: Lenient[str | None] = None
    description: Lenient[str | None] = None
    state: Lenient[SubagentStatus | None] = None
    cwd: Lenient[str | None] = None


class UnknownUpdate(SchemaModel):
    """An update of an unknown kind, or with wrong fields."""

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
    | SubagentUpdate
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
    "subagent_update": SubagentUpdate,
}
"""The known kinds of session/update."""


def parse_update(raw: dict[str, Any]) -> Update:
    """Read the `update` member of a session/update. Never raises: a malformed one becomes `UnknownUpdate`."""
    kind = str(raw.get("sessionUpdate"))
    try:
        return UPDATES.get(kind, UnknownUpdate).model_validate(raw)
    except ValidationError:
        return UnknownUpdate.model_validate({"sessionUpdate": kind, "malformed": raw})
