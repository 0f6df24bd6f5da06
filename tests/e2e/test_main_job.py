"""A Discord thread talks to an agent, over the unmodified discord.py, with real processes."""

import asyncio
import os
import re
from itertools import pairwise
from pathlib import Path

from .bot_process import agent_pids
from .live_bot import bot_lab, numbers, spoken


async def test_a_mention_becomes_a_thread_and_the_answer_streams_into_it(tmp_path: Path) -> None:
    """The reply is one message, edited while the agent writes, with all of its text at the end."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    async with bot_lab(tmp_path) as lab:
        thread = await lab.thread(f"stream 3 0\ngate {gate}\nstream 60 0")
        reply = await lab.ann.sees(thread, "1 2 3", by=lab.bot)
        await asyncio.to_thread(gate.write_text, "open")
        assert reply is await lab.answer(thread, numbers(1, 60))
        assert thread.name.startswith("stream 3 0 gate")
        contents = [content for _, content in reply.history]
        grown = [content for content in contents if content.startswith("1 2 3")]
        assert len(grown) >= 2
        assert all(later.startswith(earlier) for earlier, later in pairwise(grown))
        assert lab.said_by_bot(thread) == [reply]


async def test_messages_in_the_thread_go_on_without_a_mention_in_the_same_session(tmp_path: Path) -> None:
    """The agent remembers the first prompt, so the second one reached the same session."""
    async with bot_lab(tmp_path) as lab:
        thread = await lab.conversation("say first words", "first words")
        await lab.ann.say(thread, "recall")
        answer = await lab.ann.sees(thread, re.compile(r"say first words"), by=lab.bot)
        assert "2" in answer.content


async def test_two_threads_stream_at_the_same_time(tmp_path: Path) -> None:
    """Each thread has its own agent: while one waits at a gate, the other's whole answer appears."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    async with bot_lab(tmp_path) as lab:
        first = await lab.conversation(f"say before\ngate {gate}\nsay after", "before")
        second = await lab.thread("stream 30 100", lab.ben)
        await lab.ben.sees(second, numbers(1, 30), by=lab.bot)
        assert "after" not in "".join(message.content for message in lab.said_by_bot(first))
        await asyncio.to_thread(gate.write_text, "open")
        await lab.ann.sees(first, "after", by=lab.bot)


async def test_the_asker_is_a_member_of_the_thread_and_its_name_is_cut_at_a_word(tmp_path: Path) -> None:
    """The name has about 60 characters and only whole words."""
    async with bot_lab(tmp_path) as lab:
        request = "please explain why the retry logic of the uploader gives up after exactly three attempts"
        thread = await lab.thread(request)
        assert lab.ann.id in thread.members
        assert len(thread.name) <= 61
        assert thread.name.endswith("…")
        assert request.startswith(thread.name[:-1])
        assert request[len(thread.name) - 1] == " "
        await lab.ann.sees(thread, "You said", by=lab.bot)


async def test_all_of_a_long_answer_is_shown_once_in_order_within_the_limit(tmp_path: Path) -> None:
    """The joined pages are the text; each has at most 2,000 characters."""
    async with bot_lab(tmp_path) as lab:
        thread = await lab.conversation("stream 2000 0", re.compile(r"\b2000$", re.MULTILINE))
        pages = [spoken(message) for message in lab.said_by_bot(thread)]
        assert len(pages) > 4
        assert all(len(page) <= 2000 for page in pages)
        assert " ".join(" ".join(pages).split()) == numbers(1, 2000)


async def test_fences_are_balanced_on_every_page(tmp_path: Path) -> None:
    """Code over several pages is a code block on each of them."""
    async with bot_lab(tmp_path) as lab:
        thread = await lab.conversation("code 200\nsay done now", "done now")
        pages = [spoken(message) for message in lab.said_by_bot(thread)]
        assert len(pages) > 1
        assert all(page.count("```") % 2 == 0 for page in pages)


async def test_messages_sent_while_the_agent_works_are_answered_in_order(tmp_path: Path) -> None:
    """One prompt runs at a time, in Discord's order of the messages."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    async with bot_lab(tmp_path) as lab:
        thread = await lab.conversation(f"say ready\ngate {gate}", "ready")
        for number in range(1, 6):
            # By turns: messages of one person would be answered together.
            await (lab.ann, lab.ben)[number % 2].say(thread, f"say answer {number}")
        await asyncio.to_thread(gate.write_text, "open")
        await lab.ann.sees(thread, "answer 5", by=lab.bot)
        answers = [spoken(each) for each in lab.said_by_bot(thread) if "waiting" not in each.content]
        assert answers == ["ready", *(f"answer {number}" for number in range(1, 6))]


async def test_a_replayed_event_is_answered_once(tmp_path: Path) -> None:
    """The journal stops a message that a resume delivers again."""
    async with bot_lab(tmp_path) as lab:
        thread = await lab.thread("say once")
        await lab.answer(thread, "once")
        await lab.ann.say(thread, "say twice")
        lab.discord.replay_last(lab.bot, "MESSAGE_CREATE")
        await lab.answer(thread, "twice")
        await lab.ann.say(thread, "recall")
        lab.discord.replay_last(lab.bot, "MESSAGE_CREATE")
        recalled = await lab.ann.sees(thread, re.compile("say once"), by=lab.bot)
        assert "3" in recalled.content
        assert [spoken(message) for message in lab.said_by_bot(thread)][:2] == ["once", "twice"]
        assert len(lab.said_by_bot(thread)) == 3


async def test_a_thread_that_exists_already_is_used(tmp_path: Path) -> None:
    """The response to opening it is lost; the next try gets error 160004, and the request uses that thread."""
    async with bot_lab(tmp_path) as lab:
        lab.discord.fault(method="POST", path=re.compile(r"/threads$"), answer_lost=True, times=1)
        await lab.conversation("say in the thread that was there", "in the thread that was there")
        tries = [call for call in lab.discord.record if call.path.endswith("/threads")]
        assert [call.status for call in tries][-1] == 400


async def test_with_every_agent_busy_no_more_are_started(tmp_path: Path) -> None:
    """Seen from outside: five threads at once, two slots, never a third process."""
    async with bot_lab(tmp_path, extra="[pool]\nmax_agents = 2\n") as lab:
        messages = [await lab.ann.say(lab.channel, f"{lab.bot.mention} pid") for _ in range(5)]
        most = 0

        def answered() -> bool:
            nonlocal most
            most = max(most, len(agent_pids(lab.config)))
            threads = [lab.discord.world.channels.get(message.id) for message in messages]
            return all(
                thread and any(re.search(r"(?m)^\d+$", each.content) for each in lab.said_by_bot(thread))
                for thread in threads
            )

        # Asked at every change of anything in the world, and at every call of the bot.
        await lab.discord.until(answered, timeout=60.0)
        assert most == 2
