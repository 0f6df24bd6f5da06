"""A thread reads from top to bottom: text, a question, what the agent says after it, over real wires and a kill -9."""

import re
import signal
from pathlib import Path
from typing import Any

import pytest

from loopback.state.components import text_of
from loopback.state.entities import Thread

from .bot_process import bot_run
from .live_bot import BotLab, bot_lab, idle_lab
from .puppet_script import PUPPET, labels, permission, strings

LEFT = ["Retry", "Skip"]
"""The buttons in a thread after a restart."""

KINDS = ("allow_once", "reject_once")

TWO_QUESTIONS = strings(
    ["say", "First words."],
    permission(1, "a", "Run one", *KINDS),
    ["await", 1],
    ["say", "Second words."],
    permission(2, "b", "Run two", *KINDS),
    ["await", 2],
    ["say", "Last words."],
)

MARKS = re.compile(r"First words|Run one|Second words|Run two|Last words")


def read(lab: BotLab, thread: Thread) -> list[list[str]]:
    """Return what the bot's messages say of the script, message by message, top to bottom."""
    found = (MARKS.findall(text_of(message)) for message in lab.said_by_bot(thread))
    return [each for each in found if each]


async def asked(lab: BotLab, thread: Thread, title: str) -> Any:
    """Wait for a question."""
    return await lab.ann.sees(thread, lambda message: title in text_of(message) and labels(message), by=lab.bot)


async def test_a_turn_with_two_questions_reads_from_top_to_bottom(tmp_path: Path) -> None:
    """Nothing stands above what came before it: each question ends a message, and the text goes on below the card."""
    async with bot_lab(tmp_path, agent=PUPPET) as lab:
        thread = await lab.thread(TWO_QUESTIONS)
        first = await asked(lab, thread, "Run one")
        assert read(lab, thread) == [["First words"], ["Run one"]]
        await lab.ann.click(first, "allow once")
        second = await asked(lab, thread, "Run two")
        await lab.ann.click(second, "allow once")
        await lab.ann.sees(thread, "Last words", by=lab.bot)
        assert read(lab, thread) == [["First words"], ["Run one"], ["Second words"], ["Run two"], ["Last words"]]


async def test_a_question_before_any_text_leaves_no_placeholder_above_it(tmp_path: Path) -> None:
    """The placeholder's message goes, and the answer stands below the card."""
    async with bot_lab(tmp_path, agent=PUPPET) as lab:
        asks = permission(1, "a", "Run one", *KINDS)
        thread = await lab.thread(strings(asks, ["await", 1], ["say", "Last words."]))
        await lab.ann.click(await asked(lab, thread, "Run one"), "allow once")
        await lab.ann.sees(thread, "Last words", by=lab.bot)
        assert read(lab, thread) == [["Run one"], ["Last words"]]
        assert not any("⏳" in text_of(message) for message in lab.said_by_bot(thread))


async def test_questions_in_an_outage_come_in_their_places_when_it_is_over(tmp_path: Path) -> None:
    """No page is posted below a question that does not stand yet, though the turn has ended meanwhile."""
    async with bot_lab(tmp_path, agent=PUPPET) as lab:
        thread = await lab.conversation(strings(["say", "ready"]), "ready")
        outage = lab.discord.fault(method="POST", path=re.compile(r"/messages$"), status=503, times=None)
        back = [["notify", "$/cancel_request", {"requestId": number}] for number in (1, 2)]
        script = [["say", "First words."], permission(1, "a", "Run one", *KINDS), back[0], ["say", "Second words."]]
        await lab.ann.say(
            thread, strings(*script, permission(2, "b", "Run two", *KINDS), back[1], ["say", "Last words."])
        )

        def is_over() -> bool:
            ended = "idle" in repr(lab.client.pool.conversation(thread.id))
            return ended and any(call.fault for call in lab.discord.record)

        await lab.discord.until(is_over)
        outage.remove()
        await lab.ann.sees(thread, "Last words", by=lab.bot)
        assert read(lab, thread) == [["First words"], ["Run one"], ["Second words"], ["Run two"], ["Last words"]]


async def test_what_a_restart_adds_stands_below_the_question_too(tmp_path: Path) -> None:
    """The bot is killed between a question and what would have followed; the page above the card stays as it is."""
    async with idle_lab(tmp_path, agent=PUPPET, remembers=True) as lab:
        async with bot_run(lab, signal.SIGKILL):
            thread = await lab.thread(TWO_QUESTIONS)
            await asked(lab, thread, "Run one")
        async with bot_run(lab):
            await lab.ann.sees(thread, "stopped before this was finished", by=lab.bot)
            await lab.ann.sees(thread, "I restarted", by=lab.bot)
        texts = [text_of(message) for message in lab.said_by_bot(thread)]
        places = [next(at for at, text in enumerate(texts) if mark in text) for mark in ("First words", "Run one")]
        assert places == [0, 1]
        assert "stopped before this was finished" in texts[2]
        assert "I restarted" in texts[3]


@pytest.mark.parametrize("above", ["First words.", ""])
async def test_a_kill_after_an_answer_with_nothing_below_it_leaves_the_answer_in_its_place(
    tmp_path: Path, above: str
) -> None:
    """The card is one line that says who decided; below it stands that the reply was cut off, then the question."""
    script = [permission(1, "a", "Run one", *KINDS), ["await", 2]]
    async with idle_lab(tmp_path, agent=PUPPET, remembers=True) as lab:
        async with bot_run(lab, signal.SIGKILL):
            thread = await lab.thread(strings(*([["say", above]] if above else []), *script))
            await lab.ann.click(await asked(lab, thread, "Run one"), "allow once")
            await lab.ann.sees(thread, "Allowed once by", by=lab.bot)
            if not above:  # The reply begins with its placeholder, which moves below the card.
                await lab.ann.sees(thread, lambda each: "Stop" in labels(each), by=lab.bot)
        async with bot_run(lab):
            await lab.ann.sees(thread, "I restarted while", by=lab.bot)
            await lab.discord.until(lambda: [each for m in lab.said_by_bot(thread) for each in labels(m)] == LEFT)
        marks = [above or "Allowed once by", "Allowed once by", "Threadline stopped before", "I restarted while"]
        texts = [text_of(message) for message in lab.said_by_bot(thread)]
        assert len(texts) == len(marks) - (not above)
        for text, mark in zip(texts, marks if above else marks[1:], strict=True):
            assert mark in text


async def test_a_turn_that_begins_with_a_question_can_be_stopped_before_and_after_the_answer(tmp_path: Path) -> None:
    """A line below the card has the button."""
    async with bot_lab(tmp_path, agent=PUPPET) as lab:
        thread = await lab.conversation(strings(["say", "ready"]), "ready")
        for answered in (False, True):
            before = lab.said_by_bot(thread)[-1]
            await lab.ann.say(thread, strings(permission(1 + answered, "a", "Run one", *KINDS), ["await", 9]))
            card = await lab.ann.sees(
                thread, lambda each: "Run one" in text_of(each) and bool(labels(each)), by=lab.bot, after=before
            )
            if answered:
                await lab.ann.click(card, "allow once")
            line = await lab.ann.sees(thread, "In progress", by=lab.bot, after=card)
            await lab.ann.click(line, "Stop")
            await lab.ann.sees(thread, f"Stopped by <@{lab.ann.id}>", by=lab.bot, after=card)
            await lab.discord.until(lambda: not any(labels(each) for each in lab.said_by_bot(thread)))
