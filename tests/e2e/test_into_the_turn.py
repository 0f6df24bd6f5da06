"""Messages that go into a running turn, where the agent takes them in: who may, what people see, every answer."""

import asyncio
import os
import re
import signal
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from loopback import Message
from loopback.state.components import text_of
from loopback.state.entities import Thread
from pool.journal.journal import Journal
from pool.journal.message_states import MessageState as Row

from .bot_process import answered_once, bot_run
from .live_bot import SCRIPTED, BotLab, bot_lab, idle_lab, running_bot, said, spoken
from .puppet_script import forge, labels
from .test_queue import busy, open_gate, reactions

STEERED = (*SCRIPTED, "--steering")
ALL = 'users = ["*"]\nadmins = []'


def steered_lab(folder: Path, **options: Any) -> AbstractAsyncContextManager[BotLab]:
    """Provide the lab with an agent that takes messages into its turns."""
    return bot_lab(folder, agent=STEERED, **options)


def link(message: Message) -> str:
    """Return the address of a message."""
    return f"https://discord.com/channels/{message.guild_id}/{message.channel_id}/{message.id}"


async def begun(lab: BotLab, how: str) -> tuple[Thread, Path]:
    """Begin a turn that answers messages into it like this, and works until a FIFO is written to."""
    thread, gate = await busy(lab)
    await open_gate(gate)
    await lab.answer(thread, "begun")
    await lab.ann.say(thread, f"steering {how}\nsay at work\ngate {gate}\nsay done")
    await lab.ann.sees(thread, "at work", by=lab.bot)
    return thread, gate


def texts(lab: BotLab, thread: Thread) -> list[str]:
    """Return the lines of the agent in a thread, in order."""
    lines = [line for each in lab.said_by_bot(thread) for line in spoken(each).splitlines()]
    return [line for line in lines if line and not line.startswith("-# ")]


def states(lab: BotLab, *asked: Message) -> list[Row | None]:
    """Return the states of messages in the journal."""
    with Journal.open(lab.config.with_name("threadline.db")) as journal:
        return [journal.messages.state(each.id) for each in asked]


# ---- who may, and what people see


async def test_the_askers_message_goes_into_the_running_turn(tmp_path: Path) -> None:
    """The reply names it where it was read, and goes on; it has a sign, and ends with the turn. Nothing waits."""
    async with steered_lab(tmp_path) as lab:
        thread, gate = await busy(lab)
        more = await lab.ann.say(thread, "say and bananas")
        reply = await lab.ann.sees(thread, "📥", by=lab.bot)
        await lab.discord.until(lambda: reactions(more) == {"📥"})
        await open_gate(gate)
        await lab.answer(thread, "and bananas")
        assert spoken(reply) == f"begun\n-# 📥 Read a message from <@{lab.ann.id}>: {link(more)}\nand bananas"
        await lab.discord.until(lambda: reactions(more) == {"✅"})
        assert lab.said_by_bot(thread) == [reply]
        assert "Stopped" not in reply.content
    assert states(lab, more) == [Row.ANSWERED]


async def test_files_and_context_go_with_it(tmp_path: Path) -> None:
    """The agent gets the same as in a prompt."""
    async with steered_lab(tmp_path) as lab:
        thread, gate = await busy(lab)
        await lab.ann.say(thread, "echo", files=[("notes.txt", b"buy bananas")])
        await lab.ann.sees(thread, "📥", by=lab.bot)
        await open_gate(gate)
        reply = await lab.answer(thread, "buy bananas")
        assert "threadline-context" in reply.content
        assert f'"id":"{lab.ann.id}"' in reply.content


async def test_a_message_of_others_waits_and_can_be_sent_into_the_turn(tmp_path: Path) -> None:
    """By who may stop the turn. The button says what it does; later questions name the message, and ask the asker."""
    async with steered_lab(tmp_path, access=ALL) as lab:
        thread, gate = await busy(lab)
        other = await lab.ben.say(thread, "ask execute make install")
        notice = await lab.ann.sees(thread, "1 waiting", by=lab.bot)
        assert labels(notice) == ["Send now", "Drop"]
        refused = await lab.ben.click(notice, "Send now")
        assert "You don't have permission to stop the agent here." in said(refused)
        await lab.ann.click(notice, "Send now")
        await lab.ann.sees(thread, f"📥 Read a message from <@{lab.ben.id}>: {link(other)}", by=lab.bot)
        await lab.discord.until(lambda: notice.deleted)
        await open_gate(gate)
        card = await lab.ann.sees(thread, "Permission needed", by=lab.bot)
        assert f"This turn also read {link(other)}." in text_of(card)
        assert f"<@{lab.ann.id}>" in text_of(card)
        assert "have permission" in said(await lab.ben.click(card, "Allow once"))
        await lab.ann.click(card, "Allow once")
        await lab.answer(thread, "allowed (allow_once)")
        assert lab.said_by_bot(thread)[0].content.startswith("begun")


async def test_a_message_waits_behind_others_and_behind_one_without_an_answer(tmp_path: Path) -> None:
    """By itself it overtakes nothing. `/queue` and `/status` say what is where."""
    async with steered_lab(tmp_path, access=ALL) as lab:
        thread, _ = await begun(lab, "none")
        await lab.ann.say(thread, "say first")
        second = await lab.ann.say(thread, "say second")
        await lab.ann.sees(thread, "1 waiting", by=lab.bot)
        status = said(await lab.ann.slash(thread, "status"))
        assert "1 message waiting, 1 message going into the running turn" in status
        listed = said(await lab.ann.slash(thread, "queue"))
        assert "say second" in listed
        assert "say first" not in listed
        told = said(await lab.ann.menu(second, "Send queued message now"))
        assert told == "I'm adding it to the running turn."


async def test_a_command_of_the_agents_own_waits(tmp_path: Path) -> None:
    """It is one only where it begins a prompt."""
    async with steered_lab(tmp_path) as lab:
        thread, gate = await busy(lab)
        await lab.ann.say(thread, "/web bananas")
        await lab.ann.sees(thread, "1 waiting", by=lab.bot)
        await open_gate(gate)
        await lab.answer(thread, "Looked up: bananas")


async def test_busy_queue_lets_every_message_wait(tmp_path: Path) -> None:
    """The button and the menu still send one into the turn."""
    async with steered_lab(tmp_path, extra='[threads]\nbusy = "queue"\n') as lab:
        thread, gate = await busy(lab)
        first = await lab.ann.say(thread, "say first")
        second = await lab.ann.say(thread, "say second")
        await lab.ann.sees(thread, "2 waiting", by=lab.bot)
        assert said(await lab.ann.menu(second, "Send queued message now")) == "I'm adding it to the running turn."
        await lab.ann.sees(thread, link(second), by=lab.bot)
        await open_gate(gate)
        await lab.answer(thread, "first")
        assert texts(lab, thread) == ["begun", "second", "first"]
        await lab.discord.until(lambda: reactions(first) == reactions(second) == {"✅"})


async def test_busy_steer_sends_into_the_turn_past_those_that_wait(tmp_path: Path) -> None:
    """Without stopping it, and one after the other."""
    async with steered_lab(tmp_path, access=ALL, extra='[threads]\nbusy = "steer"\n') as lab:
        thread, gate = await busy(lab)
        await lab.ben.say(thread, "say patient")
        await lab.ann.sees(thread, "1 waiting", by=lab.bot)
        for number in range(3):
            await lab.ann.say(thread, f"say number {number}")
        await lab.ann.sees(thread, re.compile("(?:📥[^📥]*){3}"), by=lab.bot)
        await open_gate(gate)
        await lab.answer(thread, "patient")
        assert texts(lab, thread) == ["begun", "number 0", "number 1", "number 2", "patient"]
        assert not any("Stopped" in each.content for each in lab.said_by_bot(thread))


# ---- what the agent answers


@pytest.mark.parametrize("how", ["promptRequired", "error", "promptRequired late", "error late"])
async def test_what_the_turn_does_not_take_in_is_sent_after_it(tmp_path: Path, how: str) -> None:
    """Before what came later, and no word is needed. Meanwhile the button says that it would interrupt."""
    async with steered_lab(tmp_path) as lab:
        thread, gate = await begun(lab, how)
        first = await lab.ann.say(thread, "say first")
        if not how.endswith("late"):
            notice = await lab.ann.sees(thread, "1 waiting", by=lab.bot)
            assert labels(notice) == ["Interrupt and send", "Drop"]
            await lab.discord.until(lambda: reactions(first) == {"⏳"})
        await lab.ben.say(thread, "say second")
        await open_gate(gate)
        await lab.answer(thread, "second")
        assert texts(lab, thread) == ["begun", "at work", "done", "first", "second"]
        await lab.discord.until(lambda: reactions(first) == {"✅"})


@pytest.mark.parametrize("how", ["none", "junk", "crash"])
async def test_what_may_have_been_taken_in_is_not_sent_again_by_itself(
    tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reply and a notice say so; Retry sends it once more, once, in the name of its author."""
    monkeypatch.setattr("acp.steering.STEERING_SECONDS", 0.2)
    async with steered_lab(tmp_path, access=ALL) as lab:
        thread, gate = await begun(lab, how)
        first = await lab.ann.say(thread, "say first")
        notice = await lab.ann.sees(thread, "The agent may not have read", by=lab.bot)
        assert (
            notice.content
            == f"-# ❔ The agent may not have read {link(first)}: it did not confirm it. Retry sends it again."
        )
        assert labels(notice) == ["Retry"]
        unsure = f"❔ Sent a message from <@{lab.ann.id}>, but the agent did not confirm it: {link(first)}"
        reply = await lab.ann.sees(thread, unsure, by=lab.bot)
        assert reply.content.startswith("at work")
        if how != "crash":
            await open_gate(gate)
            await lab.answer(thread, "done")
        await lab.ann.say(thread, "say second")
        await lab.answer(thread, "second")
        assert "first" not in texts(lab, thread)
        await lab.discord.until(lambda: reactions(first) == set())
        assert "have permission" in said(await lab.ben.click(notice, "Retry"))
        await asyncio.gather(lab.ann.click(notice, "Retry"), lab.ann.click(notice, "Retry"))
        await lab.answer(thread, "first")
        assert notice.content == f"-# <@{lab.ann.id}> sent {link(first)} again."
        await lab.ann.say(thread, "say third")
        await lab.answer(thread, "third")
        assert texts(lab, thread)[-3:] == ["second", "first", "third"]
    assert states(lab, first) == [Row.ANSWERED]


@pytest.mark.parametrize("choice", ["Retry", "Skip", None])
@pytest.mark.parametrize("late", ["", " late"])
async def test_a_turn_that_the_agent_begins_by_itself_is_stopped_and_people_choose(
    tmp_path: Path, choice: str | None, late: str
) -> None:
    """What waits behind it waits for the choice; a new message goes on without one."""
    async with steered_lab(tmp_path) as lab:
        thread, gate = await begun(lab, f"startedNewTurn{late}")
        first = await lab.ann.say(thread, "say first\nhang")
        if late:
            await lab.ben.say(thread, "say second")
            await lab.ann.sees(thread, "1 waiting", by=lab.bot)
            await open_gate(gate)
        card = await lab.ann.sees(thread, "began a separate turn", by=lab.bot)
        assert f"<@{lab.ann.id}>, the agent began a separate turn for {link(first)}, and I stopped it" in text_of(card)
        await lab.answer(thread, "done" if late else "The agent cancelled the turn.")
        if not late:
            await lab.ben.say(thread, "say second")
            choice = None
        if choice is not None:
            await lab.ann.click(card, choice)
        elif late:
            await lab.ben.say(thread, "say third")
        if choice == "Retry":
            reply = await lab.ann.sees(thread, re.compile("^first", re.MULTILINE), by=lab.bot, after=card)
            assert "second" not in texts(lab, thread)
            await lab.ann.click(reply, "Stop")
            await lab.ann.say(thread, "say last")
        await lab.answer(thread, "second")
        if choice is None:
            await lab.ann.sees(thread, "No choice was made, and the thread continued", by=lab.bot)
        if choice == "Skip":
            assert text_of(card) == f"-# <@{lab.ann.id}> skipped the interrupted request."
        await lab.discord.until(lambda: "👀" not in reactions(first))
    expected = {"Retry": Row.ANSWERED, "Skip": Row.CLOSED, None: Row.CLOSED}
    assert states(lab, first) == [expected[choice]]


async def test_a_message_that_is_answered_after_the_turns_end_belongs_to_it(tmp_path: Path) -> None:
    """The turn's end waits for that answer."""
    async with steered_lab(tmp_path) as lab:
        thread, gate = await begun(lab, "injected late")
        first = await lab.ann.say(thread, "say first")
        await lab.discord.until(lambda: states(lab, first) == [Row.PROMPTED])
        await lab.ben.say(thread, "say second")
        await lab.ann.sees(thread, "1 waiting", by=lab.bot)
        await open_gate(gate)
        reply = await lab.answer(thread, re.compile("📥"))
        await lab.answer(thread, "second")
        assert texts(lab, thread) == ["begun", "at work", "first", "done", "second"]
        assert link(first) in reply.content
        await lab.discord.until(lambda: reactions(first) == {"✅"})


# ---- at the same time


@pytest.mark.parametrize("how", ["promptRequired late", "injected late"])
async def test_a_message_that_is_edited_in_between_is_asked_as_it_is(tmp_path: Path, how: str) -> None:
    """If the turn does not take it in. One that was taken in stays as it was."""
    async with steered_lab(tmp_path) as lab:
        thread, gate = await begun(lab, how)
        edited = await lab.ann.say(thread, "say before")
        await lab.discord.until(lambda: states(lab, edited) == [Row.PROMPTED])
        await lab.ann.edit(edited, "say after")
        await lab.ann.say(thread, "say last")  # Its event comes after that of the edit.
        await lab.ann.sees(thread, "1 waiting", by=lab.bot)
        await open_gate(gate)
        await lab.answer(thread, "last")
        said_then = ["done", "after"] if how.startswith("prompt") else ["before", "done"]
        assert texts(lab, thread) == ["begun", "at work", *said_then, "last"]


async def test_a_message_that_is_deleted_in_between_is_not_sent_after_the_turn(tmp_path: Path) -> None:
    """Nothing of it is left to ask."""
    async with steered_lab(tmp_path) as lab:
        thread, gate = await begun(lab, "promptRequired late")
        first = await lab.ann.say(thread, "say first")
        await lab.discord.until(lambda: states(lab, first) == [Row.PROMPTED])
        await lab.ann.delete(first)
        await lab.ann.say(thread, "say second")  # Its event comes after that of the deletion.
        await lab.ann.sees(thread, "1 waiting", by=lab.bot)
        await open_gate(gate)
        await lab.answer(thread, "second")
        assert texts(lab, thread) == ["begun", "at work", "done", "second"]
    assert states(lab, first) == [Row.CLOSED]


async def test_a_cancel_in_between_holds_what_comes_back(tmp_path: Path) -> None:
    """As it holds what waits."""
    async with steered_lab(tmp_path) as lab:
        thread, _ = await begun(lab, "promptRequired late")
        await lab.ann.say(thread, "say first")
        await lab.ann.say(thread, "say second")
        await lab.ann.sees(thread, "1 waiting", by=lab.bot)
        await lab.ann.slash(thread, "cancel")
        held = await lab.ann.sees(thread, "2 messages are on hold", by=lab.bot)
        await lab.ann.click(held, "Continue")
        await lab.answer(thread, "second")
        assert texts(lab, thread) == ["begun", "at work", "first", "second"]


async def test_an_agent_that_takes_nothing_more_in_is_not_interrupted_by_send_now(tmp_path: Path) -> None:
    """The old button never stops the turn; it says what can be done."""
    async with steered_lab(tmp_path, access=ALL) as lab:
        thread, gate = await begun(lab, "error")
        await lab.ben.say(thread, "say first")
        notice = await lab.ann.sees(thread, "1 waiting", by=lab.bot)
        assert labels(notice) == ["Send now", "Drop"]
        old = notice.components[0]["components"][0]["custom_id"]
        await lab.ann.click(notice, "Send now")
        notice = await lab.ann.sees(thread, lambda each: "Interrupt and send" in labels(each), by=lab.bot)
        assert "can't take this message in" in said(await forge(lab.ann, notice, old))
        await open_gate(gate)
        await lab.answer(thread, "first")
        assert texts(lab, thread) == ["begun", "at work", "done", "first"]


# ---- crashes


@pytest.mark.parametrize(
    ("how", "choice", "answers"),
    [
        pytest.param("none", "Retry", ["one", "two", "three"], id="before the answer"),
        pytest.param("injected", "Retry", ["one", "two", "three"], id="taken in"),
        pytest.param("injected", "Skip", ["three"], id="taken in and skipped"),
        pytest.param("promptRequired", "Retry", ["one", "two", "three"], id="not taken in"),
        pytest.param("promptRequired", "Skip", ["two", "three"], id="not taken in, and the turn is skipped"),
    ],
)
async def test_a_kill_loses_and_doubles_nothing(tmp_path: Path, how: str, choice: str, answers: list[str]) -> None:
    """What may be in the turn is asked about with it, and sent again behind it; the rest waits for that choice."""
    async with idle_lab(tmp_path, agent=STEERED, remembers=True) as lab:
        thread_id = (await answered_once(lab)).id
        async with bot_run(lab, signal.SIGKILL):
            gate = tmp_path / "gate"
            os.mkfifo(gate)
            await lab.ann.say(thread_id, f"steering {how}\nsay one\ngate {gate}")
            draft = await lab.ann.sees(thread_id, "one", by=lab.bot)
            two = await lab.ann.say(thread_id, "say two")
            if how == "injected":
                await lab.ann.sees(thread_id, "📥", by=lab.bot)
            await lab.ben.say(thread_id, "say three")
            await lab.ann.sees(thread_id, "2 waiting" if how == "promptRequired" else "1 waiting", by=lab.bot)
        gate.unlink()
        os.mkfifo(gate)
        async with bot_run(lab):
            card = await lab.ann.sees(thread_id, "I restarted", by=lab.bot)
            await lab.ann.click(card, choice)
            if choice == "Retry":
                await lab.ann.sees(thread_id, re.compile("^one", re.MULTILINE), by=lab.bot, after=card)
                await asyncio.to_thread(gate.write_text, "open")
            await lab.answer(lab.ann._channel(thread_id), re.compile("^three", re.MULTILINE), after=card)
            said_since = [each for each in lab.said_by_bot(thread_id) if each.id > draft.id]
            lines = [line for each in said_since for line in spoken(each).splitlines()]
            assert [line for line in lines if line in {"one", "two", "three"}] == answers
            await lab.discord.until(lambda: reactions(two) <= {"✅"})


async def test_a_kill_after_the_agent_began_a_turn_by_itself_keeps_the_choice(tmp_path: Path) -> None:
    """The card is there once, and Retry sends the message."""
    async with idle_lab(tmp_path, agent=STEERED, remembers=True) as lab:
        thread_id = (await answered_once(lab)).id
        async with bot_run(lab, signal.SIGKILL):
            await lab.ann.say(thread_id, "steering startedNewTurn\nsay one\nhang")
            await lab.ann.sees(thread_id, "one", by=lab.bot)
            await lab.ann.say(thread_id, "say two")
            card = await lab.ann.sees(thread_id, "began a separate turn", by=lab.bot)
            await lab.ann.sees(thread_id, "The agent cancelled the turn.", by=lab.bot)  # Else it is asked about too.
        async with bot_run(lab):
            await lab.ann.click(card, "Retry")
            await lab.ann.sees(thread_id, re.compile("^two", re.MULTILINE), by=lab.bot, after=card)
            assert not any("I restarted" in text_of(each) for each in lab.said_by_bot(thread_id))


async def test_the_offer_to_send_again_outlives_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the turn has ended. If it was cut off, people are asked about all of it instead."""
    monkeypatch.setattr("acp.steering.STEERING_SECONDS", 0.2)
    async with idle_lab(tmp_path, agent=STEERED, remembers=True) as lab:
        async with running_bot(lab):
            thread, gate = await begun(lab, "none")
            await lab.ann.say(thread, "say first")
            notice = await lab.ann.sees(thread, "may not have read", by=lab.bot)
            await open_gate(gate)
            await lab.answer(thread, "done")
        async with running_bot(lab):
            await lab.ann.click(notice, "Retry")
            await lab.answer(thread, "first")
            await lab.ann.say(thread, "steering none\nsay onward\nhang")
            await lab.ann.sees(thread, "onward", by=lab.bot)
            await lab.ann.say(thread, "say second")
            notice = await lab.ann.sees(thread, "may not have read", by=lab.bot, after=notice)
        await lab.discord.until(lambda: notice.deleted)


# ---- the race against the turn's end


@pytest.mark.bulk
async def test_in_fifty_races_with_a_turns_end_no_message_is_lost_or_doubled(tmp_path: Path) -> None:
    """With real processes: each message is written when the answer to the one before has just been seen."""
    async with steered_lab(tmp_path, extra="[pool]\nper_minute = 1000\n") as lab:
        thread = await lab.conversation("say number 0", "number 0")
        for number in range(1, 51):
            words = " ".join("x" * (number % 7))
            await lab.ann.say(thread, f"type 400 {words} number {2 * number - 1}")
            if number % 3:
                await lab.ann.sees(thread, re.compile(rf"number {2 * number - 1}\b"), by=lab.bot)
            await lab.ann.say(thread, f"say number {2 * number}")
            await lab.ann.sees(thread, re.compile(rf"number {2 * number}\b"), by=lab.bot)
        await lab.answer(thread, re.compile(r"number 100\b"))
        found = re.findall(r"number (\d+)", "\n".join(spoken(each) for each in lab.said_by_bot(thread)))
        assert found == [str(number) for number in range(101)]
        assert not any("Stopped" in each.content for each in lab.said_by_bot(thread))
