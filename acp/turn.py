"""One prompt, from the request to its response: the ordered stream of the agent's events.

Only this module knows how the protocol reports two facts about a prompt, and `Turn` keeps them apart:

| fact       | in protocol version 1                                                                  |
|------------|----------------------------------------------------------------------------------------|
| `taken_in` | the agent's first work on it (text, thought, tool, plan, question), else its response  |
| `ended`    | the response to session/prompt, or the end of the connection                           |

A cancel is a request to the agent, not the end. It sends `session/cancel` and answers open questions `cancelled`; the
stream continues until the response (ACP, Prompt Turn, Cancellation). An agent that does not respond within
`CANCEL_SECONDS` loses its connection, which ends the turn.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Self

from pydantic import ValidationError

from acp.connection import Connection
from acp.defects import Defect, Invalid
from acp.errors import AcpError, AgentClosed, CloseReason, ProtocolError
from acp.events import Answer, Elicitation, Event, MessageBegun, Question, Skipped, Text, Thought, Withdrawn
from acp.jsonrpc import RequestId, Result
from acp.open_questions import OpenQuestions
from acp.pending import Reply
from acp.schema import AgentMessageChunk, AgentThoughtChunk, Plan, PromptResponse, PromptUsage, ToolCallUpdate
from acp.schema.base import said_shortly
from acp.timeouts import CANCEL_SECONDS

HIGH_WATER = 1024 * 1024
LOW_WATER = HIGH_WATER // 4
"""Unread characters of a turn at which reading pauses, and at which it resumes."""

STOP_REASON_LENGTH = 100
"""Characters kept of a stop reason; the protocol's own have at most 17."""

_WORK = (Text, Thought, AgentMessageChunk, AgentThoughtChunk, ToolCallUpdate, Plan, Question, Elicitation)
"""What an agent sends only when it works on a prompt. It reports modes, commands and usage at any time."""

_EVENT_COST = 200


class Turn(OpenQuestions):
    """An asynchronous iterator over the events of one prompt, in the agent's order. It ends when the turn does.

    Afterwards exactly one of `stop_reason` and `error` is set.
    """

    def __init__(self, connection: Connection, session_id: str) -> None:
        """Prepare a turn of `session_id`; `start` sends the prompt."""
        super().__init__()
        self._connection = connection
        self.session_id = session_id
        self._events: deque[tuple[Event, int]] = deque()
        self._waiting = 0
        self._paused = False
        self._wake: asyncio.Future[None] | None = None
        self._grace: asyncio.TimerHandle | None = None
        self._skipped = False
        self._late = False
        """Whether text has come behind the response."""
        self.request_id: RequestId = None
        """The id of the prompt's request; None until it is sent."""
        self.taken_in = False
        """Whether the agent is known to have the person's message."""
        self.ended = False
        """Whether the agent has finished, or never will."""
        self.cancelled = False
        """Whether `cancel` was called."""
        self.stop_reason: str | None = None
        self.usage: PromptUsage | None = None
        """The tokens of the turn, where the agent reports them."""
        self.error: AcpError | None = None
        self.message_id: str | None = None
        """The agent's last message of the turn, where it names its messages."""

    def __repr__(self) -> str:
        """Read like a status line."""
        state = self.stop_reason or (self.error and type(self.error).__name__) or "running"
        return f"<Turn {state}, {len(self._events)} waiting, {len(self._open)} open>"

    @property
    def exhausted(self) -> bool:
        """Whether it has ended and all events were read, so that later updates need no order behind it."""
        return self.ended and not self._events

    async def start(self, prompt: list[dict[str, Any]]) -> None:
        """Send the prompt. Raises `AgentClosed` when nothing was sent."""
        params = {"sessionId": self.session_id, "prompt": prompt}
        self.request_id = await self._connection.start("session/prompt", params, self._replied)

    # ---- the stream

    def __aiter__(self) -> Self:
        """Iterate over the events."""
        return self

    async def __anext__(self) -> Event:
        """Return the next event; one consumer at a time.

        Between two queued events the loop runs other ready callbacks, since one read may bring hundreds of events.
        """
        if self._events:
            await asyncio.sleep(0)
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

    def unread(self) -> Iterator[Event]:
        """Yield the queued events without waiting."""
        while self._events:
            yield self._events.popleft()[0]

    def put(self, event: Event, size: int = 0) -> None:
        """Queue an event of `size` characters. Reading pauses when the queue holds too much.

        Text behind the response is another message than the text before it.
        """
        if self.ended and isinstance(event, Text) and not self._late:
            self._late = True
            self.put(MessageBegun())
        if not self.taken_in and self.request_id is not None and isinstance(event, _WORK):
            self.taken_in = True
        size += _EVENT_COST
        self._events.append((event, size))
        self._waiting += size
        if self._waiting > HIGH_WATER and not self._paused:
            self._paused = True
            self._connection.pause_reading()
        if self._wake is not None:
            self._wake_consumer()

    def put_if_silent(self, event: Event) -> None:
        """Queue an event that only shows that the agent works, unless another one waits, which shows it too."""
        if not self.ended and not self._events:
            self.put(event)

    def _wake_consumer(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def skip(self, defect: Defect) -> None:
        """Note that an update was not read. The stream says so once, however many follow."""
        if not self._skipped:
            self._skipped = True
            self.put(Skipped(defect), len(str(defect)))

    # ---- questions

    def ask(self, question: Question | Elicitation, on_answer: Callable[[Answer | None], None], size: int = 0) -> None:
        """Open a question and queue it; `size` as in `put`. After a cancel it ends immediately, as ACP demands."""
        if self.open(question, on_answer):
            self.put(question, size)

    def take_back(self, request_id: RequestId) -> bool:
        """Withdraw a question for the agent ($/cancel_request). Returns False if it is not open."""
        withdrawn = self.withdraw(request_id)
        if withdrawn:
            self.put(Withdrawn(request_id))
        return withdrawn

    # ---- the end

    def cancel(self) -> None:
        """Ask the agent to stop, without the lock. The turn ends by its response, or after `CANCEL_SECONDS`."""
        if self.cancelled or self.ended:
            return
        self.cancelled = True
        self._connection.notify("session/cancel", {"sessionId": self.session_id})
        self.close_questions()
        self._grace = asyncio.get_running_loop().call_later(CANCEL_SECONDS, self._give_up)

    def _give_up(self) -> None:
        self._connection.close(AgentClosed(CloseReason.CANCEL_IGNORED, seconds=CANCEL_SECONDS))

    def _replied(self, reply: Reply) -> None:
        match reply:
            case Result(_, result):
                self.taken_in = True
                try:
                    response = PromptResponse.model_validate(result)
                except ValidationError as error:
                    self.error = ProtocolError(Invalid(said_shortly(error)), "session/prompt")
                else:
                    self.stop_reason, self.usage = response.stop_reason[:STOP_REASON_LENGTH], response.usage
            case failure:
                self.error = failure
        self._end()

    def _end(self) -> None:
        self.ended = True
        if self._grace is not None:
            self._grace.cancel()
        self.close_questions()
        self._wake_consumer()

    async def settle(self) -> None:
        """Cancel the turn if it runs, and wait for its end. Drops the unread events."""
        self.cancel()
        async for _ in self:
            pass
