"""The queue while the agent works: add, take back, correct, drop, send now, stop."""

import asyncio
import json
import os
import re
from pathlib import Path

import pytest

from bot.reply.notices import HELD
from loopback import Message
from loopback.state.entities import Thread

from .live_bot import BotLab, bot_lab, said, spoken
from .puppet_script import forge

PLENTY = "[pool]\nper_minute = 200\nper_thread = 100\n"


def reactions(message: Message) -> set[str]:
    """Return the reactions of a message."""
    return {emoji for emoji, people in message.reactions.items() if people}


async def busy(lab: BotLab) -> tuple[Thread, Path]:
    """Open a thread whose agent works until a FIFO is written to."""
    gate = lab.config.with_name("gate")
    os.mkfifo(gate)
    thread = await lab.conversation(f"say begun\ngate {gate}", "begun")
    return thread, gate


async def answers(lab: BotLab, thread: Thread) -> list[str]:
    """Return the bot's messages in a thread once the queue notice has gone."""
    await lab.discord.until(lambda: not any("waiting" in each.content for each in lab.said_by_bot(thread)))
    return [spoken(each) for each in lab.said_by_bot(thread)]


async def open_gate(gate: Path) -> None:
    """Release the agent."""
    await asyncio.to_thread(gate.write_text, "open")


async def test_thirty_messages_sent_while_busy_wait_visibly_and_are_answered_in_order(tmp_path: Path) -> None:
    """One notice counts them. Those of one person go together, ten at a time, and other people's do not count."""
    async with bot_lab(tmp_path, extra=PLENTY) as lab:
        thread, gate = await busy(lab)
        written = []
        for number in range(1, 31):
            written.append(await lab.ann.say(thread, f"say number {number}"))
            if number == 15:
                await lab.mallory.say(thread, "say outsider")
        await lab.ann.sees(thread, "30 waiting", by=lab.bot)
        await lab.discord.until(lambda: "⏳" in reactions(written[-1]))
        notices = [each for each in lab.said_by_bot(thread) if "waiting" in each.content]
        assert len(notices) == 1
        assert notices[0].flags & 1 << 12  # SUPPRESS_NOTIFICATIONS
        await open_gate(gate)
        await lab.ann.sees(thread, re.compile(r"number 30\b"), by=lab.bot)
        await lab.discord.until(lambda: all(reactions(each) == {"✅"} for each in written))
        begun, *others = await answers(lab, thread)
        assert begun == "begun"
        assert [answer.count("number") for answer in others] == [10, 10, 10]
        assert re.findall(r"number (\d+)", "\n".join(others)) == [str(number) for number in range(1, 31)]
        assert "outsider" not in " ".join(others)


async def test_of_two_people_each_gets_an_answer_and_drops_only_their_own(tmp_path: Path) -> None:
    """Drop and `/queue` obey the author of a message and approvers; other people have no effect."""
    async with bot_lab(tmp_path, access='users = ["*"]\nadmins = []') as lab:
        thread, gate = await busy(lab)
        await lab.ann.say(thread, "say of ann 1")
        await lab.ben.say(thread, "say of ben 1")
        await lab.ben.say(thread, "say of ben 2")
        await lab.ann.say(thread, "say of ann 2")
        notice = await lab.ann.sees(thread, "4 waiting", by=lab.bot)
        listed = await lab.ben.slash(thread, "queue")
        assert "4. " in said(listed)
        assert listed.message is not None
        labels = [each["label"] for each in listed.message.components[0]["components"][0]["options"]]
        assert labels == ["2. say of ben 1", "3. say of ben 2"]
        await lab.ben.pick(listed.message, ["3. say of ben 2"])
        await lab.ann.sees(thread, "3 waiting", by=lab.bot)
        dropped = await lab.ann.click(notice, "Drop")
        assert "Dropped 2 messages. 1 message from others stays." in said(dropped)
        refused = await lab.ben.click(notice, "Interrupt and send")
        assert "You don't have permission to stop the agent here." in said(refused)
        await open_gate(gate)
        await lab.ben.sees(thread, "of ben 1", by=lab.bot)
        await lab.ann.say(thread, "say the end")
        await lab.ann.sees(thread, "the end", by=lab.bot)
        assert await answers(lab, thread) == ["begun", "of ben 1", "the end"]


async def test_very_many_are_dropped_while_other_threads_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The press is answered before all are dropped; in the end only the messages of others remain."""
    monkeypatch.setattr("bot.interactions.queue_buttons.SLICE", 2)
    async with bot_lab(tmp_path) as lab:
        thread, gate = await busy(lab)
        await lab.ann.say(thread, "say of ann")
        for number in range(9):
            await lab.ben.say(thread, f"say of ben {number}")
        notice = await lab.ann.sees(thread, "10 waiting", by=lab.bot)
        assert "Dropped 9 messages. 1 message from others stays." in said(await lab.ben.click(notice, "Drop"))
        await lab.ann.sees(thread, "1 waiting", by=lab.bot)
        await open_gate(gate)
        await lab.ann.sees(thread, "of ann", by=lab.bot)
        assert await answers(lab, thread) == ["begun", "of ann"]


async def test_who_drops_all_that_is_held_drops_only_their_own(tmp_path: Path) -> None:
    """An approver drops the rest by the same button, and the audit log has both presses."""
    access, log = 'users = ["*"]', tmp_path / "audit.jsonl"
    async with bot_lab(tmp_path, access=access, extra=f'[audit]\npath = "{log}"') as lab:
        thread, _ = await busy(lab)
        await lab.ben.say(thread, "say of ben")
        await lab.mallory.say(thread, "say of mallory")
        await lab.ben.say(thread, "say of ben again")
        await lab.ann.sees(thread, "3 waiting", by=lab.bot)
        await lab.ann.slash(thread, "cancel")
        held = await lab.ann.sees(thread, "-# ⏸", by=lab.bot)
        assert "Dropped 2 messages. 1 message from others stays." in said(await lab.ben.click(held, "Drop all"))
        assert "belong to others" in said(await lab.ben.click(held, "Drop all"))
        await lab.ann.click(held, "Drop all")
        assert held.content == f"-# <@{lab.ann.id}> dropped 1 message."
        assert held.components == []
        await lab.ben.say(thread, "say done")
        await lab.answer(thread, "done")
        shown = " ".join(each.content for each in lab.said_by_bot(thread))
        assert "of ben" not in shown
        assert "of mallory" not in shown
    dropped = [json.loads(line) for line in log.read_text().splitlines() if "dropped" in line]
    assert [each["user_id"] for each in dropped] == [str(lab.ben.id), str(lab.ann.id)]


async def test_a_long_line_is_listed_from_its_beginning_with_the_count_of_the_rest(tmp_path: Path) -> None:
    """As many whole lines as fit; the menu drops up to the first twenty-five."""
    async with bot_lab(tmp_path, extra=PLENTY) as lab:
        thread, _ = await busy(lab)
        for number in range(1, 31):
            await lab.ann.say(thread, f"say {number} " + "_long_ " * 20)
        await lab.ann.sees(thread, "30 waiting", by=lab.bot)
        listed = await lab.ann.slash(thread, "queue")
        *lines, rest = said(listed).split("\n")
        assert [line.partition(".")[0] for line in lines] == [str(number) for number in range(1, len(lines) + 1)]
        assert rest == f"… and {30 - len(lines)} more"
        assert listed.message is not None
        assert len(listed.message.components[0]["components"][0]["options"]) == 25


async def test_send_now_stops_what_runs_and_goes_before_the_rest(tmp_path: Path) -> None:
    """The first waiting message goes alone, then the others."""
    async with bot_lab(tmp_path) as lab:
        thread = await lab.conversation("say begun\nhang", "begun")
        for number in (1, 2, 3):
            await lab.ann.say(thread, f"say number {number}")
        notice = await lab.ann.sees(thread, "3 waiting", by=lab.bot)
        pressed = await lab.ann.click(notice, "Interrupt and send")
        assert pressed.message is notice
        await lab.ann.sees(thread, "number 3", by=lab.bot)
        begun, *others = await answers(lab, thread)
        assert begun.startswith("begun\n-# ⏹ Stopped")
        assert others == ["number 1", "number 2\nnumber 3"]
        hanging = await lab.ann.say(thread, "say again\nhang")
        await lab.ann.sees(thread, "again", by=lab.bot)
        await lab.ann.say(thread, "say later")
        chosen = await lab.ann.say(thread, "say chosen")
        assert "not in the queue" in said(await lab.ann.menu(hanging, "Send queued message now"))
        assert "It goes next" in said(await lab.ann.menu(chosen, "Send queued message now"))
        await lab.ann.sees(thread, "later", by=lab.bot)
        assert (await answers(lab, thread))[-2:] == ["chosen", "later"]


async def test_edits_and_deletions_change_what_waits_and_nothing_else(tmp_path: Path) -> None:
    """An edit changes a waiting message, a deletion removes it; a message that the agent already has stays."""
    async with bot_lab(tmp_path, access='users = ["*"]') as lab:
        thread, gate = await busy(lab)
        running = next(iter(lab.discord.messages(lab.channel)))
        first = await lab.ann.say(thread, "say frist")
        gone = await lab.ben.say(thread, "say gone")
        last = await lab.ann.say(thread, "say last")
        await lab.ann.sees(thread, "3 waiting", by=lab.bot)
        await lab.ann.edit(first, "say first")
        await lab.ann.edit(running, f"{lab.bot.mention} say something else")
        await lab.ben.delete(gone)
        await lab.ann.sees(thread, "2 waiting", by=lab.bot)
        await open_gate(gate)
        await lab.ann.sees(thread, "last", by=lab.bot)
        assert await answers(lab, thread) == ["begun", "first\nlast"]
        await lab.ann.edit(last, "say too late")
        await lab.ann.say(thread, "say done")
        await lab.ann.sees(thread, "done", by=lab.bot)
        assert "too late" not in " ".join(each.content for each in lab.said_by_bot(thread))


async def test_a_message_that_is_edited_to_say_nothing_is_taken_back(tmp_path: Path) -> None:
    """A bare mention remains: the earlier text never reaches the agent, and the message leaves the queue."""
    async with bot_lab(tmp_path) as lab:
        thread, gate = await busy(lab)
        regretted = await lab.ann.say(thread, "say regretted")
        await lab.ann.say(thread, "say wanted")
        bens = await lab.ben.say(thread, f"{lab.bot.mention} say withdrawn")
        await lab.ann.sees(thread, "3 waiting", by=lab.bot)
        await lab.ann.edit(regretted, lab.bot.mention)
        await lab.ben.edit(bens, lab.bot.mention)
        await lab.ann.sees(thread, "1 waiting", by=lab.bot)
        await lab.discord.until(lambda: not bens.reactions)
        await lab.ann.say(thread, "say last")
        await lab.ann.sees(thread, "2 waiting", by=lab.bot)
        await open_gate(gate)
        await lab.ann.sees(thread, "last", by=lab.bot)
        assert await answers(lab, thread) == ["begun", "wanted\nlast"]


async def test_an_edit_of_somebody_who_may_no_longer_talk_changes_nothing(tmp_path: Path) -> None:
    """The accepted message stays as it was."""
    async with bot_lab(tmp_path) as lab:
        thread, gate = await busy(lab)
        written = await lab.ben.say(thread, "say before")
        await lab.ben.sees(thread, "1 waiting", by=lab.bot)
        lab.configure(access=f'users = ["{lab.ann.id}"]')
        assert "access.users" in said(await lab.ann.slash(thread, "reload"))
        await lab.ben.edit(written, "say after")
        await lab.ann.say(thread, "say last")
        await lab.ann.sees(thread, "2 waiting", by=lab.bot)
        lab.configure()  # Who is let in again before the turn begins has said what was let in.
        assert "access.users" in said(await lab.ann.slash(thread, "reload"))
        await open_gate(gate)
        await lab.ann.sees(thread, "last", by=lab.bot)
        assert await answers(lab, thread) == ["begun", "before", "last"]


async def test_a_plain_stop_offers_to_stop_and_does_not_wait(tmp_path: Path) -> None:
    """The agent never sees it, and the offer goes with the turn. With a file it is an ordinary message."""
    async with bot_lab(tmp_path) as lab:
        thread = await lab.conversation("say begun\nhang", "begun")
        await lab.ann.say(thread, "Stop!!")
        first = await lab.ann.sees(thread, "Did you want to stop", by=lab.bot)
        await lab.ann.say(thread, "wait", files=[("log.txt", b"this is not lost")])
        await lab.ann.sees(thread, "1 waiting", by=lab.bot)
        await lab.ann.say(thread, "stop it")
        offered = await lab.ann.sees(thread, "Did you want to stop", by=lab.bot, after=first)
        await lab.discord.until(lambda: first.deleted)
        await lab.ann.click(offered, "Stop")
        await lab.ann.sees(thread, "Stopped by", by=lab.bot)
        await lab.discord.until(lambda: offered.deleted)
        await lab.ann.say(thread, "wait")
        await lab.ann.sees(thread, re.compile("You said: .wait\nwait"), by=lab.bot)


async def test_a_message_steers_where_that_is_configured(tmp_path: Path) -> None:
    """It stops the turn and is next; a message of a person who may not stop the turn waits."""
    steering = '[threads]\nbusy = "steer"\n'
    async with bot_lab(tmp_path, extra=steering, access='users = ["*"]\nadmins = []') as lab:
        thread = await lab.conversation("say begun\nhang", "begun")
        await lab.ben.say(thread, "say patient")
        await lab.ann.sees(thread, "1 waiting", by=lab.bot)
        await lab.ann.say(thread, "say steered")
        await lab.ann.sees(thread, "patient", by=lab.bot)
        begun, *others = await answers(lab, thread)
        assert begun.startswith("begun\n-# ⏹ Stopped")
        assert others == ["steered", "patient"]


async def test_an_answer_says_which_message_it_answers_where_others_stand_between(tmp_path: Path) -> None:
    """By Discord's own reply line, without a ping. Of messages taken together the last one gets the reply."""
    async with bot_lab(tmp_path) as lab:
        thread, gate = await busy(lab)
        await lab.ann.say(thread, "say of ann 1")
        last = await lab.ann.say(thread, "say of ann 2")
        other = await lab.ben.say(thread, "say of ben")
        await lab.ann.sees(thread, "3 waiting", by=lab.bot)
        await open_gate(gate)
        for asked, text in ((last, "of ann 2"), (other, "of ben")):
            answer = await lab.ann.sees(thread, text, by=lab.bot)
            assert answer.reference is not None
            assert answer.reference.message_id == asked.id
            assert answer.mentions == []
        await lab.discord.until(lambda: reactions(other) == {"✅"})  # Its turn has ended, so nothing is between.
        await lab.ann.say(thread, "say at once")
        answer = await lab.ann.sees(thread, "at once", by=lab.bot)
        assert answer.reference is None


async def test_a_second_press_in_haste_stops_nothing(tmp_path: Path) -> None:
    """The button names the message to send, and has no effect once that one has gone."""
    async with bot_lab(tmp_path) as lab:
        thread = await lab.conversation("say begun\nhang", "begun")
        await lab.ann.say(thread, "say number 1\nhang")
        await lab.ben.say(thread, "say number 2")
        notice = await lab.ann.sees(thread, "2 waiting", by=lab.bot)
        seen = notice.components[0]["components"][0]["custom_id"]
        await lab.ann.click(notice, "Interrupt and send")
        await lab.ann.sees(thread, "number 1", by=lab.bot)
        notice = await lab.ann.sees(thread, "1 waiting", by=lab.bot)
        assert "not in the queue" in said(await forge(lab.ann, notice, seen))
        await lab.ann.click(notice, "Interrupt and send")
        await lab.ann.sees(thread, "number 2", by=lab.bot)


async def test_an_old_notice_drops_nothing_of_what_a_later_cancel_holds(tmp_path: Path) -> None:
    """Its messages were sent. The new notice works, and it is the only one."""
    async with bot_lab(tmp_path) as lab:
        thread, gate = await busy(lab)
        await lab.ann.say(thread, "say first")
        await lab.ann.slash(thread, "cancel")
        old = await lab.ann.sees(thread, "-# ⏸", by=lab.bot)
        await lab.ann.say(thread, f"say second\ngate {gate}")
        await lab.ann.sees(thread, re.compile(r"^second", re.MULTILINE), by=lab.bot)
        await lab.discord.until(lambda: not any("⏸" in each.content for each in lab.said_by_bot(thread)))
        await lab.ann.say(thread, "say third")
        await lab.ann.slash(thread, "cancel")
        held = await lab.ann.sees(thread, "-# ⏸", by=lab.bot, after=old)
        while lab.client.notices.message(thread.id, HELD) is None:  # Until then any message may be the notice.
            await lab.ann.slash(thread, "status")
        another = lab.said_by_bot(thread)[0]
        another.components = held.components  # As if the old one had not gone.
        assert "out of date" in said(await lab.ann.click(another, "Drop all"))
        assert another.components == []
        assert "on hold" in held.content
        await lab.ann.click(held, "Continue")
        await lab.answer(thread, re.compile(r"^third", re.MULTILINE))
