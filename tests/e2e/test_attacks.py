"""What somebody may try: names that ping or format, huge names, a secret said aloud, thousands of messages."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from bot.intake import rejection_notice as turned_away
from loopback import Message
from loopback.state.permissions import Permission
from tests.e2e.test_questions import PUPPET, forge, form, labels, strings
from tests.e2e.test_supervision import client_of

from .live_bot import BotLab, bot_lab, marked, said

NASTY = "@everyone <@{person}> **bold** [free](https://evil.example) ||hidden|| ``` # big"
"""A title that pings, formats, hides a link and opens a fence, if one lets it."""

THOUSANDS = 2_000
THOUSANDS_SECONDS = 240
"""What is written behind thousands is read behind them; half a minute of work for a machine with nothing else to do."""

LINK = re.compile(r"(?<!\\)\[free\]\(https")


def pings(place: BotLab) -> list[Any]:
    """Messages of the bot that would have pinged more than the one person whom a notice may name."""
    calls = [call for call in place.discord.record if call.method in {"POST", "PATCH"} and "/messages" in call.path]
    bodies = [call.body for call in calls if isinstance(call.body, dict)]
    allowed = [body.get("allowed_mentions", {}) for body in bodies]
    return [each for each in allowed if each.get("parse") or each.get("roles") or len(each.get("users", ())) > 1]


async def test_titles_names_and_questions_ping_nobody_and_format_nothing(tmp_path: Path) -> None:
    """P58: tool titles, the request of a card, the agent's own name, the name of the thread."""
    agent = (sys.executable, "-m", "loopback.agent", "--name", "evil **agent** @everyone [free](https://evil.example)")
    async with bot_lab(tmp_path, agent=agent) as place:
        nasty = NASTY.format(person=place.ben.id)
        thread = await place.thread(f"tool execute {nasty}\nask execute {nasty}\nsay done", place.ann)
        card = await place.ann.sees(thread, "May I", by=place.bot)
        assert {int(getattr(user, "id", user)) for user in card.mentions} <= {place.ann.id}
        assert not LINK.search(card.content.split("```")[0])
        for command in ("status", "sessions"):
            assert not LINK.search(said(await place.ann.slash(thread, command)))
        await place.ann.click(card, "Allow once")
        reply = await place.ann.sees(thread, "done", by=place.bot)
        assert not reply.mentions
        for message in place.said_by_bot(thread):
            assert message.content.count("```") % 2 == 0
        assert pings(place) == []
        assert len(thread.name) <= 100


async def test_huge_names_are_cut(tmp_path: Path) -> None:
    """Of threads, tools, agents and options; nothing that Discord refuses is sent."""
    agent = (sys.executable, "-m", "loopback.agent", "--name", "n" * 20_000)
    async with bot_lab(tmp_path, agent=agent) as place:
        thread = await place.thread("tool execute " + "t" * 1_500)
        await place.ann.sees(thread, "ttt", by=place.bot)
        assert len(said(await place.ann.slash(thread, "status"))) <= 2_000
        assert len(said(await place.ann.slash(thread, "sessions"))) <= 2_000
        assert len(thread.name) <= 100
        assert all(len(message.content) <= 2_000 for message in place.said_by_bot(thread))
        refused = [call for call in place.discord.record if call.status == 400]
        assert refused == []


async def test_a_secret_that_the_agent_says_stays_a_secret(tmp_path: Path) -> None:
    """From a variable in its environment: not in the answer, a tool's title, a card, or the name of the thread."""
    extra = 'env = { API_KEY = "sk-live-0123456789" }'
    async with bot_lab(tmp_path, agent_extra=extra) as place:
        thread = await place.thread(
            "tell sk-live-0123456789\nenv API_KEY\ntool fetch https://x.example/?key=sk-live-0123456789\nsay finished"
        )
        await place.ann.sees(thread, "finished", by=place.bot)
        await place.ann.say(thread, "ask execute curl -H sk-live-0123456789")
        card = await place.ann.sees(thread, "May I", by=place.bot)
        assert "sk-live" not in thread.name
        shown = [text for message in place.said_by_bot(thread) for _, text in message.history]
        assert any("[secret]" in text for text in shown)
        assert "[secret]" in card.content
        assert not any("sk-live" in text for text in shown)


async def test_what_an_agent_can_be_set_to_pings_nobody_formats_nothing_and_tells_no_secret(tmp_path: Path) -> None:
    """Names of options, modes, models and commands, kinds of tools, steps of plans, choices and labels of forms."""
    extra = 'env = { API_KEY = "sk-live-0123456789" }'
    async with bot_lab(tmp_path, agent=PUPPET, agent_extra=extra, extra="[threads]\nintroduction = true\n") as place:
        evil = f"{NASTY.format(person=place.ben.id)}\u202e\n# sk-live-0123456789"
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
        thread = await place.thread(
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
        card = await place.ann.sees(thread, "May I", by=place.bot)
        shown = []  # What Discord shows without Markdown.
        told = [card.content]
        for command in ("mode", "model", "config", "status"):
            answer = await place.ann.slash(thread, command)
            told.append(said(answer))
            assert answer.message is not None
            shown.append(json.dumps(answer.message.components, ensure_ascii=False))
        found = await place.ann.autocomplete(thread, "run", "command", "")
        shown += [choice["name"] for choice in found.choices or ()]
        chosen = await place.ann.slash(thread, "model")
        assert chosen.message is not None
        (menu,) = chosen.message.components
        told.append(said(await place.ann.pick(chosen.message, [menu["components"][0]["options"][1]["label"]])))
        await place.ann.click(card, labels(card)[0])
        asking = await place.ann.sees(thread, "Please fill this in", by=place.bot)
        opened = await place.ann.click(asking, "Fill in")
        shown += [*labels(card), json.dumps(opened.response, ensure_ascii=False)]
        await place.ann.click(asking, "Decline")
        await place.ann.sees(thread, "at the end", by=place.bot)
        told += [text for message in place.said_by_bot(thread) for _, text in message.history]
        own = [re.sub(r"```.*?```", "", text, flags=re.DOTALL) for text in told]
        assert [text for text in own if LINK.search(text) or "\n# " in text] == []
        assert [text for text in told + shown if "sk-live" in text] == []
        assert [text for text in [card.content, asking.content, *shown] if "\u202e" in text] == []
        assert pings(place) == []
        assert [call for call in place.discord.record if call.status == 400] == []


@pytest.mark.timeout(2 * THOUSANDS_SECONDS)
async def test_thousands_of_messages_make_few_notices_and_hold_no_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At most `per_thread` wait, whoever writes; one notice to each person; the rest is gone when it is refused."""
    monkeypatch.setattr(turned_away, "NOTICE_SECONDS", 2 * THOUSANDS_SECONDS)  # However slowly they are read.
    extra = "[pool]\nper_thread = 5\nper_minute = 20000\n"
    async with bot_lab(tmp_path, extra=extra) as place:
        thread = await place.thread("say begun\nhang")
        await place.ann.sees(thread, "begun", by=place.bot)
        before = len(place.discord.record)
        last: Message | None = None
        for number in range(THOUSANDS):
            last = await place.ben.say(thread, f"say {number}")
        assert last is not None
        message = await place.ann.say(place.channel, f"{place.bot.mention} say still here")
        other = await place.ann.sees_thread(message, timeout=THOUSANDS_SECONDS)
        await place.ann.sees(other, "still here", by=place.bot)
        conversation = client_of(place).pool.conversation(thread.id)
        assert conversation is not None
        assert conversation.waiting <= 5
        sent = [call for call in place.discord.record[before:] if call.method == "POST" and "messages" in call.path]
        assert len(sent) < 20
        await place.ben.sees(thread, "too many messages", by=place.bot)
        notices = [each for each in place.said_by_bot(thread) if "too many messages" in each.content]
        assert len(notices) == 1
        assert client_of(place).journal.messages.state(last.id) is None
        assert "Stopping" in said(await place.ann.slash(thread, "cancel"))


async def test_an_outsider_with_power_in_the_guild_has_none_over_the_bot(tmp_path: Path) -> None:
    """Discord's own permissions are not the bot's: a moderator renames the thread, and steers nothing."""
    async with bot_lab(tmp_path) as place:
        moderators = place.discord.add_role(place.guild, "moderators", permissions=Permission.ADMINISTRATOR)
        place.discord.give_role(place.guild, place.mallory, moderators)
        thread = await place.thread("say begun\nhang")
        await place.ann.sees(thread, "begun", by=place.bot)
        await place.mallory.rename(thread, "@everyone `stop`")
        for command in ("cancel", "close", "reload", "sessions"):
            assert "may not talk" in said(await place.mallory.slash(thread, command))
        assert "working" in said(await place.ann.slash(thread, "status"))
        assert "Stopping" in said(await place.ann.slash(thread, "cancel"))


async def test_a_program_around_the_agent_is_ended_with_it(tmp_path: Path) -> None:
    """`wrap`: the agent answers from inside, and nothing of either is left at the end."""
    wrapper = tmp_path / "sandbox.sh"
    wrapper.write_text('#!/bin/sh\necho "$1" > "$1/seen"\nshift\n"$@"\n')
    wrapper.chmod(0o755)
    async with bot_lab(tmp_path, agent_extra=f'wrap = ["{wrapper}", "{{cwd}}"]') as place:
        thread = await place.thread("say from inside")
        await place.ann.sees(thread, "from inside", by=place.bot)
        assert (place.project / "seen").read_text().strip() == str(place.project)
        assert len(marked(place.config)) == 2
    assert marked(place.config) == []


async def test_a_user_cannot_put_an_agent_into_a_mode_that_asks_nobody(tmp_path: Path) -> None:
    """Not another's by writing in their thread last, and not their own where `approvers` does not name the asker."""
    async with bot_lab(tmp_path) as place:
        thread = await place.thread("say begun")
        await place.ann.sees(thread, "begun", by=place.bot)
        await place.ben.say(thread, "say by ben")
        await place.ben.sees(thread, "by ben", by=place.bot)
        for command in ("mode", "agent"):
            options = {"name": "default"} if command == "agent" else {}
            refused = said(await place.ben.slash(thread, command, **options))
            assert "may not" in refused, command
        listed = await place.ben.slash(thread, "config")
        assert listed.message is not None
        await place.ben.pick(listed.message, ["Mode"])
        assert "may not change what the agent may do unasked" in said(await place.ben.pick(listed.message, ["Auto"]))
        people = f'users = ["{place.ann.id}", "{place.ben.id}"]\napprovers = ["{place.ann.id}"]'
        place.configure(access=people)
        assert "access.approvers" in said(await place.ann.slash(thread, "reload"))
        own = await place.thread("say mine", place.ben)
        await place.ben.sees(own, "mine", by=place.bot)
        assert "may not change what the agent may do unasked" in said(await place.ben.slash(own, "mode"))
        await place.ben.say(own, "mode")
        await place.ben.sees(own, "default", by=place.bot)


async def test_an_agent_changes_its_mode_under_everybodys_eyes(tmp_path: Path) -> None:
    """By a command of its own, say, which whoever may talk to it may give: the thread reads it once (P47)."""
    async with bot_lab(tmp_path, agent=PUPPET) as place:
        modes = [
            {"sessionUpdate": "current_mode_update", "currentModeId": name} for name in ("ask", "*yolo*", "*yolo*")
        ]
        thread = await place.thread(strings(*(["update", mode] for mode in modes), ["say", "changed"]), place.ben)
        reply = await place.ben.sees(thread, "changed", by=place.bot)
        assert re.findall("now in the mode .*", reply.content) == [r"now in the mode \*yolo\*"]
        assert r"mode: \*yolo\*" in said(await place.ben.slash(thread, "status"))
        options = [{"value": "ask", "name": "Ask"}, {"value": "plan", "name": "Plan"}]
        mode = {"id": "m", "category": "mode", "type": "select", "currentValue": "plan", "options": options}
        offered = {"sessionUpdate": "config_option_update", "configOptions": [mode]}
        await place.ben.say(thread, strings(["update", offered], ["say", "offered"]))
        reply = await place.ben.sees(thread, "offered", by=place.bot)
        assert "now in the mode Plan" in reply.content


async def test_a_forged_stop_names_no_turn_of_another_thread(tmp_path: Path) -> None:
    """Who has a turn of their own elsewhere may stop that one, and not somebody else's by putting the two together."""
    async with bot_lab(tmp_path) as place:
        thread = await place.thread("say begun\nhang")
        reply = await place.ann.sees(thread, "begun", by=place.bot)
        own = await place.thread("say mine\nhang", place.ben)
        await place.ben.sees(own, "mine", by=place.bot)
        forged = await forge(place.ben, reply, f"threadline:stop:{thread.id}:{own.id}")
        assert "may not stop the agent" in said(forged)
        carried = await forge(place.ben, reply, f"threadline:stop:{own.id}:{own.id}")
        assert "belongs to another thread" in said(carried)
        assert "working" in said(await place.ben.slash(own, "status"))
        assert "working" in said(await place.ann.slash(thread, "status"))
        assert "Stopping" in said(await place.ann.click(reply, "Stop"))
        assert "Stopping" in said(await place.ben.slash(own, "cancel"))
