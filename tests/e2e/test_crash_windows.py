"""Crashes between two writes, found by chaos runs: the thread gets every message once and in order."""

import json
import re
import signal
from pathlib import Path

from loopback.state.faults import GatewayFault
from pool.journal.journal import Journal

from .bot_process import answered_once, bot_run
from .live_bot import BotLab, idle_lab, spoken


async def accepted(lab: BotLab, journal: Journal, thread_id: int, text: str) -> int:
    """Say something while the bot is away, and write it into the journal as the bot does; return the message's id."""
    message = await lab.ann.say(thread_id, text)
    request = {
        "message_id": message.id,
        "channel_id": thread_id,
        "thread_id": thread_id,
        "author_id": lab.ann.id,
        "text": text,
    }
    assert journal.messages.receive(
        message.id,
        thread_id=thread_id,
        channel_id=lab.channel.id,
        guild_id=lab.guild.id,
        author_id=lab.ann.id,
        request=json.dumps(request),
    )
    return message.id


async def test_a_word_that_a_crash_kept_back_is_posted_after_the_restart(tmp_path: Path) -> None:
    """The row was closed, and the bot was killed before it told the thread why."""
    async with idle_lab(tmp_path, remembers=True) as lab:
        thread_id = (await answered_once(lab)).id
        path = lab.config.with_name("threadline.db")
        with Journal.open(path) as journal:
            message_id = await accepted(lab, journal, thread_id, "say never")
            journal.messages.close((message_id,), "failed", ["❌ no agent could be started"])
        async with bot_run(lab):
            await lab.ann.sees(thread_id, "no agent could be started", by=lab.bot)
        with Journal.open(path) as journal:
            assert journal.messages.open_rows() == []


async def test_a_finished_answer_is_posted_before_those_that_waited_behind_it(tmp_path: Path) -> None:
    """A thread keeps the order of its messages, even where an answer needs no agent any more."""
    async with idle_lab(tmp_path, remembers=True) as lab:
        thread_id = (await answered_once(lab)).id
        with Journal.open(lab.config.with_name("threadline.db")) as journal:
            second = await accepted(lab, journal, thread_id, "say second")
            await accepted(lab, journal, thread_id, "say third")
            journal.messages.prompted((second,), "[]")
            journal.messages.finish((second,), "end_turn", ["second"])
        async with bot_run(lab):
            await lab.ann.sees(thread_id, "third", by=lab.bot)
            answers = [spoken(each) for each in lab.said_by_bot(thread_id)]
            assert answers == ["hello there", "second", "third"]


async def test_a_draft_that_had_nothing_to_show_does_not_stand_as_working_for_ever(tmp_path: Path) -> None:
    """After the interruption the placeholder says so."""
    async with idle_lab(tmp_path, remembers=True) as lab:
        async with bot_run(lab, signal.SIGKILL):
            thread = await lab.thread("hang")
            draft = await lab.ann.sees(thread, "⏳ Working…", by=lab.bot)
        async with bot_run(lab):
            await lab.ann.sees(
                thread, lambda message: message.id == draft.id and "before there was any output" in message.content
            )
            notice = await lab.ann.sees(thread, "I restarted", by=lab.bot)
            await lab.ann.click(notice, "Skip")


async def test_a_history_that_cannot_be_read_at_first_is_read_again(tmp_path: Path) -> None:
    """An error of Discord at the wrong moment loses no missed message."""
    async with idle_lab(tmp_path, remembers=True) as lab:
        thread_id = (await answered_once(lab)).id
        await lab.ann.say(thread_id, "say missed")
        fault = lab.discord.fault(method="GET", path=f"/channels/{thread_id}/messages", status=503, times=2)
        async with bot_run(lab):
            await lab.ann.sees(thread_id, "missed", by=lab.bot)
            assert fault.hits == 2


async def test_a_request_that_was_posted_and_not_written_down_is_answered_after_a_kill(tmp_path: Path) -> None:
    """The bot posts a command's request, and is killed before it learns that Discord has it.

    Each is answered once: in the thread opened for it or in its own thread, with the message it is about, and before
    later messages.
    """
    async with idle_lab(tmp_path, remembers=True) as lab:
        thread = await answered_once(lab)
        about = await lab.mallory.say(thread, "the build is red")
        unheard = lab.discord.event_fault("MESSAGE_CREATE", GatewayFault.LOST, times=None)
        async with bot_run(lab, signal.SIGKILL):
            await lab.ann.slash(lab.channel, "ask", request=f"say in the channel {lab.mallory.mention}")
            await lab.ann.slash(thread, "ask", request=f"say in the thread {lab.mallory.mention}")
            request = await lab.ann.sees(lab.channel, "in the channel", by=lab.bot)
            await lab.ann.sees(thread, "in the thread", by=lab.bot)
            form = await lab.ann.menu(about, "Ask about this message")
            await lab.ann.fill(form, {"What do you want to know?": "say about it"})
            asked = await lab.ann.sees(thread, "say about it", by=lab.bot)
            await lab.ben.say(thread, "say and then")
        unheard.remove()
        with Journal.open(lab.config.with_name("threadline.db")) as journal:
            assert journal.posted_requests.all()  # All three, where the machine is quick enough; at least the last one.
        async with bot_run(lab):
            await lab.ann.sees(thread, "in the thread @mallory", by=lab.bot)
            reply = await lab.ann.sees(thread, re.compile("^about it", re.MULTILINE), by=lab.bot, after=asked)
            await lab.ann.sees(thread, re.compile("^and then"), by=lab.bot, after=reply)
            opened = await lab.ann.sees_thread(request)
            await lab.ann.sees(opened, "in the channel @mallory", by=lab.bot)
        async with bot_run(lab):
            await lab.ann.say(thread, "say the end")
            await lab.ann.sees(thread, re.compile("^the end"), by=lab.bot)
            assert sum("in the thread @mallory" in each.content for each in lab.said_by_bot(thread)) == 1
        with Journal.open(lab.config.with_name("threadline.db")) as journal:
            assert (journal.posted_requests.all(), journal.messages.open_rows()) == ([], [])
