"""Many places that are gone at the same time."""

from pathlib import Path

import pytest

from bot.intake.deleted_places import SLICE, DeletedPlaces
from bot.rest.api import DiscordApi
from pool.journal.message_states import MessageState
from tests.pool.pool_harness import running_pool
from tests.pool.recording_exchange import Recorder
from tests.support.virtual_time import quiet

pytestmark = pytest.mark.virtual_time

GUILD, CHANNEL = 1, 2
THREADS = range(100, 100 + 2 * SLICE + 10)


async def test_a_server_with_many_threads_is_ended_some_at_a_time(tmp_path: Path) -> None:
    """Writes to all of them stop immediately; one with a new event continues."""
    async with running_pool(tmp_path, slots=1) as it:
        for thread_id in THREADS:
            it.journal.messages.receive(thread_id, thread_id=thread_id, channel_id=CHANNEL, guild_id=GUILD, author_id=7)
        waiting = Recorder(THREADS[-2])
        it.pool.submit(THREADS[-2], waiting)
        api, gone = DiscordApi(), list[int]()
        places = DeletedPlaces(journal=it.journal, pool=it.pool, api=api, on_gone=gone.append)
        places.guild_removed(GUILD)
        assert api.gone == set(THREADS)
        assert len(gone) == SLICE
        places.mark_reachable(THREADS[-1])
        places.thread_deleted(THREADS[-2])
        await quiet()
        assert set(gone) == set(THREADS[:-1])
        assert it.row(THREADS[-2]) is MessageState.CLOSED
        assert len(waiting.endings) == 1


async def test_a_failure_in_one_place_does_not_stop_the_others(tmp_path: Path) -> None:
    """They are ended in the next step."""
    async with running_pool(tmp_path) as it:
        for thread_id in THREADS:
            it.journal.messages.receive(thread_id, thread_id=thread_id, channel_id=CHANNEL, guild_id=GUILD, author_id=7)
        gone: list[int] = []

        def on_gone(thread_id: int) -> None:
            gone.append(thread_id)
            if len(gone) == 1:
                raise OSError("once")

        places = DeletedPlaces(journal=it.journal, pool=it.pool, api=DiscordApi(), on_gone=on_gone)
        with pytest.raises(OSError, match="once"):
            places.channel_deleted(CHANNEL)
        await quiet()
        assert set(gone) == set(THREADS)
