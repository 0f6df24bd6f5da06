"""The reads of the journal for one message: each takes time from all threads."""

from pathlib import Path

import pytest

from pool.journal.database import open_database

from .live_bot import bot_lab, numbers, spoken

MOST_READS = 20
"""Each by a key: whether it came before, whose thread it is and what of it was seen, for each message of the thread;
whose agent answers it, what an earlier try had sent, what is offered, its state. The edits of one reply would add more.
"""


async def test_a_message_asks_the_journal_little_and_its_stream_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Discord echoes the reply's many edits, reactions and renames as events, and none of them causes a read."""
    queries: list[str] = []

    def opened(path: Path) -> object:
        connection = open_database(path)
        connection.set_trace_callback(lambda sql: queries.append(sql) if sql.startswith("SELECT") else None)
        return connection

    monkeypatch.setattr("pool.journal.journal.open_database", opened)
    async with bot_lab(tmp_path) as lab:
        thread = await lab.thread("say first")
        await lab.answer(thread, "first")
        await lab.ann.slash(thread, "status")  # It is answered after the events of the first reply.
        queries.clear()
        await lab.ann.say(thread, "stream 100 30")
        reply = await lab.ann.sees(thread, numbers(1, 100), by=lab.bot)
        assert spoken(reply) == numbers(1, 100)
        assert len(reply.history) > 3
    of_the_second = [query for query in queries if f"message_id = {thread.id}" not in query]
    assert len(of_the_second) <= MOST_READS, "\n".join(of_the_second)
