"""Forks and side questions with real agents on a scripted model, through the whole bot."""

import re
from pathlib import Path

import pytest

from bot.user_messages import forks as texts
from bot.user_messages.commands import FORK_MENU
from loopback import Message
from loopback.state.entities import Thread
from tests.support.real_agents import needs_real_agents, real_agents

from .live_bot import BotLab, bot_lab
from .test_forks import forked, lines_of
from .test_side_questions import answered

MODEL = "fake model"
"""What the model calls itself in each answer."""

PATIENCE = 120.0
"""Seconds for each step: a real agent takes many to start on a busy machine."""

pytestmark = [needs_real_agents, pytest.mark.timeout(600)]


async def model_answers(lab: BotLab, thread: Thread, after: Message | None = None) -> Message:
    """Wait for the end of an answer of the model."""
    return await lab.ann.sees(
        thread,
        lambda each: MODEL in each.content and not each.components,
        by=lab.bot,
        after=after,
        timeout=PATIENCE,
    )


@pytest.mark.parametrize("name", ["claude", "codex", "opencode"])
async def test_a_fork_of_a_real_agent_knows_what_was_said_before(tmp_path: Path, name: str) -> None:
    """Up to the chosen answer where the agent can do that, else all; what it replays is not shown.

    The model's answer says nothing of the conversation, so what the agent sends to it is the proof.
    """
    with real_agents(tmp_path) as agents:
        async with bot_lab(tmp_path, **agents.lab(name, tmp_path)) as lab:
            thread = await lab.thread("the first word is PLUM")
            first = await model_answers(lab, thread)
            second = await lab.ann.say(thread, "the second word is QUINCE")
            await model_answers(lab, thread, after=second)
            await lab.ann.menu(first, FORK_MENU)
            fork = await forked(lab, thread, timeout=PATIENCE)
            address = texts.message_address(lab.guild.id, thread.id, first.id)
            points = name != "opencode"
            assert lines_of(lab, fork) == [
                texts.from_message(thread.id, address, "project", exclusive=False)
                if points
                else texts.from_latest(thread.id, "project", wanted_message=True, exclusive=False)
            ]
            await lab.ann.say(fork, "which word was it? XYZZY")
            await model_answers(lab, fork)
            asked = agents.requests("XYZZY")[0]
            assert "PLUM" in asked
            assert ("QUINCE" in asked) is not points
            assert len(lines_of(lab, fork)) == 2
            third = await lab.ann.say(thread, "and the third is SLOE")
            await model_answers(lab, thread, after=third)
            assert "XYZZY" not in agents.requests("SLOE")[0]


@pytest.mark.parametrize("name", ["claude", "codex", "opencode"])
async def test_a_side_question_to_a_real_agent_changes_nothing(tmp_path: Path, name: str) -> None:
    """It is asked while a turn runs, and knows what was said; its tools get no permission."""
    with real_agents(tmp_path) as agents:
        async with bot_lab(tmp_path, **agents.lab(name, tmp_path)) as lab:
            thread = await lab.thread("the first word is PLUM")
            await model_answers(lab, thread)
            await lab.ann.say(thread, "SLOW")
            await lab.ann.sees(thread, "tick 3", by=lab.bot, timeout=PATIENCE)
            await lab.ann.slash(thread, "btw", text="which word was it? XYZZY")
            shown = await answered(lab, thread, "Side answer", timeout=PATIENCE)
            assert MODEL in shown.content
            asked = agents.requests("XYZZY")[0]
            assert "PLUM" in asked
            await lab.ann.slash(thread, "btw", text="WRITE(made-by-a-side-question.txt)")
            over = re.compile("Side question.*WRITE.*\n-# ↩ ", re.DOTALL)
            await lab.ann.sees(thread, over, by=lab.bot, timeout=PATIENCE)
            assert not list(lab.project.glob("made-by*"))
            await lab.ann.slash(thread, "cancel")
            third = await lab.ann.say(thread, "and the third is SLOE")
            await model_answers(lab, thread, after=third)
            assert "XYZZY" not in agents.requests("SLOE")[0]
