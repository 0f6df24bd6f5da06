"""Requests that the bot posts for somebody: each is accepted once, in its place among the messages of others.

That place is known when the message comes by the gateway, or is read in a history. A request of which no message comes
is accepted all the same: when Discord has confirmed it, or at the next READY where the bot has been killed meanwhile.
"""

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Self

import discord
import structlog

from bot.access.gate import Place
from bot.conversation.exchange import Exchange
from bot.prompt.discord_message import mentioned_in, names_in, readable
from bot.prompt.request import read_request
from bot.rest.api import RestError
from pool.journal.posted_requests import Ask

if TYPE_CHECKING:
    from bot.gateway.client import ThreadlineClient

__all__ = ["Posting", "posted", "take_left"]

MESSAGE_SECONDS: Final = 5.0
"""How long the message of a request may come after Discord has confirmed it; both come at about the same time."""

log = structlog.stdlib.get_logger("bot")


class Posting:
    """A request that is being posted; its message may come before Discord has confirmed it."""

    def __init__(self, client: "ThreadlineClient", ask: Ask, author: discord.abc.User) -> None:
        """Nothing is posted yet. `author` is who asks."""
        self._client = client
        self._ask = ask
        self.author = author
        self.accepted = asyncio.Event()

    def __enter__(self) -> Self:
        """Wait for its message."""
        self._client.desk.postings[self._ask.ask_id] = self
        return self

    def __exit__(self, *_: object) -> None:
        """Wait no more."""
        del self._client.desk.postings[self._ask.ask_id]

    async def confirmed(self, message_id: int) -> None:
        """Learn that it stands: if its message does not come it is accepted now, or when its place is caught up."""
        client = self._client
        with suppress(TimeoutError):
            async with asyncio.timeout(MESSAGE_SECONDS):
                await self.accepted.wait()
                return
        if client.intake and not client.is_behind(self._ask.channel_id):
            await _open(client, _accept(client, self._ask, message_id, missed=False))


def posted(client: "ThreadlineClient", message: discord.Message, *, missed: bool) -> Exchange | None:
    """Accept the request that a message of the bot's own is, if it is one; return its exchange. Synchronous."""
    if client.user is None or message.author.id != client.user.id or client.journal.state(message.id) is not None:
        return None
    ask = next((each for each in client.journal.asks.standing() if _is(message, each)), None)
    return None if ask is None else _accept(client, ask, message.id, missed=missed)


async def take_left(client: "ThreadlineClient", ask: Ask) -> None:
    """Accept a request that an earlier run was to post, if it stands and was not accepted."""
    if ask.ask_id in client.desk.postings or ask not in client.journal.asks.standing():
        return
    try:
        own = await client.recovery.drafts.own_messages(ask.channel_id, after=ask.ask_id)
    except RestError as error:
        log.warning("a request cannot be looked for", channel_id=ask.channel_id, reason=str(error))
        own = []
    alike = (each.message_id for each in own if each.content == ask.content.strip())
    message_id = next((each for each in alike if client.journal.state(each) is None), None)
    if message_id is None:
        client.journal.asks.end(ask.ask_id)
        return
    await _open(client, _accept(client, ask, message_id, missed=True))


def _is(message: discord.Message, ask: Ask) -> bool:
    """Whether a message is the request. One that is no answer to a command is known by its words."""
    by = message.interaction_metadata
    if by is not None:
        return by.id == ask.ask_id
    return message.channel.id == ask.channel_id and message.id > ask.ask_id and message.content == ask.content.strip()


def _accept(client: "ThreadlineClient", ask: Ask, message_id: int, *, missed: bool) -> Exchange | None:
    """Accept a request that stands as a message now; return its exchange, whose thread may have to be opened."""
    draft, posting = read_request(ask.request), client.desk.postings.get(ask.ask_id)
    text = readable(draft.text, names_in(None if draft.guild_id is None else client.get_guild(draft.guild_id), {}))
    request = replace(
        draft,
        message_id=message_id,
        thread_id=draft.thread_id or message_id,
        text=text,
        unnamed=draft.guild_id is not None and bool(mentioned_in(text)),
    )
    place = Place(draft.guild_id, ask.channel_id, ask.parent_id, no_thread=draft.no_thread or None)
    author = None if posting is None else posting.author
    exchange = client.take_up(request, author, place, agent=ask.agent, missed=missed)
    client.journal.asks.end(ask.ask_id)
    if posting is not None:
        posting.accepted.set()
    return exchange


async def _open(client: "ThreadlineClient", exchange: Exchange | None) -> None:
    if exchange is not None and not exchange.is_open:
        await client.open_for(exchange)
