"""An exchange that records all calls, and may wait or fail."""

import asyncio
from collections.abc import Sequence

from pydantic import BaseModel

from acp import Event, OpenQuestions, OutOfTurnEvent, Session, Text, Turn
from acp.jsonrpc import RequestId
from acp.schema import PromptCapabilities, TextBlock
from pool.exchange import Exchange, ExchangeRefused, Failed, Notice, Outcome, Unanswered
from pool.place_news import HeldForPlace, Moved, PlaceNews, Retrying, StartQueued, Unconfirmed
from pool.turn_watchdog import WatchdogAlert

CHOICE_SECONDS = 600.0
"""How long a thread waits for a choice about an interrupted exchange."""


class Recorder:
    """Implements `pool.exchange.Exchange`. `told` has a word or two for each call, oldest first.

    `blocks` waits for `fetched`, and `settled` for `confirmed`. Neighbours in the inbox with `joins` are merged.
    `blocks` raises `refuses`, the first event raises `chokes`, and the end raises `breaks`.
    """

    def __init__(
        self,
        *message_ids: int,
        text: str = "hello",
        author_id: int = 7,
        joins: bool = False,
        fetched: asyncio.Event | None = None,
        confirmed: asyncio.Event | None = None,
        refuses: Exception | None = None,
        chokes: Exception | None = None,
        breaks: Exception | None = None,
    ) -> None:
        self.message_ids = message_ids
        self.author_id = author_id
        self.joins = joins
        self.prompt = self.summary = text
        self.told: list[str] = []
        self.events: list[Event] = []
        self.endings: list[Outcome] = []
        self.banned = False
        """Whether its author has lost the right to it."""
        self.can_join = True
        self.deleted = False
        """Whether nothing of it is left to ask."""
        self.asked: asyncio.Event | None = None
        """If there is one, `admitted` waits for it."""
        self.links: asyncio.Event | None = None
        """If there is one, `linked` waits for it."""
        self.news: list[PlaceNews] = []
        """What it was told of its agent's place."""
        self.new_session = False
        """Whether it got the notice that its session is new."""
        self.asking: list[int] = []
        """The threads with open questions, as last shown."""
        self.session: Session | None = None
        self.turn: Turn | None = None
        self.questions: OpenQuestions | None = None
        self._fetched = fetched
        self._confirmed = confirmed
        self._refuses = refuses
        self._chokes = chokes
        self._breaks = breaks
        self._changed = asyncio.Event()
        self.found_awake = False
        """Whether it was told that there is a session already."""

    def __repr__(self) -> str:
        return f"<Recorder {self.message_ids} {self.told}>"

    async def until(self, word: str) -> None:
        """Return when `word` has been recorded, now or before."""
        while word not in self.told:
            self._changed.clear()
            await self._changed.wait()

    async def end(self) -> Outcome:
        """Return how it ended, when it has; two ends are an error."""
        while not self.endings:
            self._changed.clear()
            await self._changed.wait()
        return self.ending

    @property
    def ending(self) -> Outcome:
        """How it ended."""
        (ending,) = self.endings
        return ending

    async def failure(self) -> Exception:
        """Return why it failed, when it has."""
        await self.end()
        return self.error

    @property
    def error(self) -> Exception:
        """Why it failed."""
        assert isinstance(self.ending, Failed)
        return self.ending.error

    @property
    def text(self) -> str:
        """The agent's words, in order."""
        return "".join(event.text for event in self.events if isinstance(event, Text))

    @property
    def places(self) -> list[int]:
        """The places in line that were shown, in order; 0 for out of the line."""
        return [int(word.removeprefix("waiting ")) for word in self.told if word.startswith("waiting ")]

    def _record(self, word: str) -> None:
        self.told.append(word)
        self._changed.set()

    # ---- pool.exchange.Exchange

    def merge_earlier(self, earlier: Exchange) -> bool:
        if not (self.joins and isinstance(earlier, Recorder) and earlier.joins):
            return False
        self.message_ids = (*earlier.message_ids, *self.message_ids)
        self.prompt = f"{earlier.prompt}+{self.prompt}"
        return True

    async def admitted(self) -> None:
        if self.asked is not None:
            await self.asked.wait()
        if self.banned:
            raise ExchangeRefused("no longer allowed")

    async def blocks(self, capabilities: PromptCapabilities) -> Sequence[BaseModel]:
        self._record("blocks")
        if self._fetched is not None:
            await self._fetched.wait()
        if self._refuses is not None:
            raise self._refuses
        return [TextBlock(text=self.prompt)]

    def stored_prompt(self) -> str:
        return self.prompt

    def steered_prompt(self, other: Exchange) -> str:
        return f"{self.prompt}+{other.stored_prompt()}"

    def on_steered(self, other: Exchange, *, certain: bool) -> None:
        self.prompt = self.steered_prompt(other)
        self.message_ids = (*self.message_ids[:-1], *other.message_ids, self.message_ids[-1])
        self._record(f"{'took' if certain else 'may have taken'} {other.message_ids[-1]}")

    def on_returned(self) -> bool:
        self._record("returned")
        return not self.deleted

    def on_interrupted(self, lost: str = "") -> float:
        self._record(f"lost {lost}" if lost else "interrupted")
        return CHOICE_SECONDS

    def on_queued(self, place: int, asking: Sequence[int]) -> None:
        self.asking = [*asking]
        self._record(f"waiting {place}")

    def on_place(self, news: PlaceNews) -> None:
        self.news.append(news)
        match news:
            case StartQueued(place, reason):
                self._record(f"queued at {place}: {reason}")
            case Unconfirmed(place):
                self._record(f"unconfirmed at {place}")
            case Retrying(place, seconds):
                self._record(f"tries {place} in {seconds:g}")
            case HeldForPlace(place, _, elsewhere):
                self._record(" ".join((f"held for {place}", *elsewhere)))

    def on_neighbours(self, thread_ids: Sequence[int], *, waits: bool) -> None:
        self._record(f"{'waits for' if waits else 'next to'} {', '.join(map(str, thread_ids))}")

    def on_starting(self, *, awake: bool = False) -> None:
        self.found_awake = awake
        self._record("starting")

    def on_notice(self, notice: Notice | Moved) -> None:
        if isinstance(notice, Moved):
            self._record(f"moved {notice.earlier} {notice.place}")
        elif notice is Notice.NEW:
            self.new_session = True
        else:
            self._record(notice.name)

    def on_prompted(self, session: Session, turn: Turn) -> None:
        self.session, self.turn = session, turn
        self._record("prompted")

    def on_event(self, event: Event) -> None:
        if self._chokes is not None:
            error, self._chokes = self._chokes, None
            raise error
        self.events.append(event)
        self._record(event.text if isinstance(event, Text) else type(event).__name__)

    async def linked(self) -> None:
        if self.links is not None:
            await self.links.wait()

    def on_alert(self, due: WatchdogAlert, silent_seconds: float) -> None:
        self._record(f"{due.name} {silent_seconds:.0f}")

    def remind(self, request_id: RequestId, seconds_left: float) -> None:
        self._record(f"remind {request_id} {seconds_left:.0f}")

    def on_out_of_turn(self, event: OutOfTurnEvent, questions: OpenQuestions) -> None:
        self.questions = questions
        self._record(f"out-of-turn {type(event).__name__}")
        if self._chokes is not None:
            raise self._chokes

    def on_unanswered(self, request_id: RequestId, why: Unanswered) -> None:
        self._record(f"unanswered {request_id} {why.name}")

    def on_ended(self, outcome: Outcome) -> Sequence[str]:
        self.endings.append(outcome)
        self._record("ended")
        if self._breaks is not None:
            raise self._breaks
        return [self.text] if self.text else []

    async def settled(self) -> None:
        self._record("settling")
        if self._confirmed is not None:
            await self._confirmed.wait()
