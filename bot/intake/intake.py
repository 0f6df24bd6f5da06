"""The one entrance: how a request becomes an exchange in its conversation's inbox, wherever it comes from.

From the first look at a message to its place in the inbox nothing is awaited, so that messages keep the order in which
Discord gave them.
"""

import discord
import structlog

from bot import user_messages as words
from bot.access.admission import Admission
from bot.access.gate import Answer, Ignore, OpenThread, Place, Refuse, Verdict
from bot.conversation.exchange import Exchange
from bot.conversation.exchange_context import ExchangeContext
from bot.prompt.discord_message import request_of
from bot.prompt.request import Request, write_request
from bot.reply.notices import OFFER
from bot.rest.api import Gone
from pool.conversation import Conversation
from pool.journal.journal import Journal, JournalUnwritable
from pool.pool import Pool

from .deleted_places import DeletedPlaces
from .posted_requests import PostedRequests
from .recovery import Recovery
from .rejection_notice import RejectionNotices
from .stop_words import means_stop
from .thread_opener import open_thread_for

__all__ = ["Intake"]

log = structlog.stdlib.get_logger("bot")


class Intake:
    """Accepts requests: live and missed messages, commands, and the Continue button."""

    def __init__(
        self,
        *,
        pool: Pool,
        journal: Journal,
        admission: Admission,
        context: ExchangeContext,
        recovery: Recovery,
        places: DeletedPlaces,
    ) -> None:
        """`recovery` knows the turns about which nobody has decided yet, `places` learns of a message that is gone."""
        self._pool = pool
        self._journal = journal
        self._admission = admission
        self._context = context
        self._interruptions = recovery.interruptions
        self._places = places
        self._rejections = RejectionNotices(pacer=context.pacer, rest=context.rest)
        self.posted_requests = PostedRequests(
            journal=journal, rest=context.rest, drafts=recovery.drafts, accept=self.accept
        )
        self.is_open = True
        """Whether messages are accepted; not while the bot stops."""

    def message(self, verdict: Verdict, message: discord.Message, *, missed: bool = False) -> Exchange | None:
        """Carry out the gate's verdict about a message. Returns the exchange that it has become, if it has."""
        match verdict:
            case Ignore(reason):
                own = self._admission.user is not None and message.author.id == self._admission.user.id
                if own and (exchange := self.posted_requests.accept_posted(message, missed=missed)) is not None:
                    return exchange
                log.debug("message ignored", message_id=message.id, reason=reason)
            case Answer():
                return self._accept_message(message, message.channel.id, missed=missed)
            case OpenThread():
                # A thread opened on a message has the message's id (Discord, Start Thread from Message).
                return self._accept_message(message, message.id, missed=missed)
            case Refuse():
                pass
        return None

    def _accept_message(self, message: discord.Message, thread_id: int, *, missed: bool) -> Exchange | None:
        place = self._admission.place(message.guild, message.channel)
        # Before a post's first message, which has its id, nothing was said.
        joined = place.parent_id is not None and message.id != thread_id and not self._journal.threads.knows(thread_id)
        request = request_of(
            message, self._admission.user, thread_id=thread_id, joined=joined, no_thread=place.no_thread or ""
        )
        if request.is_empty:
            log.info("message is empty", message_id=message.id)
            return None
        if self._journal.messages.state(message.id) is not None:
            log.info("message was accepted before", message_id=message.id)
            return None
        return self.accept(request, message.author, place, missed=missed)

    def accept(
        self, request: Request, author: discord.abc.User | None, place: Place, *, agent: str = "", missed: bool = False
    ) -> Exchange | None:
        """Put a request into its thread's inbox, where `agent` has been chosen for a conversation that begins.

        One that was `missed` was written before anybody could see the question about an interrupted turn, and waits
        for the choice. Without its `author` at hand it stops nothing.

        None: it was accepted before, or cannot be accepted now. One whose thread is not open yet needs `open_thread`.
        """
        thread_id, author_id = request.thread_id, request.author_id
        if (bound := self._pool.bound(thread_id, author_id)) is not None:
            self._reject(request, bound.name, words.BOUNDS[bound])
            return None
        conversation = self._pool.conversation(thread_id)
        current = None if conversation is None else conversation.current
        if current is not None and request.is_only_text and means_stop(request.text):
            self._context.warn(OFFER, thread_id, current.message_ids[-1], words.STOP_OFFERED)
            return None
        try:
            exchange = self.enqueue(request, place, agent=agent, missed=missed)
        except JournalUnwritable as error:
            self._reject(request, str(error), words.UNWRITABLE)
            return None
        if exchange is None:
            log.info("message was accepted before", message_id=request.message_id)
            return None
        self._context.audit.record("started", "a message", user_id=author_id, thread_id=thread_id)
        waits = missed and self._interruptions.seconds_left(thread_id) > 0
        if author is not None and conversation is not None and not waits:
            self._steer(conversation, exchange, author, place)
        return exchange

    def enqueue(self, request: Request, place: Place, *, agent: str = "", missed: bool = False) -> Exchange | None:
        """Write a request down, and put it into its thread's inbox; None where it was taken before.

        Raises `JournalUnwritable`.
        """
        thread_id, channel_id = request.thread_id, place.parent_id or place.channel_id
        new = self._journal.messages.receive(
            request.message_id,
            thread_id=thread_id,
            channel_id=channel_id,
            guild_id=place.guild_id,
            author_id=request.author_id,
            request=write_request(request),
            assignment=self._context.agents.begin(channel_id, agent),
        )
        if not new:
            return None
        exchange = Exchange(request, self._context)
        exchange.show_accepted()
        if thread_id == request.channel_id:
            exchange.opened(thread_id)
        seconds = self._interruptions.seconds_left(thread_id) if missed else 0.0
        if seconds > 0:
            self._pool.wait(thread_id, exchange, seconds)
        else:
            self._pool.submit(thread_id, exchange)
        return exchange

    def _steer(self, conversation: Conversation, exchange: Exchange, author: discord.abc.User, place: Place) -> None:
        """Let a message that has just come stop the running turn, and go before what waited, if it may."""
        current = conversation.current
        if self._context.agents.config.threads.busy != "steer" or conversation.running is None:
            return
        if self._admission.may_stop(author, place, None if current is None else current.author_id):
            conversation.steer(exchange, exchange.author_id)
            thread_id = exchange.request.thread_id
            self._context.audit.record("stopped", "a message that steers", user_id=author.id, thread_id=thread_id)

    def _reject(self, request: Request, reason: str, said: str) -> None:
        """Say that a message was not accepted; the log has not each of thousands."""
        if self._rejections.show(request, said):
            ids = {"message_id": request.message_id, "author_id": request.author_id}
            log.warning("message is turned away", reason=reason, **ids)

    async def open_thread(self, exchange: Exchange | None) -> None:
        """Open the thread that an exchange needs, if it does; without one it goes on in its channel."""
        if exchange is None or exchange.is_open:
            return
        try:
            await open_thread_for(exchange, context=self._context, pool=self._pool)
        except Gone:
            self._places.thread_deleted(exchange.request.thread_id)  # Whoever asked has taken it back.
            exchange.message_deleted()
        except Exception:  # without an end of this its conversation would wait for ever, and its reply never settle
            log.exception("a thread could not be opened", message_id=exchange.request.message_id)
            if not exchange.is_open:
                exchange.not_opened("something went wrong, and the reason is in the log.")
