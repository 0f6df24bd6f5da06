"""Side questions, through the whole bot with the scripted agent."""

import asyncio
import re
import signal
from pathlib import Path

import pytest

from bot.user_messages import forks as texts
from bot.user_messages.access import not_permitted
from loopback import Message
from loopback.state.entities import Thread
from loopback.state.outcome import WAIT
from pool.journal.journal import Journal

from .bot_process import bot_run
from .live_bot import SCRIPTED, BotLab, bot_lab, idle_lab, said

HEAD = (*SCRIPTED, "--fork", "head")


async def answered(lab: BotLab, thread: Thread, text: str, *, timeout: float = WAIT) -> Message:
    """Wait for a side question's message with this text."""
    wanted = re.compile(f"Side question.*{re.escape(text)}", re.DOTALL)
    return await lab.ann.sees(thread, wanted, by=lab.bot, timeout=timeout)


async def stopped_forks() -> None:
    """Wait until the agents that answered have ended, which they do after their answer is shown."""
    async with asyncio.timeout(30):
        await asyncio.gather(*(task for task in asyncio.all_tasks() if task.get_name() == "agent without a thread"))


async def test_a_side_question_is_answered_beside_the_running_turn(tmp_path: Path) -> None:
    """By a fork that knows what was said; the turn runs on, and the session does not know of the question."""
    async with bot_lab(tmp_path, agent=HEAD, remembers=True) as lab:
        thread = await lab.conversation("say one", "one")
        await lab.answer(thread, "one")
        await lab.ann.say(thread, "say begun\nhang")
        await lab.ann.sees(thread, "begun", by=lab.bot)
        assert "Asking a fork" in said(await lab.ben.slash(thread, "btw", text="recall"))
        shown = await answered(lab, thread, "3 prompts, the first: say one")
        assert shown.content == (
            f"{texts.side_question(lab.ben.id, 'recall')}\n3 prompts, the first: say one\n{texts.SIDE_ANSWERED}"
        )
        assert "working" in repr(lab.client.pool.conversation(thread.id))
        await lab.ann.slash(thread, "cancel")
        last = lab.discord.messages(thread)[-1]
        await lab.ann.say(thread, "recall")
        await lab.answer(thread, "3 prompts, the first: say one", after=last)
        await stopped_forks()
        assert lab.client.pool.forks.agents == []
        assert lab.client.journal.side_questions.all() == []


async def test_the_agents_questions_in_a_side_question_are_rejected(tmp_path: Path) -> None:
    """In its asking mode, and told to change nothing; nobody is asked, and nothing hangs."""
    async with bot_lab(tmp_path, agent=HEAD, remembers=True) as lab:
        thread = await lab.conversation("say one", "one")
        await lab.answer(thread, "one")
        await lab.ann.slash(thread, "btw", text="mode\nwrite file.txt\necho")
        shown = await answered(lab, thread, "rejected (reject_once)")
        assert "> mode write file.txt echo\ndefault\n\nrejected" in shown.content
        assert "change nothing" in shown.content
        assert texts.side_rejected(1) in shown.content
        assert not (lab.project / "file.txt").exists()


async def test_no_side_question_is_asked_in_the_session_of_another_thread(tmp_path: Path) -> None:
    """The agent names that as the fork; the other thread's session hears nothing of the question."""
    async with bot_lab(tmp_path, agent=(*HEAD, "--fork-fault", "another"), remembers=True) as lab:
        other = await lab.conversation("say secret", "secret")
        thread = await lab.conversation("say one", "one")
        await lab.ann.slash(thread, "btw", text="recall")
        await answered(lab, thread, "could not be answered")
        last = lab.discord.messages(other)[-1]
        await lab.ann.say(other, "recall")
        await lab.answer(other, "2 prompts, the first: say secret", after=last)


async def test_what_keeps_a_side_question_from_being_asked_is_said(tmp_path: Path) -> None:
    """No session, no fork, no safe mode, no right, no words."""
    async with bot_lab(tmp_path, remembers=True) as lab:
        thread = await lab.conversation("say one", "one")
        await lab.answer(thread, "one")
        assert "no question" in said(await lab.ann.slash(thread, "btw", text=" "))
        assert "have access to this bot" in said(await lab.mallory.slash(thread, "btw", text="why?"))
        await lab.ann.slash(thread, "btw", text="why?")
        await answered(lab, thread, "could not be answered: The agent cannot fork sessions.")
        await lab.ann.slash(thread, "reset")
        assert said(await lab.ann.slash(thread, "btw", text="why?")) == texts.NO_SESSION
        assert not_permitted("talk")
    (other := tmp_path / "modes").mkdir()
    async with bot_lab(other, agent=(*HEAD, "--no-modes"), remembers=True) as lab:
        thread = await lab.conversation("say one", "one")
        await lab.answer(thread, "one")
        await lab.ann.slash(thread, "btw", text="why?")
        await answered(lab, thread, f"could not be answered: {texts.NO_SAFE_MODE}")


async def test_a_thread_answers_one_side_question_at_a_time(tmp_path: Path) -> None:
    """Each takes a slot. An answer that takes too long is cut."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pool.forks.ANSWER_SECONDS", 2.0)
        async with bot_lab(tmp_path, agent=HEAD, remembers=True) as lab:
            thread = await lab.conversation("say one", "one")
            await lab.answer(thread, "one")
            await lab.ann.slash(thread, "btw", text="say a part\nhang")
            assert said(await lab.ben.slash(thread, "btw", text="why?")) == texts.ALREADY_ASKING
            shown = await answered(lab, thread, texts.SIDE_CUT)
            assert "a part" in shown.content


async def test_a_side_question_waits_in_line_like_a_thread(tmp_path: Path) -> None:
    """Its message shows the place."""
    async with bot_lab(tmp_path, agent=HEAD, remembers=True, extra="[pool]\nmax_agents = 1") as lab:
        thread = await lab.conversation("say begun\nhang", "begun")
        await lab.ann.slash(thread, "btw", text="recall")
        await answered(lab, thread, "number 1 in the queue")
        await lab.ann.slash(thread, "close")
        await answered(lab, thread, "2 prompts")


async def test_a_long_side_answer_is_attached(tmp_path: Path) -> None:
    """The message shows its beginning, with closed code blocks and without a ping."""
    async with bot_lab(tmp_path, agent=HEAD, remembers=True) as lab:
        thread = await lab.conversation("say one", "one")
        await lab.answer(thread, "one")
        await lab.ann.slash(thread, "btw", text="say @everyone\ncode 400")
        shown = await answered(lab, thread, texts.SIDE_ATTACHED)
        assert len(shown.content) <= 2000
        assert shown.content.count("```") == 2
        assert not shown.mentions
        file = await lab.ann.sees(thread, lambda each: bool(each.attachments), by=lab.bot)
        assert [each.filename for each in file.attachments] == ["side-answer.md"]
        assert b"line_400" in (file.attachments[0].content or b"")


@pytest.mark.parametrize("posted", [True, False])
async def test_a_restart_ends_a_side_question_and_says_so(tmp_path: Path, *, posted: bool) -> None:
    """It is not asked again by itself; its message is found although the kill came before it was written down."""
    async with idle_lab(tmp_path, agent=HEAD, remembers=True) as lab:
        async with bot_run(lab, signal.SIGKILL):
            thread = await lab.conversation("say one", "one")
            await lab.answer(thread, "one")
            asked = await lab.ann.slash(thread, "btw", text="say begun\nhang")
            assert asked.message is not None
            waiting = asked.message.content
        with Journal.open(lab.config.with_name("threadline.db")) as journal:
            assert len(journal.side_questions.all()) == 1
            if not posted:
                journal._db.execute("UPDATE side_questions SET message_id = NULL")
                asked.message.content = waiting.replace(texts.SIDE_STARTED, texts.SIDE_WAITING)  # As it was until then.
        async with bot_run(lab):
            shown = await answered(lab, thread, texts.SIDE_RESTARTED)
            assert shown.id == asked.message.id
        with Journal.open(lab.config.with_name("threadline.db")) as journal:
            assert journal.side_questions.all() == []


async def test_an_answer_that_discord_refuses_leaves_room_for_the_next_question(tmp_path: Path) -> None:
    """The thread said for good that a side question was being answered, until the next start."""
    async with bot_lab(tmp_path, agent=HEAD, remembers=True) as lab:
        thread = await lab.conversation("say one", "one")
        await lab.answer(thread, "one")
        shows_answer = re.compile(r"\ntwo\n")
        refused = lab.discord.fault(method="PATCH", says=shows_answer, status=403, code=50013, times=None)
        await lab.ann.slash(thread, "btw", text="say two")
        await lab.discord.until(lambda: refused.hits > 0)
        assert "Asking a fork" in said(await lab.ben.slash(thread, "btw", text="say three"))
        await answered(lab, thread, "three")
