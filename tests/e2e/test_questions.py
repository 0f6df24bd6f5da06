"""What an agent asks, answered by people or by the configuration."""

import asyncio
import json
import re
import sys
from pathlib import Path
from typing import Any

from loopback import Message, Outcome, User
from tests.e2e.test_processes import bot_process

from .live_bot import bot_lab, idle_lab, said

PUPPET = (sys.executable, str(Path(__file__).parents[1] / "peers/puppet.py"))

Json = dict[str, Any]


def strings(*lines: list[Any]) -> str:
    """What the puppet is to do."""
    return "\n".join(map(json.dumps, lines))


def permission(request_id: int, call_id: str, title: str, *kinds: str, **call: Any) -> list[Any]:
    """A request for permission with an option of each kind."""
    options = [{"optionId": kind, "name": kind.replace("_", " "), "kind": kind} for kind in kinds]
    tool_call = {"toolCallId": call_id, "title": title, "kind": "execute", **call}
    return ["request", request_id, "session/request_permission", {"toolCall": tool_call, "options": options}]


def form(request_id: int, properties: Json, *required: str, message: str = "Who are you?") -> list[Any]:
    """A request for a form to be filled in."""
    schema = {"type": "object", "properties": properties, "required": required}
    return [
        "request",
        request_id,
        "elicitation/create",
        {"mode": "form", "message": message, "requestedSchema": schema},
    ]


def labels(message: Any) -> list[str]:
    """The buttons of a message."""
    return [one["label"] for row in message.components for one in row["components"] if "label" in one]


def custom_ids(message: Any) -> list[str]:
    """The ids of a message's buttons."""
    return [one["custom_id"] for row in message.components for one in row["components"]]


async def forge(person: User, message: Message, custom_id: str) -> Outcome:
    """Press the message's first button as a client that says another id than the one that stands there."""
    button = message.components[0]["components"][0]
    real = button["custom_id"]
    button["custom_id"] = custom_id
    try:
        return await person.click(message, custom_id=custom_id)
    finally:
        button["custom_id"] = real


async def test_the_configuration_answers_what_it_covers_and_people_the_rest(tmp_path: Path) -> None:
    """P47: under allow_all a command runs unasked and once; what changes the agent's power, or its mode, is asked."""
    async with bot_lab(tmp_path, agent_extra='permission = "allow_all"') as place:
        thread = await place.thread("ask execute make install\nwrite a.txt\nwrite .claude/settings.json")
        card = await place.ann.sees(thread, "May I", by=place.bot)
        assert "settings.json" in card.content
        await place.ann.click(card, "Reject")
        reply = await place.ann.sees(thread, "rejected (reject_once)", by=place.bot)
        assert reply.content.count("allowed (allow_once)") == 2
        assert not (place.project / ".claude").exists()
        await place.ann.say(thread, "ask switch_mode Ready to code?")
        await place.ann.sees(thread, re.compile("May I.*Ready to code"), by=place.bot, after=reply)


async def test_deny_denies_without_a_card_and_says_so(tmp_path: Path) -> None:
    """By the agent's own option, so that its turn goes on (P50)."""
    async with bot_lab(tmp_path, agent_extra='permission = "deny"') as place:
        thread = await place.thread("ask execute make install\nsay and I went on")
        reply = await place.ann.sees(thread, "and I went on", by=place.bot)
        assert "denied, as configured: make install" in reply.content
        assert "rejected (reject_once)" in reply.content
        assert not any("May I" in message.content for message in place.said_by_bot(thread))


async def test_a_changed_command_kills_the_old_buttons_and_is_asked_anew(tmp_path: Path) -> None:
    """P51: an answer to the old card is not taken, though its buttons still stand; the new card is what counts."""
    async with bot_lab(tmp_path, agent=PUPPET) as place:
        changed = {"sessionUpdate": "tool_call_update", "toolCallId": "c", "rawInput": {"command": "rm -rf /"}}
        thread = await place.thread(
            strings(
                permission(1, "c", "Look", "allow_once", "reject_once", rawInput={"command": "ls"}),
                permission(2, "d", "Go on", "allow_once", "reject_once"),
                ["await", 2],
                ["update", changed],
                ["await", 1],
            )
        )
        old = await place.ann.sees(thread, "$ ls", by=place.bot)
        other = await place.ann.sees(thread, "Go on", by=place.bot)
        assert "**2.**" in other.content
        await place.ann.sees(thread, lambda message: message.id == old.id and "**1.**" in message.content)
        stuck = place.discord.fault(method="PATCH", path=re.compile(rf"/messages/{old.id}$"), status=503, times=None)
        await place.ann.click(other, "allow once")
        new = await place.ann.sees(thread, "rm -rf /", by=place.bot, after=other)
        assert {user if isinstance(user, int) else user.id for user in new.mentions} == {place.ann.id}
        late = await place.ann.click(old, "allow once")
        assert late.acknowledged
        assert "no longer open" in old.content
        stuck.remove()
        first, second = await asyncio.gather(place.ann.click(new, "reject once"), place.ann.click(new, "allow once"))
        assert first.acknowledged
        assert second.acknowledged
        reply = await place.ann.sees(thread, re.compile(r"optionId.*\n.*optionId", re.DOTALL), by=place.bot)
        assert reply.content.count('"outcome": "selected"') == 2


async def test_deny_huge_requests_and_very_many_options(tmp_path: Path) -> None:
    """P49, P50: `cancelled` only where there is no other way; a megabyte is attached; a hundred options are menus."""
    async with bot_lab(tmp_path, agent=PUPPET) as place:
        thread = await place.thread(strings(permission(1, "c", "Build\u202e", "allow_once"), ["await", 1]))
        card = await place.ann.sees(thread, "Deny ends its turn", by=place.bot)
        assert "u{202e}" in card.content
        assert labels(card) == ["allow once", "Deny"]
        await place.ann.click(card, "Deny")
        await place.ann.sees(thread, '{"outcome": {"outcome": "cancelled"}}', by=place.bot)
        thread = await place.thread(strings(["big", 1_000_000, "x"], ["await", 1]))
        big = await place.ann.sees(thread, "The rest is in the attached file", by=place.bot)
        assert [file.size for file in big.attachments] == [1_000_002]
        await place.ann.click(big, "allow_once")
        thread = await place.thread(strings(["big", 2_000_000, "\u202e"], ["await", 1]))
        rejected = await place.ann.sees(thread, '"optionId": "reject_once"', by=place.bot)
        assert "rejected, for it is larger than what Discord can show" in rejected.content
        thread = await place.thread(strings(["many", 100], ["await", 1]))
        many = await place.ann.sees(thread, "Choose", by=place.bot)
        menus = [one["custom_id"] for row in many.components for one in row["components"] if one["type"] == 3]
        assert len(menus) == 4
        refused = await place.mallory.pick(many, ["Option 60"], custom_id=menus[2])
        assert "may not" in said(refused)
        await place.ann.pick(many, ["Option 60"], custom_id=menus[2])
        await place.ann.sees(thread, '{"outcome": {"optionId": "60", "outcome": "selected"}}', by=place.bot)


async def test_a_question_that_breaks_the_protocol_is_shown_as_far_as_it_goes(tmp_path: Path) -> None:
    """P48: choices without a kind are buttons; what nobody could make sense of is refused, and the thread is told."""
    async with bot_lab(tmp_path, agent=PUPPET) as place:
        choices = [{"optionId": "sure", "name": "Sure"}, {"optionId": "no", "name": "No", "kind": "reject_once"}]
        asked = {"toolCall": {"toolCallId": "c", "title": ["not text"], "rawInput": "make"}, "options": choices}
        nameless = {"toolCall": {"title": "rm -rf /"}, "options": choices}
        thread = await place.thread(
            strings(
                ["request", 1, "session/request_permission", nameless],
                ["await", 1],
                ["request", 2, "session/request_permission", asked],
                ["await", 2],
            )
        )
        card = await place.ann.sees(thread, "May I", by=place.bot)
        assert "make" in card.content
        assert labels(card) == ["Sure", "No"]
        assert "may not" in said(await place.mallory.click(card, "Sure"))
        await place.ann.click(card, "Sure")
        reply = await place.ann.sees(thread, '"optionId": "sure"', by=place.bot)
        assert "cannot be read: toolCall.toolCallId: Field required" in reply.content


async def test_what_lasts_is_for_who_may_change_what_the_agent_does(tmp_path: Path) -> None:
    """Ben answers his own question in Ann's thread, but may not allow it for ever."""
    async with bot_lab(tmp_path, agent=PUPPET) as place:
        thread = await place.thread(strings(["say", "begun"]))
        await place.ann.sees(thread, "begun", by=place.bot)
        asked = permission(1, "c", "Build", "allow_once", "allow_always", "reject_once")
        await place.ben.say(thread, strings(asked, ["await", 1]))
        card = await place.ben.sees(thread, "Build", by=place.bot)
        refused = await place.ben.click(card, "allow always")
        assert "may not change what the agent may do" in said(refused)
        await place.ben.click(card, "allow once")
        await place.ben.sees(thread, '"optionId": "allow_once"', by=place.bot)


async def test_a_question_that_nobody_answers_is_reminded_of_and_the_agent_is_told(tmp_path: Path) -> None:
    """P48: one reminder, then the agent's own rejection; the next prompt says that nobody was there."""
    extra = "[pool]\nquestion_hours = 0.0016\nreminder_hours = 0.0006\n"
    async with bot_lab(tmp_path, agent=PUPPET, extra=extra) as place:
        asked = permission(1, "c", "Build it", "allow_once", "reject_once")
        thread = await place.thread(strings(asked, ["await", 1]))
        card = await place.ann.sees(thread, "May I", by=place.bot)
        reminder = await place.ann.sees(thread, "still waiting for an answer", by=place.bot)
        assert f"/{thread.id}/{card.id}>" in reminder.content
        await place.ann.sees(thread, '"optionId": "reject_once"', by=place.bot)
        await place.ann.sees(thread, "nobody answered in time", by=place.bot)
        assert card.components == []
        await place.ann.say(thread, strings(["said"]))
        told = await place.ann.sees(thread, "It was not a person's decision", by=place.bot)
        assert "- Build it" in told.content


async def test_buttons_still_answer_after_a_restart(tmp_path: Path) -> None:
    """P52: with what has become of the turn, also where the card could not be corrected."""
    async with idle_lab(tmp_path) as place:
        async with bot_process(place) as process:
            thread = await place.thread("ask execute make install")
            card = await place.ann.sees(thread, "May I", by=place.bot)
            process.kill()
            await process.communicate()
        stuck = place.discord.fault(method="PATCH", path=re.compile(rf"/messages/{card.id}$"), status=503, times=None)
        async with bot_process(place):
            await place.ann.sees(thread, "I restarted", by=place.bot)
            pressed = await place.ann.click(card, "Allow once")
            assert pressed.acknowledged
            assert "the turn is interrupted; Retry" in card.content
            assert card.components == []
            stuck.remove()


async def test_a_forged_press_does_nothing(tmp_path: Path) -> None:
    """Tokens that nobody gave, choices that are none, another channel's card, forms of no step: each is answered."""
    async with bot_lab(tmp_path, agent=PUPPET) as place:
        asked = permission(1, "c", "Build", "allow_once", "reject_once")
        thread = await place.thread(strings(asked, ["await", 1], form(2, {"a": {"type": "string"}}), ["await", 2]))
        other = await place.thread(strings(asked, ["await", 1]), place.ben)
        card = await place.ann.sees(thread, "May I", by=place.bot)
        theirs = await place.ben.sees(other, "May I", by=place.bot)
        token = custom_ids(card)[0].split(":")[2]
        forged = ["threadline:answer:0123456789abcdef:0", f"threadline:answer:{token}:99"]
        forged += [f"threadline:answer:{token}:deny", f"threadline:elicit:{token}:decline"]
        for custom_id in (*forged, custom_ids(theirs)[0]):
            outcome = await forge(place.ann, card, custom_id)
            assert outcome.acknowledged
            assert "no longer open" in said(outcome)
            assert len(labels(card)) == 2  # Nobody takes away buttons by an id that he made up.
        assert not (await forge(place.ann, card, "threadline:answer:nonsense:0")).acknowledged
        await place.ann.click(card, "allow once")
        await place.ann.sees(thread, "Please fill this in", by=place.bot)
        assert theirs.components
        await place.ben.click(theirs, "reject once")
        await place.ben.sees(other, '"optionId": "reject_once"', by=place.bot)


async def test_forms_that_were_open_over_a_restart_are_answered_in_words(tmp_path: Path) -> None:
    """P52: in the middle of an agent's form, and in the bot's own; its sender never reads that the interaction failed.

    The bot is killed, and its card could not be corrected before somebody uses it.
    """
    access = 'users = ["*"]\napprovers = ["*"]'
    async with idle_lab(tmp_path, agent=PUPPET, access=access) as place:
        async with bot_process(place) as process:
            thread = await place.thread(strings(form(1, EVERY_KIND, "name", "age", "days"), ["await", 1]))
            card = await place.ann.sees(thread, "Please fill this in", by=place.bot)
            first = await place.ann.fill(await place.ann.click(card, "Fill in"), {"Name": "Ada", "Age": "36"})
            assert first.message is not None
            second = await place.ann.click(first.message, "Step 2")
            bens = await place.ben.click(card, "Fill in")
            about = await place.ben.menu(card, "Ask about this")
            process.kill()
            await process.communicate()
        stuck = place.discord.fault(method="PATCH", path=re.compile(rf"/messages/{card.id}$"), status=503, times=None)
        async with bot_process(place):
            await place.ann.sees(thread, "I restarted", by=place.bot)
            sent = await place.ann.fill(second, {"Days": ["Mo"]})
            assert "the turn is interrupted; Retry" in said(sent)
            assert "the turn is interrupted; Retry" in said(await place.ann.click(first.message, "Step 2"))
            assert card.components
            assert (await place.ben.fill(bens, {"Name": "Ben", "Age": "40"})).acknowledged
            assert "the turn is interrupted; Retry" in card.content
            assert card.components == []
            asked = await place.ben.fill(about, {"What do you want to know?": strings(["said"])})
            assert "asks:" in said(asked)
            await place.ben.click(await place.ben.sees(thread, "I restarted", by=place.bot), "Skip")
            told = await place.ben.sees(thread, "replies_to", by=place.bot)
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
    """Seven fields of every kind; what does not fit is said in words and can be corrected with nothing lost."""
    async with bot_lab(tmp_path, agent=PUPPET) as place:
        thread = await place.thread(strings(form(1, EVERY_KIND, "name", "age", "days"), ["await", 1]))
        card = await place.ann.sees(thread, "Please fill this in", by=place.bot)
        assert "Who are you?" in card.content
        assert r"Name\*, Mail, Age\*, Sure, Colour, Days\*, Size (2 steps)" in card.content
        assert labels(card) == ["Fill in", "Decline", "Cancel"]
        refused = await place.mallory.click(card, "Fill in")
        assert "may not" in said(refused)
        opened = await place.ann.click(card, "Fill in")
        wrong = await place.ann.fill(opened, {"Name": "ada", "Mail": "nonsense", "Age": "200", "Colour": ["GREEN"]})
        told = said(wrong)
        assert "**Age** must be a whole number, 1 to 120" in told
        assert "**Mail** must be an address like" in told
        assert "**Name** must match" in told
        assert wrong.message is not None
        again = await place.ann.click(wrong.message, "Correct it")
        first = await place.ann.fill(again, {"Name": "Ada", "Mail": "ada@example.org", "Age": "36"})
        assert "Step 1 of 2 is filled in" in said(first)
        assert first.message is not None
        opened = await place.ann.click(first.message, "Step 2")
        last = await place.ann.fill(opened, {"Days": ["Mo", "We"]})
        assert said(last) == "Sent."
        reply = await place.ann.sees(thread, '"action": "accept"', by=place.bot)
        content = {
            "name": "Ada",
            "mail": "ada@example.org",
            "age": 36,
            "sure": True,
            "colour": "green",
            "days": ["Mo", "We"],
        }
        assert json.loads(reply.content.split("\n")[0]) == {"action": "accept", "content": content}
        await place.ann.sees(thread, f"Filled in by <@{place.ann.id}>", by=place.bot)
        assert card.components == []
        assert "ada@example.org" not in card.content


async def test_a_form_that_discord_has_no_room_for_is_attached_and_answered(tmp_path: Path) -> None:
    """A long title, and sixty choices of which two have one name: told apart by their number in the file."""
    async with bot_lab(tmp_path, agent=PUPPET) as place:
        names = ["Springfield" if number in (7, 8) else f"Town {number}" for number in range(60)]
        city = {"type": "string", "title": "Where " * 20, "enum": [f"c{n}" for n in range(60)], "enumNames": names}
        thread = await place.thread(strings(form(1, {"city": city, "note": {"type": "string"}}, "city"), ["await", 1]))
        card = await place.ann.sees(thread, "Please fill this in", by=place.bot)
        (sheet,) = card.attachments
        assert sheet.filename == "form.txt"
        assert sheet.content is not None
        assert "  #9 Springfield\n" in sheet.content.decode()
        opened = await place.ann.click(card, "Fill in")
        label = f"{('Where ' * 20)[:44]}…"
        told = await place.ann.fill(opened, {label: "springfield", "note": "@everyone"})
        assert "has 2 choices" in said(told)
        assert told.message is not None
        again = await place.ann.click(told.message, "Correct it")
        assert said(await place.ann.fill(again, {label: "#9"})) == "Sent."
        reply = await place.ann.sees(thread, '"action": "accept"', by=place.bot)
        content = json.loads(reply.content.split("\n")[0])["content"]
        assert content == {"city": "c8", "note": "@everyone"}


async def test_a_list_of_texts_is_written_a_line_for_each(tmp_path: Path) -> None:
    """What it begins with stands there; each line is checked, and what is wrong is said with its line."""
    async with bot_lab(tmp_path, agent=PUPPET) as place:
        items = {"type": "string", "pattern": "^[a-z/]+$"}
        paths = {"type": "array", "title": "Paths", "items": items, "maxItems": 3, "uniqueItems": True}
        paths |= {"minItems": 2, "default": ["src", "docs"]}
        thread = await place.thread(strings(form(1, {"paths": paths}, "paths"), ["await", 1]))
        card = await place.ann.sees(thread, "Please fill this in", by=place.bot)
        assert "may not" in said(await place.mallory.click(card, "Fill in"))
        opened = await place.ann.click(card, "Fill in")
        assert opened.response is not None
        (label,) = opened.response["data"]["components"]
        assert label["description"] == "one a line, 2 to 3, each like ^[a-z/]+$"
        assert (label["component"]["style"], label["component"]["value"]) == (2, "src\ndocs")
        for entered, wrong in (
            ("a\nb\na", "has 'a' twice"),
            ("a", "has 1 lines, and must have 2 to 3"),
            ("a\nB", "must match ^"),
        ):
            told = await place.ann.fill(opened, {"Paths": entered})
            assert f"**Paths** {wrong}" in said(told)
            assert told.message is not None
            opened = await place.ann.click(told.message, "Correct it")
        assert said(await place.ann.fill(opened, {"Paths": " src/a \n\nb"})) == "Sent."
        reply = await place.ann.sees(thread, '"action": "accept"', by=place.bot)
        assert json.loads(reply.content.split("\n")[0])["content"] == {"paths": ["src/a", "b"]}


async def test_a_form_is_declined_cancelled_or_taken_back_and_then_answers_nobody(tmp_path: Path) -> None:
    """P54: by buttons, by the agent; a form that is sent too late is told so, by whichever of two people."""
    async with bot_lab(tmp_path, agent=PUPPET, access='users = ["*"]\napprovers = ["*"]') as place:
        one: Json = {"name": {"type": "string"}}
        thread = await place.thread(strings(form(1, one), ["await", 1], form(2, one), ["await", 2]))
        card = await place.ann.sees(thread, "Please fill this in", by=place.bot)
        await place.ann.click(card, "Decline")
        second = await place.ann.sees(thread, "Please fill this in", by=place.bot, after=card)
        opened = await place.ben.click(second, "Fill in")
        await place.ann.click(second, "Cancel")
        late = await place.ben.fill(opened, {"name": "Ben"})
        assert late.acknowledged
        assert "no longer open" in said(late)
        await place.ann.sees(thread, re.compile(r'"decline".*"cancel"', re.DOTALL), by=place.bot)
        go = permission(4, "c", "Go on", "allow_once", "reject_once")
        back = ["notify", "$/cancel_request", {"requestId": 3}]
        await place.ann.say(
            thread, strings(form(3, one), go, ["await", 4], back, ["await", 3], form(5, one), ["await", 5])
        )
        third = await place.ann.sees(thread, "Please fill this in", by=place.bot, after=second)
        asked = await place.ann.sees(thread, "Go on", by=place.bot)
        await place.ann.click(asked, "allow once")
        await place.ann.sees(thread, "withdrawn by the agent", by=place.bot)
        assert third.components == []
        fourth = await place.ann.sees(thread, "Please fill this in", by=place.bot, after=asked)
        forms = await asyncio.gather(place.ann.click(fourth, "Fill in"), place.ben.click(fourth, "Fill in"))
        sent = await asyncio.gather(
            place.ann.fill(forms[0], {"name": "Ann"}), place.ben.fill(forms[1], {"name": "Ben"})
        )
        assert all(each.acknowledged for each in sent)
        reply = await place.ann.sees(thread, '"accept"', by=place.bot)
        assert reply.content.count('"accept"') == 1


async def test_a_page_is_shown_with_its_host_and_linked_to_who_opens_it(tmp_path: Path) -> None:
    """The link goes to that person alone; its completion is told; what is not https is declined with a word."""
    async with bot_lab(tmp_path, agent=PUPPET) as place:
        page: Json = {"mode": "url", "message": "Log in, please", "elicitationId": "e1"}
        bad: Json = {**page, "url": "http://plain.example/"}
        good: Json = {**page, "url": "https://login.example:8443/start?state=1"}
        go = permission(3, "c", "Go on", "allow_once", "reject_once")
        thread = await place.thread(
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
        await place.ann.sees(thread, "its page is not https", by=place.bot)
        card = await place.ann.sees(thread, "Please open a page", by=place.bot)
        assert "It leads to: `login.example:8443`" in card.content
        assert "state=1" not in card.content
        opened = await place.ann.click(card, "Open the page")
        assert opened.message is not None
        assert opened.message.ephemeral_to == place.ann.id
        (link,) = [one for row in opened.message.components for one in row["components"]]
        assert link["url"] == good["url"]
        await place.ann.sees(thread, f"opened by <@{place.ann.id}>", by=place.bot)
        asked = await place.ann.sees(thread, "Go on", by=place.bot)
        await place.ann.click(asked, "allow once")
        await place.ann.sees(thread, lambda message: message.id == card.id and "done" in message.content)
        await place.ann.sees(thread, re.compile(r'"decline".*"action": "accept"', re.DOTALL), by=place.bot)


async def test_what_is_asked_aside_from_turns_stands_in_the_thread(tmp_path: Path) -> None:
    """A visit before there is a session, told done after its turn; a form between turns; one that the end closes."""
    async with bot_lab(tmp_path, agent=(*PUPPET, "--login")) as place:
        one: Json = {"name": {"type": "string"}}
        done = ["notify", "elicitation/complete", {"elicitationId": "login"}]
        thread = await place.thread(strings(["say", "I am in"], ["after", done], ["after", form(7, one)]))
        visit = await place.ann.sees(thread, "Log in first", by=place.bot)
        assert "waits for the answer" in said(await place.ann.slash(thread, "status"))
        refused = await place.mallory.click(visit, "Open the page")
        assert "may not" in said(refused)
        await place.ann.click(visit, "Open the page")
        await place.ann.sees(thread, "I am in", by=place.bot)
        await place.ann.sees(thread, lambda message: message.id == visit.id and "done" in message.content)
        card = await place.ann.sees(thread, "Please fill this in", by=place.bot)
        await place.ann.fill(await place.ann.click(card, "Fill in"), {"name": "Ada"})
        assert f"Filled in by <@{place.ann.id}>" in card.content
        await place.ann.say(thread, strings(["await", 7], ["after", form(8, one)]))
        await place.ann.sees(thread, '{"action": "accept", "content": {"name": "Ada"}}', by=place.bot)
        last = await place.ann.sees(thread, "Please fill this in", by=place.bot, after=card)
        form_of_last = await place.ann.click(last, "Fill in")
        await place.ann.slash(thread, "close")
        await place.ann.sees(thread, lambda message: message.id == last.id and "nobody waits" in message.content)
        assert last.components == []
        assert "no longer open" in said(await place.ann.fill(form_of_last, {"name": "Ada"}))
