"""Forks of conversations, through the whole bot with the scripted agent."""

import re
import signal
from pathlib import Path
from typing import Any

import pytest

from bot.user_messages import forks as texts
from bot.user_messages.access import not_permitted
from bot.user_messages.commands import FORK_MENU
from loopback import User
from loopback.state import messages, threads
from loopback.state.entities import ChannelType, Thread
from loopback.state.outcome import WAIT
from loopback.state.permissions import Permission
from pool.journal.journal import Journal

from .bot_process import bot_run
from .live_bot import SCRIPTED, BotLab, bot_lab, idle_lab, running_bot, said, spoken

CLAUDE = ("--name", "@agentclientprotocol/claude-agent-acp")
"""An agent that reads fork points is known by its name."""

POINT = (*SCRIPTED, "--fork", "point", *CLAUDE)
HEAD = (*SCRIPTED, "--fork", "head")


async def forked(lab: BotLab, thread: Thread, by: User | None = None, *, timeout: float = WAIT) -> Thread:
    """Wait until a thread names its fork, by Ann unless told otherwise; return that."""
    line = await lab.ann.sees(thread, "forked this conversation", by=lab.bot, timeout=timeout)
    (named,) = re.findall(r"<#(\d+)>", line.content)
    post = next(each for each in lab.discord.messages(lab.channel) if each.id == int(named))
    return await (by or lab.ann).sees_thread(post)


def lines_of(lab: BotLab, thread: Thread) -> list[str]:
    """Return what the bot has said in a thread."""
    return [spoken(each) for each in lab.said_by_bot(thread)]


def fork_lines(lab: BotLab, thread: Thread) -> list[str]:
    """Return what a thread says about its forks: the answers to commands."""
    said = (each.content for each in lab.discord.messages(thread) if each.author_id == lab.bot.id)
    return [each for each in said if "fork" in each]


async def recalled(lab: BotLab, thread: Thread, count: int, first: str) -> None:
    """Ask the agent of a thread what it remembers."""
    asked = await lab.ann.say(thread, "recall")
    await lab.answer(thread, f"{count} prompts, the first: {first}", after=asked)


@pytest.mark.parametrize("agent", [HEAD, (*HEAD, "--fork-replay", "before"), (*HEAD, "--fork-replay", "after")])
async def test_a_fork_goes_on_from_what_was_said(tmp_path: Path, agent: tuple[str, ...]) -> None:
    """It has a thread of its own; both threads name each other, and go on. What is replayed for it is not shown."""
    async with bot_lab(tmp_path, agent=agent, remembers=True) as lab:
        thread = await lab.conversation("say one", "one")
        await lab.answer(thread, "one")
        assert "is forking" in said(await lab.ann.slash(thread, "fork"))
        fork = await forked(lab, thread)
        assert fork.name == f"Fork: {thread.name}"
        assert lab.ann.id in fork.members
        begun = texts.from_latest(thread.id, "project", wanted_message=False, exclusive=False)
        assert lines_of(lab, fork) == [begun]
        assert f"<#{thread.id}>" in begun
        assert "same folder" in begun
        await recalled(lab, fork, 2, "say one")
        await recalled(lab, thread, 2, "say one")
        assert lines_of(lab, fork) == [begun, "2 prompts, the first: say one"]
        assert lines_of(lab, thread) == ["one", "2 prompts, the first: say one"]
        assert fork_lines(lab, thread) == [texts.forked(lab.ann.id, fork.id, exclusive=False)]


async def test_the_first_message_of_a_fork_may_come_with_it(tmp_path: Path) -> None:
    """It stands in the channel, and is answered in the new thread, below the line about the fork."""
    async with bot_lab(tmp_path, agent=HEAD, remembers=True) as lab:
        thread = await lab.conversation("say one", "one")
        await lab.answer(thread, "one")
        await lab.ann.slash(thread, "fork", text=f"recall\nsay for {lab.ben.mention}")
        fork = await forked(lab, thread)
        await lab.answer(fork, "2 prompts, the first: say one\nfor @ben")
        posted = lab.discord.messages(lab.channel)[-1]
        assert posted.content == texts.fork_post(lab.ann.id, thread.id, f"recall\nsay for {lab.ben.mention}")
        assert [len(lines_of(lab, fork)), lines_of(lab, fork)[0][:6]] == [2, "-# 🍴 F"]


async def test_a_fork_from_an_earlier_answer_knows_nothing_later(tmp_path: Path) -> None:
    """The agent forks after that message, which the new thread links to."""
    async with bot_lab(tmp_path, agent=POINT, remembers=True) as lab:
        thread = await lab.conversation("say one", "one")
        first = await lab.answer(thread, "one")
        await lab.ann.say(thread, "say two")
        await lab.answer(thread, "two")
        await lab.ann.menu(first, FORK_MENU)
        fork = await forked(lab, thread)
        address = texts.message_address(lab.guild.id, thread.id, first.id)
        assert lines_of(lab, fork) == [texts.from_message(thread.id, address, "project", exclusive=False)]
        await recalled(lab, fork, 2, "say one")
        await recalled(lab, thread, 3, "say one")


async def test_a_fork_of_the_turn_that_runs_takes_the_latest_state(tmp_path: Path) -> None:
    """Another process takes it; the turn runs on. Its own answer cannot be forked yet."""
    async with bot_lab(tmp_path, agent=POINT, remembers=True) as lab:
        thread = await lab.conversation("say one", "one")
        await lab.answer(thread, "one")
        await lab.ann.say(thread, "say begun\nhang")
        draft = await lab.ann.sees(thread, "begun", by=lab.bot)
        await lab.ann.slash(thread, "status")  # When it answers, the bot knows the draft's id.
        assert said(await lab.ann.menu(draft, FORK_MENU)) == texts.UNFINISHED
        await lab.ann.slash(thread, "fork")
        fork = await forked(lab, thread)
        await recalled(lab, fork, 3, "say one")
        assert "working" in repr(lab.client.pool.conversation(thread.id))
        await lab.ann.slash(thread, "cancel")


async def test_an_agent_that_forks_at_the_end_only_says_so(tmp_path: Path) -> None:
    """The new thread knows more than was wanted, and says that."""
    async with bot_lab(tmp_path, agent=HEAD, remembers=True) as lab:
        thread = await lab.conversation("say one", "one")
        first = await lab.answer(thread, "one")
        await lab.ann.say(thread, "say two")
        await lab.answer(thread, "two")
        await lab.ann.menu(first, FORK_MENU)
        fork = await forked(lab, thread)
        begun = texts.from_latest(thread.id, "project", wanted_message=True, exclusive=False)
        assert lines_of(lab, fork) == [begun]
        await recalled(lab, fork, 3, "say one")


@pytest.mark.parametrize(
    "faulty",
    [
        (),
        ("--fork", "head", "--refuse", "fork"),
        ("--fork", "head", "--fork-fault", "same"),
        ("--fork", "head", "--fork-fault", "junk"),
        ("--fork", "head", "--fork-fault", "never"),
        ("--fork", "head", "--no-load", "--no-resume"),
    ],
    ids=["cannot", "refuses", "same session", "junk", "never", "cannot load"],
)
async def test_a_session_that_cannot_be_forked_is_told_to_a_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, faulty: tuple[str, ...]
) -> None:
    """With the first message: what was said up to the message that was chosen. The thread says so."""
    monkeypatch.setattr("acp.agent.FORK_SECONDS", 0.5)
    async with bot_lab(tmp_path, agent=(*SCRIPTED, *faulty), remembers=True) as lab:
        thread = await lab.conversation("say one", "one")
        first = await lab.answer(thread, "one")
        await lab.ann.say(thread, "say two")
        await lab.answer(thread, "two")
        await lab.ann.menu(first, FORK_MENU)
        fork = await forked(lab, thread)
        assert lines_of(lab, fork) == [texts.from_history(thread.id, "project", exclusive=False)]
        await lab.ann.say(fork, "echo")
        told = await lab.answer(fork, '"earlier":[{"request":"say one","answer":"one"}]')
        assert "say two" not in told.content
        await lab.ann.say(fork, "recall\necho")
        later = await lab.answer(fork, "2 prompts, the first: echo")
        assert "earlier" not in later.content


async def test_the_session_of_another_thread_is_no_fork(tmp_path: Path) -> None:
    """Two threads would write into one session, and read each other's words."""
    async with bot_lab(tmp_path, agent=(*HEAD, "--fork-fault", "another"), remembers=True) as lab:
        other = await lab.conversation("say secret", "secret")
        thread = await lab.conversation("say one", "one")
        await lab.answer(thread, "one")
        await lab.ann.slash(thread, "fork")
        fork = await forked(lab, thread)
        assert lines_of(lab, fork) == [texts.from_history(thread.id, "project", exclusive=False)]
        await recalled(lab, fork, 1, "recall")
        await recalled(lab, other, 2, "say secret")


async def test_a_fork_whose_session_cannot_be_loaded_is_told_what_its_parent_said(tmp_path: Path) -> None:
    """The agent forgot the fork: this agent keeps sessions in memory, and the thread's is another process."""
    async with bot_lab(tmp_path, agent=HEAD) as lab:
        thread = await lab.conversation("say one", "one")
        await lab.answer(thread, "one")
        await lab.ann.slash(thread, "fork")
        fork = await forked(lab, thread)
        await lab.ann.say(fork, "echo")
        await lab.answer(fork, '"earlier":[{"request":"say one","answer":"one"}]')


async def test_a_fork_waits_in_line_like_a_thread(tmp_path: Path) -> None:
    """Its line shows the place; it goes on when an agent is free."""
    async with bot_lab(tmp_path, agent=HEAD, remembers=True, extra="[pool]\nmax_agents = 1") as lab:
        thread = await lab.conversation("say begun\nhang", "begun")
        await lab.ann.slash(thread, "fork")
        await lab.ann.sees(thread, "is forking this conversation. All agents are busy: number 1", by=lab.bot)
        assert said(await lab.ben.slash(thread, "fork")) == texts.ALREADY_FORKING
        waiting = await lab.conversation("say waits", "in the queue")
        assert said(await lab.ann.slash(waiting, "fork")) == texts.NOTHING_TO_FORK
        await lab.ann.slash(thread, "close")
        fork = await forked(lab, thread)
        await recalled(lab, fork, 2, "say begun\nhang")


async def test_where_one_thread_works_at_a_time_a_fork_waits_for_its_parent(tmp_path: Path) -> None:
    """Both threads say that, and the fork is taken without the directory."""
    extra = '[threads]\ndirectory = "exclusive"\n'
    async with bot_lab(tmp_path, agent=HEAD, remembers=True, extra=extra) as lab:
        thread = await lab.conversation("say one", "one")
        await lab.answer(thread, "one")
        await lab.ann.say(thread, "say begun\nhang")
        await lab.ann.sees(thread, "begun", by=lab.bot)
        await lab.ann.slash(thread, "fork", text="say forked")
        fork = await forked(lab, thread)
        assert "One of them works at a time" in lines_of(lab, fork)[0]
        await lab.ann.sees(fork, f"Waiting for <#{thread.id}>", by=lab.bot)
        await lab.ann.slash(thread, "cancel")
        await lab.answer(fork, "forked")


async def test_a_fork_keeps_the_model_and_the_files_of_its_parent(tmp_path: Path) -> None:
    """What people chose goes with it; a new session of the fork knows nothing of the parent."""
    async with bot_lab(tmp_path, agent=HEAD, remembers=True) as lab:
        thread = await lab.conversation("say one", "one")
        await lab.answer(thread, "one")
        journal, agents = lab.client.journal, lab.client.agents
        journal.threads.choose(thread.id, "model", "large")
        await lab.ann.slash(thread, "fork")
        fork = await forked(lab, thread)
        await recalled(lab, fork, 2, "say one")
        assert journal.threads.choices(fork.id) == {"model": "large"}
        folders = [each.name for each in agents.settings(fork.id).additional_directories]
        assert folders == [str(fork.id), str(thread.id)]
        await lab.ann.slash(fork, "reset")
        assert len(agents.settings(fork.id).additional_directories) == 1
        await lab.ann.say(fork, "echo")
        assert "earlier" not in (await lab.answer(fork, "threadline-context")).content


async def test_a_fork_that_gets_no_thread_says_why(tmp_path: Path) -> None:
    """In the thread that was forked, whether the channel takes no message or opens no thread."""
    async with bot_lab(tmp_path, agent=HEAD, remembers=True) as lab:
        thread = await lab.conversation("say one", "one")
        await lab.answer(thread, "one")
        for path in (f"/channels/{lab.channel.id}/messages", re.compile("/threads$")):
            fault = lab.discord.fault(method="POST", path=path, status=403, body={"code": 160006, "message": "No"})
            last = lab.discord.messages(thread)[-1]
            await lab.ann.slash(thread, "fork")
            line = await lab.ann.sees(thread, "could not fork this conversation", by=lab.bot, after=last)
            assert "I can't open a thread: " in line.content
            fault.remove()
        while lab.client.journal.forks.all():  # Its end is no change of Discord's, which would wake a waiter.
            await lab.ann.slash(thread, "status")
        await lab.ann.slash(thread, "fork")
        assert await forked(lab, thread)


async def test_what_cannot_be_forked_is_said(tmp_path: Path) -> None:
    """Direct messages, forum posts, channels and private threads."""
    async with idle_lab(tmp_path, agent=HEAD) as lab:
        forum = lab.discord.add_channel(lab.guild, "ideas", kind=ChannelType.FORUM)
        voice = lab.discord.add_channel(lab.guild, "talk", kind=ChannelType.VOICE)
        lab.configure(agent=HEAD, access='users = ["*"]\ndm = true', channels=(forum, voice))
        async with running_bot(lab):
            direct = lab.ann.direct(lab.bot)
            await lab.ann.say(direct, "say hello")
            await lab.ann.sees(direct, "hello", by=lab.bot)
            assert said(await lab.ann.slash(direct, "fork")) == texts.DIRECT
            post = await lab.ann.open_thread(forum, "an idea", text=f"{lab.bot.mention} say idea")
            await lab.ann.sees(post, "idea", by=lab.bot)
            assert said(await lab.ann.slash(post, "fork")) == texts.FORUM
            await lab.ann.say(voice, f"{lab.bot.mention} say loud")
            await lab.ann.sees(voice, "loud", by=lab.bot)
            assert said(await lab.ann.slash(voice, "fork")) == texts.NO_CHANNEL
            assert "No conversation here" in said(await lab.ann.slash(lab.channel, "fork"))
            secret = threads.open_in(lab.discord.world, lab.channel, lab.ann.id, {"name": "secret", "type": 12}, None)
            threads.add(lab.discord.world, secret, lab.ann.id, lab.bot.id)
            await lab.ann.say(secret, f"{lab.bot.mention} say between us")
            await lab.answer(secret, "between us")
            assert said(await lab.ann.slash(secret, "fork")) == texts.PRIVATE
            assert [each.content for each in lab.said_by_bot(lab.channel)] == []


async def test_who_may_not_write_in_the_channel_forks_no_thread_into_it(tmp_path: Path) -> None:
    """A fork begins with a message there, in that person's name."""
    async with bot_lab(tmp_path, agent=HEAD) as lab:
        thread = await lab.conversation("say one", "one")
        lab.discord.world.overwrite(lab.channel, lab.ann.id, deny=int(Permission.SEND_MESSAGES))
        assert said(await lab.ann.slash(thread, "fork")) == texts.no_right(lab.channel.id)
        assert lab.said_by_bot(lab.channel) == []


async def test_without_a_fork_and_without_an_answer_there_is_nothing_to_hand_over(tmp_path: Path) -> None:
    """The agent has a session, but cannot fork it, and no exchange has ended."""
    async with bot_lab(tmp_path, remembers=True) as lab:
        thread = await lab.conversation("say begun\nhang", "begun")
        await lab.ann.slash(thread, "fork")
        line = await lab.ann.sees(thread, "could not fork this conversation", by=lab.bot)
        assert line.content.endswith("The agent cannot fork sessions.")
        await lab.ann.slash(thread, "cancel")


async def test_only_answers_of_the_bot_can_be_forked_from(tmp_path: Path) -> None:
    """Neither a person's message nor a notice; and only by those who may talk to the agent."""
    async with bot_lab(tmp_path, agent=POINT, remembers=True) as lab:
        thread = await lab.conversation("say one", "one")
        answer = await lab.answer(thread, "one")
        question = await lab.ann.say(thread, "say two")
        await lab.answer(thread, "two")
        assert said(await lab.ann.menu(question, FORK_MENU)) == texts.NOT_AN_ANSWER
        await lab.ann.slash(thread, "reset")
        notice = await lab.ann.sees(thread, "reset the session", by=lab.bot)
        assert said(await lab.ann.menu(notice, FORK_MENU)) == texts.NOT_AN_ANSWER
        assert "have access to this bot" in said(await lab.mallory.menu(answer, FORK_MENU))
        assert "have access to this bot" in said(await lab.mallory.slash(thread, "fork"))
        # An answer of a session that the thread has left can still be forked.
        await lab.ben.menu(answer, FORK_MENU)
        fork = await forked(lab, thread, lab.ben)
        await recalled(lab, fork, 2, "say one")
        assert not_permitted("talk") not in " ".join(lines_of(lab, thread))


async def test_who_loses_the_right_during_the_wait_gets_no_fork(tmp_path: Path) -> None:
    """Rights are asked at the moment of the effect."""
    extra = "[pool]\nmax_agents = 1"
    async with bot_lab(tmp_path, agent=HEAD, remembers=True, extra=extra) as lab:
        thread = await lab.conversation("say begun\nhang", "begun")
        await lab.ben.slash(thread, "fork")
        await lab.ann.sees(thread, "number 1 in the queue", by=lab.bot)
        lab.configure(agent=HEAD, remembers=True, extra=extra, access=f'users = ["{lab.ann.id}"]')
        assert "Applied" in said(await lab.ann.slash(lab.channel, "reload"))
        await lab.ann.slash(thread, "close")
        await lab.ann.sees(thread, "could not fork this conversation: You don't have access", by=lab.bot)
        assert len(lab.said_by_bot(lab.channel)) == 0


async def test_a_fork_outlives_its_parent(tmp_path: Path) -> None:
    """The answer is deleted while the fork is taken, and so is the thread; the fork goes on."""
    async with bot_lab(tmp_path, agent=(*POINT, "--fork-delay", "1"), remembers=True) as lab:
        thread = await lab.conversation("say one", "one")
        answer = await lab.answer(thread, "one")
        await lab.ann.menu(answer, FORK_MENU)
        messages.delete(lab.discord.world, answer)
        lab.discord.world.delete_channel(thread)
        post = await lab.ann.sees(lab.channel, "forked", by=lab.bot)
        fork = await lab.ann.sees_thread(post)
        await lab.ann.sees(fork, "Forked from", by=lab.bot)
        await recalled(lab, fork, 2, "say one")


# ---- kills

KILLS: dict[str, dict[str, Any]] = {
    "before it is taken": {},
    "before it is posted": {"method": "POST", "path": "channel"},
    "while it is posted": {"method": "POST", "path": "channel", "answer_lost": True},
    "before its thread is open": {"method": "POST", "path": re.compile("/threads$")},
    "while its thread opens": {"method": "POST", "path": re.compile("/threads$"), "answer_lost": True},
    "before its first line": {"method": "POST", "says": "Forked from"},
    "while its first line is posted": {"method": "POST", "says": "Forked from", "answer_lost": True},
    "before its parent is told": {"method": "PATCH", "says": "forked this conversation"},
}


@pytest.mark.parametrize("moment", KILLS)
async def test_a_fork_is_completed_after_a_kill(tmp_path: Path, moment: str) -> None:
    """In each state that the journal knows, once: one post, one thread, one first line, one answer, one line."""
    rule = dict(KILLS[moment])
    slow = HEAD if rule else (*HEAD, "--fork-delay", "300")
    async with idle_lab(tmp_path, agent=slow, remembers=True) as lab:
        if rule.get("path") == "channel":
            rule["path"] = f"/channels/{lab.channel.id}/messages"
        if not rule.get("answer_lost"):
            rule |= {"status": 503}
        async with bot_run(lab, signal.SIGKILL):
            thread = await lab.conversation("say one", "one")
            await lab.answer(thread, "one")
            fault = lab.discord.fault(times=None, **rule) if KILLS[moment] else None
            await lab.ann.slash(thread, "fork", text="recall")
            if fault is not None:
                await lab.discord.until(lambda: fault.hits > 0 or None)
        if fault is not None:
            fault.remove()
        lab.configure(agent=HEAD, remembers=True)
        async with bot_run(lab):
            fork = await forked(lab, thread)
            await lab.answer(fork, "2 prompts, the first: say one")
        assert len(lab.said_by_bot(lab.channel)) == 1
        assert len(lines_of(lab, fork)) == 2
        assert len([*lab.config.with_name("sessions").glob("*.json")]) == 2  # It was forked once.
        assert fork_lines(lab, thread) == [texts.forked(lab.ann.id, fork.id, exclusive=False)]
        with Journal.open(lab.config.with_name("threadline.db")) as journal:
            assert (journal.forks.all(), journal.messages.open_rows()) == ([], [])


async def test_a_line_whose_posting_was_not_written_down_is_found(tmp_path: Path) -> None:
    """The bot was killed between the answer to the command and its row."""
    async with idle_lab(tmp_path, agent=(*HEAD, "--fork-delay", "300"), remembers=True) as lab:
        async with bot_run(lab, signal.SIGKILL):
            thread = await lab.conversation("say one", "one")
            await lab.answer(thread, "one")
            await lab.ann.slash(thread, "fork")
        path = lab.config.with_name("threadline.db")
        with Journal.open(path) as journal:
            assert len(journal.forks.all()) == 1
            journal._db.execute("UPDATE forks SET line_id = NULL")
        lab.configure(agent=HEAD, remembers=True)
        async with bot_run(lab):
            fork = await forked(lab, thread)
        assert fork_lines(lab, thread) == [texts.forked(lab.ann.id, fork.id, exclusive=False)]


async def test_a_fork_of_long_ago_is_not_taken(tmp_path: Path) -> None:
    """Nobody waits for it any more; its line says so."""
    async with idle_lab(tmp_path, agent=(*HEAD, "--fork-delay", "300"), remembers=True) as lab:
        async with bot_run(lab, signal.SIGKILL):
            thread = await lab.conversation("say one", "one")
            await lab.answer(thread, "one")
            await lab.ann.slash(thread, "fork")
        with Journal.open(lab.config.with_name("threadline.db")) as journal:
            journal._db.execute("UPDATE forks SET fork_id = fork_id - ?", ((48 * 3600 * 1000) << 22,))
        lab.configure(agent=HEAD, remembers=True)
        async with bot_run(lab):
            line = await lab.ann.sees(thread, "could not fork this conversation", by=lab.bot)
            assert texts.TOO_LATE in line.content


async def test_a_line_that_discord_refuses_to_change_leaves_room_for_the_next_fork(tmp_path: Path) -> None:
    """The thread said for good that it was being forked, until the next start."""
    async with bot_lab(tmp_path, agent=HEAD, remembers=True) as lab:
        thread = await lab.conversation("say one", "one")
        await lab.answer(thread, "one")
        refused = lab.discord.fault(method="PATCH", says="forked this", status=403, code=50013, times=None)
        await lab.ann.slash(thread, "fork")
        await lab.discord.until(lambda: refused.hits > 0)
        assert "is forking" in said(await lab.ann.slash(thread, "fork"))
