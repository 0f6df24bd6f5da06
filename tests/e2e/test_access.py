"""Access: who may do what, what the agent sees, and whom its text can ping."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from acp.process.environment import BASE_NAMES
from acp.process.orphans import MARKER
from loopback.state.permissions import Permission

from .live_bot import TOKEN, bot_lab, idle_lab, running_bot, said

SUPPRESS_EMBEDS = 1 << 2
WRITES = {"POST", "PATCH"}


def bodies(record: list[Any]) -> list[Any]:
    """Return the messages that the bot sent."""
    return [call.body for call in record if call.method in WRITES and re.search(r"/messages(/\d+)?$", call.path)]


def forget(folder: Path) -> None:
    """Delete the journal."""
    for file in folder.glob("threadline.db*"):
        file.unlink()


async def test_an_outsider_is_told_once_in_ten_minutes_whom_to_ask_and_gets_no_thread(tmp_path: Path) -> None:
    """People outside the lists cannot start a conversation; without a mention they get no words."""
    async with bot_lab(tmp_path) as lab:
        first = await lab.mallory.say(lab.channel, f"{lab.bot.mention} say hello")
        second = await lab.mallory.say(lab.channel, f"{lab.bot.mention} say hello again")
        await lab.conversation("say served", "served")
        await lab.discord.until(lambda: list(first.reactions))
        assert list(second.reactions) == []
        told = await lab.mallory.sees(lab.channel, "You don't have access", by=lab.bot)
        assert told.content == f"You don't have access to this bot. Ask <@{lab.bot.owner_id}>."
        assert lab.said_by_bot(lab.channel) == [told]
        assert told.mentions == []


async def test_the_owner_is_told_each_line_that_would_let_a_message_in(tmp_path: Path) -> None:
    """The line fits the current configuration, even twice within minutes in one channel."""
    async with idle_lab(tmp_path) as lab:
        ben, mallory = (f'"{each.id}"' for each in (lab.ben, lab.mallory))
        lab.configure(access=f"users = [{ben}]")
        async with running_bot(lab):
            for users in (ben, f"{ben}, {mallory}"):
                lab.configure(access=f"users = [{users}]")
                await lab.ann.slash(lab.channel, "reload")
                await lab.ann.say(lab.channel, f"{lab.bot.mention} say hello")
                await lab.ann.sees(lab.channel, f'users = [{users}, "{lab.ann.id}"]', by=lab.bot)


async def test_the_bot_knows_its_own_threads_with_a_new_journal_too(tmp_path: Path) -> None:
    """Discord says who opened a thread. Its earlier messages are background for the new session."""
    async with idle_lab(tmp_path) as lab:
        async with running_bot(lab):
            thread = await lab.conversation("say the first answer", "the first answer")
        forget(tmp_path)
        foreign = await lab.ann.open_thread(lab.channel, "between people")
        async with running_bot(lab):
            ignored = await lab.ann.say(foreign, "say not for the bot")
            await lab.mallory.say(thread, "say not allowed")
            await lab.ann.say(thread, "echo")
            answer = await lab.ann.sees(thread, "threadline-context", by=lab.bot)
            assert "the first answer" in answer.content
            assert list(ignored.reactions) == []
            assert lab.said_by_bot(foreign) == []


async def test_a_thread_that_a_new_journal_does_not_know_is_closed_too(tmp_path: Path) -> None:
    """Admins may close a thread that the bot opened, but no other. A message opens it again."""
    async with idle_lab(tmp_path) as lab:
        async with running_bot(lab):
            thread = await lab.thread("say the first answer")
            await lab.answer(thread, "the first answer")
        forget(tmp_path)
        foreign = await lab.ann.open_thread(lab.channel, "between people")
        async with running_bot(lab):
            assert "No conversation here" in said(await lab.ann.slash(foreign, "close"))
            assert "permission to end" in said(await lab.ben.slash(thread, "close"))
            assert not thread.archived
            assert "Closed. A new message starts a new session." in said(await lab.ann.slash(thread, "close"))
            await lab.discord.until(lambda: thread.archived)
            await lab.ben.say(thread, "say here again")
            await lab.answer(thread, "here again")
            assert not foreign.archived
            assert "resumes the session" in said(await lab.ann.slash(thread, "close"))
            await lab.discord.until(lambda: thread.archived)


async def test_an_outsider_cannot_steer_a_thread_by_message_command_or_button(tmp_path: Path) -> None:
    """Messages, commands and buttons go through the same gate."""
    async with bot_lab(tmp_path) as lab:
        thread = await lab.thread("say mine\nask execute make install")
        card = await lab.ann.sees(thread, "Permission needed", by=lab.bot)
        await lab.mallory.say(thread, "say theirs")
        pressed = await lab.mallory.click(card, "Allow once")
        assert pressed.acknowledged
        assert "have access" in said(pressed)
        for command in ("cancel", "reset", "status"):
            outcome = await lab.mallory.slash(thread, command)
            assert outcome.acknowledged
            assert "have access" in said(outcome)
        await lab.ann.click(card, "Allow once")
        await lab.ann.sees(thread, "allowed (allow_once)", by=lab.bot)
        await lab.ann.say(thread, "recall")
        recalled = await lab.ann.sees(thread, re.compile("mine"), by=lab.bot, after=card)
        assert "theirs" not in recalled.content


async def test_only_the_asker_and_admins_answer_the_agents_question(tmp_path: Path) -> None:
    """The default approver is the asker; another allowed person may look, but not decide."""
    async with bot_lab(tmp_path) as lab:
        thread = await lab.thread("ask execute make install", lab.ben)
        card = await lab.ben.sees(thread, "Permission needed", by=lab.bot)
        pressed = await lab.mallory.click(card, "Allow once")
        assert "have access" in said(pressed)
        await lab.ann.click(card, "Reject")
        await lab.ben.sees(thread, "rejected (reject_once)", by=lab.bot)


async def test_the_owner_is_told_the_line_to_change(tmp_path: Path) -> None:
    """The owner gets the exact line once for each unlisted channel."""
    async with bot_lab(tmp_path) as lab:
        other = lab.discord.add_channel(lab.guild, "other")
        await lab.ann.say(other, f"{lab.bot.mention} say hello")
        told = await lab.ann.sees(other, "channels = [", by=lab.bot)
        assert str(other.id) in told.content
        assert str(lab.channel.id) in told.content
        await lab.ann.say(other, f"{lab.bot.mention} say hello again")
        third = lab.discord.add_channel(lab.guild, "third")
        await lab.ann.say(third, f"{lab.bot.mention} say hello")
        told = await lab.ann.sees(third, "channels = [", by=lab.bot)
        assert str(third.id) in told.content
        assert len(lab.said_by_bot(other)) == 1


async def test_who_is_only_invited_to_the_owning_team_owns_nothing(tmp_path: Path) -> None:
    """An invitation that is not accepted gives no rights."""
    async with idle_lab(tmp_path) as lab:
        lab.bot.team = {lab.ben.id: True, lab.mallory.id: False}
        lab.configure(access='users = ["owner"]')
        async with running_bot(lab):
            refused = await lab.mallory.say(lab.channel, f"{lab.bot.mention} say hello")
            thread = await lab.thread("say served", lab.ben)
            await lab.ben.sees(thread, "served", by=lab.bot)
            await lab.discord.until(lambda: list(refused.reactions))
            assert refused.thread_id is None


async def test_empty_lists_allow_nobody(tmp_path: Path) -> None:
    """The owner is refused too."""
    async with bot_lab(tmp_path, access="users = []\nadmins = []") as lab:
        await lab.ann.say(lab.channel, f"{lab.bot.mention} say hello")
        told = await lab.ann.sees(lab.channel, "users = [", by=lab.bot)
        assert str(lab.ann.id) in told.content
        assert not any(call.path.endswith("/threads") for call in lab.discord.record)


async def test_system_messages_and_bots_start_nothing(tmp_path: Path) -> None:
    """A rename in a thread is no prompt, and another bot's mention opens no thread."""
    async with bot_lab(tmp_path) as lab:
        thread = await lab.conversation("say one", "one")
        moderators = lab.discord.add_role(lab.guild, "moderators", permissions=Permission.MANAGE_THREADS)
        lab.discord.give_role(lab.guild, lab.ben, moderators)
        await lab.ben.rename(thread, "another name")
        await lab.ann.say(thread, "recall")
        recalled = await lab.ann.sees(thread, re.compile("say one"), by=lab.bot)
        assert "2" in recalled.content


async def test_the_agents_words_ping_nobody_and_unfurl_nothing(tmp_path: Path) -> None:
    """Every message of the bot limits its own mentions, here to nobody."""
    async with bot_lab(tmp_path) as lab:
        words = f"@everyone @here <@{lab.ben.id}> <@&{lab.guild.id}> https://example.invalid/"
        thread = await lab.thread(f"say {words}")
        reply = await lab.ann.sees(thread, "example.invalid", by=lab.bot)
        assert not reply.mentions
        for body in bodies(lab.discord.record):
            assert body["allowed_mentions"]["parse"] == []
            assert not body["allowed_mentions"].get("users")
        sends = [call.body for call in lab.discord.record if call.method == "POST" and call.path.endswith("/messages")]
        assert sends
        assert all(body["flags"] & SUPPRESS_EMBEDS for body in sends)
        assert reply.flags & SUPPRESS_EMBEDS


async def test_a_question_pings_the_asker_alone(tmp_path: Path) -> None:
    """A notice pings only the person it is for, even with mentions in the agent's text."""
    async with bot_lab(tmp_path) as lab:
        thread = await lab.thread(f"ask execute echo @everyone <@{lab.mallory.id}>", lab.ben)
        card = await lab.ben.sees(thread, "Permission needed", by=lab.bot)
        assert {int(getattr(user, "id", user)) for user in card.mentions} == {lab.ben.id}


async def test_the_agents_environment_is_the_base_and_what_is_configured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token and all other variables of the bot are missing in it."""
    monkeypatch.setenv("DISCORD_TOKEN", TOKEN)
    monkeypatch.setenv("SECRET_OF_THE_BOT", "do not pass on")
    monkeypatch.setenv("WANTED", "yes")
    extra = 'inherit_env = ["WANTED"]\nenv = { CHOSEN = "by the configuration" }'
    async with bot_lab(tmp_path, agent_extra=extra) as lab:
        thread = await lab.thread("env\nsay that is all")
        reply = await lab.ann.sees(thread, "that is all", by=lab.bot)
        names = set(re.findall(r"^[A-Z_]+$", reply.content.replace("`", ""), re.MULTILINE))
        assert names - {"LC_CTYPE"} <= {*BASE_NAMES, MARKER, "WANTED", "CHOSEN"}
        assert {"PATH", MARKER, "WANTED", "CHOSEN"} <= names
        await lab.ann.say(thread, "env CHOSEN")
        await lab.ann.sees(thread, "by the configuration", by=lab.bot)


async def test_an_agent_that_cannot_be_made_to_ask_is_announced(tmp_path: Path) -> None:
    """The thread's first line says that this agent may act without asking."""
    agent = (sys.executable, "-m", "loopback.agent", "--no-modes")
    async with bot_lab(tmp_path, agent=agent) as lab:
        thread = await lab.thread("say hello there")
        reply = await lab.ann.sees(thread, "hello there", by=lab.bot)
        assert "may act without asking" in reply.content.splitlines()[0]


async def test_an_agent_that_acts_unasked_by_default_is_put_into_its_asking_mode(tmp_path: Path) -> None:
    """The scripted agent starts in `auto`, like real ones; its first prompt already runs in `default`."""
    async with bot_lab(tmp_path) as lab:
        thread = await lab.thread("mode")
        reply = await lab.ann.sees(thread, "default", by=lab.bot)
        assert "unasked" not in reply.content
