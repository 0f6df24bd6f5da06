"""`/status`, `/sessions` and `/resume`: answered immediately, and limited to what each person may see."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from loopback import Outcome
from loopback.agent.sessions import Sessions
from loopback.state import threads
from loopback.state.entities import ChannelType
from loopback.state.permissions import Permission

from .live_bot import bot_lab, idle_lab, running_bot, said
from .puppet_script import PUPPET, strings


def offered(outcome: Outcome) -> Sequence[str]:
    """Return the names of the choices that the bot offers."""
    return [choice["name"] for choice in outcome.choices or ()]


async def test_a_new_session_gets_the_last_exchanges_of_a_lost_one_as_they_were_said(tmp_path: Path) -> None:
    """The agent cannot load sessions. The new one gets them without Threadline's own lines, and the thread is told."""
    extra = "[threads]\nintroduction = true\n"
    async with bot_lab(tmp_path, agent=PUPPET, extra=extra) as lab:
        call = {
            "sessionUpdate": "tool_call",
            "toolCallId": "c",
            "title": "make",
            "kind": "execute",
            "status": "completed",
        }
        thread = await lab.thread(strings(["say", "first"], ["update", call], ["say", "\n\nsecond"]))
        before = await lab.ann.sees(thread, "second", by=lab.bot)
        assert "-# " in before.content
        await lab.ann.slash(thread, "close")
        await lab.ann.say(thread, strings(["said"]))
        reply = await lab.ann.sees(thread, "could not reopen", by=lab.bot)
        assert "The new one knows only the last request and answer of this thread." in reply.content
        await lab.discord.until(lambda: '"earlier"' in reply.content)
        assert '"answer":"first\\n\\nsecond"}]' in reply.content.replace("\\\\", "\\")


async def test_status_tells_all_there_is_to_know_while_the_turn_hangs_and_when_it_sleeps(tmp_path: Path) -> None:
    """The state, the context used, the cost, and the line that continues the session in a terminal."""
    options = {"agent_extra": 'preset = "claude"', "extra": "[pool]\nmax_agents = 1\n"}
    async with bot_lab(tmp_path, **options) as lab:
        thread = await lab.conversation("usage\nask execute make install", "Permission needed")
        status = said(await lab.ann.slash(thread, "status"))
        assert status.startswith("**Working, waiting for an answer to its question**\n")
        assert "(default)" in status
        assert "Mode: Default" in status
        assert re.search(r"Context: [\d,]+ of [\d,]+ tokens \(\d+%\)", status)
        assert re.search(r"Cost so far: \S+ USD", status)
        continuing = re.search(r"In a terminal: `cd (\S+) && claude --resume (\S+)`", status)
        assert continuing is not None
        assert continuing[1] == str(lab.project)
        assert f"Session: `{continuing[2]}`" in status
        await lab.ann.say(thread, "say I wait")
        other = await lab.thread("say me too", lab.ben)
        await lab.ben.sees(other, "number 1 in the queue", by=lab.bot)
        assert said(await lab.ben.slash(other, "status")).startswith("**In the queue, number 1**")
        assert "1 message waiting" in said(await lab.ann.slash(thread, "status"))
        await lab.ann.slash(thread, "close")
        await lab.ben.sees(other, "me too", by=lab.bot)
        slept = said(await lab.ann.slash(thread, "status"))
        assert continuing[0] in slept


async def test_status_names_the_thread_before_it_where_one_at_a_time_works_in_a_directory(tmp_path: Path) -> None:
    """It has no place in line, since it waits for its directory, and not for a slot."""
    async with bot_lab(tmp_path, extra='[threads]\ndirectory = "exclusive"\n') as lab:
        thread = await lab.conversation("hang", "Working")
        other = await lab.thread("say me too", lab.ben)
        await lab.ben.sees(other, "only one thread at a time may use this folder", by=lab.bot)
        assert said(await lab.ben.slash(other, "status")).startswith(f"**In the queue, after <#{thread.id}>**")


async def test_sessions_lists_the_threads_that_a_person_can_see(tmp_path: Path) -> None:
    """Who, where, which agent, in which state, for how long, how large; a private thread only for its members."""
    async with bot_lab(tmp_path, access='users = ["*"]') as lab:
        thread = await lab.thread("say hello there", lab.ben)
        await lab.answer(thread, "hello there")
        secret = threads.open_in(lab.discord.world, lab.channel, lab.ben.id, {"name": "secret", "type": 12}, None)
        assert secret.type == ChannelType.PRIVATE_THREAD
        threads.add(lab.discord.world, secret, lab.ben.id, lab.bot.id)
        await lab.ben.say(secret, f"{lab.bot.mention} say between us\nhang")
        await lab.ben.sees(secret, "between us", by=lab.bot)
        for person, sees in ((lab.ann, True), (lab.ben, True), (lab.mallory, False)):
            listed = said(await person.slash(lab.channel, "sessions"))
            assert re.search(rf"<#{thread.id}> \*\*idle\*\* · <@{lab.ben.id}> · default · 0 min · [1-9]\d* MiB", listed)
            assert (f"<#{secret.id}> **working**" in listed) is sees
        await lab.ben.slash(secret, "cancel")
        await lab.ben.sees(secret, "Stopped by", by=lab.bot)


async def test_sessions_makes_no_line_that_has_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The threads beyond are counted."""
    monkeypatch.setattr("bot.commands.sessions.LISTED", 1)
    monkeypatch.setattr("bot.commands.sessions.SLICE", 1)
    async with bot_lab(tmp_path) as lab:
        for number in range(3):
            await lab.answer(await lab.thread(f"say {number}"), str(number))
        listed = said(await lab.ann.slash(lab.channel, "sessions"))
        assert listed.count("default") == 1
        assert listed.endswith("\n… and 2 more")


async def test_a_thread_goes_back_to_an_earlier_session_of_its_own(tmp_path: Path) -> None:
    """Those who may stop the agent can undo a reset; the list comes while the turn hangs."""
    async with bot_lab(tmp_path, remembers=True) as lab:
        thread = await lab.thread("say remember the milk", lab.ben)
        await lab.answer(thread, "remember the milk")
        assert offered(await lab.ben.autocomplete(thread, "resume", "session", "")) == []
        await lab.ann.slash(thread, "reset")
        await lab.ben.say(thread, "say now I hang\nhang")
        await lab.ben.sees(thread, "now I hang", by=lab.bot)
        found = await lab.ben.autocomplete(thread, "resume", "session", "MILK")
        (name,) = offered(found)
        assert name.startswith("say remember the milk")
        assert name.endswith("of this thread")
        assert offered(await lab.ben.autocomplete(thread, "resume", "session", "butter")) == []
        refused = await lab.mallory.autocomplete(thread, "resume", "session", "")
        assert offered(refused) == []
        taken = await lab.ben.slash(thread, "resume", session=found.choices[0]["value"])
        assert "chose another session" in said(taken)
        await lab.ben.say(thread, "recall")
        recalled = await lab.ben.sees(thread, "say remember the milk", by=lab.bot)
        assert "2" in recalled.content
        again = await lab.ben.slash(thread, "resume", session=found.choices[0]["value"])
        assert "already" in said(again)


async def test_a_session_that_no_thread_has_begun_is_for_admins(tmp_path: Path) -> None:
    """It may hold private content; a session of another thread is refused to all."""
    async with idle_lab(tmp_path, remembers=True) as lab:
        kept = Sessions(lab.config.with_name("sessions"))
        foreign = kept.create(str(lab.project), "default")
        foreign.remember_prompt("say from a terminal")
        kept.keep(foreign)
        async with running_bot(lab):
            thread = await lab.thread("say hello there", lab.ben)
            await lab.answer(thread, "hello there")
            other = await lab.thread("say hello too", lab.ben)
            await lab.answer(other, "hello too")
            assert offered(await lab.ben.autocomplete(thread, "resume", "session", "")) == []
            found = await lab.ann.autocomplete(thread, "resume", "session", "")
            (name,) = offered(found)
            assert name.startswith("say from a terminal")
            assert foreign.session_id in name
            refused = await lab.ben.slash(thread, "resume", session=foreign.session_id)
            assert "have permission" in said(refused)
            taken = await lab.ann.slash(thread, "resume", session=foreign.session_id)
            assert "chose another session" in said(taken)
            await lab.ben.say(thread, "recall")
            await lab.ben.sees(thread, "say from a terminal", by=lab.bot)
            beyond = await lab.ann.slash(other, "resume", session=foreign.session_id)
            assert "another thread" in said(beyond)


async def test_a_session_that_has_no_prompt_yet_is_refused_to_other_threads(tmp_path: Path) -> None:
    """Its own thread cannot be opened yet, so the journal does not have it."""
    async with bot_lab(tmp_path, remembers=True) as lab:
        other = await lab.conversation("say hello", "hello")
        lab.discord.fault(method="POST", path=re.compile("/threads$"), status=429, shared=True, retry_after=8.0)
        asked = await lab.ann.say(lab.channel, f"{lab.bot.mention} say later")

        def opened() -> str | None:
            conversation = lab.client.pool.conversation(asked.id)
            session = None if conversation is None else conversation.lease.session
            return None if session is None else session.session_id

        session_id = await lab.discord.until(opened)
        assert offered(await lab.ann.autocomplete(other, "resume", "session", "")) == []
        assert "another thread" in said(await lab.ann.slash(other, "resume", session=session_id))


async def test_the_name_that_a_person_gives_a_thread_is_that_of_its_session(tmp_path: Path) -> None:
    """While its agent runs, and at the next message where it sleeps; the agent's title does not come back."""
    async with idle_lab(tmp_path, remembers=True) as lab:
        kept = Sessions(lab.config.with_name("sessions"))

        def titled(title: str) -> bool | None:
            return title in {each.title for each in Sessions(lab.config.with_name("sessions")).listed()} or None

        async with running_bot(lab):
            thread = await lab.thread("say hello")
            await lab.answer(thread, "hello")
            moderators = lab.discord.add_role(lab.guild, "moderators", permissions=Permission.MANAGE_THREADS)
            lab.discord.give_role(lab.guild, lab.ann, moderators)
            await lab.ann.rename(thread, "Greetings")
            await lab.ann.say(thread, "say again")
            await lab.answer(thread, "again")
            await lab.discord.until(lambda: titled("Greetings"))
        async with running_bot(lab):
            await lab.discord.until(lambda: lab.client.is_ready() or None)
            await lab.ann.rename(thread, "Farewell")
            await lab.ann.say(thread, "say bye")
            await lab.answer(thread, "bye")
            await lab.discord.until(lambda: titled("Farewell"))
        assert [each.title for each in kept.listed()] == ["Farewell"]
        assert thread.name == "Farewell"
