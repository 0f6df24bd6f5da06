"""The agent's requests to its client."""

from typing import Any, Literal

from pydantic import Field

from .base import All, Items, Lenient, SchemaModel
from .mcp import EnvVariable
from .updates import ToolCallUpdate


class PermissionOption(SchemaModel):
    """One way to answer a permission request.

    `kind`: allow_once, allow_always, reject_once, reject_always, or a new one; empty where the agent gives none.
    """

    option_id: str
    name: Lenient[str] = ""
    kind: Lenient[str] = ""


class RequestPermission(SchemaModel):
    """The parameters of session/request_permission. Options without an id, which no answer could name, are skipped."""

    session_id: str
    tool_call: ToolCallUpdate
    options: Items[PermissionOption] = Field(default_factory=list)


class CreateElicitation(SchemaModel):
    """The parameters of elicitation/create: the agent asks for values (`form`), or sends the person to a page (`url`).

    It belongs to a session, or to our request with the id `request_id`.
    """

    mode: Literal["form", "url"]
    message: str
    session_id: str | None = None
    request_id: int | str | None = None
    tool_call_id: Lenient[str | None] = None
    requested_schema: dict[str, Any] = Field(default_factory=dict)
    elicitation_id: str | None = None
    url: str | None = None


class ReadTextFile(SchemaModel):
    """The parameters of fs/read_text_file; `line` counts from 1."""

    session_id: str
    path: str
    line: int | None = None
    limit: int | None = None


class WriteTextFile(SchemaModel):
    """The parameters of fs/write_text_file."""

    session_id: str
    path: str
    content: str


class CreateTerminal(SchemaModel):
    """The parameters of terminal/create."""

    session_id: str
    command: str
    args: All[str] = Field(default_factory=list)
    env: All[EnvVariable] = Field(default_factory=list)
    cwd: str | None = None
    output_byte_limit: int | None = None


class UseTerminal(SchemaModel):
    """The parameters of terminal/output, wait_for_exit, kill and release."""

    session_id: str
    terminal_id: str
