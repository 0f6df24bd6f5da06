"""Messages that were edited or deleted after they came: what still waits follows them, and nothing else.

Taken from the raw events, for the library keeps no messages. What the agent has got already stays as it is.
"""

from typing import TYPE_CHECKING

import discord
import structlog

from pool.conversation import Conversation
from pool.journal import State

from .exchange import Exchange
from .gate import Answer, OpenThread
from .message import request_of
from .request import Request, write_request

if TYPE_CHECKING:
    from .client import ThreadlineClient

__all__ = ["deleted", "edited"]

WAITS = {State.RECEIVED, State.HELD}

log = structlog.stdlib.get_logger("bot")


def edited(client: "ThreadlineClient", message: discord.Message) -> None:
    """Take up the new text and files of a message, if it still waits and its author may still talk."""
    found = _waiting(client, message.channel.id, message.id)
    if found is None or not isinstance(client.admission.judge_again(message), Answer | OpenThread):
        return
    conversation, exchange, before = found
    request = request_of(message, client.user, thread_id=before.thread_id, joined=before.joined)
    if request != before and not request.is_empty:
        log.info("message was edited", message_id=message.id)
        _amend(client, conversation, exchange, request)


def deleted(client: "ThreadlineClient", channel_id: int, message_id: int) -> None:
    """Take a message back, if it still waits."""
    found = _waiting(client, channel_id, message_id)
    if found is not None:
        conversation, exchange, before = found
        log.info("message was deleted", message_id=message_id)
        nothing = Request(message_id, before.channel_id, before.thread_id, before.author_id, "")
        _amend(client, conversation, exchange, nothing)


def _waiting(
    client: "ThreadlineClient", channel_id: int, message_id: int
) -> tuple[Conversation, Exchange, Request] | None:
    """Find the conversation, the exchange and the request of a message that the agent has not got yet.

    The journal is asked last: nearly every edit is one of the bot's own, of a reply that grows.
    """
    for thread_id in (channel_id, message_id):  # A thread that is opened on a message has its id.
        conversation = client.pool.conversation(thread_id)
        exchange = conversation.unsent(message_id) if conversation is not None else None
        if conversation is None or not isinstance(exchange, Exchange):
            continue
        if client.journal.state(message_id) in WAITS:
            return conversation, exchange, next(each for each in exchange.requests if each.message_id == message_id)
    return None


def _amend(client: "ThreadlineClient", conversation: Conversation, exchange: Exchange, request: Request) -> None:
    """Put another request in the place of one that waits; an exchange of which nothing is left is closed."""
    if exchange.amend(request):
        client.journal.amend(request.message_id, write_request(request))
    else:
        conversation.withdraw(exchange, "deleted")
