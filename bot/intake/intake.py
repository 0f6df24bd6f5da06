"""The intake: every request becomes an exchange in its conversation's inbox here, wherever it comes from.

No step from the first look at a message to its place in the inbox awaits, so that messages keep Discord's order.
"""

import discord
import structlog

from bot.access.admission import Admission
from bot.access.bot_mention import mentions_bot
from bot.access.gate import Answer, Ignore, OpenThread, Place, Refuse, Verdict
from bot.access.throttle import Throttle
from bot.conversation.exchange import Exchange
from bot.conversation.exchange_context import ExchangeContext
from bot.prompt.discord_message import request_of
from bot.prompt.request import Request, write_request
from bot.reply.notices import OFFER
from bot.rest.errors import Gone
from bot.user_messages import access, commands, queue
from pool.conversation import Conversation
from pool.journal.errors import JournalUnwritable
from pool.pool import Pool

from .deleted_places import DeletedPlaces
from .posted_requests import PostedRequests
from .recovery import Recovery
from .rejection_notice import RejectionNotices
from .stop_words import means_stop
from .thread_opener import open_thread_for

log = structlog.stdlib.get_logger("bot")


class Intake:
    """Accepts requests: live and missed messages, commands, and the Continue button."""

    def __init__(
        self,
        *,
        pool: Pool,
        admission: Admission,
        context: ExchangeContext,
        recovery: Recovery,
        places: DeletedPlaces,
    ) -> None:
        """`recovery` knows the interrupted turns without a decision, `places` learns of a message that is gone."""
        self._pool = pool
        self._journal = context.journal
        self._admission = admission
        self._context = context
        self._interruptions = recovery.interruptions
        self._places = places
        self._rejections = RejectionNotices(api=context.api)
        self._helped = Throttle()
        self.posted_requests = PostedRequests(
            journal=self._journal, api=context.api, drafts=recovery.drafts, accept=self.accept
        )
        self.is_open = True
        """Whether messages are accepted; the application closes it when the bot stops."""

    async def handle(self, message: discord.Message) -> None:
        """Judge a live message: accept it and open its thread, or show the refusal."""
        verdict = self._admission.judge(message)
        exchange = self._carry_out(verdict, message)
        if self._admission.covers(message):
            self._journal.marks.advance(message.channel.id, message.id)
        if isinstance(verdict, Refuse):
            await self._admission.show_refusal(message, verdict)
        await self.open_thread(exchange)

    async def handle_missed(self, message: discord.Message) -> Exchange | None:
        """Judge a message that was missed; return its exchange if that needs `open_thread`."""
        verdict = await self._admission.judge_missed(message)
        exchange = self._carry_out(verdict, message, missed=True)
        if isinstance(verdict, Refuse):
            await self._admission.show_refusal(message, verdict)
        return exchange if exchange is not None and not exchange.is_open else None

    def _carry_out(self, verdict: Verdict, message: discord.Message, *, missed: bool = False) -> Exchange | None:
        """Return the exchange that a message becomes by the gate's verdict."""
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
        return None

    def _accept_message(self, message: discord.Message, thread_id: int, *, missed: bool) -> Exchange | None:
        place = self._admission.place(message.guild, message.channel)
        # A post's first message has the id of the post, and joins no earlier conversation.
        joined = place.parent_id is not None and message.id != thread_id and not self._journal.threads.knows(thread_id)
        request = request_of(
            message, self._admission.user, thread_id=thread_id, joined=joined, no_thread=place.no_thread or ""
        )
        if request.is_empty:
            log.info("message is empty", message_id=message.id)
            if not missed and mentions_bot(message, self._admission.user):
                self._help(message)
            return None
        if self._journal.messages.state(message.id) is not None:
            log.info("message was accepted before", message_id=message.id)
            return None
        return self.accept(request, message.author, place, missed=missed)

    def accept(
        self, request: Request, author: discord.abc.User | None, place: Place, *, agent: str = "", missed: bool = False
    ) -> Exchange | None:
        """Put a request into its thread's inbox; `agent` is the one chosen for a new conversation.

        A `missed` request that was written before the question about an interrupted turn waits for that decision.
        Without its `author` it cannot steer. Returns None if it was accepted before, or is rejected. An exchange whose
        thread is not open yet needs `open_thread`.
        """
        thread_id, author_id = request.thread_id, request.author_id
        missed = missed and not self._interruptions.asked_before(thread_id, request.message_id)
        if (bound := self._pool.bound(thread_id, author_id)) is not None:
            self._reject(request, bound.name, access.BOUNDS[bound])
            return None
        conversation = self._pool.conversation(thread_id)
        current = None if conversation is None else conversation.current
        if current is not None and request.is_only_text and means_stop(request.text):
            self._context.warn(OFFER, thread_id, current.message_ids[-1], queue.STOP_OFFERED)
            return None
        waits = missed and self._interruptions.seconds_left(thread_id) > 0
        steers = author is not None and not waits and self._steers(conversation, request, author, place)
        into_turn = steers and conversation is not None and conversation.can_steer
        try:
            if into_turn:
                exchange = self._record(request, place, agent)
                if exchange is not None:
                    self._pool.send_into_turn(thread_id, exchange)
            else:
                exchange = self.enqueue(request, place, agent=agent, missed=missed)
        except JournalUnwritable as error:
            self._reject(request, str(error), access.UNWRITABLE)
            return None
        if exchange is None:
            log.info("message was accepted before", message_id=request.message_id)
            return None
        self._context.audit.record("started", "a message", user_id=author_id, thread_id=thread_id)
        if steers and not into_turn and conversation is not None:
            conversation.steer(exchange, author_id)
            self._context.audit.record("stopped", "a message that steers", user_id=author_id, thread_id=thread_id)
        return exchange

    def enqueue(
        self, request: Request, place: Place, *, agent: str = "", missed: bool = False, first: bool = False
    ) -> Exchange | None:
        """Record a request and put it into its thread's inbox, or `first`; return None if it was accepted before.

        Raises `JournalUnwritable`.
        """
        thread_id = request.thread_id
        exchange = self._record(request, place, agent)
        if exchange is None:
            return None
        seconds = self._interruptions.seconds_left(thread_id) if missed else 0.0
        if seconds > 0:
            self._pool.wait(thread_id, exchange, seconds)
        elif first:
            self._pool.go_first(thread_id, exchange)
        else:
            self._pool.submit(thread_id, exchange)
        return exchange

    def _record(self, request: Request, place: Place, agent: str) -> Exchange | None:
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
        return exchange

    def _steers(
        self, conversation: Conversation | None, request: Request, author: discord.abc.User, place: Place
    ) -> bool:
        """Whether a message that has just come goes into the running turn, or stops it, instead of waiting.

        Its author must have the right to stop the turn. By `auto` it only goes into the turn, and overtakes nothing.
        """
        busy = self._context.agents.config.threads.busy
        if busy == "queue" or conversation is None or conversation.running is None or conversation.current is None:
            return False
        if busy == "auto" and not (conversation.takes_more and not request.text.startswith("/")):
            return False  # A command of the agent's own is one only where it begins a prompt.
        return self._admission.may_stop(author, place, conversation.current.author_id)

    def _help(self, message: discord.Message) -> None:
        """Answer a mention without a word; a person sees this once in ten minutes in each place."""
        if self._helped.allows((message.author.id, message.channel.id)):
            self._context.tell(message.channel.id, access.MENTION_HELP)

    def _reject(self, request: Request, reason: str, text: str) -> None:
        """Tell the author that a message is not accepted. Only a new notice is logged, as there may be thousands."""
        if self._rejections.show(request, text):
            ids = {"message_id": request.message_id, "author_id": request.author_id}
            log.warning("message is turned away", reason=reason, **ids)

    async def open_thread(self, exchange: Exchange | None) -> None:
        """Open the thread that an exchange needs, if any; if that fails, it continues in its channel."""
        if exchange is None or exchange.is_open:
            return
        try:
            await open_thread_for(exchange, context=self._context, pool=self._pool)
        except Gone:
            self._places.thread_deleted(exchange.request.thread_id)  # Its author has deleted it.
            exchange.message_deleted()
        except Exception:  # otherwise its conversation would wait for ever, and its reply never settle
            log.exception("a thread could not be opened", message_id=exchange.request.message_id)
            if not exchange.is_open:
                exchange.not_opened(commands.FAILED)
