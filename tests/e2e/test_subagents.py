"""Subagents in a thread: their lines, and their questions."""

import re
from pathlib import Path

from loopback.state import components
from tests.e2e.live_bot import bot_lab

TWO = """\
say I let two look at it.
subagent researcher Find where dates are parsed
subagent tester Run the date tests
by researcher tool read billing/due_dates.py
by tester tool search test_due
by researcher say what I found is for the agent only
by researcher tool read billing/calendar.py
by researcher ask execute git log billing
by tester ask execute pytest -x tests
say Both have asked.
join
say That is all."""


ALONE = """\
subagent background Watch the build
by background ask execute make all
say I do not wait for it."""


def of(name: str) -> re.Pattern[str]:
    """The card of this subagent's question."""
    return re.compile(f"Permission needed.*Asked by the subagent {name}", re.DOTALL)


async def test_two_subagents_ask_and_each_gets_its_own_answer(tmp_path: Path) -> None:
    """In any order; their words are not in the answer, and their lines fold when the agent goes on."""
    async with bot_lab(tmp_path) as lab:
        thread = await lab.thread(TWO)
        first = await lab.ann.sees(thread, of("researcher"), by=lab.bot)
        second = await lab.ann.sees(thread, of("tester"), by=lab.bot)
        assert "run `git log billing`" in components.text_of(first)
        assert "run `pytest -x tests`" in components.text_of(second)
        await lab.ann.click(second, "Reject")
        await lab.ann.click(first, "Allow once")
        await lab.answer(thread, "That is all.")
        texts = [components.text_of(each) for each in lab.discord.messages(thread) if each.author_id == lab.bot.id]
    whole = "\n".join(texts)
    assert "researcher: allowed (allow_once)\ntester: rejected (reject_once)" in whole
    assert "for the agent only" not in whole
    assert "2 subagents" in whole
    assert "5 tools" in whole
    assert "▸" not in whole


async def test_a_question_that_outlives_the_turn_is_asked_again(tmp_path: Path) -> None:
    """Real agents let subagents work on; the next turn does not end the question either."""
    async with bot_lab(tmp_path) as lab:
        thread = await lab.thread(ALONE)
        await lab.answer(thread, "I do not wait for it.")
        await lab.ann.sees(thread, "the turn has ended", by=lab.bot)
        card = await lab.ann.sees(thread, of("background"), by=lab.bot)
        await lab.ann.say(thread, "say next")
        await lab.answer(thread, "next")
        await lab.ann.click(card, "Allow once")
        await lab.ann.sees(thread, re.compile("Allowed once by .*make all"), by=lab.bot)
