"""Agents that are logged out, and people who log in to them from Discord."""

import asyncio
import json
import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

import bot.conversation.agent_logins
import pool.logins
from bot.interactions.login_button import CancelLoginButton
from loopback import Message
from loopback.agent.login import CODE
from loopback.harness import ids, lines
from loopback.state.components import text_of
from loopback.state.entities import Thread

from .live_bot import SCRIPTED, BotLab, bot_lab, idle_lab, other_agent, running_bot, said
from .test_entrances import pressed as press

URL = "https://login.example/device"
OUT = "is logged out"
AUDIT = '[audit]\npath = "audit.jsonl"\n'


def agent(folder: Path, *flags: str) -> tuple[str, ...]:
    """Return an agent that needs a login, with a gate where its page waits for a word."""
    gate = folder / "gate"
    if not gate.exists():
        os.mkfifo(gate)
    return (*SCRIPTED, "--login", str(folder / "login"), "--login-gate", str(gate), *flags)


async def visit(folder: Path, word: str = "yes") -> None:
    """Do at the page what it wants: the agent hears the word."""
    await asyncio.to_thread((folder / "gate").write_text, word)


async def logged_out(lab: BotLab, text: str = "say hello") -> tuple[Thread, Message]:
    """Have Ann write to the agent that is logged out; return the thread and the notice."""
    thread = await lab.thread(text)
    return thread, await lab.ann.sees(thread, OUT, by=lab.bot)


async def no_agents(lab: BotLab) -> None:
    """Wait until no agent's process is left, which is no change of Discord's that would wake a waiter."""
    while lab.client.pool.agents:
        await lab.ann.slash(lab.channel, "help")


def public(lab: BotLab, thread: Thread) -> str:
    """Return all that everybody can read in the thread."""
    return "\n".join(text_of(each) for each in lab.said_by_bot(thread) if each.ephemeral_to is None)


async def gone(lab: BotLab, message: Message) -> None:
    """Wait until a message is deleted."""
    await lab.discord.until(lambda: message.deleted)


def audited(folder: Path) -> list[tuple[str, str, str | None]]:
    """Return the audited actions: what was done, to what, by whom."""
    lines = [json.loads(line) for line in (folder / "audit.jsonl").read_text().splitlines()]
    return [(line["deed"], line["what"], line["user_id"]) for line in lines]


# ---- it is said


@pytest.mark.parametrize("status", ["push", "draft", "silent"])
@pytest.mark.parametrize("at", ["new", "prompt"])
async def test_the_thread_is_told_that_its_agent_is_logged_out(tmp_path: Path, status: str, at: str) -> None:
    """However the agent says it, and wherever it fails; a login on the machine ends the notice with the next answer."""
    async with bot_lab(tmp_path, agent=agent(tmp_path, "--login-status", status, "--login-at", at)) as lab:
        thread, notice = await logged_out(lab)
        assert notice.content.endswith(
            "agent is logged out. An approver or admin can press **Log in**, or run `threadline login default` on the "
            "machine that runs Threadline."
        )
        await lab.ann.sees(thread, "❌ The agent reported an error: Authentication required", by=lab.bot)
        assert "Logged out. To log in, use `/login`" in said(await lab.ann.slash(thread, "status"))
        (tmp_path / "login").touch()
        await lab.ann.say(thread, "say well again")
        await lab.ann.sees(thread, "well again", by=lab.bot)
        await gone(lab, notice)
        assert "Logged out" not in said(await lab.ann.slash(thread, "status"))


async def test_it_is_said_while_the_turn_still_runs(tmp_path: Path) -> None:
    """The turn may succeed all the same; the next process says that there is a login again."""
    gate = tmp_path / "turn"
    os.mkfifo(gate)
    (tmp_path / "login").touch()
    async with bot_lab(tmp_path, agent=agent(tmp_path)) as lab:
        thread = await lab.thread(f"say begun\nlogin none\ngate {gate}\nsay done")
        notice = await lab.ann.sees(thread, OUT, by=lab.bot)
        assert "done" not in public(lab, thread)
        await asyncio.to_thread(gate.write_text, "go")
        await lab.answer(thread, "done")
        assert not notice.deleted
        await lab.ann.say(thread, "say well again")
        await lab.ann.sees(thread, "well again", by=lab.bot)
        await gone(lab, notice)


async def test_an_idle_agent_that_is_logged_out_is_replaced_silently(tmp_path: Path) -> None:
    """Nobody writes, so nobody is told; the next message starts another process, which is told of a login."""
    (tmp_path / "login").touch()
    async with bot_lab(tmp_path, agent=(*agent(tmp_path), "--state", str(tmp_path / "kept"))) as lab:
        thread = await lab.conversation("say one\nlogin none late", "one")
        await lab.asleep(thread)
        assert OUT not in public(lab, thread)
        assert "Logged out" in said(await lab.ann.slash(thread, "status"))
        await lab.ann.say(thread, "recall")
        await lab.ann.sees(thread, "2 prompts", by=lab.bot)
        assert "Logged out" not in said(await lab.ann.slash(thread, "status"))


async def test_another_agent_ends_the_notice_of_the_one_before(tmp_path: Path) -> None:
    """Its cause is gone."""
    async with bot_lab(tmp_path, agent=agent(tmp_path), extra=other_agent(tmp_path)) as lab:
        thread, notice = await logged_out(lab)
        await lab.ann.slash(thread, "agent", name="other")
        await gone(lab, notice)


# ---- logging in


async def test_a_person_logs_in_by_the_button_and_alone_sees_the_page(tmp_path: Path) -> None:
    """The thread learns who logged in, the audit log too; neither it nor any log has the page or the code."""
    with capture_logs() as logs:
        async with bot_lab(tmp_path, agent=agent(tmp_path), extra=AUDIT) as lab:
            thread, notice = await logged_out(lab)
            pressed = await lab.ann.click(notice, "Log in")
            shown = await pressed.settled(CODE)
            assert shown.ephemeral_to == lab.ann.id
            text = text_of(shown)
            assert "Open this page at `login.example`:\n```\nhttps://login.example/device\n```" in text
            assert f"Sign in and enter this code: {CODE}" in text
            (row,) = shown.components
            assert [(each["label"], each.get("url")) for each in row["components"]] == [
                ("Open login.example", URL),
                ("Cancel", None),
            ]
            await visit(tmp_path)
            done = await pressed.settled("You are logged in to Scripted agent")
            assert done.components == []
            told = await lab.ann.sees(thread, "logged in to Scripted agent. New messages use the login", by=lab.bot)
            assert f"<@{lab.ann.id}>" in told.content
            await gone(lab, notice)
            await lab.ann.say(thread, "say thanks")
            await lab.ann.sees(thread, "thanks", by=lab.bot)
            assert CODE not in public(lab, thread)
            assert "login.example" not in public(lab, thread)
    me = str(lab.ann.id)
    found = [each for each in audited(tmp_path) if "log" in each[1]]
    assert found == [
        ("started", "login to agent default by device-code", me),
        ("changed", "logged in to agent default", me),
    ]
    everything = f"{logs} {(tmp_path / 'audit.jsonl').read_text()}"
    assert CODE not in everything
    assert URL not in everything


async def test_the_command_logs_in_too_and_replaces_the_agents_of_other_threads(tmp_path: Path) -> None:
    """An agent that works with the old login is replaced as well, when it is idle."""
    (tmp_path / "login").touch()
    async with bot_lab(tmp_path, agent=(*agent(tmp_path), "--state", str(tmp_path / "kept"))) as lab:
        one = await lab.conversation("say one", "one")
        two = await lab.conversation("say two", "two")
        (tmp_path / "login").unlink()
        pressed = await lab.ann.slash(one, "login")
        await pressed.settled(CODE)
        await visit(tmp_path)
        await pressed.settled("You are logged in")
        await lab.asleep(one)
        await lab.asleep(two)
        await lab.ann.say(two, "recall")
        await lab.ann.sees(two, "2 prompts", by=lab.bot)


async def test_a_login_that_the_page_refuses_says_so(tmp_path: Path) -> None:
    """The notice stays, and so does the way on the machine."""
    async with bot_lab(tmp_path, agent=agent(tmp_path), extra=AUDIT) as lab:
        thread, notice = await logged_out(lab)
        pressed = await lab.ann.click(notice, "Log in")
        await pressed.settled(CODE)
        await visit(tmp_path, "no")
        failed = await pressed.settled("The login failed")
        assert "Sign-in did not complete" in text_of(failed)
        assert "run `threadline login default` on the machine" in text_of(failed)
        assert not notice.deleted
        assert "logged in" not in public(lab, thread)
    assert "logged in to agent default" not in [what for _, what, _ in audited(tmp_path)]


async def test_a_login_that_nobody_completes_ends_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says so, and its process is gone."""
    async with bot_lab(tmp_path, agent=agent(tmp_path)) as lab:
        thread, _ = await logged_out(lab)
        monkeypatch.setattr(pool.logins, "LOGIN_SECONDS", 2.0)
        pressed = await lab.ann.slash(thread, "login")
        await pressed.settled("was not completed in time")
        await no_agents(lab)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("javascript:alert(1)", "does not use https"),
        ("https://login.example@evil.example/", "hides where it leads"),
        (f"https://login.example/{'x' * 600}", "cannot be shown"),
        ("https://2130706433/", "hides where it leads"),
    ],
)
async def test_a_hostile_page_is_not_shown(tmp_path: Path, url: str, reason: str) -> None:
    """The agent's login fails, with the reason; its address appears nowhere."""
    async with bot_lab(tmp_path, agent=agent(tmp_path, "--login-url", url)) as lab:
        thread, notice = await logged_out(lab)
        pressed = await lab.ann.click(notice, "Log in")
        failed = await pressed.settled("The login failed")
        assert reason in text_of(failed)
        assert url not in text_of(failed)
        assert url not in public(lab, thread)


async def test_a_login_that_asks_for_a_key_is_refused(tmp_path: Path) -> None:
    """A chat is no place for it; the words say where it belongs."""
    async with bot_lab(tmp_path, agent=agent(tmp_path, "--login-way", "form")) as lab:
        thread, notice = await logged_out(lab)
        pressed = await lab.ann.click(notice, "Log in")
        failed = await pressed.settled("The login failed")
        assert "put it into threadline.env" in text_of(failed)
        assert lab.said_by_bot(thread)


@pytest.mark.parametrize("way", ["terminal", "none"])
async def test_an_agent_without_such_a_login_says_what_to_run(tmp_path: Path, way: str) -> None:
    """Nothing is started in a terminal that is not there."""
    async with bot_lab(tmp_path, agent=agent(tmp_path, "--login-way", way)) as lab:
        _, notice = await logged_out(lab)
        pressed = await lab.ann.click(notice, "Log in")
        told = await pressed.settled("no login that works from Discord")
        assert "run `threadline login default` on the machine" in text_of(told)


async def test_a_preset_that_has_no_such_login_offers_no_button(tmp_path: Path) -> None:
    """Its notice says what to run, and the command says it without a process."""
    async with bot_lab(tmp_path, agent=agent(tmp_path), agent_extra='preset = "claude"\n') as lab:
        thread, notice = await logged_out(lab)
        assert notice.components == []
        assert notice.content.endswith("On the machine that runs Threadline, run `threadline login default`.")
        assert "Logged out. To log in, run `threadline" in said(await lab.ann.slash(thread, "status"))
        await no_agents(lab)
        told = await lab.ann.slash(thread, "login")
        assert "no login that works from Discord" in said(told)
        assert not lab.client.pool.agents


# ---- attacks


async def test_who_is_no_approver_cannot_log_in_or_cancel(tmp_path: Path) -> None:
    """Also not who began the conversation, where askers approve: a login is everybody's."""
    async with idle_lab(tmp_path) as lab:
        access = {"users": ids(lab.ann, lab.ben), "approvers": ["asker"], "admins": ids(lab.ann)}
        lab.configure(agent=agent(tmp_path), access=lines(access))
        async with running_bot(lab):
            thread = await lab.thread("say hello", lab.ben)
            notice = await lab.ben.sees(thread, OUT, by=lab.bot)
            refused = "You don't have permission to log in to the agent here."
            assert said(await lab.ben.click(notice, "Log in")) == refused
            assert said(await lab.ben.slash(thread, "login")) == refused
            assert "have access to this bot" in said(await lab.mallory.click(notice, "Log in"))
            pressed = await lab.ann.click(notice, "Log in")
            shown = await pressed.settled(CODE)
            with pytest.raises(AssertionError, match="does not see"):
                await lab.ben.click(shown, "Cancel")
            assert said(await lab.ben.slash(thread, "login")) == refused
            await lab.ann.click(shown, "Cancel")
            await pressed.settled("The login was cancelled")


async def test_two_logins_at_once_are_one(tmp_path: Path) -> None:
    """The second person learns who is at it, and may cancel it; one person waits a minute between two logins."""
    async with idle_lab(tmp_path) as lab:
        access = {"users": ids(lab.ann, lab.ben), "approvers": ids(lab.ann, lab.ben)}
        lab.configure(agent=agent(tmp_path), access=lines(access), extra=AUDIT)
        async with running_bot(lab):
            _, notice = await logged_out(lab)
            first = await lab.ann.click(notice, "Log in")
            await first.settled(CODE)
            second = await lab.ben.click(notice, "Log in")
            assert f"<@{lab.ann.id}> is logging in to this agent now" in said(second)
            assert CODE not in said(second)
            assert second.message is not None
            await lab.ben.click(second.message, "Cancel")
            await second.settled("The login was cancelled")
            await first.settled("The login was cancelled")
            assert "try again in a minute" in said(await lab.ann.click(notice, "Log in"))
            await no_agents(lab)
            third = await lab.ben.click(notice, "Log in")
            await third.settled(CODE)
            await visit(tmp_path)
            await third.settled("You are logged in")
    assert ("stopped", "login to agent default", str(lab.ben.id)) in audited(tmp_path)


async def test_an_agent_that_dies_during_a_login_is_an_error_of_the_login(tmp_path: Path) -> None:
    """The person is told; another login may begin."""
    async with bot_lab(tmp_path, agent=agent(tmp_path)) as lab:
        _, notice = await logged_out(lab)
        await no_agents(lab)
        pressed = await lab.ann.click(notice, "Log in")
        await pressed.settled(CODE)
        (process,) = lab.client.pool.agents
        os.kill(process.pid, 9)
        failed = await pressed.settled("The login failed")
        assert "killed by signal 9" in text_of(failed)
        assert not notice.deleted


async def test_a_restart_ends_a_login_and_its_buttons_answer_sensibly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The notice stands and works; what was shown to one person says that it is over."""
    monkeypatch.setattr(bot.conversation.agent_logins, "AGAIN_SECONDS", 0.0)
    async with idle_lab(tmp_path, agent=agent(tmp_path)) as lab:
        async with running_bot(lab):
            thread, notice = await logged_out(lab)
            pressed = await lab.ann.click(notice, "Log in")
            shown = await pressed.settled(CODE)
            custom_id = next(each["custom_id"] for each in shown.components[0]["components"] if "custom_id" in each)
        over = await pressed.settled("The login ended because I am stopping")
        assert over.components == []
        async with running_bot(lab):
            assert not notice.deleted
            again = await lab.ann.click(notice, "Log in")
            await again.settled(CODE)
            await visit(tmp_path)
            await again.settled("You are logged in")
            await gone(lab, notice)
            old = await press(lab, lab.ann, thread, custom_id, CancelLoginButton)
            assert "This login is over" in said(old)
