"""The agent's responses about sessions and prompts."""

from pydantic import Field

from .base import Items, Lenient, SchemaModel, Tokens
from .options import ConfigOption, ModelState, ModeState


class SessionResponse(SchemaModel):
    """The answer to session/load and session/resume; some agents answer null."""

    modes: Lenient[ModeState | None] = None
    config_options: Items[ConfigOption] | None = None
    models: Lenient[ModelState | None] = None


class NewSessionResponse(SessionResponse):
    """The answer to session/new and session/fork."""

    session_id: str


class PromptUsage(SchemaModel):
    """Total tokens of a turn, as far as the agent reports them. Not yet in the schema of version 1."""

    total_tokens: Lenient[Tokens | None] = None


class PromptResponse(SchemaModel):
    """The answer to session/prompt, which in version 1 ends the turn."""

    stop_reason: str
    usage: Lenient[PromptUsage | None] = None


class SessionInfo(SchemaModel):
    """A stored session of the agent. `updated_at` is in the agent's own form, with or without a time zone."""

    session_id: str
    cwd: str = ""
    additional_directories: Items[str] = Field(default_factory=list)
    title: Lenient[str | None] = None
    updated_at: Lenient[str | None] = None


class ListSessionsResponse(SchemaModel):
    """One page of the agent's sessions; the last one has no cursor."""

    sessions: Items[SessionInfo] = Field(default_factory=list)
    next_cursor: Lenient[str | None] = None
