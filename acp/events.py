"""The events of a turn and the answers to its questions: a closed set of types for `match`."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Literal

from acp.defects import Defect
from acp.jsonrpc import RequestId
from acp.schema import PermissionOption, ToolCallUpdate, Update


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of the agent's answer. Pieces that arrived together may be one."""

    text: str


@dataclass(frozen=True, slots=True)
class MessageBegun:
    """The text behind this belongs to another message of the agent's than the text before."""


@dataclass(frozen=True, slots=True)
class Thought:
    """A piece of the agent's reasoning. Pieces that arrived together may be one."""

    text: str


class SubagentState(Enum):
    """What a subagent is doing, as far as its agent has said."""

    UNKNOWN = auto()
    RUNNING = auto()
    WAITING = auto()
    """A person must act before it continues."""
    COMPLETED = auto()
    FAILED = auto()
    CANCELLED = auto()


@dataclass(frozen=True, slots=True)
class Subagent:
    """A subagent as its agent describes it now. An equal one may follow: a sign that it works.

    All texts are the agent's, cut to some hundred characters; each may be empty. `depth` is 1 below the main agent.
    """

    session_id: str
    depth: int
    title: str = ""
    description: str = ""
    state: SubagentState = SubagentState.UNKNOWN
    reason: str = ""
    """Why it has failed."""
    cwd: str = ""
    """Its working directory, where that is not the session's."""


@dataclass(frozen=True, slots=True)
class SubagentToolCall:
    """A tool call of a subagent. Its id is unique only among that subagent's."""

    subagent: Subagent
    update: ToolCallUpdate


@dataclass(frozen=True, slots=True)
class Question:
    """The agent asks for permission and waits. Answer with `Turn.answer` and one of the options' ids.

    An agent's request to read or write a file or to run a command is a question too. Then `of_client` is set, and
    `tool_call` and `options` are ours. `subagent` is the one that asks, if it is not the agent itself.
    """

    request_id: RequestId
    tool_call: ToolCallUpdate
    options: tuple[PermissionOption, ...]
    of_client: bool = False
    subagent: Subagent | None = None

    @property
    def rejection(self) -> str | None:
        """The option that denies it: reject_once, else reject_always. None: only `cancelled`, which ends the turn."""
        kinds = {option.kind: option.option_id for option in reversed(self.options)}
        return kinds.get("reject_once", kinds.get("reject_always"))


@dataclass(frozen=True, slots=True)
class Elicitation:
    """The agent asks for values, or wants the person to visit a page. Answer with `Accept` or `Decline`.

    Comes only where `Client.elicitation` names its mode. `schema` describes the form's fields (JSON Schema, one level
    deep). `url` is the page; `ElicitationCompleted` may tell when the person has been there. All of it is the agent's
    text, and not to be trusted.
    """

    request_id: RequestId
    mode: Literal["form", "url"]
    message: str
    schema: Mapping[str, Any]
    url: str | None = None
    elicitation_id: str | None = None
    tool_call_id: str | None = None
    subagent: Subagent | None = None


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The question or elicitation `request_id` is no longer open: the agent took it back."""

    request_id: RequestId


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A question of the agent that could not be read and was refused."""

    defect: Defect


@dataclass(frozen=True, slots=True)
class Skipped:
    """An update of the agent that was not read and so is not shown."""

    defect: Defect


@dataclass(frozen=True, slots=True)
class ElicitationCompleted:
    """The agent knows what the person did on the page of the elicitation `elicitation_id`."""

    elicitation_id: str


OutOfTurnEvent = Question | Elicitation | Withdrawn | ElicitationCompleted
"""The events of questions that an agent asks outside its turns. Only its subagents ask for permission then."""

Event = (
    Text
    | MessageBegun
    | Thought
    | Update
    | Question
    | Elicitation
    | Withdrawn
    | Unreadable
    | Skipped
    | Subagent
    | SubagentToolCall
    | ElicitationCompleted
)


@dataclass(frozen=True, slots=True)
class Accept:
    """The person did what an elicitation asks; `content` has the values of a form by field."""

    content: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Decline:
    """The person does not want to."""


Answer = str | Accept | Decline
"""The answer to a `Question` is an option's id; the other two answer an `Elicitation`."""
