"""Attacks: names that ping or format, huge names, a secret in the answer, thousands of messages."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from bot.intake import rejection_notice as turned_away
from loopback import Message
from loopback.state.components import text_of
from loopback.state.permissions import Permission

from .bot_process import agent_pids
from .live_bot import BotLab, bot_lab, said
from .puppet_script import PUPPET, forge, form, labels, strings

NASTY = "@everyone <@{person}> **bold** [free](https://evil.example) ||hidden|| ``` # big"
"""A title that pings, formats, hides a link and opens a fence, if one lets it."""

THOUSANDS = 2_000
THOUSANDS_SECONDS = 240
"""What is written behind thousands is read behind them; half a minute of work for a machine with nothing else to do."""

LINK = re.compile(r"(?<!\\)\[free\]\(https")


def pings(lab: BotLab) -> list[Any]:
    """Return the messages of the bot that would ping more than the one person whom a notice may name."""
    calls = [call for call in lab.discord.record if call.method in {"POST", "PATCH"} and "/messages" in call.path]
    bodies = [call.body for call in calls if isinstance(call.body, dict)]
    allowed = [body.get("allowed_mentions", {}) for body in bodies]
    return [each for each in allowed if each.get("parse") or each.get("roles") or len(each.get("users", ())) > 1]


async def test_titles_names_and_questions_ping_nobody_and_format_nothing(tmp_path: Path) -> None:
    """Tool titles, the request of a card, the agent's own name, and the thread's name."""
    agent = (sys.executable, "-m", "loopback.agent", "--name", "evil **agent** @everyone [free](https://evil.example)")
    async with bot_lab(tmp_path, agent=agent) as lab:
        nasty = NASTY.format(person=lab.ben.id)
        thread = await lab.thread(f"tool execute {nasty}\nask execute {nasty}\nsay done", lab.ann)
        card = await lab.ann.sees(thread, "Permission needed", by=lab.bot)
        assert {int(getattr(user, "id", user)) for user in card.mentions} <= {lab.ann.id}
        assert not LINK.search(text_of(card).split("```")[0])
        for command in ("status", "sessions"):
            assert not LINK.search(said(await lab.ann.slash(thread, command)))
        await lab.ann.click(card, "Allow once")
        reply = await lab.ann.sees(thread, "done", by=lab.bot)
        assert not reply.mentions
        for message in lab.said_by_bot(thread):
            assert message.content.count("```") % 2 == 0
        assert pings(lab) == []
        assert len(thread.name) <= 100


async def test_huge_names_are_cut(tmp_path: Path) -> None:
    """Names of threads, tools, agents and options; Discord refuses no call."""
    agent = (sys.executable, "-m", "loopback.agent", "--name", "n" * 20_000)
    async with bot_lab(tmp_path, agent=agent) as lab:
        thread = await lab.conversation("tool execute " + "t" * 1_500, "ttt")
        assert len(said(await lab.ann.slash(thread, "status"))) <= 2_000
        assert len(said(await lab.ann.slash(thread, "sessions"))) <= 2_000
        assert len(thread.name) <= 100
        assert all(len(message.content) <= 2_000 for message in lab.said_by_bot(thread))
        refused = [call for call in lab.discord.record if call.status == 400]
        assert refused == []


async def test_a_secret_that_the_agent_says_stays_a_secret(tmp_path: Path) -> None:
    """A variable of its environment is redacted in the answer, a tool's title, a card and the thread's name."""
    extra = 'env = { API_KEY = "sk-live-0123456789" }'
    async with bot_lab(tmp_path, agent_extra=extra) as lab:
        thread = await lab.thread(
            "tell sk-live-0123456789\nenv API_KEY\ntool fetch https://x.example/?key=sk-live-0123456789\nsay finished"
        )
        await lab.ann.sees(thread, "finished", by=lab.bot)
        await lab.ann.say(thread, "ask execute curl -H sk-live-0123456789")
        card = await lab.ann.sees(thread, "Permission needed", by=lab.bot)
        assert "sk-live" not in thread.name
        shown = [text for message in lab.said_by_bot(thread) for _, text in message.history]
        assert any("[secret]" in text for text in shown)
        assert "[secret]" in text_of(card)
        assert not any("sk-live" in text for text in shown)


async def test_what_an_agent_can_be_set_to_pings_nobody_formats_nothing_and_tells_no_secret(tmp_path: Path) -> None:
    """Names of options, modes, models and commands, kinds of tools, steps of plans, choices and labels of forms."""
    extra = 'env = { API_KEY = "sk-live-0123456789" }'
    async with bot_lab(tmp_path, agent=PUPPET, agent_extra=extra, extra="[threads]\nintroduction = true\n") as lab:
        evil = f"{NASTY.format(person=lab.ben.id)}\u202e\n# sk-live-0123456789"
        choices = [{"value": value, "name": f"{value} {evil}", "description": evil} for value in ("a", "b")]
        options = [
            {"id": name, "name": evil, "category": name, "description": evil, "type": "select", "currentValue": "a"}
            | {"options": choices}
            for name in ("mode", "model", "other")
        ]
        offered = {"sessionUpdate": "config_option_update", "configOptions": options}
        commands = [{"name": "go", "description": evil}, {"name": f"x {evil}"[:90], "description": ""}]
        kinds = ["allow_once", f"reject {evil}"]
        asked = [{"optionId": str(number), "name": evil, "kind": kind} for number, kind in enumerate(kinds)]
        call = {"toolCallId": "c", "title": evil, "kind": evil, "locations": [{"path": evil}], "status": evil}
        field = {"type": "string", "title": evil, "description": evil, "oneOf": [{"const": "x", "title": evil}]}
        thread = await lab.thread(
            strings(
                ["update", offered],
                ["update", {"sessionUpdate": "available_commands_update", "availableCommands": commands}],
                ["update", {"sessionUpdate": "plan", "entries": [{"content": evil, "status": evil, "priority": evil}]}],
                ["update", {"sessionUpdate": "notice", "severity": evil, "title": evil, "description": evil}],
                ["update", {"sessionUpdate": "tool_call", **call}],
                ["request", 1, "session/request_permission", {"toolCall": call, "options": asked}],
                ["await", 1],
                form(2, {"f": field, "g": {"type": "integer", "title": evil}}, "f", message=evil),
                ["await", 2],
                ["request", 3, "session/request_permission", {"toolCall": call, "options": [], "sessionId": evil}],
                ["request", 4, "elicitation/create", {"mode": "url", "message": evil, "url": f"https://{evil}"}],
                ["await", 4],
                ["say", "at the end"],
            )
        )
        card = await lab.ann.sees(thread, "Permission needed", by=lab.bot)
        shown = []  # What Discord shows without Markdown.
        told = [text_of(card)]
        for command in ("mode", "model", "config", "status"):
            answer = await lab.ann.slash(thread, command)
            told.append(said(answer))
            assert answer.message is not None
            shown.append(json.dumps(answer.message.components, ensure_ascii=False))
        found = await lab.ann.autocomplete(thread, "run", "command", "")
        shown += [choice["name"] for choice in found.choices or ()]
        chosen = await lab.ann.slash(thread, "model")
        assert chosen.message is not None
        (menu,) = chosen.message.components
        told.append(said(await lab.ann.pick(chosen.message, [menu["components"][0]["options"][1]["label"]])))
        await lab.ann.click(card, labels(card)[0])
        asking = await lab.ann.sees(thread, "Input needed", by=lab.bot)
        opened = await lab.ann.click(asking, "Fill in")
        shown += [*labels(card), json.dumps(opened.response, ensure_ascii=False)]
        await lab.ann.click(asking, "Decline")
        await lab.ann.sees(thread, "at the end", by=lab.bot)
        told += [text for message in lab.said_by_bot(thread) for _, text in message.history]
        own = [re.sub(r"```.*?```", "", text, flags=re.DOTALL) for text in told]
        assert [text for text in own if LINK.search(text) or "\n# " in text] == []
        assert [text for text in told + shown if "sk-live" in text] == []
        assert [text for text in [text_of(card), text_of(asking), *shown] if "\u202e" in text] == []
        assert pings(lab) == []
        assert [call for call in lab.discord.record if call.status == 400] == []


@pytest.mark.timeout(2 * THOUSANDS_SECONDS)
async def test_thousands_of_messages_make_few_notices_and_hold_no_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At most `per_thread` wait, each person gets one notice, and refused messages are forgotten."""
    monkeypatch.setattr(turned_away, "NOTICE_SECONDS", 2 * THOUSANDS_SECONDS)  # However slowly they are read.
    extra = "[pool]\nper_thread = 5\nper_minute = 20000\n"
    async with bot_lab(tmp_path, extra=extra) as lab:
        thread = await lab.conversation("say begun\nhang", "begun")
        before = len(lab.discord.record)
        last: Message | None = None
        for number in range(THOUSANDS):
            last = await lab.ben.say(thread, f"say {number}")
        assert last is not None
        message = await lab.ann.say(lab.channel, f"{lab.bot.mention} say still here")
        other = await lab.ann.sees_thread(message, timeout=THOUSANDS_SECONDS)
        await lab.ann.sees(other, "still here", by=lab.bot)
        conversation = lab.client.pool.conversation(thread.id)
        assert conversation is not None
        assert conversation.waiting <= 5
        sent = [call for call in lab.discord.record[before:] if call.method == "POST" and "messages" in call.path]
        assert len(sent) < 20
        await lab.ben.sees(thread, "queue is full", by=lab.bot)
        notices = [each for each in lab.said_by_bot(thread) if "queue is full" in each.content]
        assert len(notices) == 1
        assert lab.client.journal.messages.state(last.id) is None
        assert "Stopping" in said(await lab.ann.slash(thread, "cancel"))


async def test_an_outsider_with_power_in_the_guild_has_none_over_the_bot(tmp_path: Path) -> None:
    """Discord's own permissions are not the bot's: a moderator renames the thread, and controls no turn."""
    async with bot_lab(tmp_path) as lab:
        moderators = lab.discord.add_role(lab.guild, "moderators", permissions=Permission.ADMINISTRATOR)
        lab.discord.give_role(lab.guild, lab.mallory, moderators)
        thread = await lab.conversation("say begun\nhang", "begun")
        await lab.mallory.rename(thread, "@everyone `stop`")
        for command in ("cancel", "close", "reload", "sessions"):
            assert "have access" in said(await lab.mallory.slash(thread, command))
        assert "Working" in said(await lab.ann.slash(thread, "status"))
        assert "Stopping" in said(await lab.ann.slash(thread, "cancel"))


async def test_a_program_around_the_agent_is_ended_with_it(tmp_path: Path) -> None:
    """`wrap`: the agent answers from inside the program, and both end."""
    wrapper = tmp_path / "sandbox.sh"
    wrapper.write_text('#!/bin/sh\necho "$1" > "$1/seen"\nshift\n"$@"\n')
    wrapper.chmod(0o755)
    async with bot_lab(tmp_path, agent_extra=f'wrap = ["{wrapper}", "{{cwd}}"]') as lab:
        await lab.conversation("say from inside", "from inside")
        assert (lab.project / "seen").read_text().strip() == str(lab.project)
        assert len(agent_pids(lab.config)) == 2
    assert agent_pids(lab.config) == []


async def test_a_user_cannot_put_an_agent_into_a_mode_that_asks_nobody(tmp_path: Path) -> None:
    """Neither in another person's thread by writing last, nor in their own where `approvers` excludes the asker."""
    async with bot_lab(tmp_path) as lab:
        thread = await lab.conversation("say begun", "begun")
        await lab.ben.say(thread, "say by ben")
        await lab.ben.sees(thread, "by ben", by=lab.bot)
        for command in ("mode", "agent"):
            options = {"name": "default"} if command == "agent" else {}
            refused = said(await lab.ben.slash(thread, command, **options))
            assert "have permission" in refused, command
        listed = await lab.ben.slash(thread, "config")
        assert listed.message is not None
        await lab.ben.pick(listed.message, ["Mode"])
        assert "permission to change what the agent may do without asking" in said(
            await lab.ben.pick(listed.message, ["Auto"])
        )
        people = f'users = ["{lab.ann.id}", "{lab.ben.id}"]\napprovers = ["{lab.ann.id}"]'
        lab.configure(access=people)
        assert "access.approvers" in said(await lab.ann.slash(thread, "reload"))
        own = await lab.thread("say mine", lab.ben)
        await lab.ben.sees(own, "mine", by=lab.bot)
        assert "permission to change what the agent may do without asking" in said(await lab.ben.slash(own, "mode"))
        await lab.ben.say(own, "mode")
        await lab.ben.sees(own, "default", by=lab.bot)


async def test_an_agent_changes_its_mode_under_everybodys_eyes(tmp_path: Path) -> None:
    """A command of the agent, open to every user, may change it: the thread says so once."""
    async with bot_lab(tmp_path, agent=PUPPET) as lab:
        modes = [
            {"sessionUpdate": "current_mode_update", "currentModeId": name} for name in ("ask", "*yolo*", "*yolo*")
        ]
        thread = await lab.thread(strings(*(["update", mode] for mode in modes), ["say", "changed"]), lab.ben)
        reply = await lab.ben.sees(thread, "changed", by=lab.bot)
        assert re.findall("Mode: .*", reply.content) == [r"Mode: \*yolo\*"]
        assert r"Mode: \*yolo\*" in said(await lab.ben.slash(thread, "status"))
        options = [{"value": "ask", "name": "Ask"}, {"value": "plan", "name": "Plan"}]
        mode = {"id": "m", "category": "mode", "type": "select", "currentValue": "plan", "options": options}
        offered = {"sessionUpdate": "config_option_update", "configOptions": [mode]}
        await lab.ben.say(thread, strings(["update", offered], ["say", "offered"]))
        reply = await lab.ben.sees(thread, "offered", by=lab.bot)
        assert "Mode: Plan" in reply.content


async def test_a_forged_stop_names_no_turn_of_another_thread(tmp_path: Path) -> None:
    """A person may stop their own turn, but not another's by combining the two ids."""
    async with bot_lab(tmp_path) as lab:
        thread = await lab.thread("say begun\nhang")
        reply = await lab.ann.sees(thread, "begun", by=lab.bot)
        own = await lab.thread("say mine\nhang", lab.ben)
        await lab.ben.sees(own, "mine", by=lab.bot)
        forged = await forge(lab.ben, reply, f"threadline:stop:{thread.id}:{own.id}")
        assert "permission to stop the agent" in said(forged)
        carried = await forge(lab.ben, reply, f"threadline:stop:{own.id}:{own.id}")
        assert "belongs to another thread" in said(carried)
        assert "Working" in said(await lab.ben.slash(own, "status"))
        assert "Working" in said(await lab.ann.slash(thread, "status"))
        await lab.ann.click(reply, "Stop")
        await lab.ann.sees(thread, "Stopped by", by=lab.bot)
        assert "Stopping" in said(await lab.ben.slash(own, "cancel"))
