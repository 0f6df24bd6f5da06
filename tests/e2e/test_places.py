"""Where a conversation lives: beside a voice channel, in a channel without a thread, and places that go away."""

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
from tests.e2e.test_controls import asleep, other
from tests.e2e.test_supervision import client_of

from .live_bot import BotLab, bot_lab, idle_lab, marked, numbers, running_bot, said, spoken

BOUND = 30.0


def answered(message: Message) -> int | None:
    """The message at which an answer points."""
    return message.reference.message_id if message.reference is not None else None


@asynccontextmanager
async def beside(folder: Path, kind: ChannelType) -> AsyncIterator[BotLab]:
    """The stage with a voice or stage channel as its only place."""
    async with idle_lab(folder) as place:
        place.channel = place.discord.add_channel(place.guild, "lounge", kind=kind)
        place.configure(remembers=True)
        async with running_bot(place):
            yield place


@pytest.mark.parametrize("kind", [ChannelType.VOICE, ChannelType.STAGE])
async def test_beside_a_voice_channel_a_mention_is_answered_in_the_channel(tmp_path: Path, kind: ChannelType) -> None:
    """One conversation for all who mention the bot there, each answer pointing at its request; other talk is left."""
    async with beside(tmp_path, kind) as place:
        lounge, hello = place.channel, place.bot.mention
        asked = await place.ann.say(lounge, f"{hello} say hello, ann")
        answer = await place.ann.sees(lounge, "hello, ann", by=place.bot)
        assert answered(answer) == asked.id
        assert spoken(answer) == "hello, ann"
        await place.ben.say(lounge, "say nothing to me")
        asked = await place.ben.say(lounge, f"{hello} say hello, ben")
        answer = await place.ben.sees(lounge, re.compile("^hello, ben"), by=place.bot)
        assert answered(answer) == asked.id
        await place.ann.slash(lounge, "ask", request="recall")
        recalled = await place.ann.sees(lounge, re.compile("^3 prompts"), by=place.bot, after=answer)
        assert "hello, ann" in recalled.content
        assert "nothing to me" not in recalled.content
        assert not [call for call in place.discord.record if call.path.endswith("/threads")]


async def test_a_conversation_beside_a_voice_channel_is_steered_there(tmp_path: Path) -> None:
    """Stop, a question, its queue, `/cancel`, `/export` and `/close`; nothing is asked of Discord that it refuses."""
    async with beside(tmp_path, ChannelType.VOICE) as place:
        lounge, hello = place.channel, place.bot.mention
        await place.ann.say(lounge, f"{hello} say begun\nhang")
        live = await place.ann.sees(lounge, "begun", by=place.bot)
        await place.ann.say(lounge, f"{hello} ask execute make install")
        await place.ann.sees(lounge, "waiting", by=place.bot)
        refused = await place.mallory.click(live, "Stop")
        assert "may not" in said(refused)
        await place.ann.click(live, "Stop")
        held = await place.ann.sees(lounge, "on hold", by=place.bot)
        await place.ann.click(held, "Continue")
        card = await place.ann.sees(lounge, "May I", by=place.bot)
        await place.ann.click(card, "Allow once")
        await place.ann.sees(lounge, "allowed (allow_once)", by=place.bot)
        exported = await place.ben.slash(lounge, "export")
        await place.discord.until(lambda: exported.message is not None and bool(exported.message.attachments))
        await place.ann.slash(lounge, "close")
        await place.ann.sees(lounge, "Closed.", by=place.bot)
        await place.ben.say(lounge, f"{hello} recall")
        await place.ben.sees(lounge, "3 prompts, the first: say begun", by=place.bot)
        assert [
            call
            for call in place.discord.record
            if call.status >= 400 or (call.method == "PATCH" and call.path.endswith(str(lounge.id)))
        ] == []


# ---- no thread


async def test_where_the_bot_may_open_no_thread_the_request_is_answered_in_the_channel(tmp_path: Path) -> None:
    """With the permission that is missing; in order, by one agent. Once it is there, a thread is opened again."""
    async with bot_lab(tmp_path) as place:
        world, channel, hello = place.discord.world, place.channel, place.bot.mention
        world.overwrite(channel, place.bot.id, deny=int(Permission.CREATE_PUBLIC_THREADS))
        first = await place.ann.say(channel, f"{hello} sleep 0.3\nsay to ann")
        second = await place.ben.say(channel, f"{hello} recall")
        told = await place.ben.sees(channel, "2 prompts", by=place.bot)
        answers = [message for message in place.said_by_bot(channel) if answered(message)]
        assert [answered(message) for message in answers] == [first.id, second.id]
        line = "-# ⚠ I could not open a thread: I lack Create Public Threads here.\n"
        assert [message.content.startswith(line) for message in answers] == [True, True]
        assert not [call for call in place.discord.record if call.path.endswith("/threads")]
        assert len(marked(place.config)) == 1
        world.overwrite(channel, place.bot.id)
        await place.ann.say(channel, "say this is for nobody")
        thread = await place.thread("recall")
        await place.ann.sees(thread, "1 prompts", by=place.bot)
        assert place.said_by_bot(channel)[-1] is told


async def test_a_guild_that_is_full_of_threads_is_answered_in_the_channel_also_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Discord's reason is said; what waits behind a turn survives, and the turn is stopped by its button."""
    monkeypatch.setattr(threads, "ACTIVE_THREADS", 0)
    async with idle_lab(tmp_path, remembers=True) as place:
        channel, hello = place.channel, place.bot.mention
        async with running_bot(place):
            await place.ann.say(channel, f"{hello} say begun\nhang")
            live = await place.ann.sees(channel, "begun", by=place.bot)
            assert live.content.startswith("-# ⚠ I could not open a thread: Maximum number of active threads reached")
            await place.ann.say(channel, f"{hello} say second")
            await place.ben.say(channel, f"{hello} say third")
            await place.ben.sees(channel, "2 waiting", by=place.bot)
        async with running_bot(place):
            asked = await place.ann.sees(channel, "I restarted while the agent was working", by=place.bot)
            assert live.content.count("Threadline stopped before this was finished") == 1
            await place.ann.click(asked, "Skip")
            third = await place.ben.sees(channel, re.compile("^.*third", re.DOTALL), by=place.bot, after=asked)
            second = await place.ann.sees(channel, "second", by=place.bot, after=asked)
            assert second.id < third.id
            assert "Maximum number of active threads" in second.content
            await place.ann.say(channel, f"{hello} say again\nhang")
            live = await place.ann.sees(channel, "again", by=place.bot)
            await place.ann.click(live, "Stop")
            await place.ann.sees(channel, "cancelled by", by=place.bot, after=third)
            await client_of(place).context.replies.settled(BOUND, channel.id)
            assert client_of(place).journal.messages.open_rows() == []


async def test_a_request_that_is_edited_while_it_waits_for_a_thread_goes_on_as_it_is_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it gets none in the end."""
    monkeypatch.setattr(threads, "ACTIVE_THREADS", 0)
    async with bot_lab(tmp_path) as place:
        away = place.discord.fault(method="POST", path=re.compile("/threads$"), status=503, times=None)
        asked = await place.ann.say(place.channel, f"{place.bot.mention} say before")
        await place.discord.until(lambda: away.hits)
        await place.ann.edit(asked, f"{place.bot.mention} say after")
        row = client_of(place).journal.messages.row
        await place.discord.until(lambda: (now := row(asked.id)) is not None and "say after" in now.request)
        away.remove()
        await place.ann.sees(place.channel, re.compile("^after", re.MULTILINE), by=place.bot)


async def test_a_thread_that_discord_cannot_open_at_once_is_opened_all_the_same(tmp_path: Path) -> None:
    """An error of the server and a lost answer are tried again, and the second finds the thread (160004)."""
    async with bot_lab(tmp_path) as place:
        opening = re.compile("/threads$")
        place.discord.fault(method="POST", path=opening, status=503)
        place.discord.fault(method="POST", path=opening, answer_lost=True)
        thread = await place.thread("say here")
        await place.ann.sees(thread, "here", by=place.bot)
        assert [call.status for call in place.discord.record if opening.search(call.path)] == [503, 201, 400]
        assert place.said_by_bot(place.channel) == []


async def test_a_thread_that_could_not_be_opened_before_a_stop_is_opened_by_the_next_run(tmp_path: Path) -> None:
    """The stop ends the request for this run, not for good: its answer belongs into its thread all the same."""
    async with idle_lab(tmp_path) as place:
        async with running_bot(place):
            away = place.discord.fault(method="POST", path=re.compile("/threads$"), status=503, times=None)
            asked = await place.ann.say(place.channel, f"{place.bot.mention} say hello")
            await place.discord.until(lambda: away.hits)
        away.remove()
        async with running_bot(place):
            thread = await place.ann.sees_thread(asked)
            await place.answer(thread, "hello")
            assert place.said_by_bot(place.channel) == []


async def test_a_request_that_was_deleted_before_its_thread_was_open_is_answered_with_nothing(tmp_path: Path) -> None:
    """Also where the event of the deletion is lost: the call that opens the thread tells of it."""
    async with bot_lab(tmp_path) as place:
        place.discord.fault(method="POST", path=re.compile("/threads$"), status=503)
        place.discord.event_fault("MESSAGE_DELETE", GatewayFault.LOST)
        asked = await place.ann.say(place.channel, f"{place.bot.mention} say nothing")
        await place.discord.until(lambda: [call for call in place.discord.record if call.status == 503])
        await place.ann.delete(asked)
        await place.discord.until(lambda: [call for call in place.discord.record if call.status == 404])
        client = client_of(place)
        await asleep(client, asked.id)
        row = client.journal.messages.row(asked.id)
        assert row is not None
        assert (row.state, row.reason) == ("closed", "gone")
        assert client.journal.messages.open_rows() == []
        assert place.said_by_bot(place.channel) == []
        assert marked(place.config) == []


async def test_an_agent_that_was_asked_for_is_not_replaced_by_that_of_the_channel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a thread there is one conversation in the channel, with one agent; who wants another is told so."""
    monkeypatch.setattr(threads, "ACTIVE_THREADS", 0)
    async with bot_lab(tmp_path, extra=other(tmp_path)) as place:
        await place.ann.slash(place.channel, "ask", request="say one", agent="default")
        await place.ann.sees(place.channel, re.compile("^one$", re.MULTILINE), by=place.bot)
        await place.ann.slash(place.channel, "ask", request="say two", agent="other")
        told = await place.ann.sees(place.channel, "❌ I could not open a thread: Maximum", by=place.bot)
        assert "two" not in told.content
        monkeypatch.setattr(threads, "ACTIVE_THREADS", 1)
        await place.ann.slash(place.channel, "ask", request="say three", agent="other")
        asked = await place.ann.sees(place.channel, re.compile("asks:\n>>> say three"), by=place.bot)
        await place.ann.sees(await place.ann.sees_thread(asked), "three", by=place.bot)


# ---- places that go away


def take_view(place: BotLab, _: Thread) -> None:
    """The bot does not see the channel any more."""
    place.discord.world.overwrite(place.channel, place.bot.id, deny=int(Permission.VIEW_CHANNEL))


def take_voice(place: BotLab, _: Thread) -> None:
    """The bot may not write in threads any more."""
    place.discord.world.overwrite(place.channel, place.bot.id, deny=int(Permission.SEND_MESSAGES_IN_THREADS))


def delete_thread(place: BotLab, thread: Thread) -> None:
    """Somebody deletes the thread."""
    place.discord.world.delete_channel(thread)


def delete_channel(place: BotLab, _: Thread) -> None:
    """Somebody deletes the channel, and the thread with it."""
    place.discord.world.delete_channel(place.channel)


def kick(place: BotLab, _: Thread) -> None:
    """Somebody removes the bot from the server."""
    place.discord.world.leave(place.guild, place.bot)


@pytest.mark.parametrize("goes", [delete_thread, delete_channel, kick, take_view, take_voice])
async def test_a_turn_whose_place_goes_away_is_cancelled_and_leaves_nothing(
    tmp_path: Path, goes: Callable[[BotLab, Thread], None]
) -> None:
    """Its rows are closed, its agent is gone, and what Discord has refused twice is not tried again."""
    async with idle_lab(tmp_path) as place:
        async with running_bot(place):
            client = client_of(place)
            thread = await place.thread("stream 5000 50")
            await place.ann.sees(thread, "1 2 3", by=place.bot)
            await place.ben.say(thread, "say behind")
            await place.ben.sees(thread, "1 waiting", by=place.bot)
            since = len(place.discord.record)
            goes(place, thread)
            await asleep(client, thread.id)
            await client.context.replies.settled(BOUND)
            assert client.journal.messages.open_rows() == []
            assert marked(place.config) == []
        refused = [(call.method, call.path) for call in place.discord.record[since:] if call.status >= 400]
        assert max(Counter(refused).values(), default=0) <= 2


MISTAKEN: dict[str, Any] = {"status": 403, "body": {"message": "Missing Permissions", "code": 50013}}


@pytest.mark.parametrize("finish", ["edit", "ping"])
async def test_one_refusal_of_each_kind_of_write_ends_no_turn(tmp_path: Path, finish: str) -> None:
    """Discord says now and then by mistake that the bot may not; asked again, it takes what was written."""
    async with bot_lab(tmp_path, extra=f'[reply]\nfinish = "{finish}"') as place:
        writes = [
            ("POST", r"/threads$", 0),
            ("POST", r"/typing$", 0),
            ("POST", r"/messages$", 0),
            ("POST", r"/messages$", 3),  # Four pages and a file are more.
            ("PATCH", r"/messages/\d+$", 0),
        ]
        rules = [
            place.discord.fault(method=method, path=re.compile(path), after=after, bot=place.bot, **MISTAKEN)
            for method, path, after in writes
        ]
        message = await place.ann.say(place.channel, f"{place.bot.mention} stream 1500 500\ncode 300")
        thread = await place.ann.sees_thread(message)
        await place.discord.until(lambda: list(message.reactions) == ["✅"])
        await client_of(place).context.replies.settled(BOUND)
        *pages, files = place.said_by_bot(thread)[: -1 if finish == "ping" else None]
        assert " ".join(" ".join(page.content for page in pages).split()).startswith(numbers(1, 1500))
        assert [each.filename for each in files.attachments] == ["code.py"]
        assert [rule.hits for rule in rules] == [1] * len(rules)


@pytest.mark.parametrize("fault", [MISTAKEN, {"status": 400, "body": {"message": "Blocked", "code": 200000}}], ids=str)
async def test_a_word_about_the_end_that_discord_refuses_makes_no_failure_of_an_answer_that_stands(
    tmp_path: Path, fault: dict[str, Any]
) -> None:
    """The sign says that it is done; where nobody could be called but something can be said, that is said."""
    async with bot_lab(tmp_path, extra='[reply]\nfinish = "ping"') as place:
        gate = tmp_path / "gate"
        os.mkfifo(gate)
        message = await place.ann.say(place.channel, f"{place.bot.mention} say all of it\ngate {gate}")
        thread = await place.ann.sees_thread(message)
        page = await place.ann.sees(thread, "all of it", by=place.bot)
        times = 2 if fault is MISTAKEN else 1
        rule = place.discord.fault(method="POST", path=re.compile("/messages$"), bot=place.bot, times=times, **fault)
        await asyncio.to_thread(gate.write_text, "go")
        await place.discord.until(lambda: list(message.reactions) == ["✅"] and rule.spent)
        await client_of(place).context.replies.settled(BOUND)
        assert client_of(place).journal.messages.open_rows() == []
        assert place.said_by_bot(place.channel) == []
        first, *said = place.said_by_bot(thread)
        assert first is page
        assert [not each.mentions and "you could not be called: Blocked" in each.content for each in said] == [True] * (
            fault is not MISTAKEN
        )


async def test_a_bot_that_was_removed_and_is_back_works_in_the_old_thread_and_in_new_ones(tmp_path: Path) -> None:
    """The session is kept; the first message that is heard from the thread makes it a place again."""
    async with bot_lab(tmp_path, remembers=True) as place:
        thread = await place.thread("say begun\nhang")
        await place.ann.sees(thread, "begun", by=place.bot)
        kick(place, thread)
        await asleep(client_of(place), thread.id)
        await place.ann.say(thread, "say nobody hears this")
        place.discord.world.join(place.guild, place.bot)
        new = await place.thread("say new")
        await place.ann.sees(new, "new", by=place.bot)
        await place.ann.say(thread, f"{place.bot.mention} recall")
        await place.ann.sees(thread, "2 prompts, the first: say begun", by=place.bot)


async def test_a_thread_that_is_archived_during_a_turn_is_opened_for_what_the_agent_says(tmp_path: Path) -> None:
    """As by the next edit: the turn goes on."""
    async with bot_lab(tmp_path) as place:
        place.discord.world.overwrite(place.channel, place.ann.id, allow=int(Permission.MANAGE_THREADS))
        gate = tmp_path / "gate"
        os.mkfifo(gate)
        thread = await place.thread(f"say begun\ngate {gate}\nsay done")
        await place.ann.sees(thread, "begun", by=place.bot)
        await place.ann.archive(thread)
        await asyncio.to_thread(gate.write_text, "go")
        await place.ann.sees(thread, "done", by=place.bot)
        assert not thread.archived


@pytest.mark.parametrize("archived", [True, False])
async def test_a_thread_that_is_locked_during_a_turn_ends_it_and_the_channel_is_told(
    tmp_path: Path, *, archived: bool
) -> None:
    """Nobody there could see it or stop it, and the button cannot be taken off; unlocked, it wakes with its session."""
    async with bot_lab(tmp_path, remembers=True) as place:
        client, world = client_of(place), place.discord.world
        world.overwrite(place.channel, place.bot.id, deny=int(Permission.MANAGE_THREADS))
        world.overwrite(place.channel, place.ann.id, allow=int(Permission.MANAGE_THREADS))
        thread = await place.thread("stream 5000 50")
        live = await place.ann.sees(thread, "1 2 3", by=place.bot)
        await place.ben.say(thread, "say behind")
        await place.ben.sees(thread, "1 waiting", by=place.bot)
        threads.change(world, thread, place.ann.id, {"locked": True, "archived": archived})
        await asleep(client, thread.id)
        told = await place.ann.sees(place.channel, "could not be posted", by=place.bot)
        assert thread.mention in told.content
        await client.context.replies.settled(BOUND)
        assert client.journal.messages.open_rows() == []
        assert marked(place.config) == []
        assert live.components
        threads.change(world, thread, place.ann.id, {"locked": False, "archived": False})
        await place.ann.say(thread, "recall")
        await place.ann.sees(thread, "2 prompts, the first: stream", by=place.bot)
