"""However a turn ends, only controls that still have an effect keep their buttons."""

import os
import re
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from loopback.state.components import text_of
from loopback.state.entities import Thread
from pool.journal.journal import Journal
from pool.journal.message_states import MessageState

from .bot_process import agent_pids, bot_run
from .live_bot import BotLab, bot_lab, idle_lab, running_bot
from .puppet_script import labels

HELD = ["Continue", "Drop all"]


def buttons(lab: BotLab, thread: Thread) -> list[str]:
    """Return the buttons in a thread, top to bottom."""
    return [label for message in lab.discord.messages(thread) for label in labels(message)]


async def controls(lab: BotLab) -> Thread:
    """Bring up every control of a running turn: Stop, a question, an offer to stop, a queue notice."""
    thread = await lab.conversation("say begun\nask execute make install", "Permission needed")
    await lab.ann.say(thread, "stop")
    await lab.ann.sees(thread, "Did you want to stop", by=lab.bot)
    await lab.ben.say(thread, "say behind")
    await lab.ann.sees(thread, "1 waiting", by=lab.bot)
    await lab.discord.until(lambda: len(buttons(lab, thread)) >= 8)
    assert {"Stop", "Allow once", "Keep going", "Interrupt and send", "Drop"} <= set(buttons(lab, thread))
    return thread


# ---- how it ends


async def answer(lab: BotLab, thread: Thread) -> None:
    """Answer the question, so that the agent works to its end."""
    await lab.ann.click(await lab.ann.sees(thread, "Permission needed", by=lab.bot), "Allow once")


async def cancel(lab: BotLab, thread: Thread) -> None:
    """Cancel as a person."""
    await lab.ann.slash(thread, "cancel")


async def stop(lab: BotLab, thread: Thread) -> None:
    """Press Stop below the offer."""
    await lab.ann.click(await lab.ann.sees(thread, "Did you want to stop", by=lab.bot), "Stop")


async def send_now(lab: BotLab, thread: Thread) -> None:
    """Send a waiting message first."""
    await lab.ann.click(await lab.ann.sees(thread, "1 waiting", by=lab.bot), "Interrupt and send")


async def reset(lab: BotLab, thread: Thread) -> None:
    """Reset the session."""
    await lab.ann.slash(thread, "reset")


async def close(lab: BotLab, thread: Thread) -> None:
    """Close the conversation."""
    await lab.ann.slash(thread, "close")


async def die(lab: BotLab, _thread: Thread) -> None:
    """Kill the agent's process."""
    for pid in agent_pids(lab.config):
        os.kill(pid, signal.SIGKILL)


async def preempt(lab: BotLab, thread: Thread) -> None:
    """Preempt the turn for others in line; the messages that wait here follow them."""
    await lab.thread("say I was waiting", lab.ben)
    await lab.ann.sees(thread, "The question above was cancelled", by=lab.bot)


ENDS = [
    pytest.param(answer, [], id="the agent's response"),
    pytest.param(cancel, HELD, id="a cancel"),
    pytest.param(stop, HELD, id="the Stop button"),
    pytest.param(send_now, [], id="another message's turn"),
    pytest.param(reset, HELD, id="a reset"),
    pytest.param(close, HELD, id="a close"),
    pytest.param(die, [], id="the agent's death"),
    pytest.param(preempt, [], id="others in line"),
]


async def all_is_over(lab: BotLab, thread: Thread) -> None:
    """Have a last message answered, after which neither button nor open row is left."""
    await lab.ann.say(thread, "say the end")
    await lab.answer(thread, re.compile(r"^the end\b", re.MULTILINE))
    await lab.discord.until(lambda: buttons(lab, thread) == [])


def journal_is_settled(lab: BotLab) -> None:
    """Check that the journal of a stopped bot has no open row."""
    with Journal.open(lab.config.with_name("threadline.db")) as journal:
        assert (journal.messages.open_rows(), journal.notices.all(), journal.questions.all()) == ([], [], [])


@pytest.mark.parametrize(("end", "left"), ENDS)
async def test_when_a_turn_has_ended_only_what_can_still_be_done_has_a_button(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: Callable[[BotLab, Thread], Awaitable[None]], left: list[str]
) -> None:
    """Stop, the question, the offer and the queue notice go with the turn; held messages can be released."""
    if end is preempt:
        for wait in ("PREEMPT_SECONDS", "YIELD_SECONDS"):
            monkeypatch.setattr(f"pool.evictions.{wait}", 0.5)
    async with idle_lab(tmp_path, remembers=True, extra=f"[pool]\nmax_agents = {1 if end is preempt else 8}") as lab:
        async with running_bot(lab):
            thread = await controls(lab)
            await end(lab, thread)
            await lab.discord.until(lambda: buttons(lab, thread) == left)
            await all_is_over(lab, thread)
        journal_is_settled(lab)


@asynccontextmanager
async def interrupted(lab: BotLab, end: signal.Signals) -> AsyncIterator[Thread]:
    """Start the bot again after a signal has ended it in the middle of a turn."""
    async with bot_run(lab, end):
        thread = await controls(lab)
    async with bot_run(lab):
        asked = await lab.ann.sees(thread, "I restarted while", by=lab.bot)
        assert "1 message waits behind it" in text_of(asked)
        await lab.discord.until(lambda: sorted(buttons(lab, thread)) == ["Retry", "Skip"])
        await lab.ann.sees(thread, re.compile("^begun"), by=lab.bot)
        await lab.ann.sees(thread, "Threadline stopped before this was finished", by=lab.bot)
        yield thread


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
async def test_however_the_bot_ends_the_same_is_asked_and_nothing_else_is_left(
    tmp_path: Path, end: signal.Signals
) -> None:
    """The reply says that it was interrupted, and one question asks what to do and counts what waits behind it."""
    async with idle_lab(tmp_path, remembers=True) as lab:
        async with interrupted(lab, end) as thread:
            await lab.ben.say(thread, "say of ben\nhang")
            await lab.ben.sees(thread, "of ben", by=lab.bot)
            await lab.ann.sees(thread, "No choice was made", by=lab.bot)
            # Who was asked is not the asker any more: Ben may stop his own turn.
            await lab.ben.slash(thread, "cancel")
            await lab.ben.sees(thread, f"Stopped by <@{lab.ben.id}>", by=lab.bot)
            await all_is_over(lab, thread)
        journal_is_settled(lab)


@pytest.mark.parametrize("choice", ["Retry", "Skip", "/resume"])
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
async def test_each_choice_after_the_bots_end_does_what_it_says_and_ends_the_question(
    tmp_path: Path, end: signal.Signals, choice: str
) -> None:
    """Waiting messages follow it."""
    async with idle_lab(tmp_path, remembers=True) as lab:
        async with interrupted(lab, end) as thread:
            if choice == "/resume":
                await lab.ann.slash(thread, "resume")
            else:
                await lab.ann.click(await lab.ann.sees(thread, "I restarted while", by=lab.bot), choice)
            if choice == "Retry":
                again = await lab.ann.sees(thread, lambda each: "Permission needed" in text_of(each))
                await lab.ann.click(again, "Allow once")
            await lab.answer(thread, re.compile(r"^behind\b", re.MULTILINE))
            assert sum("begun" in each.content for each in lab.said_by_bot(thread)) == (2 if choice == "Retry" else 1)
            await lab.discord.until(lambda: buttons(lab, thread) == [])
        journal_is_settled(lab)


async def test_a_thread_that_is_deleted_while_the_bot_is_away_ends_the_question_about_it(tmp_path: Path) -> None:
    """The messages that waited behind it end too."""
    async with idle_lab(tmp_path, remembers=True) as lab:
        async with bot_run(lab, signal.SIGKILL):
            thread = await controls(lab)
        lab.discord.world.delete_channel(thread)
        async with running_bot(lab):
            await lab.asleep(thread)
        with Journal.open(lab.config.with_name("threadline.db")) as journal:
            assert journal.messages.state(thread.id) is MessageState.CLOSED
            assert (journal.messages.open_rows(), journal.notices.all()) == ([], [])


async def test_a_thread_that_cannot_be_opened_for_whatever_reason_ends_its_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even after a bug of ours the channel learns it, and the conversation ends."""

    async def broken(*_: object) -> None:
        raise TypeError("odd")

    async with bot_lab(tmp_path) as lab:
        monkeypatch.setattr("bot.intake.intake.open_thread_for", broken)
        request = await lab.ann.say(lab.channel, f"{lab.bot.mention} say hello")
        await lab.ann.sees(lab.channel, "I can't open a thread: Something went wrong", by=lab.bot)
        await lab.discord.until(lambda: "❌" in map(str, request.reactions))


async def test_a_press_whose_answer_the_network_refuses_takes_the_buttons_away_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The action happens; the messages of a question and of held messages are edited by an ordinary call."""
    monkeypatch.setattr("bot.rest.live_message.PRESS_SECONDS", 0.5)
    async with bot_lab(tmp_path) as lab:
        refused = lab.discord.fault(method="POST", path=re.compile("/callback$"), edge="1020", times=None)
        thread = await lab.thread("say begun\nask execute make install\nhang")
        await lab.ann.click(await lab.ann.sees(thread, "Permission needed", by=lab.bot), "Allow once")
        await lab.ann.sees(thread, "Allowed once by", by=lab.bot)
        await lab.ann.sees(thread, "allowed (allow_once)", by=lab.bot)
        await lab.ann.say(thread, "say behind")
        await lab.ann.sees(thread, "1 waiting", by=lab.bot)
        await lab.ann.slash(thread, "cancel")
        held = await lab.ann.sees(thread, "on hold", by=lab.bot)
        await lab.ann.click(held, "Continue")
        await lab.ann.sees(thread, "resumed", by=lab.bot)
        await lab.answer(thread, "behind")
        await lab.discord.until(lambda: not buttons(lab, thread))
        assert refused.hits >= 3
