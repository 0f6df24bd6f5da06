"""What was written while the bot was away, or while the gateway was gone without a clean resume.

Each known thread and each allowed channel has a high-water mark. After every READY a place whose newest message lies
above its mark is read from there. Until that is done the place's live messages wait here, so that all are taken up in
the order of their ids, and no mark moves past anything that was not looked at.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import discord
import structlog

from pool.journal import Journal

from .exchange import Exchange
from .pacer import Pacer, Urgency
from .rest import Rest, RestError

__all__ = ["CatchUp", "Reach"]

log = structlog.stdlib.get_logger("bot")

Take = Callable[[discord.Message], Awaitable[Exchange | None]]


@dataclass(frozen=True, slots=True)
class Reach:
    """How far back a catch-up goes: so many hours, and so many messages of a place."""

    hours: float = 24.0
    messages: int = 200


class CatchUp:
    """The state of one client's catch-up. `begin` at READY, `run` when the guilds are known."""

    def __init__(
        self,
        *,
        journal: Journal,
        rest: Rest,
        pacer: Pacer,
        reach: Reach,
        take: Take,
        open_thread: Callable[[Exchange], Awaitable[None]],
        beyond: Callable[[int], None],
    ) -> None:
        """`take` judges and accepts a message, and returns its exchange if a thread is to be opened for it.

        `beyond` tells a place that some of its messages were too long ago.
        """
        self._journal = journal
        self._rest = rest
        self._pacer = pacer
        self._reach = reach
        self._take = take
        self._open_thread = open_thread
        self._beyond = beyond
        self._waiting: dict[int, list[discord.Message]] = {}
        self._behind: set[int] | None = None
        """Places that are not caught up; None: which these are is not known yet."""

    def begin(self) -> None:
        """Hold live messages back from now on."""
        self._behind = None

    def holds(self, message: discord.Message) -> bool:
        """Keep a live message back if its place is not caught up. Synchronous, so that the order is kept."""
        channel_id = message.channel.id
        if self._behind is not None and channel_id not in self._behind:
            return False
        self._waiting.setdefault(channel_id, []).append(message)
        return True

    async def run(self, places: Iterable[tuple[int, int | None]]) -> None:
        """Catch up with `places`: ids, each with its newest message's. One that is slow delays no other."""
        behind = {}
        for channel_id, newest in places:
            mark = self._journal.seen(channel_id)
            if mark is None:
                # Never seen before: it begins with the present, but for what came since READY.
                waiting = self._waiting.get(channel_id, [])
                first = min((message.id for message in waiting), default=(newest or 0) + 1)
                self._journal.mark_seen(channel_id, first - 1)
            elif newest is not None and newest > mark:
                behind[channel_id] = mark
        current = {channel_id for channel_id in self._waiting if channel_id not in behind}
        self._behind = current | set(behind)
        async with asyncio.TaskGroup() as tasks:
            for channel_id in current:
                tasks.create_task(self._deliver(channel_id, [], tasks), name=f"catch-up-{channel_id}")
            for channel_id, mark in behind.items():
                tasks.create_task(self._catch_up(channel_id, mark, tasks), name=f"catch-up-{channel_id}")

    async def _catch_up(self, channel_id: int, mark: int, tasks: asyncio.TaskGroup) -> None:
        missed: list[discord.Message] = []
        try:
            await self._pacer.admit(None, Urgency.EDIT)
            missed = await self._rest.history(channel_id, after=mark, most=self._reach.messages + 1)
        except RestError as error:
            log.warning("a channel cannot be read", channel_id=channel_id, reason=str(error))
        oldest = datetime.now(UTC) - timedelta(hours=self._reach.hours)
        kept = [message for message in missed[-self._reach.messages :] if message.created_at >= oldest]
        if len(kept) < len(missed):
            log.warning("messages are too long ago to be taken up", channel_id=channel_id)
            self._beyond(channel_id)
        await self._deliver(channel_id, kept, tasks)

    async def _deliver(self, channel_id: int, missed: list[discord.Message], tasks: asyncio.TaskGroup) -> None:
        """Take up what was missed and what came meanwhile, in the order of their ids, until nothing waits."""
        while messages := {message.id: message for message in (*missed, *self._waiting.pop(channel_id, []))}:
            missed = []
            for message_id in sorted(messages):
                try:
                    exchange = await self._take(messages[message_id])
                except Exception:  # one message must not hold up its place for ever
                    log.exception("a missed message failed", message_id=message_id)
                    exchange = None
                if exchange is not None:
                    tasks.create_task(self._open(exchange), name=f"open-{message_id}")
                self._journal.mark_seen(channel_id, message_id)
        if self._behind is not None:
            self._behind.discard(channel_id)

    async def _open(self, exchange: Exchange) -> None:
        await self._open_thread(exchange)
