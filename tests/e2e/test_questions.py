"""An agent's questions, answered by people or by the configuration."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from loopback.state.components import text_of, walk

from .bot_process import bot_process
from .live_bot import bot_lab, idle_lab, said
from .puppet_script import PUPPET, custom_ids, forge, form, labels, permission, strings

Json = dict[str, Any]


async def test_the_configuration_answers_what_it_covers_and_people_the_rest(tmp_path: Path) -> None:
    """Under allow_all a command runs unasked and once; a change of the agent's rights or mode is asked."""
    async with bot_lab(tmp_path, agent_extra='permission = "allow_all"') as lab:
        thread = await lab.thread("ask execute make install\nwrite a.txt\nwrite .claude/settings.json")
        card = await lab.ann.sees(thread, "Permission needed", by=lab.bot)
        assert "settings.json" in text_of(card)
        await lab.ann.click(card, "Reject")
        reply = await lab.ann.sees(thread, "rejected (reject_once)", by=lab.bot)
        assert sum(each.content.count("allowed (allow_once)") for each in lab.said_by_bot(thread)) == 2
        assert not (lab.project / ".claude").exists()
        await lab.ann.say(thread, "ask switch_mode Ready to code?")
        await lab.ann.sees(thread, re.compile("Permission needed.*Ready to code"), by=lab.bot, after=reply)


async def test_deny_denies_without_a_card_and_says_so(tmp_path: Path) -> None:
    """It uses the agent's own option, so that the turn continues."""
    async with bot_lab(tmp_path, agent_extra='permission = "deny"') as lab:
        thread = await lab.thread("ask execute make install\nsay and I went on")
        reply = await lab.ann.sees(thread, "and I went on", by=lab.bot)
        assert "Rejected, as configured: make install" in reply.content
        assert "rejected (reject_once)" in reply.content
        assert not any("Permission needed" in message.content for message in lab.said_by_bot(thread))


async def test_a_changed_command_kills_the_old_buttons_and_is_asked_anew(tmp_path: Path) -> None:
    """An answer to the old card is refused, though its buttons remain; only the new card counts."""
    async with bot_lab(tmp_path, agent=PUPPET) as lab:
        changed = {"sessionUpdate": "tool_call_update", "toolCallId": "c", "rawInput": {"command": "rm -rf /"}}
        thread = await lab.thread(
            strings(
                permission(1, "c", "Look", "allow_once", "reject_once", rawInput={"command": "ls"}),
                permission(2, "d", "Go on", "allow_once", "reject_once"),
                ["await", 2],
                ["update", changed],
                ["await", 1],
            )
        )
        old = await lab.ann.sees(thread, "run `ls`", by=lab.bot)
        other = await lab.ann.sees(thread, "Go on", by=lab.bot)
        assert "**2.**" in text_of(other)
        await lab.ann.sees(thread, lambda message: message.id == old.id and "**1.**" in text_of(message))
        stuck = lab.discord.fault(method="PATCH", path=re.compile(rf"/messages/{old.id}$"), status=503, times=None)
        await lab.ann.click(other, "allow once")
        new = await lab.ann.sees(thread, "rm -rf /", by=lab.bot, after=other)
        assert {user if isinstance(user, int) else user.id for user in new.mentions} == {lab.ann.id}
        late = await lab.ann.click(old, "allow once")
        assert late.acknowledged
        assert text_of(old) == "-# closed: the agent changed its request · `ls`"
        stuck.remove()
        first, second = await asyncio.gather(lab.ann.click(new, "reject once"), lab.ann.click(new, "allow once"))
        assert first.acknowledged
        assert second.acknowledged
        await lab.ann.sees(thread, '"optionId": "reject_once"', by=lab.bot, after=new)
        assert sum('"outcome": "selected"' in each.content for each in lab.said_by_bot(thread)) == 2


async def test_deny_huge_requests_and_very_many_options(tmp_path: Path) -> None:
    """`cancelled` is the last resort, a megabyte becomes a file, and a hundred options become menus."""
    async with bot_lab(tmp_path, agent=PUPPET) as lab:
        thread = await lab.thread(strings(permission(1, "c", "Build\u202e", "allow_once"), ["await", 1]))
        card = await lab.ann.sees(thread, "Deny ends its turn", by=lab.bot)
        assert "u{202e}" in text_of(card)
        assert labels(card) == ["allow once", "Deny"]
        await lab.ann.click(card, "Deny")
        await lab.ann.sees(thread, '{"outcome": {"outcome": "cancelled"}}', by=lab.bot)
        thread = await lab.thread(strings(["big", 1_000_000, "x"], ["await", 1]))
        big = await lab.ann.sees(thread, "The rest is in the attached file", by=lab.bot)
        assert [file.size for file in big.attachments] == [1_000_013]
        await lab.ann.click(big, "allow_once")
        thread = await lab.thread(strings(["big", 2_000_000, "\u202e"], ["await", 1]))
        rejected = await lab.ann.sees(thread, '"optionId": "reject_once"', by=lab.bot)
        assert "Rejected, too large to show in Discord" in rejected.content
        thread = await lab.thread(strings(["many", 100], ["await", 1]))
        many = await lab.ann.sees(thread, "Choose", by=lab.bot)
        menus = [one["custom_id"] for _, one in walk(many.components) if one["type"] == 3]
        assert len(menus) == 4
        refused = await lab.mallory.pick(many, ["Option 60"], custom_id=menus[2])
        assert "don't have" in said(refused)
        await lab.ann.pick(many, ["Option 60"], custom_id=menus[2])
        await lab.ann.sees(thread, '{"outcome": {"optionId": "60", "outcome": "selected"}}', by=lab.bot)


async def test_a_question_that_breaks_the_protocol_is_shown_as_far_as_it_goes(tmp_path: Path) -> None:
    """Options without a kind are buttons; an unreadable question is refused, and the thread says so."""
    async with bot_lab(tmp_path, agent=PUPPET) as lab:
        choices = [{"optionId": "sure", "name": "Sure"}, {"optionId": "no", "name": "No", "kind": "reject_once"}]
        asked = {"toolCall": {"toolCallId": "c", "title": ["not text"], "rawInput": "make"}, "options": choices}
        nameless = {"toolCall": {"title": "rm -rf /"}, "options": choices}
        thread = await lab.thread(
            strings(
                ["request", 1, "session/request_permission", nameless],
                ["await", 1],
                ["request", 2, "session/request_permission", asked],
                ["await", 2],
            )
        )
        card = await lab.ann.sees(thread, "Permission needed", by=lab.bot)
        assert "make" in text_of(card)
        assert labels(card) == ["Sure", "No", "Reject with a reason"]
        assert "don't have" in said(await lab.mallory.click(card, "Sure"))
        await lab.ann.click(card, "Sure")
        await lab.ann.sees(thread, '"optionId": "sure"', by=lab.bot, after=card)
        await lab.ann.sees(thread, "toolCall.toolCallId: Field required", by=lab.bot)


async def test_what_lasts_is_for_who_may_change_what_the_agent_does(tmp_path: Path) -> None:
    """Ben answers his own question in Ann's thread, but may not allow it for ever."""
    async with bot_lab(tmp_path, agent=PUPPET) as lab:
        thread = await lab.conversation(strings(["say", "begun"]), "begun")
        asked = permission(1, "c", "Build", "allow_once", "allow_always", "reject_once")
        await lab.ben.say(thread, strings(asked, ["await", 1]))
        card = await lab.ben.sees(thread, "Build", by=lab.bot)
        refused = await lab.ben.click(card, "allow always")
        assert "permission to change what the agent may do" in said(refused)
        await lab.ben.click(card, "allow once")
        await lab.ben.sees(thread, '"optionId": "allow_once"', by=lab.bot)


async def test_a_question_that_nobody_answers_is_reminded_of_and_the_agent_is_told(tmp_path: Path) -> None:
    """After one reminder follows the agent's own rejection; the next prompt says that no person answered."""
    extra = "[pool]\nquestion_hours = 0.0016\nreminder_hours = 0.0006\n"
    async with bot_lab(tmp_path, agent=PUPPET, extra=extra) as lab:
        asked = permission(1, "c", "Build it", "allow_once", "reject_once")
        thread = await lab.thread(strings(asked, ["await", 1]))
        card = await lab.ann.sees(thread, "Permission needed", by=lab.bot)
        reminder = await lab.ann.sees(thread, "still waiting for an answer", by=lab.bot)
        assert f"/{thread.id}/{card.id}>" in reminder.content
        await lab.ann.sees(thread, '"optionId": "reject_once"', by=lab.bot)
        await lab.ann.sees(thread, "no answer in time", by=lab.bot)
        assert labels(card) == []
        await lab.ann.say(thread, strings(["said"]))
        told = await lab.ann.sees(thread, "It was not a person's decision", by=lab.bot)
        assert "- Build it" in told.content


@pytest.mark.parametrize(("before", "after"), [("v2", "v2"), ("v2", "plain"), ("plain", "v2")])
async def test_buttons_still_answer_after_a_restart(tmp_path: Path, before: str, after: str) -> None:
    """They say what became of the turn, also where the card could not be edited. A card keeps the form that it has."""
    async with idle_lab(tmp_path, extra=f'[reply]\nfinish = "edit"\ncomponents = "{before}"\n') as lab:
        async with bot_process(lab) as process:
            thread = await lab.thread("ask execute make install")
            card = await lab.ann.sees(thread, "Permission needed", by=lab.bot)
            process.kill()
            await process.communicate()
        assert bool(card.content) == (before == "plain")
        text = lab.config.read_text()
        lab.config.write_text(text.replace(f'components = "{before}"', f'components = "{after}"'))
        stuck = lab.discord.fault(method="PATCH", path=re.compile(rf"/messages/{card.id}$"), status=503, times=None)
        async with bot_process(lab):
            notice = await lab.ann.sees(thread, "I restarted while", by=lab.bot)
            assert bool(notice.content) == (after == "plain")
            pressed = await lab.ann.click(card, "Allow once")
            assert pressed.acknowledged
            assert "the turn was interrupted; Retry" in text_of(card)
            assert labels(card) == []
            stuck.remove()
            told = await lab.ann.click(notice, "Skip")
            assert said(told) == f"-# <@{lab.ann.id}> skipped the interrupted request."
            await lab.discord.until(lambda: not labels(notice))


async def test_a_forged_press_does_nothing(tmp_path: Path) -> None:
    """Unknown tokens and choices, another channel's card and forms of no step each get an answer."""
    async with bot_lab(tmp_path, agent=PUPPET) as lab:
        asked = permission(1, "c", "Build", "allow_once", "reject_once")
        thread = await lab.thread(strings(asked, ["await", 1], form(2, {"a": {"type": "string"}}), ["await", 2]))
        other = await lab.thread(strings(asked, ["await", 1]), lab.ben)
        card = await lab.ann.sees(thread, "Permission needed", by=lab.bot)
        theirs = await lab.ben.sees(other, "Permission needed", by=lab.bot)
        token = custom_ids(card)[0].split(":")[2]
        forged = ["threadline:answer:0123456789abcdef:0", f"threadline:answer:{token}:99"]
        forged += [f"threadline:answer:{token}:deny", f"threadline:elicit:{token}:decline"]
        for custom_id in (*forged, custom_ids(theirs)[0]):
            outcome = await forge(lab.ann, card, custom_id)
            assert outcome.acknowledged
            assert "no longer open" in said(outcome)
            assert len(labels(card)) == 3  # A press with an invented id does not remove the buttons.
        assert not (await forge(lab.ann, card, "threadline:answer:nonsense:0")).acknowledged
        await lab.ann.click(card, "allow once")
        await lab.ann.sees(thread, "Input needed", by=lab.bot)
        assert labels(theirs)
        await lab.ben.click(theirs, "reject once")
        await lab.ben.sees(other, '"optionId": "reject_once"', by=lab.bot)


async def test_forms_that_were_open_over_a_restart_are_answered_in_words(tmp_path: Path) -> None:
    """In the middle of an agent's form, and in the bot's own: Discord never reports a failed interaction.

    The bot is killed, and a person uses the card before it could be edited.
    """
    access = 'users = ["*"]\napprovers = ["*"]'
    async with idle_lab(tmp_path, agent=PUPPET, access=access) as lab:
        async with bot_process(lab) as process:
            thread = await lab.thread(strings(form(1, EVERY_KIND, "name", "age", "days"), ["await", 1]))
            card = await lab.ann.sees(thread, "Input needed", by=lab.bot)
            first = await lab.ann.fill(await lab.ann.click(card, "Fill in"), {"Name": "Ada", "Age": "36"})
            assert first.message is not None
            second = await lab.ann.click(first.message, "Step 2")
            bens = await lab.ben.click(card, "Fill in")
            about = await lab.ben.menu(card, "Ask about this message")
            process.kill()
            await process.communicate()
        stuck = lab.discord.fault(method="PATCH", path=re.compile(rf"/messages/{card.id}$"), status=503, times=None)
        async with bot_process(lab):
            await lab.ann.sees(thread, "I restarted", by=lab.bot)
            sent = await lab.ann.fill(second, {"Days": ["Mo"]})
            assert "the turn was interrupted; Retry" in said(sent)
            assert "the turn was interrupted; Retry" in said(await lab.ann.click(first.message, "Step 2"))
            assert labels(card)
            assert (await lab.ben.fill(bens, {"Name": "Ben", "Age": "40"})).acknowledged
            assert "the turn was interrupted; Retry" in text_of(card)
            assert labels(card) == []
            asked = await lab.ben.fill(about, {"What do you want to know?": strings(["said"])})
            assert "asks:" in said(asked)
            await lab.ben.click(await lab.ben.sees(thread, "I restarted", by=lab.bot), "Skip")
            told = await lab.ben.sees(thread, "replies_to", by=lab.bot)
            assert "Who are you?" in told.content
            stuck.remove()


# ---- elicitation

EVERY_KIND: Json = {
    "name": {"type": "string", "title": "Name", "minLength": 2, "pattern": "^[A-Z]"},
    "mail": {"type": "string", "title": "Mail", "format": "email"},
    "age": {"type": "integer", "title": "Age", "minimum": 1, "maximum": 120},
    "sure": {"type": "boolean", "title": "Sure", "default": True},
    "colour": {"type": "string", "title": "Colour", "oneOf": [{"const": "green", "title": "GREEN"}]},
    "days": {"type": "array", "title": "Days", "minItems": 1, "items": {"type": "string", "enum": ["Mo", "Tu", "We"]}},
    "size": {"type": "number", "title": "Size"},
}  # fmt: skip


async def test_a_form_in_steps_is_filled_in_corrected_and_sent(tmp_path: Path) -> None:
    """Seven fields of every kind; wrong values are explained and can be corrected without losing the others."""
    async with bot_lab(tmp_path, agent=PUPPET) as lab:
        thread = await lab.thread(strings(form(1, EVERY_KIND, "name", "age", "days"), ["await", 1]))
        card = await lab.ann.sees(thread, "Input needed", by=lab.bot)
        assert "Who are you?" in text_of(card)
        assert r"Name\*, Mail, Age\*, Sure, Colour, Days\*, Size (2 steps)" in text_of(card)
        assert labels(card) == ["Fill in", "Decline", "Cancel"]
        refused = await lab.mallory.click(card, "Fill in")
        assert "don't have" in said(refused)
        opened = await lab.ann.click(card, "Fill in")
        wrong = await lab.ann.fill(opened, {"Name": "ada", "Mail": "nonsense", "Age": "200", "Colour": ["GREEN"]})
        told = said(wrong)
        assert "**Age** must be a whole number, 1 to 120" in told
        assert "**Mail** must be an address like" in told
        assert "**Name** must match" in told
        assert wrong.message is not None
        again = await lab.ann.click(wrong.message, "Correct it")
        first = await lab.ann.fill(again, {"Name": "Ada", "Mail": "ada@example.org", "Age": "36"})
        assert "Step 1 of 2 is filled in" in said(first)
        assert first.message is not None
        opened = await lab.ann.click(first.message, "Step 2")
        last = await lab.ann.fill(opened, {"Days": ["Mo", "We"]})
        assert said(last) == "Sent."
        reply = await lab.ann.sees(thread, '"action": "accept"', by=lab.bot)
        content = {
            "name": "Ada",
            "mail": "ada@example.org",
            "age": 36,
            "sure": True,
            "colour": "green",
            "days": ["Mo", "We"],
        }
        assert json.loads(reply.content.split("\n")[0]) == {"action": "accept", "content": content}
        await lab.ann.sees(thread, f"Filled in by <@{lab.ann.id}>", by=lab.bot)
        assert labels(card) == []
        assert "ada@example.org" not in text_of(card)


async def test_a_form_that_discord_has_no_room_for_is_attached_and_answered(tmp_path: Path) -> None:
    """A long title, and sixty choices with two equal names, which the number in the file tells apart."""
    async with bot_lab(tmp_path, agent=PUPPET) as lab:
        names = ["Springfield" if number in (7, 8) else f"Town {number}" for number in range(60)]
        city = {"type": "string", "title": "Where " * 20, "enum": [f"c{n}" for n in range(60)], "enumNames": names}
        thread = await lab.thread(strings(form(1, {"city": city, "note": {"type": "string"}}, "city"), ["await", 1]))
        card = await lab.ann.sees(thread, "Input needed", by=lab.bot)
        (sheet,) = card.attachments
        assert sheet.filename == "form.txt"
        assert sheet.content is not None
        assert "  #9 Springfield\n" in sheet.content.decode()
        opened = await lab.ann.click(card, "Fill in")
        label = f"{('Where ' * 20)[:44]}…"
        told = await lab.ann.fill(opened, {label: "springfield", "note": "@everyone"})
        assert "has 2 choices" in said(told)
        assert told.message is not None
        again = await lab.ann.click(told.message, "Correct it")
        assert said(await lab.ann.fill(again, {label: "#9"})) == "Sent."
        reply = await lab.ann.sees(thread, '"action": "accept"', by=lab.bot)
        content = json.loads(reply.content.split("\n")[0])["content"]
        assert content == {"city": "c8", "note": "@everyone"}


async def test_a_list_of_texts_is_written_a_line_for_each(tmp_path: Path) -> None:
    """It starts with the current values; each line is checked, and a mistake is reported with its line."""
    async with bot_lab(tmp_path, agent=PUPPET) as lab:
        items = {"type": "string", "pattern": "^[a-z/]+$"}
        paths = {"type": "array", "title": "Paths", "items": items, "maxItems": 3, "uniqueItems": True}
        paths |= {"minItems": 2, "default": ["src", "docs"]}
        thread = await lab.thread(strings(form(1, {"paths": paths}, "paths"), ["await", 1]))
        card = await lab.ann.sees(thread, "Input needed", by=lab.bot)
        assert "don't have" in said(await lab.mallory.click(card, "Fill in"))
        opened = await lab.ann.click(card, "Fill in")
        assert opened.response is not None
        (label,) = opened.response["data"]["components"]
        assert label["description"] == "one per line, 2 to 3, each like ^[a-z/]+$"
        assert (label["component"]["style"], label["component"]["value"]) == (2, "src\ndocs")
        for entered, wrong in (
            ("a\nb\na", "has 'a' twice"),
            ("a", "has 1 line, but must have 2 to 3"),
            ("a\nB", "must match ^"),
        ):
            told = await lab.ann.fill(opened, {"Paths": entered})
            assert f"**Paths** {wrong}" in said(told)
            assert told.message is not None
            opened = await lab.ann.click(told.message, "Correct it")
        assert said(await lab.ann.fill(opened, {"Paths": " src/a \n\nb"})) == "Sent."
        reply = await lab.ann.sees(thread, '"action": "accept"', by=lab.bot)
        assert json.loads(reply.content.split("\n")[0])["content"] == {"paths": ["src/a", "b"]}


async def test_a_form_is_declined_cancelled_or_taken_back_and_then_answers_nobody(tmp_path: Path) -> None:
    """By buttons or by the agent; either of two people whose form comes too late reads that."""
    async with bot_lab(tmp_path, agent=PUPPET, access='users = ["*"]\napprovers = ["*"]') as lab:
        one: Json = {"name": {"type": "string"}}
        thread = await lab.thread(strings(form(1, one), ["await", 1], form(2, one), ["await", 2]))
        card = await lab.ann.sees(thread, "Input needed", by=lab.bot)
        await lab.ann.click(card, "Decline")
        second = await lab.ann.sees(thread, "Input needed", by=lab.bot, after=card)
        opened = await lab.ben.click(second, "Fill in")
        await lab.ann.click(second, "Cancel")
        late = await lab.ben.fill(opened, {"name": "Ben"})
        assert late.acknowledged
        assert "no longer open" in said(late)
        await lab.ann.sees(thread, '"decline"', by=lab.bot, after=card)
        await lab.ann.sees(thread, '"cancel"', by=lab.bot, after=second)
        go = permission(4, "c", "Go on", "allow_once", "reject_once")
        back = ["notify", "$/cancel_request", {"requestId": 3}]
        await lab.ann.say(
            thread, strings(form(3, one), go, ["await", 4], back, ["await", 3], form(5, one), ["await", 5])
        )
        third = await lab.ann.sees(thread, "Input needed", by=lab.bot, after=second)
        asked = await lab.ann.sees(thread, "Go on", by=lab.bot)
        await lab.ann.click(asked, "allow once")
        await lab.ann.sees(thread, "withdrawn by the agent", by=lab.bot)
        assert labels(third) == []
        fourth = await lab.ann.sees(thread, "Input needed", by=lab.bot, after=asked)
        forms = await asyncio.gather(lab.ann.click(fourth, "Fill in"), lab.ben.click(fourth, "Fill in"))
        sent = await asyncio.gather(lab.ann.fill(forms[0], {"name": "Ann"}), lab.ben.fill(forms[1], {"name": "Ben"}))
        assert all(each.acknowledged for each in sent)
        reply = await lab.ann.sees(thread, '"accept"', by=lab.bot)
        assert reply.content.count('"accept"') == 1


async def test_a_page_is_shown_with_its_host_and_linked_to_who_opens_it(tmp_path: Path) -> None:
    """Only that person gets the link; its completion is shown; other schemes than https are declined with a notice."""
    async with bot_lab(tmp_path, agent=PUPPET) as lab:
        page: Json = {"mode": "url", "message": "Log in, please", "elicitationId": "e1"}
        bad: Json = {**page, "url": "http://plain.example/"}
        good: Json = {**page, "url": "https://login.example:8443/start?state=1"}
        go = permission(3, "c", "Go on", "allow_once", "reject_once")
        thread = await lab.thread(
            strings(
                ["request", 1, "elicitation/create", bad],
                ["await", 1],
                ["request", 2, "elicitation/create", good],
                ["await", 2],
                go,
                ["await", 3],
                ["notify", "elicitation/complete", {"elicitationId": "e1"}],
                ["say", "and on"],
            )
        )
        await lab.ann.sees(thread, "its page does not use https", by=lab.bot)
        card = await lab.ann.sees(thread, "Page to open", by=lab.bot)
        assert "It leads to: `login.example:8443`" in text_of(card)
        assert "state=1" not in text_of(card)
        opened = await lab.ann.click(card, "Open the page")
        assert opened.message is not None
        assert opened.message.ephemeral_to == lab.ann.id
        (link,) = [one for row in opened.message.components for one in row["components"]]
        assert link["url"] == good["url"]
        await lab.ann.sees(thread, f"opened by <@{lab.ann.id}>", by=lab.bot)
        asked = await lab.ann.sees(thread, "Go on", by=lab.bot)
        await lab.ann.click(asked, "allow once")
        await lab.ann.sees(thread, lambda message: message.id == card.id and "done" in text_of(message))
        await lab.ann.sees(thread, '"decline"', by=lab.bot)
        await lab.ann.sees(thread, '"action": "accept"', by=lab.bot, after=card)


async def test_what_is_asked_aside_from_turns_stands_in_the_thread(tmp_path: Path) -> None:
    """A page before there is a session, completed after the turn; a form between turns; one that the end closes."""
    async with bot_lab(tmp_path, agent=(*PUPPET, "--login")) as lab:
        one: Json = {"name": {"type": "string"}}
        done = ["notify", "elicitation/complete", {"elicitationId": "login"}]
        thread = await lab.thread(strings(["say", "I am in"], ["after", done], ["after", form(7, one)]))
        visit = await lab.ann.sees(thread, "Log in first", by=lab.bot)
        assert "waiting for an answer to its question" in said(await lab.ann.slash(thread, "status"))
        refused = await lab.mallory.click(visit, "Open the page")
        assert "don't have" in said(refused)
        await lab.ann.click(visit, "Open the page")
        await lab.ann.sees(thread, "I am in", by=lab.bot)
        await lab.ann.sees(thread, lambda message: message.id == visit.id and "done" in text_of(message))
        card = await lab.ann.sees(thread, "Input needed", by=lab.bot)
        await lab.ann.fill(await lab.ann.click(card, "Fill in"), {"name": "Ada"})
        assert f"Filled in by <@{lab.ann.id}>" in text_of(card)
        await lab.ann.say(thread, strings(["await", 7], ["after", form(8, one)]))
        await lab.ann.sees(thread, '{"action": "accept", "content": {"name": "Ada"}}', by=lab.bot)
        last = await lab.ann.sees(thread, "Input needed", by=lab.bot, after=card)
        form_of_last = await lab.ann.click(last, "Fill in")
        await lab.ann.slash(thread, "close")
        await lab.ann.sees(thread, lambda message: message.id == last.id and "no longer needed" in text_of(message))
        assert labels(last) == []
        assert said(await lab.ann.fill(form_of_last, {"name": "Ada"})) == "-# closed: no longer needed · Who are you?"
