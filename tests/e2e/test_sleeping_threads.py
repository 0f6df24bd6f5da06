"""What a thread costs while it sleeps: nothing of a start's work, nothing of another thread's, and little memory."""

import gc
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from bench.thousand import AGENT
from bot.config.appearance import DONE
from loopback import Message, Thread
from pool.journal.database import open_database
from pool.journal.journal import Journal

from .live_bot import BotLab, idle_lab, running_bot

FEW, MANY = 20, 120
"""Sleeping threads. The work for one of them would show among what a busy machine does earlier or later."""

ROUND = 6
"""Threads that wake, are answered, and sleep."""

DRAIN_SECONDS = 60.0
"""Bound on the last calls, such as reactions."""

KEPT_FOR_CALLS = {"_BucketQueue", "Budget", "Reservation", "StartedCall"}
"""Classes of what is kept for some seconds about the calls in a channel, and of what is kept of a thousand channels."""


class Work:
    """Counts what the bot of this process asks of its journal, and of Discord."""

    def __init__(self, lab: BotLab, monkeypatch: pytest.MonkeyPatch) -> None:
        self._lab = lab
        self.statements: list[str] = []
        monkeypatch.setattr("pool.journal.journal.open_database", self._opened)
        self.clear()

    def _opened(self, path: Path) -> object:
        connection = open_database(path)
        connection.set_trace_callback(self.statements.append)
        return connection

    def clear(self) -> None:
        """Begin to count."""
        self.statements.clear()
        self._calls = len(self._lab.discord.record)

    def counted(self) -> tuple[int, int]:
        """Return the numbers of statements and calls."""
        return len(self.statements), len(self._lab.discord.record) - self._calls


async def put_to_sleep(lab: BotLab, count: int) -> list[Thread]:
    """Open threads whose conversations are answered and have a session, as an earlier run leaves them."""
    threads = []
    with Journal.open(lab.config.with_name("threadline.db")) as journal:
        for number in range(count):
            thread = await lab.ann.open_thread(lab.channel, f"thread {number}")
            message = await lab.ann.say(thread, "hello")
            journal.messages.receive(
                message.id, thread_id=thread.id, channel_id=lab.channel.id, guild_id=lab.guild.id, author_id=lab.ann.id
            )
            journal.threads.set_session(thread.id, f"session-{number}")
            journal.messages.close([message.id], "dropped")
            threads.append(thread)
        newest = max(lab.channel.messages)
        journal.marks.advance(lab.channel.id, newest)
    return threads


async def test_a_start_and_a_message_cost_the_same_however_many_threads_sleep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice as many cost no further statement of the journal and no further call."""
    starts, messages = [], []
    for sleeping in (FEW, MANY):
        folder = tmp_path / str(sleeping)
        folder.mkdir()
        async with idle_lab(folder) as lab:
            threads = await put_to_sleep(lab, sleeping)
            work = Work(lab, monkeypatch)
            async with running_bot(lab):
                starts.append(work.counted())
                work.clear()
                await lab.ann.say(threads[0], "say awake")
                await lab.answer(threads[0], "awake")
                messages.append(len(work.statements))
    for few, many in zip(*starts, strict=True):
        assert many < few + (MANY - FEW) // 2  # Not one for each.
    few, many = messages
    assert many < few + (MANY - FEW) // 2


def marked_done(message: Message) -> bool:
    """Whether the bot has marked a message as answered."""
    return DONE in message.reactions


def own_objects() -> Counter[str]:
    """Count the living objects of the bot's own classes."""
    gc.unfreeze()
    gc.collect()
    return Counter(
        type(each).__qualname__
        for each in gc.get_objects()
        if str(type(each).__module__).partition(".")[0] in {"bot", "pool", "acp"}
    )


async def test_a_thread_that_sleeps_again_leaves_no_object(tmp_path: Path) -> None:
    """Neither its conversation nor its exchange, agent or session stays in memory when another has its slot."""
    async with idle_lab(tmp_path) as lab:
        lab.configure(agent=AGENT, extra="[pool]\nmax_agents = 1\nper_minute = 1000")
        threads = await put_to_sleep(lab, 2 * ROUND)
        counts = []
        async with running_bot(lab):
            for number, thread in enumerate(threads, start=1):
                message = await lab.ann.say(thread, "tokens 1 10")
                await lab.answer(thread, "0:")
                await lab.discord.until(partial(marked_done, message))
                if number > 1:
                    await lab.asleep(threads[number - 2])
                if number % ROUND == 0:
                    await lab.client.context.api.pacer.drain(DRAIN_SECONDS)
                    counts.append(own_objects())
        growth = counts[1] - counts[0]
    assert {name: count for name, count in growth.items() if count >= ROUND and name not in KEPT_FOR_CALLS} == {}
