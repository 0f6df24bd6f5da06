"""Ends the work in places that are gone: a deleted thread or channel, a server left, or lost access.

A locked thread refuses every write too, even the edit that removes a button, but it may be unlocked later.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Collection
from typing import Final

import structlog

from bot.conversation.exchange import Exchange
from bot.rest.api import DiscordApi
from pool.journal.journal import Journal
from pool.pool import Pool

SLICE: Final = 50
"""Places to end in one step: each writes to the journal, and a server may have thousands of threads."""

log = structlog.stdlib.get_logger("bot")


class DeletedPlaces:
    """Ends the work in places that are gone: synchronously, but of many places `SLICE` at a time."""

    def __init__(self, *, journal: Journal, pool: Pool, api: DiscordApi, on_gone: Callable[[int], None]) -> None:
        """`on_gone` gets each place that is gone."""
        self._journal = journal
        self._pool = pool
        self._api = api
        self._on_gone = on_gone
        self._ending: deque[int] = deque()

    def is_unopened(self, thread_id: int) -> bool:
        """Whether a request waits for this thread to be opened: until then it is unknown, but not gone."""
        conversation = self._pool.conversation(thread_id)
        waiting = () if conversation is None else (conversation.current, *conversation.queue)
        return any(isinstance(each, Exchange) and not each.is_open for each in waiting)

    def thread_deleted(self, thread_id: int) -> None:
        """End the work in a thread, or another place with a conversation, that is gone or out of reach."""
        self._end([thread_id] if self._journal.threads.knows(thread_id) else ())

    def thread_locked(self, thread_id: int) -> None:
        """Stop the work in a locked thread, where people can neither see the agent's work nor stop it."""
        conversation = self._pool.conversation(thread_id)
        if conversation is not None:
            log.info("the thread of a conversation is locked", thread_id=thread_id)
            conversation.thread_deleted()

    def channel_deleted(self, channel_id: int) -> None:
        """End the work in a channel and its threads."""
        self._end(self._journal.threads.in_channel(channel_id))

    def guild_removed(self, guild_id: int) -> None:
        """End the work in a server that has removed the bot."""
        self._end(self._journal.threads.in_guild(guild_id))

    def mark_reachable(self, channel_id: int) -> None:
        """Record that an event came from a place, so it exists."""
        self._api.gone.discard(channel_id)

    def _end(self, thread_ids: Collection[int]) -> None:
        self._api.gone.update(thread_ids)
        waits = bool(self._ending)
        self._ending.extend(thread_ids)
        if not waits:
            self._end_some()

    def _end_some(self) -> None:
        """End some places, and schedule the rest."""
        try:
            for _ in range(min(SLICE, len(self._ending))):
                self._end_one(self._ending.popleft())
        finally:
            if self._ending:
                asyncio.get_running_loop().call_soon(self._end_some)

    def _end_one(self, thread_id: int) -> None:
        if thread_id not in self._api.gone:
            return  # An event has come from there since.
        conversation = self._pool.conversation(thread_id)
        if conversation is not None:
            log.info("the place of a conversation is gone", thread_id=thread_id)
            conversation.thread_deleted()
        self._on_gone(thread_id)
