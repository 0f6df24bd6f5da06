"""The services that exchanges share, and the order of the replies in each thread."""

import asyncio
import secrets
from collections.abc import Callable, Collection
from typing import Protocol

from acp.paths import Lanes
from bot import user_messages as words
from bot.access.audit import Audit
from bot.access.membership import Membership
from bot.agents.registry import Agents
from bot.config.appearance import Reactions
from bot.interactions.cards import Cards
from bot.interactions.thread_buttons import warning_view
from bot.prompt.attachments import Attachments
from bot.prompt.request import Request
from bot.reply.notices import MADE_WAY, OFFER, WARNING, Notices
from bot.reply.reply import Reply
from bot.reply.status_reactions import StatusReaction, StatusReactions
from bot.rest.api import DiscordApi
from bot.rest.live_message import LiveMessage
from bot.rest.pacer import Pacer
from bot.text.redaction import Redactor
from pool.journal.journal import Journal, MessageState

from .stale_messages import StaleMessages
from .thread_names import ThreadNames

__all__ = ["Answering", "ExchangeContext"]


class Answering(Protocol):
    """An exchange, as this part knows it: the request, the messages that it answers, and the reply."""

    request: Request
    reply: Reply
    signs: StatusReactions

    @property
    def message_ids(self) -> tuple[int, ...]:
        """The messages, the last one is that of the `request`."""


class ExchangeContext:
    """What exchanges are made with, and which reply of a thread was the last."""

    def __init__(  # noqa: PLR0913 - what an exchange is made with
        self,
        *,
        journal: Journal,
        pacer: Pacer,
        rest: DiscordApi,
        cards: Cards,
        agents: Agents,
        attachments: Attachments,
        redact: Redactor,
        reactions: Reactions,
        membership: Membership,
        audit: Audit,
    ) -> None:
        """`agents` knows each thread's agent, `attachments` has people's files, `audit` who did what.

        `redact` takes secrets out of text for people; `reactions` says which reactions messages get.
        """
        self.journal = journal
        self._last: dict[int, Reply] = {}
        self._working: dict[int, Answering] = {}
        self._left = journal.signs.standing()
        """What an earlier run may have left on messages; on those that come now there is nothing."""
        self.pacer = pacer
        self.rest = rest
        self.cards = cards
        cards.in_turn = self._in_turn
        self.agents = agents
        self.attachments = attachments
        self.redact = redact
        self.naming = ThreadNames(threads=journal.threads, pacer=pacer, rest=rest, redact=redact)
        self.reactions = reactions
        self.membership = membership
        self.link_lanes = Lanes("links")
        self.doubts = StaleMessages()
        """The messages that waited while nobody listened."""
        self.notices = Notices(journal.notices, pacer=pacer, rest=rest)
        self.on_began: Callable[[int], None] = lambda _thread_id: None
        """Learns of a thread in which a turn begins."""
        self.audit = audit

    def sign(self, channel_id: int, message_id: int) -> StatusReaction:
        """Make the status reaction of a message."""
        _, left = self._left.pop(message_id, (channel_id, ()))
        return StatusReaction(
            channel_id, message_id, pacer=self.pacer, rest=self.rest, kept=self.journal.signs, left=left
        )

    def end_signs(self, message_ids: Collection[int]) -> None:
        """Let messages that have ended without an exchange show how, instead of what an earlier run left on them."""
        for message_id in self._left.keys() & message_ids:
            channel_id, _ = self._left[message_id]
            row = self.journal.row(message_id)
            self.sign(channel_id, message_id).show(self.reactions.end(None if row is None else row.reason))

    def line_up(self, thread_id: int, reply: Reply) -> None:
        """Let a reply come after those of its thread that have lined up before."""
        before = self._last.get(thread_id)
        if before is not None:
            reply.follow(before)
        self._last[thread_id] = reply

    def leave_line(self, thread_id: int, reply: Reply) -> None:
        """Learn that a reply is over, or goes elsewhere."""
        if self._last.get(thread_id) is reply:
            del self._last[thread_id]

    def began(self, exchange: Answering) -> None:
        """Learn that it is an exchange's turn: what has waited for that in its thread is over."""
        self._working[exchange.request.message_id] = exchange
        self.notices.end(exchange.request.thread_id, MADE_WAY)
        self.on_began(exchange.request.thread_id)

    def ended(self, exchange: Answering) -> None:
        """Learn that its turn is over."""
        self._working.pop(exchange.request.message_id, None)
        for kind in (WARNING, OFFER):
            self.notices.end(exchange.request.thread_id, kind, exchange.request.message_id)

    def stepped_out(self, exchange: Answering) -> None:
        """Learn that an exchange goes on in another place, where its turn has not come."""
        self._working.pop(exchange.request.message_id, None)
        self.leave_line(exchange.request.thread_id, exchange.reply)

    def _in_turn(self, message_id: int, post: Callable[[], None]) -> None:
        """Call `post` when the replies before that of an exchange have settled."""
        exchange = self._working.get(message_id)
        if exchange is None:
            post()
        else:
            exchange.reply.in_turn(post)

    def settled(self, exchange: Answering, *, confirmed: bool) -> None:
        """Learn that a reply is confirmed, or given up."""
        self.leave_line(exchange.request.thread_id, exchange.reply)
        if not confirmed and self.journal.state(exchange.request.message_id) is MessageState.FINISHED:
            self._undelivered(exchange)
        self.journal.settle(exchange.message_ids, confirmed=confirmed)

    def _undelivered(self, exchange: Answering) -> None:
        """Say in the channel above that an answer could not be posted: the thread is locked. Not if it is gone."""
        exchange.signs.end("failed")
        thread_id = exchange.request.thread_id
        place = self.journal.threads.place(thread_id)
        if place is not None and place[1] != thread_id and thread_id not in self.rest.gone:
            self.tell(place[1], words.undelivered(thread_id, exchange.reply.given_up))

    def tell(self, channel_id: int, text: str) -> None:
        """Post a notice."""
        LiveMessage(channel_id, pacer=self.pacer, rest=self.rest, nonce=secrets.token_hex(8)).show(text)

    def warn(self, kind: str, thread_id: int, message_id: int, text: str) -> None:
        """Post a word about the running turn that answers a message, with a button that stops it.

        It goes with the turn; of each kind the newest one stands.
        """
        self.notices.end(thread_id, kind, message_id)
        self.notices.show(thread_id, kind, text, lambda: warning_view(thread_id, message_id), about=message_id)

    async def finish(self, seconds: float, thread_id: int | None = None) -> None:
        """Wait until every reply that has ended, or those of one thread, is confirmed or given up, for `seconds`.

        One whose thread is not open yet is not waited for: the next run of the bot opens it.
        """
        replies = [reply for key, reply in self._last.items() if thread_id in (None, key) and reply.has_place]
        waits = [asyncio.ensure_future(reply.settled.wait()) for reply in replies if reply.ended or thread_id]
        if waits:
            _, late = await asyncio.wait(waits, timeout=seconds)
            for wait in late:
                wait.cancel()
