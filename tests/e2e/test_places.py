"""The places of conversations: voice channels, channels without threads, and places that go away."""

import asyncio
import os
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from loopback.state import threads
from loopback.state.entities import ChannelType, Message, Thread
from loopback.state.faults import GatewayFault
from loopback.state.permissions import Permission

from .bot_process import agent_pids
from .live_bot import BotLab, bot_lab, idle_lab, numbers, other_agent, running_bot, said, spoken

BOUND = 30.0


def answered(message: Message) -> int | None:
    """Return the message that an answer refers to."""
    return message.reference.message_id if message.reference is not None else None


@asynccontextmanager
async def beside(folder: Path, kind: ChannelType) -> AsyncIterator[BotLab]:
    """Provide a lab with a voice or stage channel as its only place."""
    async with idle_lab(folder) as lab:
        lab.channel = lab.discord.add_channel(lab.guild, "lounge", kind=kind)
        lab.configure(remembers=True)
        async with running_bot(lab):
            yield lab


@pytest.mark.parametrize("kind", [ChannelType.VOICE, ChannelType.STAGE])
async def test_beside_a_voice_channel_a_mention_is_answered_in_the_channel(tmp_path: Path, kind: ChannelType) -> None:
    """All people there share one conversation, each answer refers to its request, and other messages are ignored."""
    async with beside(tmp_path, kind) as lab:
        lounge, hello = lab.channel, lab.bot.mention
        asked = await lab.ann.say(lounge, f"{hello} say hello, ann")
        answer = await lab.ann.sees(lounge, "hello, ann", by=lab.bot)
        assert answered(answer) == asked.id
        assert spoken(answer) == "hello, ann"
        await lab.ben.say(lounge, "say nothing to me")
        asked = await lab.ben.say(lounge, f"{hello} say hello, ben")
        answer = await lab.ben.sees(lounge, re.compile("^hello, ben"), by=lab.bot)
        assert answered(answer) == asked.id
        await lab.ann.slash(lounge, "ask", request="recall")
        recalled = await lab.ann.sees(lounge, re.compile("^3 prompts"), by=lab.bot, after=answer)
        assert "hello, ann" in recalled.content
        assert "nothing to me" not in recalled.content
        assert not [call for call in lab.discord.record if call.path.endswith("/threads")]


async def test_a_conversation_beside_a_voice_channel_is_steered_there(tmp_path: Path) -> None:
    """Stop, a question, the queue, `/cancel`, `/export` and `/close` work without a refused call."""
    async with beside(tmp_path, ChannelType.VOICE) as lab:
        lounge, hello = lab.channel, lab.bot.mention
        await lab.ann.say(lounge, f"{hello} say begun\nhang")
        live = await lab.ann.sees(lounge, "begun", by=lab.bot)
        await lab.ann.say(lounge, f"{hello} ask execute make install")
        await lab.ann.sees(lounge, "waiting", by=lab.bot)
        refused = await lab.mallory.click(live, "Stop")
        assert "have access" in said(refused)
        await lab.ann.click(live, "Stop")
        held = await lab.ann.sees(lounge, "on hold", by=lab.bot)
        await lab.ann.click(held, "Continue")
        card = await lab.ann.sees(lounge, "Permission needed", by=lab.bot)
        await lab.ann.click(card, "Allow once")
        await lab.ann.sees(lounge, "allowed (allow_once)", by=lab.bot)
        exported = await lab.ben.slash(lounge, "export")
        await lab.discord.until(lambda: exported.message is not None and bool(exported.message.attachments))
        await lab.ann.slash(lounge, "close")
        await lab.ann.sees(lounge, "Closed.", by=lab.bot)
        await lab.ben.say(lounge, f"{hello} recall")
        await lab.ben.sees(lounge, "3 prompts, the first: say begun", by=lab.bot)
        assert [
            call
            for call in lab.discord.record
            if call.status >= 400 or (call.method == "PATCH" and call.path.endswith(str(lounge.id)))
        ] == []


# ---- no thread


async def test_where_the_bot_may_open_no_thread_the_request_is_answered_in_the_channel(tmp_path: Path) -> None:
    """One agent answers in order and names the missing permission. Once granted, the next request opens a thread."""
    async with bot_lab(tmp_path) as lab:
        world, channel, hello = lab.discord.world, lab.channel, lab.bot.mention
        world.overwrite(channel, lab.bot.id, deny=int(Permission.CREATE_PUBLIC_THREADS))
        first = await lab.ann.say(channel, f"{hello} sleep 0.3\nsay to ann")
        second = await lab.ben.say(channel, f"{hello} recall")
        told = await lab.ben.sees(channel, "2 prompts", by=lab.bot)
        answers = [message for message in lab.said_by_bot(channel) if answered(message)]
        assert [answered(message) for message in answers] == [first.id, second.id]
        line = "-# ⚠ I can't open a thread: I'm missing the permission Create Public Threads.\n"
        assert [message.content.startswith(line) for message in answers] == [True, True]
        assert not [call for call in lab.discord.record if call.path.endswith("/threads")]
        assert len(agent_pids(lab.config)) == 1
        world.overwrite(channel, lab.bot.id)
        await lab.ann.say(channel, "say this is for nobody")
        await lab.conversation("recall", "1 prompts")
        assert lab.said_by_bot(channel)[-1] is told


async def test_a_guild_that_is_full_of_threads_is_answered_in_the_channel_also_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer gives Discord's reason; waiting messages survive, and the button stops the turn."""
    monkeypatch.setattr(threads, "ACTIVE_THREADS", 0)
    async with idle_lab(tmp_path, remembers=True) as lab:
        channel, hello = lab.channel, lab.bot.mention
        async with running_bot(lab):
            await lab.ann.say(channel, f"{hello} say begun\nhang")
            live = await lab.ann.sees(channel, "begun", by=lab.bot)
            assert live.content.startswith("-# ⚠ I can't open a thread: Maximum number of active threads reached")
            await lab.ann.say(channel, f"{hello} say second")
            await lab.ben.say(channel, f"{hello} say third")
            await lab.ben.sees(channel, "2 waiting", by=lab.bot)
        async with running_bot(lab):
            asked = await lab.ann.sees(channel, "I restarted while the agent was working", by=lab.bot)
            assert live.content.count("Threadline stopped before this was finished") == 1
            await lab.ann.click(asked, "Skip")
            third = await lab.ben.sees(channel, re.compile("^.*third", re.DOTALL), by=lab.bot, after=asked)
            second = await lab.ann.sees(channel, "second", by=lab.bot, after=asked)
            assert second.id < third.id
            assert "Maximum number of active threads" in second.content
            await lab.ann.say(channel, f"{hello} say again\nhang")
            live = await lab.ann.sees(channel, "again", by=lab.bot)
            await lab.ann.click(live, "Stop")
            await lab.ann.sees(channel, "Stopped by", by=lab.bot, after=third)
            await lab.client.context.replies.settled(BOUND, channel.id)
            assert lab.client.journal.messages.open_rows() == []


async def test_a_request_that_is_edited_while_it_waits_for_a_thread_goes_on_as_it_is_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same holds where it never gets a thread."""
    monkeypatch.setattr(threads, "ACTIVE_THREADS", 0)
    async with bot_lab(tmp_path) as lab:
        away = lab.discord.fault(method="POST", path=re.compile("/threads$"), status=503, times=None)
        asked = await lab.ann.say(lab.channel, f"{lab.bot.mention} say before")
        await lab.discord.until(lambda: away.hits)
        await lab.ann.edit(asked, f"{lab.bot.mention} say after")
        row = lab.client.journal.messages.row
        await lab.discord.until(lambda: (now := row(asked.id)) is not None and "say after" in now.request)
        away.remove()
        await lab.ann.sees(lab.channel, re.compile("^after", re.MULTILINE), by=lab.bot)


async def test_a_thread_that_discord_cannot_open_at_once_is_opened_all_the_same(tmp_path: Path) -> None:
    """A server error and a lost response are retried, and the second retry finds the thread (160004)."""
    async with bot_lab(tmp_path) as lab:
        opening = re.compile("/threads$")
        lab.discord.fault(method="POST", path=opening, status=503)
        lab.discord.fault(method="POST", path=opening, answer_lost=True)
        await lab.conversation("say here", "here")
        assert [call.status for call in lab.discord.record if opening.search(call.path)] == [503, 201, 400]
        assert lab.said_by_bot(lab.channel) == []


async def test_a_thread_that_could_not_be_opened_before_a_stop_is_opened_by_the_next_run(tmp_path: Path) -> None:
    """The stop ends the request for this run only; its answer goes into its thread."""
    async with idle_lab(tmp_path) as lab:
        async with running_bot(lab):
            away = lab.discord.fault(method="POST", path=re.compile("/threads$"), status=503, times=None)
            asked = await lab.ann.say(lab.channel, f"{lab.bot.mention} say hello")
            await lab.discord.until(lambda: away.hits)
        away.remove()
        async with running_bot(lab):
            thread = await lab.ann.sees_thread(asked)
            await lab.answer(thread, "hello")
            assert lab.said_by_bot(lab.channel) == []


async def test_a_request_that_was_deleted_before_its_thread_was_open_is_answered_with_nothing(tmp_path: Path) -> None:
    """Even if the event of the deletion is lost, the call that opens the thread reports it."""
    async with bot_lab(tmp_path) as lab:
        lab.discord.fault(method="POST", path=re.compile("/threads$"), status=503)
        lab.discord.event_fault("MESSAGE_DELETE", GatewayFault.LOST)
        asked = await lab.ann.say(lab.channel, f"{lab.bot.mention} say nothing")
        await lab.discord.until(lambda: [call for call in lab.discord.record if call.status == 503])
        await lab.ann.delete(asked)
        await lab.discord.until(lambda: [call for call in lab.discord.record if call.status == 404])
        client = lab.client
        await lab.asleep(asked)
        row = client.journal.messages.row(asked.id)
        assert row is not None
        assert (row.state, row.reason) == ("closed", "gone")
        assert client.journal.messages.open_rows() == []
        assert lab.said_by_bot(lab.channel) == []
        assert agent_pids(lab.config) == []


async def test_an_agent_that_was_asked_for_is_not_replaced_by_that_of_the_channel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A channel without threads has one conversation with one agent; a request for another is refused."""
    monkeypatch.setattr(threads, "ACTIVE_THREADS", 0)
    async with bot_lab(tmp_path, extra=other_agent(tmp_path)) as lab:
        await lab.ann.slash(lab.channel, "ask", request="say one", agent="default")
        await lab.ann.sees(lab.channel, re.compile("^one$", re.MULTILINE), by=lab.bot)
        await lab.ann.slash(lab.channel, "ask", request="say two", agent="other")
        told = await lab.ann.sees(lab.channel, "❌ I can't open a thread: Maximum", by=lab.bot)
        assert "two" not in told.content
        monkeypatch.setattr(threads, "ACTIVE_THREADS", 1)
        await lab.ann.slash(lab.channel, "ask", request="say three", agent="other")
        asked = await lab.ann.sees(lab.channel, re.compile("asks:\n>>> say three"), by=lab.bot)
        await lab.ann.sees(await lab.ann.sees_thread(asked), "three", by=lab.bot)


# ---- places that go away


def take_view(lab: BotLab, _: Thread) -> None:
    """Hide the channel from the bot."""
    lab.discord.world.overwrite(lab.channel, lab.bot.id, deny=int(Permission.VIEW_CHANNEL))


def take_voice(lab: BotLab, _: Thread) -> None:
    """Take away the bot's right to write in threads."""
    lab.discord.world.overwrite(lab.channel, lab.bot.id, deny=int(Permission.SEND_MESSAGES_IN_THREADS))


def delete_thread(lab: BotLab, thread: Thread) -> None:
    """Delete the thread."""
    lab.discord.world.delete_channel(thread)


def delete_channel(lab: BotLab, _: Thread) -> None:
    """Delete the channel with its thread."""
    lab.discord.world.delete_channel(lab.channel)


def kick(lab: BotLab, _: Thread) -> None:
    """Remove the bot from the server."""
    lab.discord.world.leave(lab.guild, lab.bot)


@pytest.mark.parametrize("goes", [delete_thread, delete_channel, kick, take_view, take_voice])
async def test_a_turn_whose_place_goes_away_is_cancelled_and_leaves_nothing(
    tmp_path: Path, goes: Callable[[BotLab, Thread], None]
) -> None:
    """Its rows are closed, its agent ends, and a call that Discord refuses twice is not tried again."""
    async with idle_lab(tmp_path) as lab:
        async with running_bot(lab):
            client = lab.client
            thread = await lab.conversation("stream 5000 50", "1 2 3")
            await lab.ben.say(thread, "say behind")
            await lab.ben.sees(thread, "1 waiting", by=lab.bot)
            since = len(lab.discord.record)
            goes(lab, thread)
            await lab.asleep(thread)
            await client.context.replies.settled(BOUND)
            assert client.journal.messages.open_rows() == []
            assert agent_pids(lab.config) == []
        refused = [(call.method, call.path) for call in lab.discord.record[since:] if call.status >= 400]
        assert max(Counter(refused).values(), default=0) <= 2


MISTAKEN: dict[str, Any] = {"status": 403, "body": {"message": "Missing Permissions", "code": 50013}}


@pytest.mark.parametrize("finish", ["edit", "ping"])
async def test_one_refusal_of_each_kind_of_write_ends_no_turn(tmp_path: Path, finish: str) -> None:
    """Discord refuses by mistake now and then, and accepts the same call later."""
    async with bot_lab(tmp_path, extra=f'[reply]\nfinish = "{finish}"') as lab:
        writes = [
            ("POST", r"/threads$", 0),
            ("POST", r"/typing$", 0),
            ("POST", r"/messages$", 0),
            ("POST", r"/messages$", 3),  # Four pages and a file are more.
            ("PATCH", r"/messages/\d+$", 0),
        ]
        rules = [
            lab.discord.fault(method=method, path=re.compile(path), after=after, bot=lab.bot, **MISTAKEN)
            for method, path, after in writes
        ]
        message = await lab.ann.say(lab.channel, f"{lab.bot.mention} stream 1500 500\ncode 300")
        thread = await lab.ann.sees_thread(message)
        await lab.discord.until(lambda: list(message.reactions) == ["✅"])
        await lab.client.context.replies.settled(BOUND)
        *pages, files = lab.said_by_bot(thread)[: -1 if finish == "ping" else None]
        assert " ".join(" ".join(page.content for page in pages).split()).startswith(numbers(1, 1500))
        assert [each.filename for each in files.attachments] == ["code.py"]
        assert [rule.hits for rule in rules] == [1] * len(rules)


@pytest.mark.parametrize("fault", [MISTAKEN, {"status": 400, "body": {"message": "Blocked", "code": 200000}}], ids=str)
async def test_a_word_about_the_end_that_discord_refuses_makes_no_failure_of_an_answer_that_stands(
    tmp_path: Path, fault: dict[str, Any]
) -> None:
    """The reaction shows success. Where a mention is refused but a message is not, the message is sent."""
    async with bot_lab(tmp_path, extra='[reply]\nfinish = "ping"') as lab:
        gate = tmp_path / "gate"
        os.mkfifo(gate)
        message = await lab.ann.say(lab.channel, f"{lab.bot.mention} say all of it\ngate {gate}")
        thread = await lab.ann.sees_thread(message)
        page = await lab.ann.sees(thread, "all of it", by=lab.bot)
        times = 2 if fault is MISTAKEN else 1
        rule = lab.discord.fault(method="POST", path=re.compile("/messages$"), bot=lab.bot, times=times, **fault)
        await asyncio.to_thread(gate.write_text, "go")
        await lab.discord.until(lambda: list(message.reactions) == ["✅"] and rule.spent)
        await lab.client.context.replies.settled(BOUND)
        assert lab.client.journal.messages.open_rows() == []
        assert lab.said_by_bot(lab.channel) == []
        first, *said = lab.said_by_bot(thread)
        assert first is page
        assert [not each.mentions and "I couldn't ping you: Blocked" in each.content for each in said] == [True] * (
            fault is not MISTAKEN
        )


async def test_a_bot_that_was_removed_and_is_back_works_in_the_old_thread_and_in_new_ones(tmp_path: Path) -> None:
    """The session is kept; the first message from the thread makes it usable again."""
    async with bot_lab(tmp_path, remembers=True) as lab:
        thread = await lab.conversation("say begun\nhang", "begun")
        kick(lab, thread)
        await lab.asleep(thread)
        await lab.ann.say(thread, "say nobody hears this")
        lab.discord.world.join(lab.guild, lab.bot)
        await lab.conversation("say new", "new")
        await lab.ann.say(thread, f"{lab.bot.mention} recall")
        await lab.ann.sees(thread, "2 prompts, the first: say begun", by=lab.bot)


async def test_a_thread_that_is_archived_during_a_turn_is_opened_for_what_the_agent_says(tmp_path: Path) -> None:
    """The next edit opens it, and the turn continues."""
    async with bot_lab(tmp_path) as lab:
        lab.discord.world.overwrite(lab.channel, lab.ann.id, allow=int(Permission.MANAGE_THREADS))
        gate = tmp_path / "gate"
        os.mkfifo(gate)
        thread = await lab.conversation(f"say begun\ngate {gate}\nsay done", "begun")
        await lab.ann.archive(thread)
        await asyncio.to_thread(gate.write_text, "go")
        await lab.ann.sees(thread, "done", by=lab.bot)
        assert not thread.archived


@pytest.mark.parametrize("archived", [True, False])
async def test_a_thread_that_is_locked_during_a_turn_ends_it_and_the_channel_is_told(
    tmp_path: Path, *, archived: bool
) -> None:
    """No person could see or stop it there, and its button cannot be removed; once unlocked, its session continues."""
    async with bot_lab(tmp_path, remembers=True) as lab:
        client, world = lab.client, lab.discord.world
        world.overwrite(lab.channel, lab.bot.id, deny=int(Permission.MANAGE_THREADS))
        world.overwrite(lab.channel, lab.ann.id, allow=int(Permission.MANAGE_THREADS))
        thread = await lab.thread("stream 5000 50")
        live = await lab.ann.sees(thread, "1 2 3", by=lab.bot)
        await lab.ben.say(thread, "say behind")
        await lab.ben.sees(thread, "1 waiting", by=lab.bot)
        threads.change(world, thread, lab.ann.id, {"locked": True, "archived": archived})
        await lab.asleep(thread)
        told = await lab.ann.sees(lab.channel, "could not be posted", by=lab.bot)
        assert thread.mention in told.content
        await client.context.replies.settled(BOUND)
        assert client.journal.messages.open_rows() == []
        assert agent_pids(lab.config) == []
        assert live.components
        threads.change(world, thread, lab.ann.id, {"locked": False, "archived": False})
        await lab.ann.say(thread, "recall")
        await lab.ann.sees(thread, "2 prompts, the first: stream", by=lab.bot)
