"""Missed messages are read and accepted in order: the library's own messages, and a history in memory."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, cast

import discord
import pytest
from structlog.testing import capture_logs

from bot.conversation.exchange import Exchange
from bot.conversation.stale_messages import StaleMessages
from bot.intake.catch_up import SLICE, CatchUp, CatchUpLimits
from bot.rest.backoff import LONGEST_WAIT
from bot.rest.calls import Urgency
from bot.rest.errors import PermanentError, TryLater
from pool.journal.journal import Journal
from tests.bot.fake_discord import FakeDiscord, accepted, pacing, scratch_journal
from tests.support.virtual_time import elapse, step

pytestmark = pytest.mark.virtual_time

HERE, THERE, ELSEWHERE = 10, 11, 13
NOW = discord.utils.time_snowflake(datetime.now(UTC) - timedelta(minutes=1))
"""The id of a message of a minute ago; others are counted from it."""


class Archive(FakeDiscord):
    """A board with a history: the messages of each place, oldest first. A place in `slow` answers late."""

    def __init__(self) -> None:
        super().__init__()
        self.past: defaultdict[int, list[discord.Message]] = defaultdict(list)
        self.slow: dict[int, asyncio.Event] = {}
        self.asked: list[tuple[int, int, int]] = []

    async def history(
        self, channel_id: int, *, after: int, most: int, urgency: Urgency | None, guild_id: int | None = None
    ) -> list[discord.Message]:
        self.asked.append((channel_id, after - NOW, most))
        await self._call("history", "", urgency)
        found = [message for message in self.past[channel_id] if message.id > after][-most:]
        if channel_id in self.slow:
            await self.slow[channel_id].wait()
        return found


class Stage:
    """A catch-up, and a record of its calls."""

    def __init__(self, journal: Journal, board: Archive, limits: CatchUpLimits) -> None:
        self.journal = journal
        self.board = board
        self.taken: list[tuple[int, int]] = []
        """Place and message in the order of acceptance; ids are counted from NOW."""
        self.read: list[str] = []
        """The contents of those messages."""
        self.too_old: list[int] = []
        self.missed: list[int] = []
        self.opened: list[object] = []
        self.breaks: set[int] = set()
        self.unopened: dict[int, object] = {}
        self.pauses: dict[int, asyncio.Event] = {}
        self.opening = asyncio.Event()
        self.opening.set()
        self.stale = StaleMessages()
        self.refreshed: list[tuple[int, list[int]]] = []
        """Places with refreshed messages, and the history read there."""
        # A real client, never connected: its messages are the library's own.
        self._client = discord.Client(intents=discord.Intents.none())
        self.catch_up = CatchUp(
            journal=journal,
            api=board,
            limits=limits,
            accept=self._accept,
            open_thread=self._open,
            stale=self.stale,
            refresh_stale=self._refresh_stale,
            on_too_old=self.too_old.append,
            on_missed=self.missed.append,
        )

    async def _accept(self, message: discord.Message) -> Exchange | None:
        number = message.id - NOW
        if number in self.pauses:
            await self.pauses[number].wait()
        if number in self.breaks:
            raise RuntimeError("no luck")
        self.taken.append((message.channel.id, number))
        self.read.append(message.content)
        return cast(Exchange | None, self.unopened.get(number))

    async def _refresh_stale(self, channel_id: int, read: Sequence[discord.Message]) -> None:
        if here := self.stale.at(channel_id):
            self.refreshed.append((channel_id, [message.id - NOW for message in read]))
            self.stale.settle(*here)

    async def _open(self, exchange: Exchange) -> None:
        await self.opening.wait()
        self.opened.append(exchange)

    def message(self, channel_id: int, number: int, content: str = "") -> discord.Message:
        """Return a message of the library, in a place."""
        author = {"id": "1", "username": "ann", "discriminator": "0", "avatar": None}
        data: Any = {
            "id": str(NOW + number),
            "channel_id": str(channel_id),
            "author": author,
            "content": content or f"{number}",
            "type": 0,
            "attachments": [],
            "embeds": [],
            "mentions": [],
            "mention_roles": [],
            "flags": 0,
            "timestamp": "2024-01-01T00:00:00+00:00",
            "edited_timestamp": None,
            "pinned": False,
            "tts": False,
            "mention_everyone": False,
            "components": [],
        }
        channel: Any = self._client.get_partial_messageable(channel_id)
        return discord.Message(state=self._client._connection, channel=channel, data=data)

    def past(self, channel_id: int, numbers: Iterable[int]) -> None:
        """Add messages to a place's history."""
        self.board.past[channel_id].extend(self.message(channel_id, number) for number in numbers)

    def comes(self, channel_id: int, number: int) -> bool:
        """Deliver a live message, which joins the history; return whether it was held back."""
        message = self.message(channel_id, number)
        self.board.past[channel_id].append(message)
        held = self.catch_up.hold_back(message)
        if not held:
            self.taken.append((channel_id, number))
            self.journal.marks.advance(channel_id, message.id)
        return held

    def seen(self, channel_id: int) -> int | None:
        """Return a place's mark, counted from NOW."""
        mark = self.journal.marks.seen(channel_id)
        return None if mark is None else mark - NOW

    async def run(self, *channel_ids: int) -> None:
        """Catch up with these places, whose newest messages the gateway knew at READY."""
        await self.catch_up.run(self.places(*channel_ids))

    def places(self, *channel_ids: int) -> list[tuple[int, int | None]]:
        """Return these places with their newest messages."""
        return [(each, self.board.past[each][-1].id if self.board.past[each] else None) for each in channel_ids]


@asynccontextmanager
async def stage(*, seen: dict[int, int] | None = None, limits: CatchUpLimits | None = None) -> AsyncIterator[Stage]:
    """A catch-up after READY, with a journal that has these marks."""
    board = Archive()
    with scratch_journal() as journal:
        async with pacing(board):
            it = Stage(journal, board, limits or CatchUpLimits())
            for channel_id, number in (seen or {}).items():
                journal.marks.advance(channel_id, NOW + number)
            it.catch_up.begin()
            yield it


# ---- what is read


async def test_missed_messages_are_accepted_in_order_and_once() -> None:
    """The mark is at the last one afterwards, and live messages pass (P1, P2)."""
    async with stage(seen={HERE: 3}) as it:
        it.past(HERE, range(1, 8))
        await it.run(HERE)
        assert it.taken == [(HERE, number) for number in (4, 5, 6, 7)]
        assert (it.seen(HERE), it.missed, it.too_old) == (7, [4], [])
        assert not it.comes(HERE, 8)
        it.catch_up.begin()
        await it.run(HERE)
        assert len(it.taken) == 5


async def test_a_place_with_nothing_above_its_mark_costs_no_request() -> None:
    """A restart reads only places with new messages."""
    async with stage(seen=dict.fromkeys(range(100, 300), 5)) as it:
        for channel_id in range(100, 299):
            it.past(channel_id, (4, 5))
        await it.run(*range(100, 300))
        assert it.board.calls == []
        assert not it.comes(100, 6)


async def test_a_place_never_seen_begins_with_the_present() -> None:
    """Only messages since READY count (P1)."""
    async with stage() as it:
        it.past(HERE, (1, 2, 3))
        await it.run(HERE, THERE)
        assert (it.taken, it.board.calls) == ([], [])
        assert it.seen(HERE) == 3
        assert it.journal.marks.seen(THERE) == 0
    async with stage() as it:
        it.past(HERE, (1, 2))
        known = it.places(HERE, THERE)
        assert it.comes(HERE, 3)
        assert it.comes(THERE, 4)
        await it.catch_up.run(known)
        assert sorted(it.taken) == [(HERE, 3), (THERE, 4)]
        assert (it.seen(HERE), it.seen(THERE)) == (3, 4)


async def test_a_known_thread_without_a_mark_is_read_from_its_beginning() -> None:
    """The bot was killed between the message that opened it and the first in it (P8)."""
    async with stage() as it:
        thread_id = NOW
        accepted(it.journal, thread_id, thread_id=thread_id)
        it.past(thread_id, (1, 2))
        await it.run(thread_id)
        assert it.taken == [(thread_id, 1), (thread_id, 2)]


async def test_messages_beyond_the_limit_are_reported_and_not_accepted() -> None:
    """The newest are accepted, the place learns of older ones, and the mark is past all."""
    async with stage(seen={HERE: 0, THERE: 0}, limits=CatchUpLimits(messages=3)) as it:
        it.past(HERE, range(1, 10))
        it.past(THERE, range(1, 4))
        await it.run(HERE, THERE)
        assert [number for place, number in it.taken if place == HERE] == [7, 8, 9]
        assert [number for place, number in it.taken if place == THERE] == [1, 2, 3]
        assert it.too_old == [HERE]
        assert sorted(it.board.asked) == [(HERE, 0, 4), (THERE, 0, 4)]
        assert it.missed == [3, 3]


async def test_messages_that_are_too_old_are_reported_and_not_accepted() -> None:
    """Their ids have the time, which cannot be forged."""
    hours = discord.utils.time_snowflake(datetime.now(UTC) - timedelta(hours=2)) - NOW
    async with stage(seen={HERE: hours - 10}, limits=CatchUpLimits(hours=1)) as it:
        it.past(HERE, (hours - 1, hours, 5))
        await it.run(HERE)
        assert it.taken == [(HERE, 5)]
        assert (it.too_old, it.seen(HERE)) == ([HERE], 5)


async def test_a_place_with_only_old_messages_is_reported_once() -> None:
    """The mark is past them, even if no message is accepted."""
    hours = discord.utils.time_snowflake(datetime.now(UTC) - timedelta(hours=2)) - NOW
    async with stage(seen={HERE: hours - 10}, limits=CatchUpLimits(hours=1)) as it:
        it.past(HERE, (hours - 1, hours))
        await it.run(HERE)
        it.catch_up.begin()
        await it.run(HERE)
        assert (it.taken, it.too_old, it.seen(HERE)) == ([], [HERE], hours)
        assert len(it.board.asked) == 1


# ---- messages that waited


async def test_stale_messages_are_read_together_with_missed_ones() -> None:
    """A place is read once, from its first stale message on, and accepted messages are not accepted again."""
    async with stage(seen={HERE: 5, THERE: 5}) as it:
        for place in (HERE, THERE):
            it.past(place, range(1, 8))
        it.stale.begin({NOW + 3: HERE, NOW + 5: HERE, NOW + 4: ELSEWHERE})
        it.past(ELSEWHERE, (4,))
        it.journal.marks.advance(ELSEWHERE, NOW + 4)
        await it.run(HERE, THERE, ELSEWHERE)
        assert sorted(it.board.asked) == [(HERE, 2, 201), (THERE, 5, 201), (ELSEWHERE, 3, 201)]
        assert sorted(it.refreshed) == [(HERE, [3, 4, 5, 6, 7]), (ELSEWHERE, [4])]
        assert sorted(it.taken) == [(HERE, 6), (HERE, 7), (THERE, 6), (THERE, 7)]


async def test_stale_messages_in_an_unreadable_place_are_settled() -> None:
    """They stay as they were written, and their turns are not delayed."""
    async with stage(seen={HERE: 5}) as it:
        it.stale.begin({NOW + 3: HERE})
        it.board.faults.append(PermanentError("Missing Access"))
        await it.run()
        assert (it.refreshed, it.stale.at(HERE)) == ([], [])


async def test_a_thousand_places_are_started_some_at_a_time() -> None:
    """After a kill all waiting messages are stale; other tasks run in between."""
    async with stage() as it:
        it.stale.begin({NOW + number: number for number in range(1, 101)})
        running = asyncio.create_task(it.catch_up.run([]))
        begun = [0]
        while begun[-1] < 100:
            await step()
            begun.append(sum(task.get_name().startswith("stale-") for task in asyncio.all_tasks()))
        assert max(after - before for before, after in pairwise(begun)) <= SLICE
        await running
        assert len(it.refreshed) == 100


# ---- live messages meanwhile


async def test_others_get_the_event_loop_between_any_two_live_messages_that_waited() -> None:
    """Many may wait before the guilds are known, and accepting one may not yield."""
    async with stage(seen={HERE: 0}) as it:
        places = it.places(HERE)
        for number in range(1, 50):
            assert it.comes(HERE, number)
        running = asyncio.create_task(it.catch_up.run(places))
        taken = [0]
        while not running.done():
            await step()
            taken.append(len(it.taken))
        assert taken[-1] == 49
        assert max(after - before for before, after in pairwise(taken)) == 1


async def test_live_messages_wait_until_the_missed_ones_are_before_them() -> None:
    """Each is accepted once, in the order of the ids, even if the history has it too (P2, P3)."""
    async with stage(seen={HERE: 0}) as it:
        it.past(HERE, (1, 2))
        assert it.comes(HERE, 3)
        it.board.slow[HERE] = asyncio.Event()
        running = asyncio.create_task(it.run(HERE))
        await elapse(1)
        assert it.comes(HERE, 5)
        assert it.comes(HERE, 4)
        assert (it.taken, it.seen(HERE)) == ([], 0)
        it.board.slow[HERE].set()
        await running
        assert it.taken == [(HERE, number) for number in (1, 2, 3, 4, 5)]
        assert it.seen(HERE) == 5


async def test_a_message_that_is_held_back_follows_its_edits() -> None:
    """An edit counts, and a deleted message is no request any more."""
    async with stage(seen={HERE: 0}) as it:
        assert it.comes(HERE, 1)
        assert it.comes(HERE, 2)
        it.catch_up.amend(HERE, NOW + 1, it.message(HERE, 1, "corrected"))
        it.catch_up.amend(HERE, NOW + 2, None)
        it.board.past[HERE] = [it.message(HERE, 1)]  # As it was read before the edit.
        await it.run(HERE)
        assert it.read == ["corrected"]


async def test_a_message_that_comes_while_others_are_accepted_waits_behind_them() -> None:
    """Until the last moment it is neither lost nor first (P5)."""
    async with stage(seen={HERE: 0}) as it:
        it.past(HERE, (1, 2))
        it.pauses[2] = asyncio.Event()
        it.pauses[3] = asyncio.Event()
        running = asyncio.create_task(it.run(HERE))
        await elapse(1)
        assert it.comes(HERE, 3)
        it.pauses[2].set()
        await elapse(1)
        assert it.comes(HERE, 4)
        it.pauses[3].set()
        await running
        assert it.taken == [(HERE, number) for number in (1, 2, 3, 4)]
        assert not it.comes(HERE, 5)


async def test_a_place_that_is_slow_delays_no_other() -> None:
    """Its own messages wait; other places' do not, and a place without missed messages is live immediately (P25)."""
    async with stage(seen={HERE: 0, THERE: 0, 12: 0}) as it:
        for channel_id in (HERE, THERE):
            it.past(channel_id, (1,))
        it.board.slow[HERE] = asyncio.Event()
        running = asyncio.create_task(it.run(HERE, THERE, 12))
        await elapse(1)
        assert it.taken == [(THERE, 1)]
        assert not it.comes(THERE, 2)
        assert not it.comes(12, 2)
        assert it.comes(HERE, 2)
        it.board.slow[HERE].set()
        await running
        assert it.taken[-2:] == [(HERE, 1), (HERE, 2)]


async def test_places_that_come_later_are_caught_up_with_in_parallel() -> None:
    """The places of a late server are read, and those in progress are not read twice (P1)."""
    async with stage(seen={HERE: 0, THERE: 0}) as it:
        assert not it.catch_up.begun
        for channel_id in (HERE, THERE):
            it.past(channel_id, (1,))
        it.board.slow[HERE], it.board.slow[THERE] = asyncio.Event(), asyncio.Event()
        first = asyncio.create_task(it.run(HERE))
        await elapse(1)
        assert it.catch_up.begun
        late = asyncio.create_task(it.run(HERE, THERE))
        await elapse(1)
        assert it.comes(HERE, 2)
        assert it.comes(THERE, 2)
        it.board.slow[HERE].set()
        it.board.slow[THERE].set()
        await asyncio.gather(first, late)
        assert sorted(it.taken) == [(HERE, 1), (HERE, 2), (THERE, 1), (THERE, 2)]
        assert len(it.board.asked) == 2


async def test_the_mark_never_passes_a_message_that_was_not_judged() -> None:
    """After a kill during a catch-up the next start begins with the first message that was not accepted (P1)."""
    async with stage(seen={HERE: 0}) as it:
        it.past(HERE, (1, 2, 3))
        it.pauses[2] = asyncio.Event()
        running = asyncio.create_task(it.run(HERE))
        await elapse(1)
        assert it.comes(HERE, 4)
        assert it.seen(HERE) == 1
        running.cancel()
        await asyncio.wait([running])
        assert it.seen(HERE) == 1


async def test_a_second_outage_in_the_middle_of_a_catch_up_loses_nothing() -> None:
    """Messages between the two READYs may be missing, so the place is read again, in order (P3)."""
    async with stage(seen={HERE: 0}) as it:
        it.past(HERE, (1, 2))
        it.board.slow[HERE] = asyncio.Event()
        first = asyncio.create_task(it.run(HERE))
        await elapse(1)
        assert it.comes(HERE, 3)
        it.past(HERE, (4, 5))  # While the gateway was gone.
        it.catch_up.begin()
        assert it.comes(HERE, 6)
        it.board.slow.pop(HERE).set()
        await first
        assert (HERE, 6) not in it.taken
        assert it.comes(HERE, 7)
        await it.run(HERE)
        numbers = [number for _, number in it.taken]
        assert list(dict.fromkeys(numbers)) == [1, 2, 3, 4, 5, 6, 7]
        assert not it.comes(HERE, 8)


# ---- what fails


async def test_a_message_that_fails_delays_neither_its_place_nor_the_others() -> None:
    """It is logged and skipped."""
    async with stage(seen={HERE: 0}) as it:
        it.past(HERE, (1, 2, 3))
        it.breaks.add(2)
        with capture_logs() as logs:
            await it.run(HERE)
        assert [log["message_id"] - NOW for log in logs if log["event"] == "a missed message failed"] == [2]
        assert (it.taken, it.seen(HERE)) == ([(HERE, 1), (HERE, 3)], 3)


async def test_a_place_is_read_until_discord_answers() -> None:
    """The waits grow; live messages wait too, and no message is skipped (P1, P16)."""
    async with stage(seen={HERE: 0}) as it:
        it.past(HERE, (1, 2))
        it.board.faults.extend([TryLater("503")] * 10 + [TryLater("429", 200.0)])
        running = asyncio.create_task(it.run(HERE))
        await elapse(3)
        assert it.comes(HERE, 3)
        await running
        assert it.taken == [(HERE, 1), (HERE, 2), (HERE, 3)]
        times = [call.at for call in it.board.calls]
        waits = [round(later - earlier, 1) for earlier, later in pairwise(times)]
        assert waits[:3] == [0.6, 1.1, 2.1]
        assert max(waits[:10]) == pytest.approx(LONGEST_WAIT, abs=0.2)
        assert waits[10] == pytest.approx(200, abs=0.2)


async def test_a_place_that_may_not_be_read_is_live_from_now_on() -> None:
    """A refusal is final, and new messages are answered."""
    async with stage(seen={HERE: 0}) as it:
        it.past(HERE, (1,))
        it.board.faults.append(PermanentError("Missing Access"))
        assert it.comes(HERE, 2)
        await it.run(HERE)
        assert it.taken == [(HERE, 2)]
        assert not it.comes(HERE, 3)


async def test_a_thread_that_is_being_opened_delays_no_other() -> None:
    """The messages behind it are accepted; the run ends when all threads are open."""
    async with stage(seen={HERE: 0}) as it:
        it.past(HERE, (1, 2))
        it.unopened[1] = "an exchange"
        it.opening.clear()
        running = asyncio.create_task(it.run(HERE))
        await elapse(1)
        assert it.taken == [(HERE, 1), (HERE, 2)]
        assert not it.comes(HERE, 3)
        assert (running.done(), it.opened) == (False, [])
        it.opening.set()
        await running
        assert it.opened == ["an exchange"]
