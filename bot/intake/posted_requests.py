"""Requests that the bot posts for a person: each is accepted once, in its order among other messages.

The order is known when the message comes by the gateway or from a history. If it does not come, the request is
accepted after Discord has confirmed it, or at the next READY if the bot was killed before.
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
from bot.rest.api import DiscordApi
from bot.rest.errors import RestError
from pool.journal.journal import Journal
from pool.journal.posted_requests import PostedRequest

from .unfinished_replies import UnfinishedReplies

MESSAGE_SECONDS: Final = 5.0
"""How long the gateway's message may come after the confirmation; usually they come together."""

log = structlog.stdlib.get_logger("bot")


class Accept(Protocol):
    """Puts a request into its thread's inbox, see `Intake.accept`."""

    def __call__(
        self, request: Request, author: discord.abc.User | None, place: Place, *, agent: str, missed: bool
    ) -> Exchange | None:
        """Return its exchange; None if it was accepted before, or is rejected."""


class Posting:
    """A request that is being posted. Its message may come before the confirmation."""

    def __init__(self, ask: PostedRequest, author: discord.abc.User) -> None:
        """Prepare a request of `author`."""
        self.ask = ask
        self.author = author
        self.accepted = asyncio.Event()


class PostedRequests:
    """The requests that are being posted, and those that an earlier run left."""

    def __init__(self, *, journal: Journal, api: DiscordApi, drafts: UnfinishedReplies, accept: Accept) -> None:
        """`drafts` finds messages that an earlier run has posted."""
        self._journal = journal
        self._api = api
        self._drafts = drafts
        self._accept = accept
        self._postings: dict[int, Posting] = {}
        """By `ask_id`."""

    @contextmanager
    def posting(self, ask: PostedRequest, author: discord.abc.User) -> Iterator[Posting]:
        """Expect the message of a request that is being posted."""
        posting = self._postings[ask.ask_id] = Posting(ask, author)
        try:
            yield posting
        finally:
            del self._postings[ask.ask_id]

    async def accept_confirmed(
        self, posting: Posting, message_id: int, *, wanted: Callable[[], bool]
    ) -> Exchange | None:
        """Accept a request that Discord has confirmed, if its message does not come and it is still `wanted`.

        Returns its exchange if it was accepted here.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(MESSAGE_SECONDS):
                await posting.accepted.wait()
                return None
        return self._accept_as(posting.ask, message_id, missed=False) if wanted() else None

    def accept_posted(self, message: discord.Message, *, missed: bool) -> Exchange | None:
        """Accept the posted request that one of the bot's own messages is, if any; return its exchange."""
        if self._journal.messages.state(message.id) is not None:
            return None
        ask = next((each for each in self._journal.posted_requests.all() if _matches(message, each)), None)
        return None if ask is None else self._accept_as(ask, message.id, missed=missed)

    async def recover(self, ask: PostedRequest) -> Exchange | None:
        """Accept a request of an earlier run, if it was posted and not accepted; return its exchange."""
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
        """Accept a request as the message that it has become; return its exchange."""
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
    """Whether a message is the request. A message that answers no command is recognized by its text."""
    by = message.interaction_metadata
    if by is not None:
        return by.id == ask.ask_id
    return message.channel.id == ask.channel_id and message.id > ask.ask_id and message.content == ask.content.strip()
