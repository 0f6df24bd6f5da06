"""What people do with a running agent: answer its questions, cancel, reset, look."""

import asyncio
import os
import re
from pathlib import Path

import pytest

from loopback.state.threads import change

from .live_bot import SCRIPTED, bot_lab, said, spoken


async def test_a_permission_request_shows_what_will_be_done_and_the_answer_goes_back(tmp_path: Path) -> None:
    """The card is a new message with one button per option, named as the agent named them."""
    async with bot_lab(tmp_path) as place:
        thread = await place.thread("say first\nask execute make install")
        card = await place.ann.sees(thread, "May I", by=place.bot)
        assert "make install" in card.content
        labels = [button["label"] for row in card.components for button in row["components"]]
        assert labels == ["Allow once", "Always allow", "Reject"]
        pressed = await place.ann.click(card, "Allow once")
        assert pressed.acknowledged
        await place.ann.sees(thread, "allowed (allow_once)", by=place.bot)
        assert card.components == []
        assert f"Allow once — chosen by <@{place.ann.id}>" in card.content


async def test_a_rejection_is_the_agents_own_reject_option(tmp_path: Path) -> None:
    """P50: a denial is not `cancelled`, which would end the whole turn."""
    async with bot_lab(tmp_path) as place:
        thread = await place.thread("ask edit main.py\nsay and I went on")
        card = await place.ann.sees(thread, "May I", by=place.bot)
        await place.ann.click(card, "Reject")
        reply = await place.ann.sees(thread, "and I went on", by=place.bot)
        assert "rejected (reject_once)" in reply.content


async def test_two_people_press_at_once_and_the_first_one_wins(tmp_path: Path) -> None:
    """The others are told that it has been answered, the card says by whom, and the agent got one answer."""
    async with bot_lab(tmp_path, access='users = ["*"]\napprovers = ["*"]') as place:
        thread = await place.thread("ask execute make install")
        card = await place.ann.sees(thread, "May I", by=place.bot)
        people = (place.ann, place.ben, place.mallory)
        presses = [person.click(card, label) for person in people for label in ("Allow once", "Reject")]
        told = [said(outcome) for outcome in await asyncio.gather(*presses)]
        assert sum("chosen by" in each for each in told) == 1
        assert sum("no longer open: it has been answered" in each for each in told) == len(told) - 1
        assert "chosen by" in card.content
        assert "no longer open" not in card.content
        assert card.components == []
        reply = await place.ann.sees(thread, re.compile(r"(allowed|rejected) \("), by=place.bot)
        assert len(re.findall(r"(allowed|rejected) \(", reply.content)) == 1


async def test_cancel_ends_the_turn_and_says_by_whom(tmp_path: Path) -> None:
    """The agent's stop reason is shown in words, and the next message is answered (P27)."""
    async with bot_lab(tmp_path) as place:
        thread = await place.thread("say working on it\nhang")
        reply = await place.ann.sees(thread, "working on it", by=place.bot)
        cancelled = await place.ann.slash(thread, "cancel")
        assert cancelled.acknowledged
        assert "Stopping" in said(cancelled)
        await place.ann.sees(thread, f"cancelled by <@{place.ann.id}>", by=place.bot)
        assert reply.content.startswith("working on it")
        await place.ann.say(thread, "say next")
        await place.ann.sees(thread, "next", by=place.bot)


async def test_cancel_closes_the_open_question(tmp_path: Path) -> None:
    """P54: the card loses its buttons and says why."""
    async with bot_lab(tmp_path) as place:
        thread = await place.thread("ask execute make install")
        card = await place.ann.sees(thread, "May I", by=place.bot)
        await place.ann.slash(thread, "cancel")
        await place.ann.sees(thread, lambda message: message.id == card.id and not message.components)
        assert "no longer open" in card.content


async def test_what_waits_behind_a_cancelled_turn_is_held_until_a_person_says_so(tmp_path: Path) -> None:
    """P28: the queue does not run on by itself; Continue goes on with it, in order."""
    async with bot_lab(tmp_path) as place:
        thread = await place.thread("say begun\nhang")
        await place.ann.sees(thread, "begun", by=place.bot)
        await place.ann.say(thread, "say second")
        await place.ben.say(thread, "say third")
        await place.ann.slash(thread, "cancel")
        notice = await place.ann.sees(thread, "2 messages are on hold", by=place.bot)
        status = await place.ann.slash(thread, "status")
        assert "2 messages are held" in said(status)
        await place.ann.click(notice, "Continue")
        await place.ann.sees(thread, "third", by=place.bot)
        answers = [text for text in map(spoken, place.said_by_bot(thread)) if text in {"second", "third"}]
        assert answers == ["second", "third"]


async def test_held_messages_can_be_dropped(tmp_path: Path) -> None:
    """They are closed unanswered, and the thread goes on."""
    async with bot_lab(tmp_path) as place:
        thread = await place.thread("say begun\nhang")
        await place.ann.sees(thread, "begun", by=place.bot)
        await place.ann.say(thread, "say never")
        await place.ann.slash(thread, "cancel")
        notice = await place.ann.sees(thread, "1 message is on hold", by=place.bot)
        await place.ann.click(notice, "Drop all")
        await place.ann.say(thread, "recall")
        recalled = await place.ann.sees(thread, re.compile("say begun"), by=place.bot)
        assert "2" in recalled.content
        assert "never" not in [spoken(message) for message in place.said_by_bot(thread)]


async def test_reset_begins_a_new_session(tmp_path: Path) -> None:
    """The agent knows nothing of what was before."""
    async with bot_lab(tmp_path) as place:
        thread = await place.thread("say remember me")
        await place.answer(thread, "remember me")
        done = await place.ann.slash(thread, "reset")
        assert done.acknowledged
        await place.ann.say(thread, "recall")
        await place.answer(thread, "1 prompts, the first")


async def test_a_deaf_agent_is_cut_off_after_a_cancel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """P22, P30: a turn that does not end is ended with its connection; the next message starts a new agent."""
    monkeypatch.setattr("acp.turn.CANCEL_SECONDS", 0.5)
    async with bot_lab(tmp_path) as place:
        thread = await place.thread("say deaf now\nhang deaf")
        await place.ann.sees(thread, "deaf now", by=place.bot)
        await place.ann.slash(thread, "cancel")
        await place.ann.sees(thread, "did not end a cancelled turn", by=place.bot)
        await place.ann.say(thread, "say alive")
        await place.ann.sees(thread, "alive", by=place.bot)


async def test_commands_outside_a_conversation_say_so(tmp_path: Path) -> None:
    """They answer within the time Discord gives, and name the way to begin."""
    async with bot_lab(tmp_path) as place:
        for command in ("cancel", "reset", "status"):
            outcome = await place.ann.slash(place.channel, command)
            assert outcome.acknowledged
            assert "no conversation here" in said(outcome)


async def test_stop_reasons_are_shown_in_words(tmp_path: Path) -> None:
    """P21: a refusal or running out of tokens does not look like success."""
    async with bot_lab(tmp_path) as place:
        thread = await place.thread("say well\nstop refusal")
        await place.ann.sees(thread, "refused to go on", by=place.bot)
        await place.ann.say(thread, "say hm\nstop max_tokens")
        await place.ann.sees(thread, "ran out of tokens", by=place.bot)


async def test_a_remote_error_is_shown_with_its_data(tmp_path: Path) -> None:
    """P67: code, message and data of the JSON-RPC error are in the thread."""
    async with bot_lab(tmp_path) as place:
        thread = await place.thread("error -32000 Authentication required")
        told = await place.ann.sees(thread, "Authentication required", by=place.bot)
        assert "32000" in told.content


async def test_text_after_the_end_of_a_turn_is_shown(tmp_path: Path) -> None:
    """P23: a late chunk belongs to the reply it came after."""
    async with bot_lab(tmp_path) as place:
        thread = await place.thread("say on time\nlate and a little more")
        reply = await place.ann.sees(thread, "and a little more", by=place.bot)
        assert reply.content.startswith("on time")


async def test_idle_agents_sleep_and_wake_with_their_memory(tmp_path: Path) -> None:
    """One slot, two threads: the idle one sleeps for the other, and its session is loaded when it wakes."""
    agent_state = tmp_path / "agent"
    agent_state.mkdir()
    async with bot_lab(
        tmp_path, agent=(*SCRIPTED, "--state", str(agent_state)), extra="[pool]\nmax_agents = 1\n"
    ) as place:
        first = await place.thread("say I am first")
        await place.answer(first, "I am first")
        second = await place.thread("say I am second", place.ben)
        await place.ben.sees(second, "I am second", by=place.bot)
        status = await place.ann.slash(first, "status")
        assert "asleep" in said(status)
        await place.ann.say(first, "recall")
        recalled = await place.ann.sees(first, re.compile("say I am first"), by=place.bot)
        assert "2" in recalled.content
        assert any(agent_state.iterdir())


async def test_a_closed_thread_is_archived_and_wakes_with_its_session(tmp_path: Path) -> None:
    """The agent goes, the session stays; a message opens the thread again and the agent remembers."""
    agent_state = tmp_path / "agent"
    async with bot_lab(tmp_path, agent=(*SCRIPTED, "--state", str(agent_state))) as place:
        thread = await place.thread("say keep this")
        await place.answer(thread, "keep this")
        closed = await place.ann.slash(thread, "close")
        assert "Closed" in said(closed)
        await place.discord.until(lambda: thread.archived)
        assert place.app is not None
        await place.ann.say(thread, "recall")
        recalled = await place.ann.sees(thread, re.compile("say keep this"), by=place.bot)
        assert "2" in recalled.content


async def test_a_silent_turn_gets_a_word_with_a_way_to_stop_it(tmp_path: Path) -> None:
    """P29: nothing came for a while; Stop on the notice ends the turn."""
    async with bot_lab(tmp_path, extra="[pool]\nsilence_seconds = 1\n") as place:
        thread = await place.thread("say I begin\nhang")
        await place.ann.sees(thread, "I begin", by=place.bot)
        notice = await place.ann.sees(thread, "Nothing has come from the agent", by=place.bot)
        await place.ann.click(notice, "Stop")
        await place.ann.sees(thread, f"cancelled by <@{place.ann.id}>", by=place.bot)


async def test_too_many_messages_are_refused_with_a_word(tmp_path: Path) -> None:
    """P4, P36: what is not accepted is said, never dropped in silence."""
    async with bot_lab(tmp_path, extra="[pool]\nper_thread = 2\n") as place:
        thread = await place.thread("say I begin\nhang")
        await place.ann.sees(thread, "I begin", by=place.bot)
        for number in range(3):
            await place.ann.say(thread, f"say {number}")
        await place.ann.sees(thread, "too many messages waiting", by=place.bot)


async def test_a_request_by_a_command_that_is_too_much_is_refused_before_it_is_posted(tmp_path: Path) -> None:
    """Only to who asks; what was posted would look as if it had been taken up."""
    async with bot_lab(tmp_path, extra="[pool]\nper_minute = 2\n") as place:
        thread = await place.thread("say one")
        await place.ann.sees(thread, "one", by=place.bot)
        asked = await place.ann.slash(thread, "ask", request="say two")
        assert "asks:" in said(asked)
        refused = await place.ann.slash(thread, "ask", request="say three")
        assert "faster than I may take up" in said(refused)
        assert refused.message is not None
        assert refused.message.ephemeral_to == place.ann.id
        assert "asks:" in said(await place.ben.slash(thread, "ask", request="say of another"))


async def test_an_agent_that_is_not_logged_in_names_the_command_to_run(tmp_path: Path) -> None:
    """-32000 in a thread is no riddle."""
    async with bot_lab(tmp_path) as place:
        thread = await place.thread("error -32000 Authentication required")
        told = await place.ann.sees(thread, "Authentication required", by=place.bot)
        assert "threadline login" in told.content


async def test_an_answer_that_cannot_be_posted_is_not_shown_as_done(tmp_path: Path) -> None:
    """P20: the thread was locked meanwhile. Its message says failed, and the channel above hears of it."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    async with bot_lab(tmp_path) as place:
        thread = await place.thread(f"say begun\ngate {gate}\nsay nobody reads this")
        await place.ann.sees(thread, "begun", by=place.bot)
        change(place.discord.world, thread, place.bot.id, {"archived": True, "locked": True})
        await asyncio.to_thread(gate.write_text, "go on")
        told = await place.ann.sees(place.channel, "could not be posted", by=place.bot)
        assert f"<#{thread.id}>" in told.content
        (asked,) = [each for each in place.discord.messages(place.channel) if each.author_id == place.ann.id]
        await place.discord.until(lambda: list(asked.reactions) == ["❌"])
