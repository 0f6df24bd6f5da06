"""Catches up with messages that were written while the bot was away or the gateway was gone.

Each known thread and each allowed channel has a high-water mark. After every READY a place whose newest message lies
above its mark is read from there. Its live messages wait here until then, so that all are accepted in the order of
their ids, and the mark never passes a message that was not judged.

Waiting messages below the mark may have changed too, so the same reading begins with the first of them.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import discord
import structlog

from bot.conversation.exchange import Exchange
from bot.conversation.stale_messages import StaleMessages
from bot.rest.api import DiscordApi
from bot.rest.calls import Urgency
from bot.rest.errors import RestError
from pool.journal.journal import Journal

SLICE = 20
"""Places to start with before other tasks run: after a restart every waiting thread has stale messages."""

log = structlog.stdlib.get_logger("bot")

AcceptMissed = Callable[[discord.Message], Awaitable[Exchange | None]]


@dataclass(frozen=True, slots=True)
class CatchUpLimits:
    """How far back a catch-up goes, in hours and in messages of one place."""

    hours: float = 24.0
    messages: int = 200


@dataclass(slots=True)
class _Gap:
    """What one READY leaves to catch up with. The next READY begins a new one: messages between them may be missing."""

    waiting: dict[int, list[discord.Message]] = field(default_factory=dict)
    """Live messages that are held back, by place."""
    behind: set[int] | None = None
    """The places that are not caught up; None before `run`."""


class CatchUp:
    """The state of one client's catch-up. `begin` at READY, `run` when the guilds are known."""

    def __init__(  # noqa: PLR0913 - what it reads with, and its callbacks
        self,
        *,
        journal: Journal,
        api: DiscordApi,
        limits: CatchUpLimits,
        accept: AcceptMissed,
        open_thread: Callable[[Exchange], Coroutine[Any, Any, None]],
        stale: StaleMessages,
        refresh_stale: Callable[[int, Sequence[discord.Message]], Coroutine[Any, Any, None]],
        on_too_old: Callable[[int], None],
        on_missed: Callable[[int], None],
    ) -> None:
        """`accept` judges and accepts a message, and returns its exchange if that needs a thread.

        `stale` has the messages that may have changed. `refresh_stale` brings those of a place up to date, given the
        messages there from the first of them on. `on_too_old` gets each place with messages beyond the limits, and
        `on_missed` how many messages a place had.
        """
        self._journal = journal
        self._api = api
        self._limits = limits
        self._accept = accept
        self._open_thread = open_thread
        self._stale = stale
        self._refresh_stale = refresh_stale
        self._on_too_old = on_too_old
        self._on_missed = on_missed
        self._gap = _Gap()

    def begin(self) -> None:
        """Hold live messages back from now on."""
        self._gap = _Gap()

    def is_behind(self, channel_id: int) -> bool:
        """Whether a place is not caught up."""
        behind = self._gap.behind
        return behind is None or channel_id in behind

    def hold_back(self, message: discord.Message) -> bool:
        """Hold a live message back and return True, if its place is not caught up. Synchronous, to keep the order."""
        if not self.is_behind(message.channel.id):
            return False
        self._gap.waiting.setdefault(message.channel.id, []).append(message)
        return True

    def amend(self, channel_id: int, message_id: int, edited: discord.Message | None) -> None:
        """Replace a message that is held back with its edited form, or with None remove it."""
        waiting = self._gap.waiting.get(channel_id, [])
        others = [each for each in waiting if each.id != message_id]
        if len(others) < len(waiting):
            self._gap.waiting[channel_id] = [*others, edited] if edited is not None else others

    def note_forum_posts(self, forum_id: int, post_ids: Collection[int], newest: int | None) -> None:
        """Mark the active posts of a forum that are above its mark as missed from their first message on."""
        mark = self._journal.marks.seen(forum_id)
        missed = [] if mark is None else [each for each in post_ids if each > mark]
        seen = self._journal.marks.among(missed)
        # A post's first message has the id of the post.
        self._journal.marks.begin({each: each - 1 for each in missed if each not in seen})
        self._journal.marks.advance(forum_id, max(newest or forum_id, *post_ids, forum_id))

    @property
    def begun(self) -> bool:
        """Whether `run` was called since the last `begin`."""
        return self._gap.behind is not None

    async def run(self, places: Iterable[tuple[int, int | None]]) -> None:
        """Catch up with `places`, given as pairs of an id and its newest message's id. A slow one delays no other.

        Another call takes further places and leaves out those in progress.
        """
        gap, behind, new = self._gap, dict[int, int](), dict[int, int]()
        stale_places, busy = ({}, gap.behind) if gap.behind is not None else (self._stale.places(), set())
        newest_of: dict[int, int | None] = {}
        for channel_id, newest in places:
            if channel_id not in busy:
                newest_of.setdefault(channel_id, newest)  # A post of a forum is a known thread too.
        marks = self._journal.marks.among(newest_of)
        known = self._journal.threads.known(newest_of.keys() - marks.keys())
        for channel_id, newest in newest_of.items():
            # A thread's own id is below all of its messages.
            mark = marks.get(channel_id, channel_id if channel_id in known else None)
            if mark is None:
                # A new place begins with the messages since READY.
                waiting = gap.waiting.get(channel_id, [])
                new[channel_id] = min((message.id for message in waiting), default=(newest or 0) + 1) - 1
            elif newest is not None and newest > mark:
                behind[channel_id] = mark
        self._journal.marks.begin(new)
        current = gap.waiting.keys() - behind.keys() - busy
        gap.behind = busy | current | behind.keys()
        async with asyncio.TaskGroup() as tasks:
            work: list[tuple[str, Callable[[], Coroutine[Any, Any, object]]]]
            work = [(f"catch-up-{each}", partial(self._deliver, gap, each, [], tasks)) for each in current]
            work += [
                (f"catch-up-{each}", partial(self._catch_up, gap, each, mark, tasks)) for each, mark in behind.items()
            ]
            still_stale = stale_places.keys() - behind.keys()
            work += [(f"stale-{each}", partial(self._read, each, sys.maxsize, tasks)) for each in still_stale]
            for number, (name, begin) in enumerate(work, start=1):
                tasks.create_task(begin(), name=name)
                if number % SLICE == 0:
                    await asyncio.sleep(0)

    async def _read(self, channel_id: int, mark: int, tasks: asyncio.TaskGroup) -> list[discord.Message]:
        """Read a place once, from its first stale message or its mark; return the messages above the mark."""
        first = self._stale.places().get(channel_id, mark + 1)
        read = await self._history(channel_id, min(mark, first - 1))
        if read is None:
            self._stale.settle(*self._stale.at(channel_id))
            return []
        tasks.create_task(self._refresh_stale(channel_id, read), name=f"refresh-{channel_id}")
        return [message for message in read if message.id > mark]

    async def _history(self, channel_id: int, after: int) -> list[discord.Message] | None:
        """Read the messages above an id, retrying for as long as Discord asks; None if reading is refused."""
        known = self._journal.threads.place(channel_id)
        guild_id, most = None if known is None else known[0], self._limits.messages + 1
        try:
            return await self._api.retrying(
                lambda: self._api.history(channel_id, after=after, most=most, urgency=Urgency.EDIT, guild_id=guild_id),
                on_failure=lambda error, _: log.info(
                    "a channel cannot be read now", channel_id=channel_id, reason=str(error)
                ),
            )
        except RestError as error:
            log.warning("a channel cannot be read", channel_id=channel_id, reason=str(error))
            return None

    async def _catch_up(self, gap: "_Gap", channel_id: int, mark: int, tasks: asyncio.TaskGroup) -> None:
        missed = await self._read(channel_id, mark, tasks)
        oldest = datetime.now(UTC) - timedelta(hours=self._limits.hours)
        kept = [message for message in missed[-self._limits.messages :] if message.created_at >= oldest]
        self._on_missed(len(kept))
        passed = missed[: len(missed) - len(kept)]
        if passed:
            log.warning("messages are too old to be accepted", channel_id=channel_id)
            self._on_too_old(channel_id)
            self._journal.marks.advance(channel_id, passed[-1].id)
        await self._deliver(gap, channel_id, kept, tasks)

    async def _deliver(
        self, gap: "_Gap", channel_id: int, missed: list[discord.Message], tasks: asyncio.TaskGroup
    ) -> None:
        """Accept the missed and the waiting messages in the order of their ids, until none is left."""
        while messages := {message.id: message for message in (*missed, *gap.waiting.pop(channel_id, []))}:
            missed = []
            for message_id in sorted(messages):
                try:
                    exchange = await self._accept(messages[message_id])
                except Exception:  # one message must not block its place
                    log.exception("a missed message failed", message_id=message_id)
                    exchange = None
                if exchange is not None:
                    tasks.create_task(self._open_thread(exchange), name=f"open-{message_id}")
                self._journal.marks.advance(channel_id, message_id)
                await asyncio.sleep(0)  # The waiting messages are unbounded, and accepting one may not yield.
        if gap.behind is not None:
            gap.behind.discard(channel_id)
