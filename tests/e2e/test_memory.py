"""An agent that uses more memory than it may is stopped, and its thread is told."""

from pathlib import Path

import pytest

from .live_bot import SCRIPTED, bot_lab

LIMIT = '[pool]\nmax_memory_per_agent = "150MiB"\n'


async def test_an_agent_over_its_memory_is_stopped_in_its_turn_and_others_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer so far stays, with the reason below it; the next message starts it again."""
    monkeypatch.setattr("pool.pool.MEMORY_SECONDS", 0.5)
    async with bot_lab(tmp_path, extra=LIMIT) as lab:
        modest = await lab.conversation("hold 50\nhang", "holding 50 MiB")
        thread = await lab.thread("say begun\nhold 200\nhang")
        told = await lab.ann.sees(thread, "The agent used more than 150 MiB of memory, so Threadline stopped it.")
        assert "Your next message starts the agent again." in told.content
        await lab.ann.say(thread, "say well again")
        await lab.ann.sees(thread, "well again", by=lab.bot)
        await lab.ann.slash(modest, "cancel")
        await lab.answer(modest, "holding 50 MiB")


async def test_the_thread_of_an_idle_agent_over_its_memory_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a line that the next turn removes. The session is kept."""
    monkeypatch.setattr("pool.pool.MEMORY_SECONDS", 0.5)
    async with bot_lab(tmp_path, agent=SCRIPTED, remembers=True, extra=LIMIT) as lab:
        thread = await lab.conversation("say begun\nhold 200 late", "begun")
        notice = await lab.ann.sees(thread, "of memory while it was idle, so Threadline stopped it.", by=lab.bot)
        await lab.ann.say(thread, "recall")
        await lab.ann.sees(thread, "2 prompts, the first: say begun", by=lab.bot)
        await lab.discord.until(lambda: notice.deleted)
