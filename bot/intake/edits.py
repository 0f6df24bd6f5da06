"""Applies edits and deletions to messages that still wait; a message that the agent has received stays as it is.

They come from raw events, as the library caches no messages. Messages that waited during an outage are read again.
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
from bot.rest.calls import Urgency
from bot.rest.errors import Gone, RestError
from pool.conversation import Conversation
from pool.journal.message_states import MessageState
from pool.pool import Pool

ATTEMPTS = 3
"""Tries at reading one message."""

WAITING_STATES = {MessageState.RECEIVED, MessageState.HELD}

log = structlog.stdlib.get_logger("bot")


class Edits:
    """Keeps waiting requests equal to their messages."""

    def __init__(self, *, pool: Pool, admission: Admission, context: ExchangeContext) -> None:
        """Apply edits to the conversations of `pool`."""
        self._pool = pool
        self._journal = context.journal
        self._admission = admission
        self._context = context

    def edited(self, message: discord.Message, verdict: Verdict | None = None) -> None:
        """Apply the new text and files of a message, if it still waits and its author may still talk.

        A message that is empty now, such as a bare mention, is withdrawn. `verdict` is the gate's, if known already.
        """
        found = self._waiting(message.channel.id, message.id)
        if found is None:
            return  # A message of an earlier run that is not recovered yet stays stale.
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
        """Withdraw a message, if it still waits."""
        found = self._waiting(channel_id, message_id)
        if found is not None:
            self._context.stale_messages.settle(message_id)
            conversation, exchange, before = found
            log.info("message was deleted", message_id=message_id)
            empty = Request(message_id, before.channel_id, before.thread_id, before.author_id, "")
            self._amend(conversation, exchange, empty)

    def mark_stale(self) -> None:
        """Make all waiting messages stale: they may have changed while the gateway was gone."""
        places: dict[int, int] = {}
        for row in self._journal.messages.open_rows():
            if row.state in WAITING_STATES:
                with suppress(ValueError):  # The recovery reports an unreadable one.
                    places[row.message_id] = read_request(row.request).channel_id
        self._context.stale_messages.begin(places)

    async def refresh(self, channel_id: int, read: Sequence[discord.Message]) -> None:
        """Bring the stale messages of a place up to date; `read` is its history, from the first of them on.

        A message that is missing in it is fetched alone, as a history without permission is empty. A message that
        cannot be fetched stays as it was.
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
                # A newer event has settled the others.
                if verdict is not None and message_id in self._context.stale_messages:
                    self.edited(message, verdict)
            self._context.stale_messages.settle(message_id)

    async def _fetch(self, channel_id: int, message_id: int) -> discord.Message:
        """Read a message. Raises `RestError`."""
        place, context = self._journal.threads.place(channel_id), self._context
        guild_id = None if place is None else place[0]
        read = partial(context.api.message, channel_id, message_id, urgency=Urgency.EDIT, guild_id=guild_id)
        return await context.api.retrying(read, attempts=ATTEMPTS)

    def _waiting(self, channel_id: int, message_id: int) -> tuple[Conversation, Exchange, Request] | None:
        """Find the conversation, exchange and request of a message that the agent has not received.

        The journal comes last: nearly every edit is the bot's own, of a reply that grows.
        """
        for thread_id in (channel_id, message_id):  # A thread opened on a message has its id.
            conversation = self._pool.conversation(thread_id)
            if conversation is None:
                continue
            sent = conversation.find_sent_into_turn(message_id)
            exchange = sent or conversation.find_unsent(message_id)
            # What is sent into a turn may come back, and is then asked as it is.
            if isinstance(exchange, Exchange) and (
                exchange is sent or self._journal.messages.state(message_id) in WAITING_STATES
            ):
                return conversation, exchange, next(each for each in exchange.requests if each.message_id == message_id)
        return None

    def _amend(self, conversation: Conversation, exchange: Exchange, request: Request) -> None:
        """Replace a waiting request; close an exchange without any request left, unless the agent may have it."""
        if exchange.amend(request):
            self._journal.messages.amend(request.message_id, write_request(request))
        elif conversation.find_sent_into_turn(request.message_id) is None:
            conversation.withdraw(exchange, "deleted")
