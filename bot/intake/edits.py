"""Applies edits and deletions to messages that still wait.

Taken from the raw events, for the library keeps no messages; and what waited while there were none is looked at again.
What the agent has got already stays as it is.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

import discord
import structlog

from bot.access.admission import Admission
from bot.access.gate import Answer, OpenThread, Verdict
from bot.conversation.exchange import Exchange
from bot.conversation.exchange_context import ExchangeContext
from bot.prompt.discord_message import request_of
from bot.prompt.request import Request, read_request, write_request
from bot.rest.api import Gone, RestError
from bot.rest.calls import Urgency
from pool.conversation import Conversation
from pool.journal.journal import MessageState
from pool.pool import Pool

__all__ = ["Edits"]

ATTEMPTS = 3
"""Tries at reading one message."""

WAITING_STATES = {MessageState.RECEIVED, MessageState.HELD}

log = structlog.stdlib.get_logger("bot")


class Edits:
    """Lets what waits follow its message."""

    def __init__(self, *, pool: Pool, admission: Admission, context: ExchangeContext) -> None:
        """`context` knows the stale messages."""
        self._pool = pool
        self._journal = context.journal
        self._admission = admission
        self._context = context

    def edited(self, message: discord.Message, verdict: Verdict | None = None) -> None:
        """Take up the new text and files of a message, if it still waits and its author may still talk.

        One that says nothing any more, as a bare mention, is taken back: its old words are not what anybody wants now.
        `verdict` is that of the gate, where it was asked before.
        """
        found = self._waiting(message.channel.id, message.id)
        if found is None:
            return  # One that an earlier run left, and that is not taken up yet, stays stale.
        self._context.stale_messages.settle(message.id)
        if not isinstance(verdict or self._admission.judge_edited(message), Answer | OpenThread):
            return
        conversation, exchange, before = found
        now = request_of(message, self._admission.user, thread_id=before.thread_id, joined=before.joined)
        request = replace(before, text=now.text, attachments=now.attachments, quotes=now.quotes)
        if request != before:
            log.info("message was edited", message_id=message.id)
            self._amend(conversation, exchange, request)

    def deleted(self, channel_id: int, message_id: int) -> None:
        """Take a message back, if it still waits."""
        found = self._waiting(channel_id, message_id)
        if found is not None:
            self._context.stale_messages.settle(message_id)
            conversation, exchange, before = found
            log.info("message was deleted", message_id=message_id)
            nothing = Request(message_id, before.channel_id, before.thread_id, before.author_id, "")
            self._amend(conversation, exchange, nothing)

    def mark_stale(self) -> None:
        """Make all waiting messages stale: their changes while the gateway was gone are unknown."""
        places: dict[int, int] = {}
        for row in self._journal.messages.open_rows():
            if row.state in WAITING_STATES:
                with suppress(ValueError):  # One that cannot be read is told of where it is taken up.
                    places[row.message_id] = read_request(row.request).channel_id
        self._context.stale_messages.begin(places)

    async def refresh(self, channel_id: int, read: Sequence[discord.Message]) -> None:
        """Bring the stale messages of a place up to date; `read` is its history, from the first of them on.

        One that is not in it is asked for alone, for a place whose history may not be read looks empty. Where nothing
        can be learned of a message, it stays as it was written.
        """
        found = {message.id: message for message in read}
        for message_id in self._context.stale_messages.at(channel_id):
            try:
                message = found.get(message_id) or await self._fetch(channel_id, message_id)
                verdict = await self._admission.judge_missed_edit(message) if message.edited_at is not None else None
            except Gone:
                self.deleted(channel_id, message_id)
            except RestError as error:
                log.warning("a message that waits cannot be read", message_id=message_id, reason=str(error))
            except Exception:  # one message must not hold up the others
                log.exception("a message could not be looked at", message_id=message_id)
            else:
                # An event that has come meanwhile knows better.
                if verdict is not None and message_id in self._context.stale_messages:
                    self.edited(message, verdict)
            self._context.stale_messages.settle(message_id)

    async def _fetch(self, channel_id: int, message_id: int) -> discord.Message:
        """Read a message, as often as it takes within reason. Raises `RestError`."""
        place, context = self._journal.threads.place(channel_id), self._context
        guild_id = None if place is None else place[0]
        read = partial(context.api.message, channel_id, message_id, urgency=Urgency.EDIT, guild_id=guild_id)
        return await context.api.retrying(read, attempts=ATTEMPTS)

    def _waiting(self, channel_id: int, message_id: int) -> tuple[Conversation, Exchange, Request] | None:
        """Find the conversation, the exchange and the request of a message that the agent has not got yet.

        The journal is asked last: nearly every edit is one of the bot's own, of a reply that grows.
        """
        for thread_id in (channel_id, message_id):  # A thread that is opened on a message has its id.
            conversation = self._pool.conversation(thread_id)
            exchange = conversation.find_unsent(message_id) if conversation is not None else None
            if conversation is None or not isinstance(exchange, Exchange):
                continue
            if self._journal.messages.state(message_id) in WAITING_STATES:
                return conversation, exchange, next(each for each in exchange.requests if each.message_id == message_id)
        return None

    def _amend(self, conversation: Conversation, exchange: Exchange, request: Request) -> None:
        """Put another request in the place of one that waits; an exchange of which nothing is left is closed."""
        if exchange.amend(request):
            self._journal.messages.amend(request.message_id, write_request(request))
        else:
            conversation.withdraw(exchange, "deleted")
