"""Requests that the bot posts for people: each is accepted once it is posted, also after a kill in between."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import discord
import structlog

from pool.asks import Ask

from .gate import Place
from .message import Name, mentioned_in, names_in, quote_of, readable
from .pacer import Urgency
from .patience import Patience, persist
from .request import Quote, read_request
from .rest import RestError

if TYPE_CHECKING:
    from .client import ThreadlineClient

__all__ = ["accept", "take_left"]

NAMED = 10
"""People whose names are asked for, at most, where a request mentions them."""

log = structlog.stdlib.get_logger("bot")


async def _silent() -> None:
    pass


async def accept(
    client: "ThreadlineClient",
    ask: Ask,
    message_id: int,
    author: discord.abc.User | None = None,
    *,
    on_unreadable: Callable[[], Awaitable[object]] = _silent,
) -> None:
    """Accept a request that is posted now, and open the thread that it needs.

    `on_unreadable` is called where the message that it is about can no longer be read.
    """
    draft = read_request(ask.request)
    quotes = draft.quotes
    if ask.about is not None:
        quote = await _quoted(client, ask.channel_id, ask.about)
        quotes = () if quote is None else (quote,)
        if quote is None:
            await on_unreadable()
    request = replace(
        draft,
        message_id=message_id,
        thread_id=draft.thread_id or message_id,
        text=readable(draft.text, await _names(client, draft.guild_id, draft.text)),
        quotes=quotes,
    )
    place = Place(draft.guild_id, ask.channel_id, ask.parent_id, no_thread=draft.no_thread or None)
    exchange = client.take_up(request, author, place, agent=ask.agent, missed=author is None)
    client.journal.asks.end(ask.ask_id)
    if exchange is not None and not exchange.is_open:
        await client.open_for(exchange)


async def take_left(client: "ThreadlineClient", ask: Ask) -> None:
    """Accept a request that an earlier run was to post, if it is posted and was not accepted."""
    try:
        own = await client.recovery.drafts.own_messages(ask.channel_id, after=ask.ask_id)
    except RestError as error:
        log.warning("a request cannot be looked for", channel_id=ask.channel_id, reason=str(error))
        own = []
    alike = (each.message_id for each in own if each.content == ask.content.strip())
    message_id = next((each for each in alike if client.journal.state(each) is None), None)
    if message_id is None:
        client.journal.asks.end(ask.ask_id)
    else:
        await accept(client, ask, message_id)


async def _names(client: "ThreadlineClient", guild_id: int | None, text: str) -> Name:
    """Return what knows the names in a request. Discord says them with a message, not with a command: it is asked."""
    desk, people = client.desk, dict[int, str]()
    for user_id in mentioned_in(text)[:NAMED]:
        if guild_id is None:
            break
        try:
            await desk.pacer.admit(None, Urgency.FIRST)
            people[user_id] = await desk.rest.display_name(guild_id, user_id)
        except RestError as error:
            log.info("a person cannot be named", user_id=user_id, reason=str(error))
    return names_in(None if guild_id is None else client.get_guild(guild_id), people)


async def _quoted(client: "ThreadlineClient", channel_id: int, message_id: int) -> Quote | None:
    """Read a message again, with its files; None where that is refused. An outage is waited out."""
    try:
        message = await persist(
            lambda: client.desk.rest.message(channel_id, message_id),
            pacer=client.desk.pacer,
            urgency=Urgency.FIRST,
            patience=Patience(),
        )
    except RestError as error:
        log.info("a message cannot be read", message_id=message_id, reason=str(error))
        return None
    return quote_of(message, client.user)
