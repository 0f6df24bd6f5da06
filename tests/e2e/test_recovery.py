"""Recovery: SIGKILL at the worst moments, a restart, a lost gateway."""

import asyncio
import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from bot.access.admission import Admission
from bot.conversation.exchange import Exchange
from bot.intake.recovery import Recovery
from loopback import Message
from loopback.state.components import text_of
from loopback.state.entities import Thread
from loopback.state.faults import GatewayFault
from pool.journal.journal import Journal
from pool.journal.message_states import MessageState

from .bot_process import GENEROUS, answered_once, bot_run
from .live_bot import BotLab, idle_lab, nothing_written, running_bot, said, spoken
from .puppet_script import labels


def lines_said(lab: BotLab, thread: Thread, begin: str | tuple[str, ...]) -> list[str]:
    """Return the lines of the bot's messages that begin so, oldest first: one reply may answer several messages."""
    words = [line for each in lab.said_by_bot(thread) for line in spoken(each).split("\n")]
    return [word for word in words if word.startswith(begin)]


def settled(lab: BotLab, message_id: int) -> MessageState | None:
    """Read a message's row from outside."""
    with Journal.open(lab.config.with_name("threadline.db")) as journal:
        return journal.messages.state(message_id)


async def test_a_message_received_before_a_kill_is_answered_after_the_restart(tmp_path: Path) -> None:
    """Messages that waited behind a running turn are answered once, in order, and their queue notice goes."""
    async with idle_lab(tmp_path, remembers=True) as lab:
        async with bot_run(lab, signal.SIGKILL):
            thread = await lab.conversation("say begun\nhang", "begun")
            await lab.ann.say(thread, "say second")
            third = await lab.ann.say(thread, "say third")
            await lab.ann.sees(thread, lambda message: message.id == third.id and bool(message.reactions))
            await lab.ann.sees(thread, "2 waiting", by=lab.bot)
        async with bot_run(lab):
            notice = await lab.ann.sees(thread, "I restarted", by=lab.bot)
            await lab.ann.click(notice, "Skip")
            await lab.ann.sees(thread, "third", by=lab.bot)
            assert lines_said(lab, thread, ("second", "third")) == ["second", "third"]
            await lab.discord.until(lambda: not any("waiting" in each.content for each in lab.said_by_bot(thread)))
        assert settled(lab, third.id) is MessageState.ANSWERED


async def test_a_press_during_the_start_does_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It waits until its question is restored, and no person reads that another had decided."""
    pressed, begin, admit = asyncio.Event(), Recovery.begin, Admission.admit_button

    async def begin_late(self: Recovery) -> list[Exchange]:
        await pressed.wait()
        return await begin(self)

    async def press(self: Admission, *args: Any) -> bool:
        pressed.set()
        return await admit(self, *args)

    async with idle_lab(tmp_path, remembers=True) as lab:
        async with bot_run(lab, signal.SIGKILL):
            thread = await lab.conversation("say the draft\nhang", "the draft")
        async with bot_run(lab):
            notice = await lab.ann.sees(thread, "I restarted", by=lab.bot)
        monkeypatch.setattr(Recovery, "begin", begin_late)
        monkeypatch.setattr(Admission, "admit_button", press)
        skipping = asyncio.create_task(_skip(lab, notice))
        async with running_bot(lab):
            await skipping
            assert text_of(lab.discord.messages(thread)[-1]) == f"-# {lab.ann.mention} skipped the interrupted request."


async def _skip(lab: BotLab, notice: Message) -> None:
    await lab.discord.connected(lab.bot)
    await lab.ann.click(notice, "Skip")


async def test_what_the_owner_had_in_line_is_answered_after_a_restart(tmp_path: Path) -> None:
    """The bot knows its owner, who may talk, before the first message or press."""
    async with idle_lab(tmp_path, remembers=True, access="# the owner alone", extra="[pool]\nmax_agents = 1") as lab:
        async with bot_run(lab, signal.SIGKILL):
            await lab.ann.sees(await lab.thread("say begun\nhang"), "begun", by=lab.bot)
            thread = await lab.conversation("say waited", "in the queue")
        async with bot_run(lab):
            await lab.answer(thread, re.compile("waited|may not"))
            assert [spoken(each) for each in lab.said_by_bot(thread)] == ["waited"]


async def test_what_was_changed_while_the_bot_was_away_is_not_what_the_agent_gets(tmp_path: Path) -> None:
    """Edits and deletions change waiting messages, also after a kill; a deleted message opens no thread."""
    async with idle_lab(tmp_path, remembers=True) as lab:
        unopened = lab.discord.fault(method="POST", path=re.compile("/threads$"), status=503, times=None, after=1)
        async with bot_run(lab, signal.SIGKILL):
            thread = await lab.conversation("say begun\nhang", "begun")
            edited = await lab.ann.say(thread, "say frist")
            gone = [await lab.ben.say(thread, f"say gone {number}") for number in range(2)]
            await lab.ann.say(thread, "say last")
            request = await lab.ben.say(lab.channel, f"{lab.bot.mention} say request")
            await lab.ann.sees(thread, "4 waiting", by=lab.bot)
            await lab.discord.until(lambda: bool(request.reactions))
        await lab.ann.edit(edited, "say first")
        for each in (*gone, request):
            await lab.ben.delete(each)
        unopened.remove()
        async with bot_run(lab):
            restarted = await lab.ann.sees(thread, "I restarted", by=lab.bot)
            await lab.ann.click(restarted, "Skip")
            await lab.ann.sees(thread, re.compile(r"^last\b", re.MULTILINE), by=lab.bot)
            words = " ".join(each.content for each in (*lab.said_by_bot(thread), *lab.said_by_bot(lab.channel)))
            assert re.search(r"\bfirst\b.*\blast\b", words, re.DOTALL)  # Together or one by one.
            assert not any(text in words for text in ("frist", "gone", "request", "could not"))


async def test_an_interrupted_prompt_is_sent_again_only_by_a_person(tmp_path: Path) -> None:
    """The agent may have acted. Retry sends the same request and says that it is the second time."""
    async with idle_lab(tmp_path, remembers=True) as lab:
        async with bot_run(lab, signal.SIGKILL):
            thread = await lab.conversation("say the draft\nhang", "the draft")
        async with bot_run(lab):
            notice = await lab.ann.sees(thread, "I restarted", by=lab.bot)
            pressed = await lab.mallory.click(notice, "Retry")
            assert "have access" in (pressed.message.content if pressed.message else "")
            with nothing_written(tmp_path):
                assert "nothing was done" in said(await lab.ann.click(notice, "Retry"))
                assert labels(notice)
            await lab.ann.click(notice, "Retry")
            await lab.ann.sees(thread, "the draft", by=lab.bot, after=notice)
            await lab.ann.slash(thread, "cancel")
            await lab.ann.sees(thread, "Stopped by", by=lab.bot)
        drafts = [each for each in lab.said_by_bot(thread) if "the draft" in each.content]
        assert len(drafts) == 2


async def test_an_interrupted_request_is_sent_again_by_the_menu_of_its_message_too(tmp_path: Path) -> None:
    """Once: the notice's buttons then say that it was decided. The right to Retry is needed here too."""
    async with idle_lab(tmp_path, remembers=True) as lab:
        async with bot_run(lab, signal.SIGKILL):
            thread = await lab.thread("hang")
            asked = await lab.ann.say(thread, "say the draft\nhang")
            await lab.ann.slash(thread, "cancel")
            await lab.ann.slash(thread, "resume")
            draft = await lab.ann.sees(thread, "the draft", by=lab.bot)
            await lab.ann.slash(thread, "status")  # By its answer the bot knows which message the draft is.
        async with bot_run(lab):
            notice = await lab.ann.sees(thread, "I restarted", by=lab.bot)
            assert "have permission" in said(await lab.ben.menu(draft, "Retry request"))
            assert "sent the interrupted request again" in said(await lab.ann.menu(asked, "Retry request"))
            await lab.ann.sees(thread, "the draft", by=lab.bot, after=notice)
            await lab.ann.sees(thread, lambda each: each.id == notice.id and not labels(each))
            assert "sent the interrupted request again" in text_of(notice)
            assert "already queued or running" in said(await lab.ann.menu(asked, "Retry request"))


async def test_messages_sent_while_the_bot_was_away_are_answered(tmp_path: Path) -> None:
    """In a known thread and in the channel, in order, once."""
    async with idle_lab(tmp_path, remembers=True) as lab:
        thread = await answered_once(lab)
        await lab.ann.say(thread, "say missed one")
        await lab.ann.say(thread, "say missed two")
        missed = await lab.ben.say(lab.channel, f"{lab.bot.mention} say missed mention")
        async with bot_run(lab):
            await lab.ann.sees(thread, "missed two", by=lab.bot)
            other = await lab.ben.sees_thread(missed)
            await lab.ben.sees(other, "missed mention", by=lab.bot)
            assert lines_said(lab, thread, "missed") == ["missed one", "missed two"]
        async with bot_run(lab):
            await lab.ann.say(thread, "recall")
            await lab.answer(thread, "prompts, the first")
            assert sum("missed one" in each.content for each in lab.said_by_bot(thread)) == 1


async def test_messages_missed_by_a_gateway_that_was_gone_are_answered_in_order(tmp_path: Path) -> None:
    """After a refused resume the events between are lost; the history has the messages."""
    async with idle_lab(tmp_path, remembers=True) as lab, bot_run(lab):
        thread = await lab.conversation("say hello there", "hello there")
        lab.discord.drop_gateway(lab.bot, resume=False)
        for number in range(3):
            await lab.ann.say(thread, f"say while away {number}")
        await lab.ann.sees(thread, "while away 2", by=lab.bot)
        assert lines_said(lab, thread, "while") == [f"while away {number}" for number in range(3)]


async def test_an_open_question_is_closed_after_a_restart(tmp_path: Path) -> None:
    """Its buttons go, and the card says what became of the turn."""
    async with idle_lab(tmp_path, remembers=True) as lab:
        async with bot_run(lab, signal.SIGKILL):
            thread = await lab.thread("ask execute make install")
            card = await lab.ann.sees(thread, "Permission needed", by=lab.bot)
        async with bot_run(lab):
            await lab.ann.sees(thread, lambda message: message.id == card.id and not labels(message))
            assert "restarted" in text_of(card)


async def test_idle_threads_and_a_restart_post_nothing(tmp_path: Path) -> None:
    """Sleep, wake and restarts of idle threads are silent."""
    async with idle_lab(tmp_path, remembers=True) as lab:
        thread = await answered_once(lab)
        before = [each.content for each in lab.discord.messages(thread)]
        async with bot_run(lab):
            other = await lab.thread("say I am here", lab.ben)
            await lab.ben.sees(other, "I am here", by=lab.bot)
            assert [each.content for each in lab.discord.messages(thread)] == before


# ---- catching up


async def test_more_missed_messages_than_the_bound_are_named_in_the_thread(tmp_path: Path) -> None:
    """The newest are answered; the thread learns of older ones, which stay unanswered."""
    async with idle_lab(tmp_path, remembers=True, extra="[catch_up]\nmessages = 3") as lab:
        thread = await answered_once(lab)
        for number in range(8):
            await lab.ann.say(thread, f"say missed {number}")
        async with bot_run(lab):
            await lab.ann.sees(thread, "I was offline for a long time", by=lab.bot)
            await lab.ann.sees(thread, "missed 7", by=lab.bot)
        async with bot_run(lab):
            await lab.ann.say(thread, "say missed nothing")
            await lab.ann.sees(thread, "missed nothing", by=lab.bot)
            assert lines_said(lab, thread, "missed") == ["missed 5", "missed 6", "missed 7", "missed nothing"]
            assert sum("I was offline for a long time" in each.content for each in lab.said_by_bot(thread)) == 1


async def test_nobody_is_refused_for_want_of_roles_in_a_missed_message(tmp_path: Path) -> None:
    """The history has no roles, so the member is looked up before a refusal."""
    async with idle_lab(tmp_path) as lab:
        crew = lab.discord.add_role(lab.guild, "crew")
        lab.discord.give_role(lab.guild, lab.ben, crew)
        lab.configure(remembers=True, access=f'users = ["role:{crew.id}"]')
        thread = await answered_once(lab, lab.ben)
        refused = await lab.mallory.say(thread, "say missed by mallory")
        await lab.ben.say(thread, "say missed by ben")
        async with bot_run(lab):
            await lab.ben.sees(thread, "missed by ben", by=lab.bot)
            await lab.mallory.sees(thread, lambda message: message.id == refused.id and bool(message.reactions))
        assert lines_said(lab, thread, "missed") == ["missed by ben"]


async def test_a_missed_message_waits_for_the_roles_of_its_author(tmp_path: Path) -> None:
    """Discord may refuse the roles for a while. The message and those behind it wait."""
    async with idle_lab(tmp_path) as lab:
        crew = lab.discord.add_role(lab.guild, "crew")
        lab.discord.give_role(lab.guild, lab.ben, crew)
        lab.configure(remembers=True, access=f'users = ["role:{crew.id}", "{lab.ann.id}"]')
        thread = await answered_once(lab, lab.ben)
        missed = await lab.ben.say(thread, "say missed by ben")
        await lab.ann.say(thread, "say missed by ann")
        members = re.compile(r"/members/")
        faults = [
            lab.discord.fault(method="GET", path=members, status=503),
            lab.discord.fault(method="GET", path=members, status=429, retry_after=0.1, via=False),
        ]
        async with bot_run(lab):
            await lab.ann.say(thread, "say missed by nobody")
            await lab.ann.sees(thread, "missed by nobody", by=lab.bot)
            assert lines_said(lab, thread, "missed") == ["missed by ben", "missed by ann", "missed by nobody"]
        assert [fault.hits for fault in faults] == [1, 1]
        assert "🚫" not in missed.reactions


async def test_what_is_written_while_the_bot_catches_up_comes_after_what_was_missed(tmp_path: Path) -> None:
    """The history of the thread takes its time, and the live message waits for it."""
    async with idle_lab(tmp_path, remembers=True) as lab:
        thread = await answered_once(lab)
        for number in range(2):
            await lab.ann.say(thread, f"say missed {number}")
        slow = lab.discord.fault(method="GET", path=f"/channels/{thread.id}/messages", slow=1.5)
        async with bot_run(lab):
            await lab.ann.say(thread, "say missed not at all")
            await lab.ann.sees(thread, "missed not at all", by=lab.bot)
            assert slow.hits == 1
            assert lines_said(lab, thread, "missed") == ["missed 0", "missed 1", "missed not at all"]


async def test_what_was_missed_in_a_server_that_comes_after_the_start_is_answered(tmp_path: Path) -> None:
    """Discord lists the servers one by one, and the start does not wait for a late one."""
    async with idle_lab(tmp_path, remembers=True) as lab:
        thread = await answered_once(lab)
        await lab.ann.say(thread, "say missed")
        lab.discord.event_fault("GUILD_CREATE", GatewayFault.SWAPPED)
        async with running_bot(lab):
            await lab.ann.type(thread)  # What comes next; the server comes behind it.
            await lab.ann.sees(thread, "missed", by=lab.bot)
            await lab.ann.say(thread, "say missed no more")
            await lab.ann.sees(thread, "missed no more", by=lab.bot)
        assert lines_said(lab, thread, "missed") == ["missed", "missed no more"]


# ---- kill -9 between two steps


async def test_a_message_whose_thread_was_not_open_yet_is_answered_after_a_kill(tmp_path: Path) -> None:
    """After the restart the accepted message gets a thread, and one answer in it."""
    async with idle_lab(tmp_path, remembers=True) as lab:
        no_threads = lab.discord.fault(method="POST", path=re.compile(r"/threads$"), status=503, times=None)
        async with bot_run(lab, signal.SIGKILL):
            message = await lab.ann.say(lab.channel, f"{lab.bot.mention} say found again")
            await lab.ann.sees(lab.channel, lambda each: each.id == message.id and bool(each.reactions))
        assert settled(lab, message.id) is MessageState.RECEIVED
        no_threads.remove()
        async with bot_run(lab):
            thread = await lab.ann.sees_thread(message)
            await lab.ann.sees(thread, "found again", by=lab.bot)
            await lab.ann.sees(lab.channel, lambda each: each.id == message.id and "✅" in map(str, each.reactions))
        assert [spoken(each) for each in lab.said_by_bot(thread)] == ["found again"]
        assert settled(lab, message.id) is MessageState.ANSWERED


async def test_an_answer_that_was_not_posted_to_its_end_is_posted_after_a_kill(tmp_path: Path) -> None:
    """The turn was over, and one page of three was posted. All are posted then, once, without the agent.

    The file behind them and the mention of the asker follow, once.
    """
    async with idle_lab(tmp_path, remembers=True, extra='[reply]\nfinish = "ping"') as lab:
        gate = tmp_path / "gate"
        os.mkfifo(gate)
        full = lab.discord.fault(
            method="POST", path=re.compile(r"/channels/\d+/messages$"), status=503, times=None, after=1
        )
        async with bot_run(lab, signal.SIGKILL):
            message = await lab.ann.say(
                lab.channel, f"{lab.bot.mention} gate {gate}\ntool read Makefile\nhuge 5000\ncode 300"
            )
            await lab.ann.sees(lab.channel, lambda each: each.id == message.id and bool(each.reactions))
            thread = await lab.ann.sees_thread(message)
            await lab.ann.sees(thread, "Working…", by=lab.bot)
            await asyncio.to_thread(gate.write_text, "")
            await lab.discord.until(lambda: settled(lab, message.id) is MessageState.FINISHED, timeout=GENEROUS)
        full.remove()
        with Journal.open(lab.config.with_name("threadline.db")) as journal:
            pages = journal.messages.pages(message.id)
        assert len(pages) == 3
        assert len(lab.said_by_bot(thread)) == 1
        async with bot_run(lab):
            ping = await lab.ann.sees(thread, re.compile(rf"^<@{lab.ann.id}> ✅ done\n.*1 tool$"), by=lab.bot)
        *shown, files, last = lab.said_by_bot(thread)
        assert [each.content for each in shown] == pages
        assert [each.filename for each in files.attachments] == ["code.py"]
        assert last is ping
        assert [each.mentions for each in lab.said_by_bot(thread)] == [*[[]] * 4, [lab.ann.id]]
        assert settled(lab, message.id) is MessageState.ANSWERED
