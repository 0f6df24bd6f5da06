"""Two people in one thread, one of whom loses a right by `/reload` while everything is open."""

import signal
from pathlib import Path
from typing import Any

from loopback import Message, Outcome
from loopback.state.components import walk

from .bot_process import bot_run
from .live_bot import BotLab, bot_lab, idle_lab, said
from .puppet_script import PUPPET, form, permission, strings

GONE = "You don't have access to this bot."


def shown(outcome: Outcome) -> Message:
    """Return the message that answers a command."""
    assert outcome.message is not None
    return outcome.message


async def take_away(lab: BotLab, access: str, **options: Any) -> None:
    """Have the owner write other rules and reload them."""
    lab.configure(access=access, **options)
    assert "Applied" in said(await lab.ann.slash(lab.channel, "reload"))


async def test_who_loses_the_right_to_talk_finds_all_that_is_open_closed(tmp_path: Path) -> None:
    """Cards, menus, half-filled forms, lists and the menu of a message refuse them, and obey the other person."""
    async with bot_lab(tmp_path, agent=PUPPET, access='users = ["*"]\napprovers = ["*"]') as lab:
        ben, fields = lab.ben, {f"f{number}": {"type": "string"} for number in range(6)}
        options = [{"optionId": str(n), "name": f"Option {n}", "kind": "allow_once"} for n in range(30)]
        settings = [
            {"id": f"o{n}", "name": f"Setting {n}", "type": "select", "currentValue": "a"}
            | {"options": [{"value": "a", "name": "A"}, {"value": "b", "name": "B"}]}
            for n in range(30)
        ]
        thread = await lab.thread(
            strings(
                ["update", {"sessionUpdate": "config_option_update", "configOptions": settings}],
                ["say", "I begin."],
                permission(1, "a", "Build", "allow_once", "reject_once"),
                [
                    "request",
                    2,
                    "session/request_permission",
                    {"toolCall": {"toolCallId": "b", "title": "Choose"}, "options": options},
                ],
                form(3, fields),
                [
                    "request",
                    4,
                    "elicitation/create",
                    {"mode": "url", "message": "Look", "url": "https://a.example/", "elicitationId": "e"},
                ],
                *(["await", number] for number in (1, 2, 3, 4)),
            ),
            ben,
        )
        build, choose, fill, look = [
            await ben.sees(thread, text, by=lab.bot) for text in ("Build", "Choose", "Input needed", "Page to open")
        ]
        live = await ben.sees(thread, lambda each: "Stop" in str(each.components), by=lab.bot)
        waiting = await ben.say(thread, strings(["say", "waited"]))
        notice = await ben.sees(thread, "1 waiting", by=lab.bot)
        listed, picker = shown(await ben.slash(thread, "queue")), shown(await ben.slash(thread, "config"))
        one = shown(await ben.slash(thread, "config"))
        await ben.pick(one, ["Setting 3"])
        begun = await ben.click(fill, "Fill in")
        second = await ben.fill(await ben.click(fill, "Fill in"), {"f0": "x"})
        about = await ben.menu(build, "Ask about this message")
        await take_away(lab, f'users = ["{lab.ann.id}"]\napprovers = ["*"]', agent=PUPPET)
        before = len(lab.said_by_bot(thread))
        menus = [each["custom_id"] for _, each in walk(choose.components) if each["type"] == 3]
        tried = [
            await ben.click(build, "allow once"),
            await ben.click(build, "reject once"),
            await ben.pick(choose, ["Option 1"], custom_id=menus[0]),
            await ben.click(choose, "Deny"),
            *[await ben.click(fill, label) for label in ("Fill in", "Decline", "Cancel")],
            *[await ben.click(look, label) for label in ("Open the page", "Decline", "Cancel")],
            await ben.fill(begun, {"f0": "x"}),
            await ben.click(shown(second), "Step 2"),
            await ben.pick(listed, [listed.components[0]["components"][0]["options"][0]["label"]]),
            await ben.pick(picker, ["Setting 1"]),
            await ben.click(picker, "More"),
            await ben.pick(one, ["B"]),
            await ben.fill(about, {"What do you want to know?": "what?"}),
            *[await ben.click(notice, label) for label in ("Interrupt and send", "Drop")],
            await ben.click(live, "Stop"),
            *[
                await ben.menu(waiting, name)
                for name in ("Send queued message now", "Retry request", "Ask about this message")
            ],
        ]
        for outcome in tried:
            assert outcome.acknowledged
            assert GONE in said(outcome), outcome
        assert len(lab.said_by_bot(thread)) == before
        assert repr(lab.client.pool.conversation(thread.id)).endswith("working, 1 waiting>")
        assert lab.client.offers(thread.id).options[3].current == "a"
        await lab.ann.click(build, "allow once")
        await lab.ann.pick(choose, ["Option 1"], custom_id=menus[0])
        await lab.ann.click(fill, "Decline")
        await lab.ann.click(look, "Cancel")
        done = await lab.ann.sees(thread, '"decline"', by=lab.bot)
        assert '"optionId": "allow_once"' in done.content


async def test_who_loses_the_right_to_answer_keeps_only_their_words(tmp_path: Path) -> None:
    """An open card and held messages obey the new approvers."""
    async with bot_lab(tmp_path, agent=PUPPET) as lab:
        ben = lab.ben
        asked = permission(1, "a", "Build", "allow_once", "reject_once")
        thread = await lab.thread(strings(asked, form(2, {"f": {"type": "string"}}), ["await", 1], ["await", 2]), ben)
        build, fill = [await ben.sees(thread, text, by=lab.bot) for text in ("Build", "Input needed")]
        begun = await ben.click(fill, "Fill in")
        access = f'users = ["{lab.ann.id}", "{ben.id}"]\napprovers = ["{lab.ann.id}"]'
        await take_away(lab, access, agent=PUPPET)
        for outcome in (
            await ben.click(build, "allow once"),
            await ben.click(build, "reject once"),
            await ben.fill(begun, {"f": "x"}),
        ):
            assert "permission to answer" in said(outcome)
        await lab.ann.click(build, "reject once")
        await lab.ann.click(fill, "Decline")
        await ben.sees(thread, '"decline"', by=lab.bot)
        await ben.say(thread, strings(["say", "still heard"]))
        await lab.answer(thread, "still heard")


async def test_what_waits_is_not_sent_when_its_author_may_no_longer_talk(tmp_path: Path) -> None:
    """The gate is asked when its turn comes: for messages taken together, a message sent now, and a retry."""
    async with bot_lab(tmp_path, extra="[audit]\npath = 'audit.jsonl'") as lab:
        ben, ann = lab.ben, lab.ann
        thread = await lab.thread("say begun\nhang")
        await ann.sees(thread, "begun", by=lab.bot)
        waiting = [await ben.say(thread, f"say pwned {number}") for number in range(2)]
        await ann.say(thread, "say still heard\nhang")
        now = await ben.say(thread, "say pwned now")
        await ann.sees(thread, "4 waiting", by=lab.bot)
        await take_away(lab, f'users = ["{ann.id}"]', extra="[audit]\npath = 'audit.jsonl'")
        await ann.menu(now, "Send queued message now")
        await ann.sees(thread, "still heard", by=lab.bot)
        refused = [each for each in lab.said_by_bot(thread) if f"not sent to the agent: {GONE}" in each.content]
        assert len(refused) == 2
        assert not any(each.content.startswith("pwned") for each in lab.said_by_bot(thread))
        journal = lab.client.journal
        rows = [journal.messages.row(each.id) for each in (*waiting, now)]
        assert [(row.state, row.reason) for row in rows if row] == [("closed", "refused")] * 3
        assert "Stopping" in said(await ann.slash(thread, "cancel"))
    audit = (tmp_path / "audit.jsonl").read_text()
    assert audit.count(f'"deed": "refused", "user_id": "{ben.id}"') == 2


async def test_what_waited_over_a_restart_is_judged_by_the_rules_of_the_new_run(tmp_path: Path) -> None:
    """The same holds for another person's retry; here a role was removed while the bot was away."""
    async with idle_lab(tmp_path) as lab:
        ann, ben = lab.ann, lab.ben
        crew = lab.discord.add_role(lab.guild, "crew")
        for person in (ann, ben):
            lab.discord.give_role(lab.guild, person, crew)
        lab.configure(remembers=True, access=f'users = ["role:{crew.id}"]')
        async with bot_run(lab, signal.SIGKILL):
            thread = await lab.thread("say begun\nhang", ben)
            await ben.sees(thread, "begun", by=lab.bot)
            await ben.say(thread, "say pwned")
            await ann.say(thread, "say still heard")
            await ben.sees(thread, "2 waiting", by=lab.bot)
        lab.guild.members[ben.id].role_ids.remove(crew.id)
        async with bot_run(lab):
            restarted = await ann.sees(thread, "I restarted", by=lab.bot)
            await ann.click(restarted, "Retry")
            await ann.sees(thread, "still heard", by=lab.bot)
        shown = lab.said_by_bot(thread)
        assert sum(f"not sent to the agent: {GONE}" in each.content for each in shown) == 2
        assert sum(each.content.startswith("begun") for each in shown) == 1
        assert not any(each.content.startswith("pwned") for each in shown)
