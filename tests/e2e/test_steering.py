"""Controls of a running agent: answer its questions, cancel, reset, look."""

import asyncio
import os
import re
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from loopback.state.components import text_of
from loopback.state.threads import change

from .live_bot import SCRIPTED, bot_lab, said, spoken
from .puppet_script import labels


async def test_a_permission_request_shows_what_will_be_done_and_the_answer_goes_back(tmp_path: Path) -> None:
    """The card is a new message with one button for each option, with the agent's own names."""
    async with bot_lab(tmp_path) as lab:
        thread = await lab.thread("say first\nask execute make install")
        card = await lab.ann.sees(thread, "Permission needed", by=lab.bot)
        assert "make install" in text_of(card)
        assert labels(card)[:4] == ["Allow once", "Always allow", "Reject", "Reject with a reason"]
        pressed = await lab.ann.click(card, "Allow once")
        assert pressed.acknowledged
        await lab.ann.sees(thread, "allowed (allow_once)", by=lab.bot)
        assert labels(card) == []
        assert f"✅ Allowed once by <@{lab.ann.id}> · `make install`" == text_of(card)


async def test_a_rejection_is_the_agents_own_reject_option(tmp_path: Path) -> None:
    """Unlike `cancelled`, it does not end the whole turn."""
    async with bot_lab(tmp_path) as lab:
        thread = await lab.thread("ask edit main.py\nsay and I went on")
        card = await lab.ann.sees(thread, "Permission needed", by=lab.bot)
        await lab.ann.click(card, "Reject")
        reply = await lab.ann.sees(thread, "and I went on", by=lab.bot)
        assert "rejected (reject_once)" in reply.content


async def test_two_people_press_at_once_and_the_first_one_wins(tmp_path: Path) -> None:
    """The other person reads that it was answered, the card says by whom, and the agent gets one answer."""
    async with bot_lab(tmp_path, access='users = ["*"]\napprovers = ["*"]') as lab:
        thread = await lab.thread("ask execute make install")
        card = await lab.ann.sees(thread, "Permission needed", by=lab.bot)
        people = (lab.ann, lab.ben, lab.mallory)
        presses = [person.click(card, label) for person in people for label in ("Allow once", "Reject")]
        told = [said(outcome) for outcome in await asyncio.gather(*presses)]
        assert sum("ed once by" in each or "Rejected by" in each for each in told) == 1
        assert sum("no longer open: it has been answered" in each for each in told) == len(told) - 1
        assert "Allowed once by" in text_of(card)
        assert "no longer open" not in text_of(card)
        assert labels(card) == []
        reply = await lab.ann.sees(thread, re.compile(r"(allowed|rejected) \("), by=lab.bot)
        assert len(re.findall(r"(allowed|rejected) \(", reply.content)) == 1


async def test_cancel_ends_the_turn_and_says_by_whom(tmp_path: Path) -> None:
    """The reply shows the stop reason in words, and the next message is answered."""
    async with bot_lab(tmp_path) as lab:
        thread = await lab.thread("say working on it\nhang")
        reply = await lab.ann.sees(thread, "working on it", by=lab.bot)
        cancelled = await lab.ann.slash(thread, "cancel")
        assert cancelled.acknowledged
        assert "Stopping" in said(cancelled)
        await lab.ann.sees(thread, f"Stopped by <@{lab.ann.id}>", by=lab.bot)
        assert reply.content.startswith("working on it")
        await lab.ann.say(thread, "say next")
        await lab.ann.sees(thread, "next", by=lab.bot)


async def test_cancel_closes_the_open_question(tmp_path: Path) -> None:
    """The card loses its buttons and says why."""
    async with bot_lab(tmp_path) as lab:
        thread = await lab.thread("ask execute make install")
        card = await lab.ann.sees(thread, "Permission needed", by=lab.bot)
        await lab.ann.slash(thread, "cancel")
        await lab.ann.sees(thread, lambda message: message.id == card.id and not labels(message))
        assert text_of(card) == "-# closed: the turn has ended · `make install`"


async def test_what_waits_behind_a_cancelled_turn_is_held_until_a_person_says_so(tmp_path: Path) -> None:
    """The queue stops, and Continue releases it, in order."""
    async with bot_lab(tmp_path) as lab:
        thread = await lab.conversation("say begun\nhang", "begun")
        await lab.ann.say(thread, "say second")
        await lab.ben.say(thread, "say third")
        await lab.ann.slash(thread, "cancel")
        notice = await lab.ann.sees(thread, "2 messages are on hold", by=lab.bot)
        status = await lab.ann.slash(thread, "status")
        assert "2 messages on hold" in said(status)
        await lab.ann.click(notice, "Continue")
        await lab.ann.sees(thread, "third", by=lab.bot)
        answers = [text for text in map(spoken, lab.said_by_bot(thread)) if text in {"second", "third"}]
        assert answers == ["second", "third"]


async def test_held_messages_can_be_dropped(tmp_path: Path) -> None:
    """They are closed unanswered, and the thread works on."""
    async with bot_lab(tmp_path) as lab:
        thread = await lab.conversation("say begun\nhang", "begun")
        await lab.ann.say(thread, "say never")
        await lab.ann.slash(thread, "cancel")
        notice = await lab.ann.sees(thread, "1 message is on hold", by=lab.bot)
        await lab.ann.click(notice, "Drop all")
        await lab.ann.say(thread, "recall")
        recalled = await lab.ann.sees(thread, re.compile("say begun"), by=lab.bot)
        assert "2" in recalled.content
        assert "never" not in [spoken(message) for message in lab.said_by_bot(thread)]


async def test_reset_begins_a_new_session(tmp_path: Path) -> None:
    """The agent knows no earlier message."""
    async with bot_lab(tmp_path) as lab:
        thread = await lab.thread("say remember me")
        await lab.answer(thread, "remember me")
        done = await lab.ann.slash(thread, "reset")
        assert done.acknowledged
        await lab.ann.say(thread, "recall")
        await lab.answer(thread, "1 prompts, the first")


async def test_a_deaf_agent_is_cut_off_after_a_cancel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn that does not end loses its connection; the next message starts a new agent."""
    monkeypatch.setattr("acp.turn.CANCEL_SECONDS", 0.5)
    async with bot_lab(tmp_path) as lab:
        thread = await lab.conversation("say deaf now\nhang deaf", "deaf now")
        await lab.ann.slash(thread, "cancel")
        await lab.ann.sees(thread, "did not cancel its turn within 0.5 s", by=lab.bot)
        await lab.ann.say(thread, "say alive")
        await lab.ann.sees(thread, "alive", by=lab.bot)


async def test_commands_outside_a_conversation_say_so(tmp_path: Path) -> None:
    """They answer in time, and say how to begin."""
    async with bot_lab(tmp_path) as lab:
        for command in ("cancel", "reset", "status"):
            outcome = await lab.ann.slash(lab.channel, command)
            assert outcome.acknowledged
            assert "No conversation here" in said(outcome)


async def test_stop_reasons_are_shown_in_words(tmp_path: Path) -> None:
    """A refusal or a token limit does not look like success."""
    async with bot_lab(tmp_path) as lab:
        thread = await lab.conversation("say well\nstop refusal", "declined to continue")
        await lab.ann.say(thread, "say hm\nstop max_tokens")
        await lab.ann.sees(thread, "reached its token limit", by=lab.bot)


async def test_a_remote_error_is_shown_with_its_data(tmp_path: Path) -> None:
    """The thread shows message and data of the JSON-RPC error, and the log its code."""
    with capture_logs() as logs:
        async with bot_lab(tmp_path) as lab:
            thread = await lab.thread("error -32000 Authentication required")
            told = await lab.ann.sees(thread, "The agent reported an error: Authentication required", by=lab.bot)
            assert '"reason": "the prompt asked for this error"' in told.content
            assert "32000" not in told.content
    (ended,) = [entry for entry in logs if entry["event"] == "turn ended"]
    assert "-32000" in ended["error"]


async def test_text_after_the_end_of_a_turn_is_shown(tmp_path: Path) -> None:
    """A late chunk belongs to the reply before it."""
    async with bot_lab(tmp_path) as lab:
        thread = await lab.thread("say on time\nlate and a little more")
        reply = await lab.ann.sees(thread, "and a little more", by=lab.bot)
        assert reply.content.startswith("on time")


async def test_idle_agents_sleep_and_wake_with_their_memory(tmp_path: Path) -> None:
    """With one slot for two threads, the idle agent sleeps for the other, and loads its session when it wakes."""
    agent_state = tmp_path / "agent"
    agent_state.mkdir()
    async with bot_lab(
        tmp_path, agent=(*SCRIPTED, "--state", str(agent_state)), extra="[pool]\nmax_agents = 1\n"
    ) as lab:
        first = await lab.thread("say I am first")
        await lab.answer(first, "I am first")
        second = await lab.thread("say I am second", lab.ben)
        await lab.ben.sees(second, "I am second", by=lab.bot)
        status = await lab.ann.slash(first, "status")
        assert "Asleep" in said(status)
        await lab.ann.say(first, "recall")
        recalled = await lab.ann.sees(first, re.compile("say I am first"), by=lab.bot)
        assert "2" in recalled.content
        assert any(agent_state.iterdir())


async def test_a_closed_thread_is_archived_and_wakes_with_its_session(tmp_path: Path) -> None:
    """The agent ends, the session stays; a message opens the thread again, and the agent remembers."""
    agent_state = tmp_path / "agent"
    async with bot_lab(tmp_path, agent=(*SCRIPTED, "--state", str(agent_state))) as lab:
        thread = await lab.thread("say keep this")
        await lab.answer(thread, "keep this")
        closed = await lab.ann.slash(thread, "close")
        assert "Closed" in said(closed)
        await lab.discord.until(lambda: thread.archived)
        assert lab.app is not None
        await lab.ann.say(thread, "recall")
        recalled = await lab.ann.sees(thread, re.compile("say keep this"), by=lab.bot)
        assert "2" in recalled.content


async def test_a_silent_turn_gets_a_word_with_a_way_to_stop_it(tmp_path: Path) -> None:
    """Stop on the notice ends the turn."""
    async with bot_lab(tmp_path, extra="[pool]\nsilence_seconds = 1\n") as lab:
        thread = await lab.conversation("say I begin\nhang", "I begin")
        notice = await lab.ann.sees(thread, "No output for", by=lab.bot)
        await lab.ann.click(notice, "Stop")
        await lab.ann.sees(thread, f"Stopped by <@{lab.ann.id}>", by=lab.bot)


async def test_the_word_about_silence_says_whether_the_agent_has_begun(tmp_path: Path) -> None:
    """An agent that was heard may be thinking; one that was not has perhaps not seen the message."""
    async with bot_lab(tmp_path, extra="[pool]\nsilence_seconds = 1\n") as lab:
        deaf, heard = await lab.thread("hang"), await lab.thread("say I begin\nhang")
        told = await lab.ann.sees(deaf, "No output for", by=lab.bot)
        assert "The agent has not reacted to this message yet." in told.content
        await lab.ann.sees(heard, "The agent may be thinking or stuck.", by=lab.bot)


async def test_too_many_messages_are_refused_with_a_word(tmp_path: Path) -> None:
    """Every refused message gets a notice."""
    async with bot_lab(tmp_path, extra="[pool]\nper_thread = 2\n") as lab:
        thread = await lab.conversation("say I begin\nhang", "I begin")
        for number in range(3):
            await lab.ann.say(thread, f"say {number}")
        await lab.ann.sees(thread, "queue is full", by=lab.bot)


async def test_a_request_by_a_command_that_is_too_much_is_refused_before_it_is_posted(tmp_path: Path) -> None:
    """Only the asker reads it; a posted request would look accepted."""
    async with bot_lab(tmp_path, extra="[pool]\nper_minute = 2\n") as lab:
        thread = await lab.conversation("say one", "one")
        asked = await lab.ann.slash(thread, "ask", request="say two")
        assert "asks:" in said(asked)
        refused = await lab.ann.slash(thread, "ask", request="say three")
        assert "too fast" in said(refused)
        assert refused.message is not None
        assert refused.message.ephemeral_to == lab.ann.id
        assert "asks:" in said(await lab.ben.slash(thread, "ask", request="say of another"))


async def test_an_agent_that_is_not_logged_in_names_the_command_to_run(tmp_path: Path) -> None:
    """The thread explains code -32000."""
    async with bot_lab(tmp_path) as lab:
        thread = await lab.thread("error -32000 Authentication required")
        await lab.ann.sees(thread, "Authentication required", by=lab.bot)
        await lab.ann.sees(thread, "threadline login", by=lab.bot)


async def test_an_answer_that_cannot_be_posted_is_not_shown_as_done(tmp_path: Path) -> None:
    """The thread was locked during the turn. The message's reaction says failed, and the channel gets a notice."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    async with bot_lab(tmp_path) as lab:
        thread = await lab.conversation(f"say begun\ngate {gate}\nsay nobody reads this", "begun")
        change(lab.discord.world, thread, lab.bot.id, {"archived": True, "locked": True})
        await asyncio.to_thread(gate.write_text, "go on")
        told = await lab.ann.sees(lab.channel, "could not be posted", by=lab.bot)
        assert f"<#{thread.id}>" in told.content
        (asked,) = [each for each in lab.discord.messages(lab.channel) if each.author_id == lab.ann.id]
        await lab.discord.until(lambda: list(asked.reactions) == ["❌"])
