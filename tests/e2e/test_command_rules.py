"""Equal questions, rejections with a reason, and commands that a thread always allows."""

from pathlib import Path
from typing import Any

from loopback import Message
from loopback.state.components import text_of, walk
from pool.journal.journal import Journal

from .bot_process import bot_run
from .live_bot import BotLab, bot_lab, idle_lab, said
from .puppet_script import PUPPET, custom_ids, forge, labels, permission, strings

KINDS = ("allow_once", "allow_always", "reject_once")
BOTH = 'users = ["*"]\napprovers = ["asker"]'


def asks(request_id: int, command: str) -> list[Any]:
    """A question about a command."""
    return permission(request_id, f"c{request_id}", "Run", *KINDS, rawInput={"command": command})


def menu_of(message: Message) -> str:
    """Return the id of a message's menu."""
    return next(str(one["custom_id"]) for _, one in walk(message.components) if one.get("type") == 3)


async def test_equal_questions_are_one_card_whose_answer_counts_for_all(tmp_path: Path) -> None:
    """The agent gets an answer to each request."""
    async with bot_lab(tmp_path, agent=PUPPET) as lab:
        thread = await lab.thread(
            strings(asks(1, "make"), asks(2, "make"), asks(3, "make"), ["await", 1], ["await", 3])
        )
        card = await lab.ann.sees(thread, "Asked 3 times", by=lab.bot)
        await lab.ann.click(card, "allow once")
        await lab.ann.sees(thread, lambda each: each.content.count('"optionId": "allow_once"') == 2, by=lab.bot)
        assert text_of(card) == f"✅ Allowed once by <@{lab.ann.id}> · `make`"
        cards = [each for each in lab.said_by_bot(thread) if "make" in text_of(each)]
        assert cards == [card]


async def test_a_rejection_with_a_reason_reaches_the_agent_first(tmp_path: Path) -> None:
    """It gets the rejection at once, then the person's words before all that waits, as that person's message."""
    async with bot_lab(tmp_path, agent=PUPPET, access=BOTH) as lab:
        thread = await lab.thread(strings(asks(1, "rm -rf x"), ["await", 1], ["say", "the end"]))
        card = await lab.ann.sees(thread, "rm -rf x", by=lab.bot)
        await lab.ann.say(thread, strings(["say", "waited"]))
        await lab.ann.sees(thread, "1 waiting", by=lab.bot)
        assert "don't have" in said(await lab.mallory.click(card, "Reject with a reason"))
        form = await lab.ann.click(card, "Reject with a reason")
        second = await lab.ann.click(card, "Reject with a reason")
        words = strings(["said"], ["say", "understood"])
        await lab.ann.fill(form, {"What should it do instead?": words})
        assert text_of(card).startswith(f"❌ Rejected by <@{lab.ann.id}>: ")
        assert "no longer open" in said(await lab.ann.fill(second, {"What should it do instead?": "again"}))
        await lab.ann.sees(thread, '"optionId": "reject_once"', by=lab.bot)
        told = await lab.ann.sees(thread, lambda each: "understoodwaited" in each.content, by=lab.bot)
        assert told.content.index("understood") < told.content.index("waited")
        assert str(lab.ann.id) in told.content
        assert "rm -rf x" in told.content
        with Journal.open(tmp_path / "threadline.db") as journal:
            row = journal.messages.row(card.id)
        assert row is not None
        assert row.author_id == lab.ann.id


async def test_a_forged_reason_or_rule_does_nothing(tmp_path: Path) -> None:
    """Invented ids, another thread's card, a person without rights, and a card that has ended."""
    async with bot_lab(tmp_path, agent=PUPPET, access=BOTH) as lab:
        thread = await lab.thread(strings(asks(1, "make"), ["await", 1]))
        other = await lab.thread(strings(asks(1, "make"), ["await", 1]))
        card = await lab.ann.sees(thread, "make", by=lab.bot)
        theirs = await lab.ann.sees(other, "make", by=lab.bot)
        token = custom_ids(theirs)[0].split(":")[2]
        for kind in ("reason", "grant"):
            for guessed in (token, "0" * 16):
                outcome = await forge(lab.ann, card, f"threadline:{kind}:{guessed}")
                assert "no longer open" in said(outcome)
            assert "don't have" in said(
                await forge(lab.mallory, card, f"threadline:{kind}:{custom_ids(card)[0].split(':')[2]}")
            )
        await forge(lab.mallory, card, f"threadline:revoke:{thread.id}")
        assert len(labels(card)) == 5
        offered = await lab.ann.click(card, "Always allow here: make…")
        assert offered.message is not None
        await lab.ann.click(card, "allow once")
        late = await lab.ann.pick(offered.message, ["Exactly: make"], custom_id=menu_of(offered.message))
        assert "closed" in said(late) or "no longer open" in said(late)
        assert lab.client.journal.command_rules.of(thread.id) == []


async def begun(lab: BotLab) -> Any:
    """Begin a thread of Ben's."""
    thread = await lab.thread(strings(["say", "ready"]), lab.ben)
    await lab.ben.sees(thread, "ready", by=lab.bot)
    return thread


async def test_a_command_is_always_allowed_in_a_thread_by_whom_the_configuration_names(tmp_path: Path) -> None:
    """Not by who merely asks. It holds over a restart, for this thread and command alone, until it is removed."""
    async with idle_lab(tmp_path, agent=PUPPET, remembers=False, access=BOTH) as lab:
        async with bot_run(lab):
            thread = await begun(lab)
            await lab.ben.say(thread, strings(asks(1, "git status -s"), ["await", 1]))
            card = await lab.ben.sees(thread, "git status", by=lab.bot)
            button = "Always allow here: git status…"
            assert "permission to allow commands for good" in said(await lab.ben.click(card, button))
            offered = await lab.ann.click(card, button)
            assert offered.message is not None
            menu = menu_of(offered.message)
            chosen = await lab.ann.pick(offered.message, ["Commands like: git status …"], custom_id=menu)
            assert "/permissions" in said(chosen)
            await lab.ben.sees(thread, '"optionId": "allow_once"', by=lab.bot)
            await lab.discord.until(lambda: f"Always allowed in this thread by <@{lab.ann.id}>" in text_of(card))
        async with bot_run(lab):
            before = len(lab.said_by_bot(thread))
            await lab.ben.say(thread, strings(asks(1, "git status --short"), ["await", 1], ["say", "unasked"]))
            reply = await lab.ben.sees(thread, "unasked", by=lab.bot)
            assert '"optionId": "allow_once"' in reply.content
            assert len(lab.said_by_bot(thread)) == before + 1
            await lab.ben.say(thread, strings(asks(1, "git status; id"), ["await", 1]))
            tricked = await lab.ben.sees(thread, "git status; id", by=lab.bot)
            assert not any(label.startswith("Always allow here") for label in labels(tricked))
            await lab.ben.click(tricked, "reject once")
            listed = await lab.ben.slash(thread, "permissions")
            assert "`git status …`" in said(listed)
            assert listed.message is not None
            removed = await lab.ann.slash(thread, "permissions")
            assert removed.message is not None
            await lab.ann.pick(removed.message, ["git status …"])
            await lab.ann.sees(thread, "removed a rule", by=lab.bot)
            assert "No commands" in said(await lab.ben.slash(thread, "permissions"))
            await lab.ben.say(thread, strings(asks(1, "git status --short"), ["await", 1]))
            await lab.ben.sees(thread, "run `git status --short`", by=lab.bot)
