"""One user message: its prompt, and where its answer goes."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import discord
import structlog
from pydantic import BaseModel

from acp import AgentClosed, Event, Question, Session, Turn, Withdrawn
from acp.schema import ResourceLink, TextBlock
from pool.exchange import Ending, ExchangeFailed, Notice
from pool.journal import Journal, State

from .markdown import code_block, escape
from .pacer import Pacer
from .permission import Card, Cards
from .reply import Reply
from .rest import Rest
from .signs import DONE, EYE, FAILED, WAITING, Sign, Typing
from .stop import stop_view

__all__ = ["Attachment", "Desk", "Exchange", "Request"]

log = structlog.stdlib.get_logger("bot")

_NOTICES = {
    Notice.FORGOTTEN: "-# ⚠ The agent could not take up the earlier session. It starts anew and knows nothing of it.",
    Notice.UNASKED: "-# ⚠ This agent may act unasked: it could not be put into a mode in which it asks first.",
}

_STOPS = {
    "refusal": "⚠ The agent refused to go on.",
    "max_tokens": "⚠ The agent stopped: it ran out of tokens.",
    "max_turn_requests": "⚠ The agent stopped: it made as many requests as one turn allows.",
    "cancelled": "⏹ The agent ended the turn as cancelled.",
}


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that came with a message, where Discord keeps it."""

    name: str
    url: str
    content_type: str | None
    size: int


@dataclass(frozen=True, slots=True)
class Request:
    """What a person wrote, and where. `thread_id` is where the answer goes; it may have to be opened first."""

    message_id: int
    channel_id: int
    thread_id: int
    author_id: int
    text: str
    attachments: tuple[Attachment, ...] = ()


class Desk:
    """Makes exchanges, and keeps what they share: what they write with, and which reply of a thread was the last."""

    def __init__(
        self, *, journal: Journal, pacer: Pacer, rest: Rest, cards: Cards, redact: Callable[[str], str], reactions: bool
    ) -> None:
        """`redact` takes secrets out of text for people; `reactions` is whether messages get signs."""
        self._journal = journal
        self._last: dict[int, Reply] = {}
        self._working: dict[int, Exchange] = {}
        self.pacer = pacer
        self.rest = rest
        self.cards = cards
        self.redact = redact
        self.reactions = reactions

    def exchange(self, request: Request) -> "Exchange":
        """Take up a request. Its reply comes after those of the thread's earlier ones."""
        exchange = Exchange(request, self, after=self._last.get(request.thread_id))
        self._last[request.thread_id] = exchange.reply
        return exchange

    def began(self, exchange: "Exchange") -> None:
        """Learn that it is an exchange's turn."""
        self._working[exchange.request.message_id] = exchange

    def ended(self, exchange: "Exchange") -> None:
        """Learn that its turn is over."""
        self._working.pop(exchange.request.message_id, None)

    def working(self, message_id: int) -> "Exchange | None":
        """Return the exchange of a message if it is being worked on."""
        return self._working.get(message_id)

    def settled(self, exchange: "Exchange", *, confirmed: bool) -> None:
        """Learn that a reply is confirmed, or given up."""
        thread_id = exchange.request.thread_id
        if self._last.get(thread_id) is exchange.reply:
            del self._last[thread_id]
        if self._journal.state(exchange.request.message_id) is State.FINISHED:
            if confirmed:
                self._journal.answer(exchange.message_ids)
            else:
                self._journal.close_rows(exchange.message_ids, "undeliverable")

    async def finish(self, seconds: float) -> None:
        """Wait until every reply that has ended is confirmed or given up, at most `seconds`."""
        waits = [asyncio.ensure_future(reply.settled.wait()) for reply in self._last.values() if reply.ended]
        if waits:
            _, late = await asyncio.wait(waits, timeout=seconds)
            for wait in late:
                wait.cancel()


class Exchange:
    """A request and its reply; fulfils `pool.exchange.Exchange`."""

    def __init__(self, request: Request, desk: Desk, *, after: Reply | None) -> None:
        """Use `Desk.exchange`."""
        self.request = request
        self._desk = desk
        self.reply = Reply(
            request.message_id,
            pacer=desk.pacer,
            rest=desk.rest,
            after=after,
            on_settled=lambda confirmed: desk.settled(self, confirmed=confirmed),
            stop=self._stop_view,
        )
        self._opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._place: int | None = None
        self._started = False
        self._turn: Turn | None = None
        self._cards: list[Card] = []
        self._typing: Typing | None = None
        self._sign = Sign(request.channel_id, request.message_id, pacer=desk.pacer, rest=desk.rest)
        self._show(EYE)

    @property
    def message_ids(self) -> tuple[int, ...]:
        """The one message."""
        return (self.request.message_id,)

    # ---- its thread

    def waits_for_thread(self) -> None:
        """Learn that the thread cannot be opened yet."""
        self._show(WAITING)

    def opened(self, channel_id: int) -> None:
        """Learn that the thread is there."""
        self._show(EYE)
        self._place = channel_id
        self._opened.set_result(None)
        self._begin()

    def not_opened(self, reason: str) -> None:
        """Learn that there will be no thread; what is to be said is said in the channel."""
        self._place = self.request.channel_id
        self._opened.set_exception(ExchangeFailed(f"I could not open a thread: {reason}"))
        self._opened.exception()  # Also where the exchange was cancelled meanwhile, nothing is left unasked for.
        self._begin()

    def _begin(self) -> None:
        if self._started and self._place is not None:
            self.reply.start(self._place)

    # ---- what the pool tells

    async def blocks(self) -> Sequence[BaseModel]:
        """Return the text, and the attachments as links."""
        await asyncio.shield(self._opened)
        text = [TextBlock(text=self.request.text)] if self.request.text else []
        links = [
            ResourceLink(name=each.name, uri=each.url, mime_type=each.content_type, size=each.size)
            for each in self.request.attachments
        ]
        return [*text, *links]

    def starting(self) -> None:
        """Show that it is this message's turn."""
        self._started = True
        self._desk.began(self)
        self.reply.placeholder("-# ⏳ starting")
        self._begin()

    def waiting(self, place: int) -> None:
        """Show the place in line."""
        busy = f"-# ⏳ all agents are busy; this thread is number {place} in line"
        self.reply.placeholder(busy if place else "-# ⏳ starting")

    def notice(self, notice: Notice) -> None:
        """Say it above the answer."""
        self.reply.line(_NOTICES[notice])

    def prompted(self, _session: Session, turn: Turn) -> None:
        """Show that the agent has it."""
        self._turn = turn
        self.reply.placeholder("-# ⏳ working")
        if self._place is not None:
            desk = self._desk
            self._typing = Typing(self._place, pacer=desk.pacer, rest=desk.rest, wanted=self._is_working)
            self._typing.start()

    def event(self, event: Event) -> None:
        """Show it, or ask it."""
        match event:
            case Question():
                self._ask(event)
            case Withdrawn(request_id):
                self._close_cards("withdrawn by the agent", request_id)
            case _:
                self.reply.apply(event)

    def _ask(self, question: Question) -> None:
        if self._turn is not None and self._place is not None:
            tool_call = self.reply.tool_call(question.tool_call)
            card = self._desk.cards.open(
                question, self._turn, tool_call, channel_id=self._place, asker_id=self.request.author_id
            )
            self._cards.append(card)

    def _close_cards(self, reason: str, *request_ids: int | str | None) -> None:
        """Close these cards, or without ids all of them."""
        for card in [card for card in self._cards if not request_ids or card.question.request_id in request_ids]:
            card.close(reason)
            self._cards.remove(card)

    def ended(self, ending: Ending) -> Sequence[str]:
        """Say how it ended."""
        self._desk.ended(self)
        if self._typing is not None:
            self._typing.stop()
        self._show(FAILED if ending.error is not None else DONE if ending.stop_reason == "end_turn" else None)
        self._close_cards("no longer open: the turn has ended")
        for line in self._closing_words(ending):
            self.reply.line(line)
        return self.reply.end()

    def _closing_words(self, ending: Ending) -> list[str]:
        if ending.shutdown:
            return ["-# ⏹ Threadline was stopped while this was being worked on."]
        if ending.error is not None:
            return self._error_words(ending.error)
        if ending.cancelled_by is not None and ending.stop_reason in (None, "cancelled"):
            return [f"-# ⏹ cancelled by <@{ending.cancelled_by}>"]
        if ending.stop_reason == "end_turn":
            return [] if self.reply.has_text else ["-# The agent ended its turn without a word."]
        if ending.stop_reason is None:
            return []
        return [f"-# {_STOPS.get(ending.stop_reason, f'The turn ended: {escape(ending.stop_reason)}')}"]

    def _error_words(self, error: Exception) -> list[str]:
        reason, _, rest = self._desk.redact(str(error)).partition("\n")
        words = [f"❌ {escape(reason[:500])}"]
        if rest:
            words.append(code_block(rest[-1000:]))
        if isinstance(error, AgentClosed):
            words.append("-# The next message starts the agent again.")
        return words

    async def settled(self) -> None:
        """Wait for the reply."""
        await self.reply.settled.wait()

    # ---- signs

    def _show(self, emoji: str | None) -> None:
        if self._desk.reactions:
            self._sign.show(emoji)

    def _is_working(self) -> bool:
        return self._turn is not None and not self._turn.ended and not self._turn.open_questions

    def _stop_view(self) -> discord.ui.View:
        return stop_view(self._place or self.request.thread_id, self.request.message_id)
