"""What survives: kill -9 at the worst moments, a restart, a gateway that was gone."""

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bot.access.admission import Admission
from bot.conversation.exchange import Exchange
from bot.intake.recovery import Recovery
from loopback import Message, User
from loopback.state.entities import Thread
from loopback.state.faults import GatewayFault
from pool.journal.journal import Journal, MessageState
from tests.e2e.test_processes import GENEROUS, bot_process

from .live_bot import BotLab, idle_lab, nothing_written, running_bot, said, spoken


@asynccontextmanager
async def running(place: BotLab, end: signal.Signals = signal.SIGTERM) -> AsyncIterator[None]:
    """One run of the bot as a program of its own, from its READY to the signal that ends it after the block."""
    async with bot_process(place) as process:
        yield
        process.send_signal(end)
        async with asyncio.timeout(GENEROUS):
            await process.communicate()
    # Discord notices a moment later that a process is gone.
    await place.discord.until(lambda: not place.discord.is_connected(place.bot))


async def answered_once(place: BotLab, person: User | None = None) -> Thread:
    """Let a thread be opened and answered by one run of the bot, which is over then."""
    async with running(place):
        thread = await place.thread("say hello there", person)
        await place.ann.sees(thread, "hello there", by=place.bot)
    return thread


def lines_said(place: BotLab, thread: Thread, begin: str | tuple[str, ...]) -> list[str]:
    """The lines of the bot's messages that begin so, oldest first: messages of one person may be answered together."""
    words = [line for each in place.said_by_bot(thread) for line in spoken(each).split("\n")]
    return [word for word in words if word.startswith(begin)]


def settled(place: BotLab, message_id: int) -> MessageState | None:
    """Read a message's row from outside."""
    with Journal.open(place.config.with_name("threadline.db")) as journal:
        return journal.messages.state(message_id)


async def test_a_message_received_before_a_kill_is_answered_after_the_restart(tmp_path: Path) -> None:
    """Invariant 7: what waited behind a running turn was accepted, and is answered once, in order.

    The notice that said how many waited does not stay.
    """
    async with idle_lab(tmp_path, remembers=True) as place:
        async with running(place, signal.SIGKILL):
            thread = await place.thread("say begun\nhang")
            await place.ann.sees(thread, "begun", by=place.bot)
            await place.ann.say(thread, "say second")
            third = await place.ann.say(thread, "say third")
            await place.ann.sees(thread, lambda message: message.id == third.id and bool(message.reactions))
            await place.ann.sees(thread, "2 waiting", by=place.bot)
        async with running(place):
            notice = await place.ann.sees(thread, "I restarted", by=place.bot)
            await place.ann.click(notice, "Skip")
            await place.ann.sees(thread, "third", by=place.bot)
            assert lines_said(place, thread, ("second", "third")) == ["second", "third"]
            await place.discord.until(lambda: not any("waiting" in each.content for each in place.said_by_bot(thread)))
        assert settled(place, third.id) is MessageState.ANSWERED


async def test_a_press_during_the_start_does_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It waits until what the button is about is taken up: nobody is told that somebody else had decided."""
    pressed, begin, admit = asyncio.Event(), Recovery.begin, Admission.admit_button

    async def begin_late(self: Recovery) -> list[Exchange]:
        await pressed.wait()
        return await begin(self)

    async def press(self: Admission, *args: Any) -> bool:
        pressed.set()
        return await admit(self, *args)

    async with idle_lab(tmp_path, remembers=True) as place:
        async with running(place, signal.SIGKILL):
            thread = await place.thread("say the draft\nhang")
            await place.ann.sees(thread, "the draft", by=place.bot)
        async with running(place):
            notice = await place.ann.sees(thread, "I restarted", by=place.bot)
        monkeypatch.setattr(Recovery, "begin", begin_late)
        monkeypatch.setattr(Admission, "admit_button", press)
        skipping = asyncio.create_task(_skip(place, notice))
        async with running_bot(place):
            await skipping
            assert "Skipped by" in place.discord.messages(thread)[-1].content


async def _skip(place: BotLab, notice: Message) -> None:
    await place.discord.connected(place.bot)
    await place.ann.click(notice, "Skip")


async def test_what_the_owner_had_in_line_is_answered_after_a_restart(tmp_path: Path) -> None:
    """The owner may talk because the bot is theirs: the bot knows that before anybody writes or presses anything."""
    async with idle_lab(tmp_path, remembers=True, access="# the owner alone", extra="[pool]\nmax_agents = 1") as place:
        async with running(place, signal.SIGKILL):
            await place.ann.sees(await place.thread("say begun\nhang"), "begun", by=place.bot)
            thread = await place.thread("say waited")
            await place.ann.sees(thread, "in line", by=place.bot)
        async with running(place):
            await place.answer(thread, re.compile("waited|may not"))
            assert [spoken(each) for each in place.said_by_bot(thread)] == ["waited"]


async def test_what_was_changed_while_the_bot_was_away_is_not_what_the_agent_gets(tmp_path: Path) -> None:
    """Edits and deletions change what still waits, also after a kill; no thread is opened on a message that is gone."""
    async with idle_lab(tmp_path, remembers=True) as place:
        unopened = place.discord.fault(method="POST", path=re.compile("/threads$"), status=503, times=None, after=1)
        async with running(place, signal.SIGKILL):
            thread = await place.thread("say begun\nhang")
            await place.ann.sees(thread, "begun", by=place.bot)
            edited = await place.ann.say(thread, "say frist")
            gone = [await place.ben.say(thread, f"say gone {number}") for number in range(2)]
            await place.ann.say(thread, "say last")
            request = await place.ben.say(place.channel, f"{place.bot.mention} say request")
            await place.ann.sees(thread, "4 waiting", by=place.bot)
            await place.discord.until(lambda: bool(request.reactions))
        await place.ann.edit(edited, "say first")
        for each in (*gone, request):
            await place.ben.delete(each)
        unopened.remove()
        async with running(place):
            restarted = await place.ann.sees(thread, "I restarted", by=place.bot)
            await place.ann.click(restarted, "Skip")
            await place.ann.sees(thread, re.compile(r"^last\b", re.MULTILINE), by=place.bot)
            words = " ".join(each.content for each in (*place.said_by_bot(thread), *place.said_by_bot(place.channel)))
            assert re.search(r"\bfirst\b.*\blast\b", words, re.DOTALL)  # Together or one by one.
            assert not any(text in words for text in ("frist", "gone", "request", "could not"))


async def test_an_interrupted_prompt_is_sent_again_only_by_a_person(tmp_path: Path) -> None:
    """P1, DESIGN 5: the agent may have acted. Retry sends the same request with a word that it is the second time."""
    async with idle_lab(tmp_path, remembers=True) as place:
        async with running(place, signal.SIGKILL):
            thread = await place.thread("say the draft\nhang")
            await place.ann.sees(thread, "the draft", by=place.bot)
        async with running(place):
            notice = await place.ann.sees(thread, "I restarted", by=place.bot)
            pressed = await place.mallory.click(notice, "Retry")
            assert "may not" in (pressed.message.content if pressed.message else "")
            with nothing_written(tmp_path):
                assert "was not done" in said(await place.ann.click(notice, "Retry"))
                assert notice.components
            await place.ann.click(notice, "Retry")
            await place.ann.sees(thread, "the draft", by=place.bot, after=notice)
            await place.ann.slash(thread, "cancel")
            await place.ann.sees(thread, "cancelled by", by=place.bot)
        drafts = [each for each in place.said_by_bot(thread) if "the draft" in each.content]
        assert len(drafts) == 2


async def test_an_interrupted_request_is_sent_again_by_the_menu_of_its_message_too(tmp_path: Path) -> None:
    """Once: the notice's buttons then say that it was decided. Who may not press Retry there may not do so here."""
    async with idle_lab(tmp_path, remembers=True) as place:
        async with running(place, signal.SIGKILL):
            thread = await place.thread("hang")
            asked = await place.ann.say(thread, "say the draft\nhang")
            await place.ann.slash(thread, "cancel")
            await place.ann.slash(thread, "resume")
            draft = await place.ann.sees(thread, "the draft", by=place.bot)
            await place.ann.slash(thread, "status")  # By its answer the bot knows which message the draft is.
        async with running(place):
            notice = await place.ann.sees(thread, "I restarted", by=place.bot)
            assert "may not" in said(await place.ben.menu(draft, "Retry"))
            assert "Sent again" in said(await place.ann.menu(asked, "Retry"))
            await place.ann.sees(thread, "the draft", by=place.bot, after=notice)
            await place.ann.sees(thread, lambda each: each.id == notice.id and not each.components)
            assert "Sent again by" in notice.content
            assert "is being worked on" in said(await place.ann.menu(asked, "Retry"))


async def test_messages_sent_while_the_bot_was_away_are_answered(tmp_path: Path) -> None:
    """P1, P2: in a known thread and in the channel, in order, once."""
    async with idle_lab(tmp_path, remembers=True) as place:
        thread = await answered_once(place)
        await place.ann.say(thread, "say missed one")
        await place.ann.say(thread, "say missed two")
        missed = await place.ben.say(place.channel, f"{place.bot.mention} say missed mention")
        async with running(place):
            await place.ann.sees(thread, "missed two", by=place.bot)
            other = await place.ben.sees_thread(missed)
            await place.ben.sees(other, "missed mention", by=place.bot)
            assert lines_said(place, thread, "missed") == ["missed one", "missed two"]
        async with running(place):
            await place.ann.say(thread, "recall")
            await place.answer(thread, "prompts, the first")
            assert sum("missed one" in each.content for each in place.said_by_bot(thread)) == 1


async def test_messages_missed_by_a_gateway_that_was_gone_are_answered_in_order(tmp_path: Path) -> None:
    """P3: after a refused resume the events between are lost; the history has them."""
    async with idle_lab(tmp_path, remembers=True) as place, running(place):
        thread = await place.thread("say hello there")
        await place.ann.sees(thread, "hello there", by=place.bot)
        place.discord.drop_gateway(place.bot, resume=False)
        for number in range(3):
            await place.ann.say(thread, f"say while away {number}")
        await place.ann.sees(thread, "while away 2", by=place.bot)
        assert lines_said(place, thread, "while") == [f"while away {number}" for number in range(3)]


async def test_an_open_question_is_closed_after_a_restart(tmp_path: Path) -> None:
    """P52: its buttons are gone, and the card says what has become of the turn."""
    async with idle_lab(tmp_path, remembers=True) as place:
        async with running(place, signal.SIGKILL):
            thread = await place.thread("ask execute make install")
            card = await place.ann.sees(thread, "May I", by=place.bot)
        async with running(place):
            await place.ann.sees(thread, lambda message: message.id == card.id and not message.components)
            assert "restarted" in card.content


async def test_idle_threads_and_a_restart_post_nothing(tmp_path: Path) -> None:
    """Sleep, wake and restarts are silent where nothing is going on."""
    async with idle_lab(tmp_path, remembers=True) as place:
        thread = await answered_once(place)
        before = [each.content for each in place.discord.messages(thread)]
        async with running(place):
            other = await place.thread("say I am here", place.ben)
            await place.ben.sees(other, "I am here", by=place.bot)
            assert [each.content for each in place.discord.messages(thread)] == before


# ---- catching up


async def test_more_missed_messages_than_the_bound_are_named_in_the_thread(tmp_path: Path) -> None:
    """P1: the newest are answered; that there were older ones is said, and they are not answered later."""
    async with idle_lab(tmp_path, remembers=True, extra="[catch_up]\nmessages = 3") as place:
        thread = await answered_once(place)
        for number in range(8):
            await place.ann.say(thread, f"say missed {number}")
        async with running(place):
            await place.ann.sees(thread, "I was away for long", by=place.bot)
            await place.ann.sees(thread, "missed 7", by=place.bot)
        async with running(place):
            await place.ann.say(thread, "say missed nothing")
            await place.ann.sees(thread, "missed nothing", by=place.bot)
            assert lines_said(place, thread, "missed") == ["missed 5", "missed 6", "missed 7", "missed nothing"]
            assert sum("I was away for long" in each.content for each in place.said_by_bot(thread)) == 1


async def test_nobody_is_refused_for_want_of_roles_in_a_missed_message(tmp_path: Path) -> None:
    """The history names no roles: the member is looked up, and only who really has none is refused."""
    async with idle_lab(tmp_path) as place:
        crew = place.discord.add_role(place.guild, "crew")
        place.discord.give_role(place.guild, place.ben, crew)
        place.configure(remembers=True, access=f'users = ["role:{crew.id}"]')
        thread = await answered_once(place, place.ben)
        refused = await place.mallory.say(thread, "say missed by mallory")
        await place.ben.say(thread, "say missed by ben")
        async with running(place):
            await place.ben.sees(thread, "missed by ben", by=place.bot)
            await place.mallory.sees(thread, lambda message: message.id == refused.id and bool(message.reactions))
        assert lines_said(place, thread, "missed") == ["missed by ben"]


async def test_a_missed_message_waits_for_the_roles_of_its_author(tmp_path: Path) -> None:
    """Discord may refuse them for a while: that is no refusal, and what comes after the message there waits with it."""
    async with idle_lab(tmp_path) as place:
        crew = place.discord.add_role(place.guild, "crew")
        place.discord.give_role(place.guild, place.ben, crew)
        place.configure(remembers=True, access=f'users = ["role:{crew.id}", "{place.ann.id}"]')
        thread = await answered_once(place, place.ben)
        missed = await place.ben.say(thread, "say missed by ben")
        await place.ann.say(thread, "say missed by ann")
        members = re.compile(r"/members/")
        faults = [
            place.discord.fault(method="GET", path=members, status=503),
            place.discord.fault(method="GET", path=members, status=429, retry_after=0.1, via=False),
        ]
        async with running(place):
            await place.ann.say(thread, "say missed by nobody")
            await place.ann.sees(thread, "missed by nobody", by=place.bot)
            assert lines_said(place, thread, "missed") == ["missed by ben", "missed by ann", "missed by nobody"]
        assert [fault.hits for fault in faults] == [1, 1]
        assert "🚫" not in missed.reactions


async def test_what_is_written_while_the_bot_catches_up_comes_after_what_was_missed(tmp_path: Path) -> None:
    """Invariant 2, P3: the history of the thread takes its time, and the live message waits for it."""
    async with idle_lab(tmp_path, remembers=True) as place:
        thread = await answered_once(place)
        for number in range(2):
            await place.ann.say(thread, f"say missed {number}")
        slow = place.discord.fault(method="GET", path=f"/channels/{thread.id}/messages", slow=1.5)
        async with running(place):
            await place.ann.say(thread, "say missed not at all")
            await place.ann.sees(thread, "missed not at all", by=place.bot)
            assert slow.hits == 1
            assert lines_said(place, thread, "missed") == ["missed 0", "missed 1", "missed not at all"]


async def test_what_was_missed_in_a_server_that_comes_after_the_start_is_answered(tmp_path: Path) -> None:
    """P1: Discord names the servers one by one, and the start does not wait for one that is late."""
    async with idle_lab(tmp_path, remembers=True) as place:
        thread = await answered_once(place)
        await place.ann.say(thread, "say missed")
        place.discord.event_fault("GUILD_CREATE", GatewayFault.SWAPPED)
        async with running_bot(place):
            await place.ann.type(thread)  # What comes next; the server comes behind it.
            await place.ann.sees(thread, "missed", by=place.bot)
            await place.ann.say(thread, "say missed no more")
            await place.ann.sees(thread, "missed no more", by=place.bot)
        assert lines_said(place, thread, "missed") == ["missed", "missed no more"]


# ---- kill -9 between two steps


async def test_a_message_whose_thread_was_not_open_yet_is_answered_after_a_kill(tmp_path: Path) -> None:
    """P1, P9: it was received, and no thread was there; after the restart it has one, and one answer in it."""
    async with idle_lab(tmp_path, remembers=True) as place:
        no_threads = place.discord.fault(method="POST", path=re.compile(r"/threads$"), status=503, times=None)
        async with running(place, signal.SIGKILL):
            message = await place.ann.say(place.channel, f"{place.bot.mention} say found again")
            await place.ann.sees(place.channel, lambda each: each.id == message.id and bool(each.reactions))
        assert settled(place, message.id) is MessageState.RECEIVED
        no_threads.remove()
        async with running(place):
            thread = await place.ann.sees_thread(message)
            await place.ann.sees(thread, "found again", by=place.bot)
            await place.ann.sees(place.channel, lambda each: each.id == message.id and "✅" in map(str, each.reactions))
        assert [spoken(each) for each in place.said_by_bot(thread)] == ["found again"]
        assert settled(place, message.id) is MessageState.ANSWERED


async def test_an_answer_that_was_not_posted_to_its_end_is_posted_after_a_kill(tmp_path: Path) -> None:
    """P11, P12, invariant 5: the turn was over, one page of three stood. All stand then, once, without the agent.

    So do the file behind them and the word that calls the asker, who is called once.
    """
    async with idle_lab(tmp_path, remembers=True, extra='[reply]\nfinish = "ping"') as place:
        gate = tmp_path / "gate"
        os.mkfifo(gate)
        full = place.discord.fault(
            method="POST", path=re.compile(r"/channels/\d+/messages$"), status=503, times=None, after=1
        )
        async with running(place, signal.SIGKILL):
            message = await place.ann.say(place.channel, f"{place.bot.mention} gate {gate}\nhuge 5000\ncode 300")
            await place.ann.sees(place.channel, lambda each: each.id == message.id and bool(each.reactions))
            thread = await place.ann.sees_thread(message)
            await place.ann.sees(thread, "working", by=place.bot)
            await asyncio.to_thread(gate.write_text, "")
            await place.discord.until(lambda: settled(place, message.id) is MessageState.FINISHED, timeout=GENEROUS)
        full.remove()
        with Journal.open(place.config.with_name("threadline.db")) as journal:
            pages = journal.messages.pages(message.id)
        assert len(pages) == 3
        assert len(place.said_by_bot(thread)) == 1
        async with running(place):
            ping = await place.ann.sees(thread, re.compile(rf"^<@{place.ann.id}> ✅ done\n-# \d+ s$"), by=place.bot)
        *shown, files, last = place.said_by_bot(thread)
        assert [each.content for each in shown] == pages
        assert [each.filename for each in files.attachments] == ["code.py"]
        assert last is ping
        assert [each.mentions for each in place.said_by_bot(thread)] == [*[[]] * 4, [place.ann.id]]
        assert settled(place, message.id) is MessageState.ANSWERED
