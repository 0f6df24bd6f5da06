"""The protocol between the pool and an exchange. The bot's exchanges and those of the tests implement it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import ClassVar, Protocol, TypeAlias

from pydantic import BaseModel

from acp import Event, OpenQuestions, OutOfTurnEvent, Session, Turn
from acp.jsonrpc import RequestId
from acp.schema import PromptCapabilities
from pool.place_news import Moved, PlaceNews
from pool.turn_watchdog import WatchdogAlert


class Notice(Enum):
    """A notice to the thread before the answer. The bot has the texts."""

    FORGOTTEN = auto()
    """The agent cannot continue the earlier session; this is a new one."""

    NEW = auto()
    """The session is a new one."""

    UNSET = auto()
    """A mode or option that a person chose could not be set again."""

    UNASKED = auto()
    """The agent could not be put into its asking mode: it may act without asking."""

    LOGGED_OUT = auto()
    """The agent says that it is logged out, so the prompt is likely to fail."""


class Unanswered(Enum):
    """Why a question was rejected without a person."""

    TIME = auto()
    """The time for an answer is over."""

    OTHERS = auto()
    """Other threads had waited in line for long."""


@dataclass(frozen=True, slots=True)
class Completed:
    """The agent ended the turn by itself, for a stop reason of its own."""

    stop_reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """An error ended it without a complete answer. A person may have cancelled it before."""

    error: Exception
    cancelled_by: int | None = None


@dataclass(frozen=True, slots=True)
class Cancelled:
    """A person stopped it: their Discord user id, and the agent's stop reason if the turn had begun."""

    by: int
    stop_reason: str | None = None


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The turn reached its time limit of `seconds`; with the agent's stop reason, if there was one."""

    seconds: float
    stop_reason: str | None = None


@dataclass(frozen=True, slots=True)
class ShutDown:
    """The bot's shutdown ended it; with the agent's stop reason, if there was one."""

    stop_reason: str | None = None


@dataclass(frozen=True, slots=True)
class LinkLost:
    """The connection to the machine of its agent was lost: what the agent has done is not known."""

    place: str


@dataclass(frozen=True, slots=True)
class TakenBack:
    """Its author took it back before the agent got it."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """It left the inbox unanswered: a person dropped it, or its thread is gone."""


Outcome: TypeAlias = Completed | Failed | Cancelled | TimedOut | ShutDown | LinkLost | TakenBack | Dropped
"""How an exchange ended."""


class ExchangeFailed(Exception):
    """An exchange fails for a reason outside the agent. The text is for the person."""

    closed_as: ClassVar[str] = "failed"  # In the journal.


class ExchangeRefused(ExchangeFailed):
    """Its author no longer has the right to it."""

    closed_as = "refused"


class Exchange(Protocol):
    """A user message and its reply. The synchronous methods must not fail because of Discord."""

    @property
    def summary(self) -> str:
        """The request's text for people, of any length."""

    @property
    def message_ids(self) -> tuple[int, ...]:
        """The Discord messages it is made of, oldest first."""

    @property
    def author_id(self) -> int:
        """Who wrote it."""

    def merge_earlier(self, earlier: "Exchange") -> bool:
        """Merge the exchange that waits right before this one into it, if they belong together.

        Return whether they were merged; `earlier` is then no longer used.
        """

    async def admitted(self) -> None:
        """Check that its author still has the right to it. Raises `ExchangeRefused`."""

    async def blocks(self, capabilities: PromptCapabilities) -> Sequence[BaseModel]:
        """Return the prompt for an agent with these capabilities; may wait for the thread and for files.

        Raises `ExchangeFailed`.
        """

    def stored_prompt(self) -> str:
        """Return the prompt of `blocks` as text for the journal, from which a person can send it again."""

    @property
    def can_join(self) -> bool:
        """Whether a running turn may take it in: nothing of its own reply is in the thread, or will be."""

    def steered_prompt(self, other: "Exchange") -> str:
        """Return `stored_prompt` with that of `other` behind it, which is about to be sent into this one's turn."""

    def on_steered(self, other: "Exchange", *, certain: bool) -> None:
        """Take over the messages of `other`, which was sent into this one's turn; `other` is no longer used.

        Without `certain` the agent may have taken it in or not, and people are told.
        """

    def on_returned(self) -> bool:
        """Wait for a turn of its own: the turn that it was sent into has not taken it in.

        Return whether anything is left to ask: edits since then are written down now.
        """

    def on_interrupted(self, lost: str = "") -> float:
        """Ask people what becomes of it: the connection to the place `lost` was lost in its turn.

        Without a place, the agent has begun a turn of its own with it, and was told to end that. Return for how many
        seconds the thread waits for their choice. It is no longer used.
        """

    def on_queued(self, place: int, asking: Sequence[int]) -> None:
        """Show the place in line, from 1; 0 means no longer in line.

        `asking` are the threads that hold slots while their agents wait for a person's answer.
        """

    def on_place(self, news: PlaceNews) -> None:
        """Show what its agent's start waits for at the agent's place."""

    def on_neighbours(self, thread_ids: Sequence[int], *, waits: bool) -> None:
        """Show which threads work in the same directory; `waits`: this one waits for the end of their turns."""

    def on_starting(self, *, awake: bool = False) -> None:
        """Note that it is the current exchange now; `awake` is whether there is a session already."""

    def on_notice(self, notice: Notice | Moved) -> None:
        """Show a notice before the answer."""

    def on_prompted(self, session: Session, turn: Turn) -> None:
        """Note that the prompt is sent."""

    def on_event(self, event: Event) -> None:
        """Handle an event of the turn, or a late one after its end, before the next turn."""

    async def linked(self) -> None:
        """Read the files that the last event links to. The next event waits for that, half a minute at most.

        It is not called after a late event.
        """

    def on_out_of_turn(self, event: OutOfTurnEvent, questions: OpenQuestions) -> None:
        """Handle a question outside the agent's turns, or its withdrawal; `questions` takes the answer.

        `remind` and `on_unanswered` may follow, as for a question of the turn.
        """

    def on_alert(self, due: WatchdogAlert, silent_seconds: float) -> None:
        """Show that the agent is silent for this long, or that the turn is long."""

    def remind(self, request_id: RequestId, seconds_left: float) -> None:
        """Remind people of an open question, which is rejected in `seconds_left`."""

    def on_unanswered(self, request_id: RequestId, why: Unanswered) -> None:
        """Show that a question was rejected without a person."""

    def on_ended(self, outcome: Outcome) -> Sequence[str]:
        """Show how it ended. Return all pages of the complete reply."""

    async def settled(self) -> None:
        """Wait until Discord has confirmed the reply, or it is given up."""
