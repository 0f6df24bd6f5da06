"""Requests that the bot posts for a person: each is accepted once, in its place among other messages.

That place is known when the message comes by the gateway, or is read in a history. A request of which no message comes
is accepted all the same: when Discord has confirmed it, or at the next READY where the bot has been killed meanwhile.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Final, Protocol

import discord
import structlog

from bot.access.gate import Place
from bot.conversation.exchange import Exchange
from bot.prompt.discord_message import mentioned_in, names_in, readable
from bot.prompt.request import Request, read_request
from bot.rest.api import DiscordApi, RestError
from pool.journal.journal import Journal
from pool.journal.posted_requests import PostedRequest

from .unfinished_replies import UnfinishedReplies

__all__ = ["Accept", "PostedRequests", "Posting"]

MESSAGE_SECONDS: Final = 5.0
"""How long the message of a request may come after Discord has confirmed it; both come at about the same time."""

log = structlog.stdlib.get_logger("bot")


class Accept(Protocol):
    """What puts a request into its thread's inbox, see `Intake.accept`."""

    def __call__(
        self, request: Request, author: discord.abc.User | None, place: Place, *, agent: str, missed: bool
    ) -> Exchange | None:
        """Return its exchange; None where it was accepted before, or cannot be accepted now."""


class Posting:
    """A request that is being posted; its message may come before Discord has confirmed it."""

    def __init__(self, ask: PostedRequest, author: discord.abc.User) -> None:
        """Prepare a request of `author`, which is not posted yet."""
        self.ask = ask
        self.author = author
        self.accepted = asyncio.Event()


class PostedRequests:
    """Those that are being posted, and those that an earlier run of the bot was to post."""

    def __init__(self, *, journal: Journal, api: DiscordApi, drafts: UnfinishedReplies, accept: Accept) -> None:
        """`drafts` looks for messages that an earlier run has posted."""
        self._journal = journal
        self._api = api
        self._drafts = drafts
        self._accept = accept
        self._postings: dict[int, Posting] = {}
        """By the ids of their asks."""

    @contextmanager
    def posting(self, ask: PostedRequest, author: discord.abc.User) -> Iterator[Posting]:
        """Wait for the message of a request that is being posted."""
        posting = self._postings[ask.ask_id] = Posting(ask, author)
        try:
            yield posting
        finally:
            del self._postings[ask.ask_id]

    async def accept_confirmed(
        self, posting: Posting, message_id: int, *, wanted: Callable[[], bool]
    ) -> Exchange | None:
        """Learn that it stands: if its message does not come it is accepted now, if that is `wanted` then.

        Returns its exchange if it was accepted here.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(MESSAGE_SECONDS):
                await posting.accepted.wait()
                return None
        return self._accept_as(posting.ask, message_id, missed=False) if wanted() else None

    def accept_posted(self, message: discord.Message, *, missed: bool) -> Exchange | None:
        """Accept the request that a message of the bot's own is, if it is one; return its exchange. Synchronous."""
        if self._journal.messages.state(message.id) is not None:
            return None
        ask = next((each for each in self._journal.posted_requests.all() if _matches(message, each)), None)
        return None if ask is None else self._accept_as(ask, message.id, missed=missed)

    async def recover(self, ask: PostedRequest) -> Exchange | None:
        """Accept a request that an earlier run was to post, if it stands and was not accepted; return its exchange."""
        if ask.ask_id in self._postings or ask not in self._journal.posted_requests.all():
            return None
        try:
            own = await self._drafts.own_messages(ask.channel_id, after=ask.ask_id)
        except RestError as error:
            log.warning("a request cannot be looked for", channel_id=ask.channel_id, reason=str(error))
            own = []
        alike = (each.message_id for each in own if each.content == ask.content.strip())
        message_id = next((each for each in alike if self._journal.messages.state(each) is None), None)
        if message_id is None:
            self._journal.posted_requests.end(ask.ask_id)
            return None
        return self._accept_as(ask, message_id, missed=True)

    def _accept_as(self, ask: PostedRequest, message_id: int, *, missed: bool) -> Exchange | None:
        """Accept a request that stands as a message now; return its exchange, whose thread may have to be opened."""
        draft, posting = read_request(ask.request), self._postings.get(ask.ask_id)
        text = readable(draft.text, names_in(None if draft.guild_id is None else self._api.guild(draft.guild_id), {}))
        request = replace(
            draft,
            message_id=message_id,
            thread_id=draft.thread_id or message_id,
            text=text,
            unnamed=draft.guild_id is not None and bool(mentioned_in(text)),
        )
        place = Place(draft.guild_id, ask.channel_id, ask.parent_id, no_thread=draft.no_thread or None)
        author = None if posting is None else posting.author
        exchange = self._accept(request, author, place, agent=ask.agent, missed=missed)
        self._journal.posted_requests.end(ask.ask_id)
        if posting is not None:
            posting.accepted.set()
        return exchange


def _matches(message: discord.Message, ask: PostedRequest) -> bool:
    """Whether a message is the request. One that is no answer to a command is known by its words."""
    by = message.interaction_metadata
    if by is not None:
        return by.id == ask.ask_id
    return message.channel.id == ask.channel_id and message.id > ask.ask_id and message.content == ask.content.strip()
