"""The events of a turn and the answers to its questions: a closed set of types for `match`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from acp.jsonrpc import RequestId
from acp.schema import PermissionOption, ToolCallUpdate, Update

__all__ = [
    "Accept",
    "Answer",
    "Decline",
    "Elicitation",
    "ElicitationCompleted",
    "Event",
    "OutOfTurnEvent",
    "Question",
    "Skipped",
    "Text",
    "Thought",
    "Unreadable",
    "Withdrawn",
]


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of the agent's answer. Pieces that arrived together may be one."""

    text: str


@dataclass(frozen=True, slots=True)
class Thought:
    """A piece of the agent's reasoning. Pieces that arrived together may be one."""

    text: str


@dataclass(frozen=True, slots=True)
class Question:
    """The agent asks for permission and waits. Answer with `Turn.answer` and one of the options' ids.

    Also what the agent asks of its client is one: a file to read or write, a command to run. Then `of_client` is set,
    and `tool_call` and `options` are ours.
    """

    request_id: RequestId
    tool_call: ToolCallUpdate
    options: tuple[PermissionOption, ...]
    of_client: bool = False

    @property
    def rejection(self) -> str | None:
        """The option to deny it by: reject_once, else reject_always. None: only `cancelled`, which ends the turn."""
        kinds = {option.kind: option.option_id for option in reversed(self.options)}
        return kinds.get("reject_once", kinds.get("reject_always"))


@dataclass(frozen=True, slots=True)
class Elicitation:
    """The agent asks for values, or wants the person to visit a page. Answer with `Accept` or `Decline`.

    Comes only where `Client.elicitation` names its mode. `schema` describes the form's fields (JSON Schema, one level
    deep); `url` is the page, and `ElicitationCompleted` may tell when the person has been there. Nothing here is
    trusted: it is the agent's text.
    """

    request_id: RequestId
    mode: Literal["form", "url"]
    message: str
    schema: Mapping[str, Any]
    url: str | None = None
    elicitation_id: str | None = None
    tool_call_id: str | None = None


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The question or elicitation `request_id` is no longer open: the agent took it back."""

    request_id: RequestId


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The agent asked something of a person that nobody could make sense of. It was refused; `reason` is for people."""

    reason: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """The agent told something that was not read, and that is therefore not shown; `reason` is for people."""

    reason: str


@dataclass(frozen=True, slots=True)
class ElicitationCompleted:
    """What the person did on the page of the elicitation `elicitation_id` has reached the agent."""

    elicitation_id: str


OutOfTurnEvent = Elicitation | Withdrawn | ElicitationCompleted
"""What an agent may ask, or take back, while no turn of its runs."""

Event = Text | Thought | Update | Question | Elicitation | Withdrawn | Unreadable | Skipped | ElicitationCompleted


@dataclass(frozen=True, slots=True)
class Accept:
    """The person did what an elicitation asks; `content` has a form's values by field."""

    content: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Decline:
    """The person does not want to."""


Answer = str | Accept | Decline
"""A `Question` is answered by an option's id, an `Elicitation` by the other two."""
