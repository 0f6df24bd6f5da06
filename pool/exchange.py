"""The protocol between the pool and an exchange. The bot's exchanges and those of the tests implement it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import ClassVar, Protocol, TypeAlias

from pydantic import BaseModel

from acp import Event, OpenQuestions, OutOfTurnEvent, Session, Turn
from acp.jsonrpc import RequestId
from acp.schema import PromptCapabilities
from pool.turn_watchdog import WatchdogAlert

__all__ = [
    "Cancelled",
    "Completed",
    "Dropped",
    "Exchange",
    "ExchangeFailed",
    "ExchangeRefused",
    "Failed",
    "Notice",
    "Outcome",
    "ShutDown",
    "TakenBack",
    "TimedOut",
    "Unanswered",
]


class Notice(Enum):
    """What a thread is told before the answer. The words are the bot's."""

    FORGOTTEN = auto()
    """The agent cannot go on with the earlier session; this is a new one."""

    NEW = auto()
    """The session is a new one."""

    UNSET = auto()
    """Something that a person had chosen could not be set again."""

    UNASKED = auto()
    """The agent could not be put into its asking mode: it may act without asking."""


class Unanswered(Enum):
    """Why a question was rejected without a person."""

    TIME = auto()
    """The time for an answer is over."""

    OTHERS = auto()
    """Others had long been waiting in line for an agent."""


@dataclass(frozen=True, slots=True)
class Completed:
    """The agent ended the turn by itself, for a stop reason of its own."""

    stop_reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """There is no answer, or not all of it, because of an error. A person may have cancelled it before."""

    error: Exception
    cancelled_by: int | None = None


@dataclass(frozen=True, slots=True)
class Cancelled:
    """A person, by their Discord user id, stopped it; the agent's stop reason, if the turn had begun."""

    by: int
    stop_reason: str | None = None


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The turn went on for longer than one may; the agent's stop reason, if it still gave one."""

    stop_reason: str | None = None


@dataclass(frozen=True, slots=True)
class ShutDown:
    """The bot's own stop cut it off; the agent's stop reason, if it still gave one."""

    stop_reason: str | None = None


@dataclass(frozen=True, slots=True)
class TakenBack:
    """Its author took it back before the agent got it."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """It left the inbox unanswered: a person dropped it, or its thread is gone."""


Outcome: TypeAlias = Completed | Failed | Cancelled | TimedOut | ShutDown | TakenBack | Dropped
"""How an exchange ended."""


class ExchangeFailed(Exception):
    """An exchange cannot be carried out, for a reason outside the agent; the text is for the person."""

    closed_as: ClassVar[str] = "failed"  # In the journal.


class ExchangeRefused(ExchangeFailed):
    """Its author may not have it carried out any more."""

    closed_as = "refused"


class Exchange(Protocol):
    """A user message and its reply. All methods but four are synchronous and must not fail because of Discord."""

    @property
    def summary(self) -> str:
        """What was asked, for people; of any length."""

    @property
    def message_ids(self) -> tuple[int, ...]:
        """The Discord messages it is made of, oldest first."""

    @property
    def author_id(self) -> int:
        """Who wrote it."""

    def merge_earlier(self, earlier: "Exchange") -> bool:
        """Take the messages of the exchange that waits right before this one into this one, if they belong together.

        True: they are this one's now, and nobody asks anything of `earlier` any more.
        """

    async def admitted(self) -> None:
        """Ask whether its author may still have it carried out, now that its turn begins. Raises `ExchangeRefused`."""

    async def blocks(self, capabilities: PromptCapabilities) -> Sequence[BaseModel]:
        """Return the prompt for an agent that takes this; may wait for the thread and for files.

        Raises `ExchangeFailed`.
        """

    def stored_prompt(self) -> str:
        """Return the prompt that `blocks` gave as it is to be kept: a person may want it sent again after a crash."""

    def on_queued(self, place: int, asking: Sequence[int]) -> None:
        """Learn that all slots are taken; `place` counts from 1, and 0 means no longer in line.

        `asking` are threads whose agents wait for a person's answer, and hold slots meanwhile.
        """

    def on_neighbours(self, thread_ids: Sequence[int], *, waits: bool) -> None:
        """Learn which threads work in the same directory; `waits`: until they have ended their turns."""

    def on_starting(self) -> None:
        """Learn that its turn has come: it is no longer behind another exchange."""

    def on_notice(self, notice: Notice) -> None:
        """Tell the thread something before the answer."""

    def on_prompted(self, session: Session, turn: Turn) -> None:
        """Learn that the prompt has been sent."""

    def on_event(self, event: Event) -> None:
        """Take an event of the turn; also one that came after its end, with no other turn in flight."""

    async def linked(self) -> None:
        """Read the files that the last event links to, if it does; the next event waits for that, some seconds at most.

        A late event is not followed by it.
        """

    def on_out_of_turn(self, event: OutOfTurnEvent, questions: OpenQuestions) -> None:
        """Take what the agent asks while no turn of its runs, or takes back; it is answered through `questions`.

        `remind` and `unanswered` may follow, as for a question of the turn.
        """

    def on_alert(self, due: WatchdogAlert, silent_seconds: float) -> None:
        """Learn that the turn is silent, for so long, or that it goes on for long."""

    def remind(self, request_id: RequestId, seconds_left: float) -> None:
        """Learn that a question has been open for long, and is ended in `seconds_left` if nobody answers."""

    def on_unanswered(self, request_id: RequestId, why: Unanswered) -> None:
        """Learn that a question is answered with a rejection, because no person did."""

    def on_ended(self, outcome: Outcome) -> Sequence[str]:
        """Take the end; return all pages of the reply as they must finally stand."""

    async def settled(self) -> None:
        """Wait until the reply is confirmed or given up."""
