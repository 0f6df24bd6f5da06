"""One prompt, from the line that carried it to its response: the ordered stream of what the agent does meanwhile.

How a turn ends is known only here. In protocol version 1 the response to session/prompt ends it; a connection that
goes away ends it too.

A cancel is a request to the agent, not the end: `session/cancel` is sent, open questions are answered `cancelled`,
and the stream goes on until the response (ACP, Prompt Turn, Cancellation). An agent that does not respond within
`CANCEL_SECONDS` loses its connection, which ends the turn.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Any, Self

import structlog
from pydantic import ValidationError

from .connection import Connection, Reply
from .errors import AcpError, AgentClosed, ProtocolError, RemoteError
from .jsonrpc import Failure, RequestId, Result
from .schema import PermissionOption, PromptResponse, ToolCallUpdate, Update

__all__ = ["CANCEL_SECONDS", "Event", "Question", "Text", "Thought", "Turn", "Withdrawn"]

CANCEL_SECONDS = 10.0
"""How long an agent may take to end a cancelled turn. Real ones need 0.1 s; a tool being undone may need more."""

HIGH_WATER = 1024 * 1024
LOW_WATER = HIGH_WATER // 4
"""Characters waiting in a turn at which reading pauses, and goes on."""

_EVENT_COST = 200

log = structlog.stdlib.get_logger("acp")


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of the agent's answer, as it arrived."""

    text: str


@dataclass(frozen=True, slots=True)
class Thought:
    """A piece of the agent's reasoning, as it arrived."""

    text: str


@dataclass(frozen=True, slots=True)
class Question:
    """The agent asks for permission and waits. Answer with `Turn.answer` and one of the options' ids."""

    request_id: RequestId
    tool_call: ToolCallUpdate
    options: tuple[PermissionOption, ...]


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The question `request_id` is no longer open: the agent took it back."""

    request_id: RequestId


Event = Text | Thought | Update | Question | Withdrawn


class Turn:
    """An asynchronous iterator over the events of one prompt, in the agent's order. It ends when the turn does.

    Afterwards exactly one of `stop_reason` and `error` is set.
    """

    def __init__(self, connection: Connection, session_id: str) -> None:
        """Prepare a turn of `session_id`; `start` sends the prompt."""
        self._connection = connection
        self._session_id = session_id
        self._events: deque[tuple[Event, int]] = deque()
        self._waiting = 0
        self._paused = False
        self._wake: asyncio.Future[None] | None = None
        self._grace: asyncio.TimerHandle | None = None
        self._questions: dict[RequestId, Question] = {}
        self.cancelled = False
        """Whether `cancel` was called."""
        self.stop_reason: str | None = None
        self.error: AcpError | None = None

    def __repr__(self) -> str:
        """Read like a status line."""
        state = self.stop_reason or (self.error and type(self.error).__name__) or "running"
        return f"<Turn {state}, {len(self._events)} waiting, {len(self._questions)} open>"

    @property
    def ended(self) -> bool:
        """Whether the response is there, or will never come."""
        return self.stop_reason is not None or self.error is not None

    @property
    def exhausted(self) -> bool:
        """Whether it has ended and all of it was read. What comes then has nothing to stay in order behind."""
        return self.ended and not self._events

    @property
    def open_questions(self) -> tuple[Question, ...]:
        """What the agent waits to be told, oldest first."""
        return tuple(self._questions.values())

    def start(self, prompt: list[dict[str, Any]]) -> None:
        """Send the prompt. Raises `AgentClosed` with `handed=False` when nothing could be sent."""
        self._connection.start("session/prompt", {"sessionId": self._session_id, "prompt": prompt}, self._replied)

    # ---- the stream

    def __aiter__(self) -> Self:
        """Iterate over what has arrived and what will."""
        return self

    async def __anext__(self) -> Event:
        """Return the next event; one consumer at a time."""
        while not self._events:
            if self.ended:
                raise StopAsyncIteration
            self._wake = asyncio.get_running_loop().create_future()
            await self._wake
        event, size = self._events.popleft()
        self._waiting -= size
        if self._paused and self._waiting <= LOW_WATER:
            self._paused = False
            self._connection.resume_reading()
        return event

    def put(self, event: Event, size: int = 0) -> None:
        """Append an event; `size` is the characters it holds. Reading pauses when too much is waiting."""
        size += _EVENT_COST
        self._events.append((event, size))
        self._waiting += size
        if self._waiting > HIGH_WATER and not self._paused:
            self._paused = True
            self._connection.pause_reading()
        self._wake_consumer()

    def _wake_consumer(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    # ---- questions

    def ask(self, question: Question) -> None:
        """Take a permission request. After a cancel the answer is `cancelled`, at once, as the protocol demands."""
        if self.cancelled or self.ended:
            self._answer(question.request_id, None)
            return
        self._questions[question.request_id] = question
        self.put(question)

    def answer(self, request_id: RequestId, option_id: str) -> bool:
        """Choose an option of an open question. False: somebody was first, or it is no longer open."""
        if self._questions.pop(request_id, None) is None:
            return False
        self._answer(request_id, option_id)
        return True

    def withdraw(self, request_id: RequestId) -> None:
        """The agent no longer wants an answer ($/cancel_request)."""
        if self._questions.pop(request_id, None) is not None:
            self._answer(request_id, None)
            self.put(Withdrawn(request_id))

    def _answer(self, request_id: RequestId, option_id: str | None) -> None:
        self._connection.answer(request_id, {"outcome": outcome(option_id)})

    # ---- the end

    def cancel(self) -> None:
        """Ask the agent to stop. Needs no lock. The turn ends by its response, or when the grace is over."""
        if self.cancelled or self.ended:
            return
        self.cancelled = True
        self._connection.notify("session/cancel", {"sessionId": self._session_id})
        self._close_questions()
        self._grace = asyncio.get_running_loop().call_later(CANCEL_SECONDS, self._give_up)

    def _give_up(self) -> None:
        self._connection.close(AgentClosed(f"the agent did not end a cancelled turn within {CANCEL_SECONDS:g} s"))

    def _close_questions(self) -> None:
        questions, self._questions = self._questions, {}
        for request_id in questions:
            self._answer(request_id, None)

    def _replied(self, reply: Reply) -> None:
        match reply:
            case Result(_, result):
                try:
                    self.stop_reason = PromptResponse.model_validate(result).stop_reason
                except ValidationError:
                    self.error = ProtocolError(f"session/prompt was answered without a stopReason: {result!r:.200}")
            case Failure(_, code, message, data):
                self.error = RemoteError("session/prompt", code, message, data)
            case error:
                self.error = error
        if self._grace is not None:
            self._grace.cancel()
        self._close_questions()
        self._wake_consumer()

    async def settle(self) -> None:
        """Return when the turn has ended; one that is still running is cancelled first. Drops what nobody read."""
        self.cancel()
        async for _ in self:
            pass


def outcome(option_id: str | None) -> dict[str, str]:
    """Write a RequestPermissionOutcome; None means cancelled."""
    return {"outcome": "cancelled"} if option_id is None else {"outcome": "selected", "optionId": option_id}
