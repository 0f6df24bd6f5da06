"""Messages that were edited or deleted after they came: what still waits follows them, and nothing else.

Taken from the raw events, for the library keeps no messages. What the agent has got already stays as it is.
"""

from typing import TYPE_CHECKING

import discord
import structlog

from pool.journal import State

from .exchange import Exchange
from .gate import Answer, OpenThread
from .message import request_of
from .request import Request, read_request, write_request

if TYPE_CHECKING:
    from .client import ThreadlineClient

__all__ = ["deleted", "edited"]

WAITS = {State.RECEIVED, State.HELD}

log = structlog.stdlib.get_logger("bot")


def edited(client: "ThreadlineClient", message: discord.Message) -> None:
    """Take up the new text and files of a message, if it still waits and its author may still talk."""
    row = client.journal.row(message.id)
    if row is None or row.state not in WAITS:
        return
    if not isinstance(client.admission.judge_again(message), Answer | OpenThread):
        return
    before = read_request(row.request)
    request = request_of(message, client.user, thread_id=row.thread_id, joined=before.joined)
    if request != before and not request.is_empty:
        log.info("message was edited", message_id=message.id)
        _amend(client, request)


def deleted(client: "ThreadlineClient", message_id: int) -> None:
    """Take a message back, if it still waits."""
    row = client.journal.row(message_id)
    if row is None or row.state not in WAITS:
        return
    before = read_request(row.request)
    log.info("message was deleted", message_id=message_id)
    _amend(client, Request(message_id, before.channel_id, before.thread_id, before.author_id, ""))


def _amend(client: "ThreadlineClient", request: Request) -> None:
    """Put another request in the place of one that waits; an exchange of which nothing is left is closed."""
    conversation = client.pool.conversation(request.thread_id)
    exchange = conversation.unsent(request.message_id) if conversation is not None else None
    if conversation is None or not isinstance(exchange, Exchange):
        return
    if exchange.amend(request):
        client.journal.amend(request.message_id, write_request(request))
    else:
        conversation.withdraw(exchange, "deleted")
