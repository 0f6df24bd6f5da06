"""The questions that an agent's subagents ask outside the turns: what their cards show, and when they change."""

import pytest

from acp import OpenQuestions, Question, Subagent
from acp.schema import PermissionOption, ToolCallUpdate
from bot.questions.agent_questions import AgentQuestions
from bot.text.redaction import Redactor
from tests.bot.fake_discord import settle
from tests.support.memory_agent import OPTIONS, Json

from .test_broker import asking

pytestmark = pytest.mark.virtual_time

TESTER = Subagent("b", 1, "tester")


def call(**fields: object) -> ToolCallUpdate:
    """What the agent says of the call that is asked about."""
    return ToolCallUpdate.model_validate({"toolCallId": "c", **fields})


async def test_a_card_outside_the_turn_shows_all_that_is_known_of_the_call_and_follows_its_changes() -> None:
    """The question may name no more than the call; people only allow what they have seen."""
    known = call(title="make all", kind="execute", rawInput={"command": "make all"})
    options = tuple(PermissionOption.model_validate(each) for each in OPTIONS)
    question, answers = Question(5, call(), options, subagent=TESTER), list[object]()
    async with asking() as it:
        about = AgentQuestions(it.cards, redact=Redactor([]), tell=lambda _thread_id, _line: None)
        questions = OpenQuestions()
        questions.open(question, answers.append)
        about.take_out_of_turn(question, questions, it.questions._where, lambda _update, _subagent: known)
        await settle()
        assert "make all" in it.messages[-1].content
        shown = it.messages[-1]
        other: Json = {"command": "rm -rf src"}
        about.tool_changed(call(rawInput=other, title="rm -rf src"), Subagent("other", 1))
        await settle()
        assert it.messages[-1] is shown
        about.tool_changed(call(rawInput=other, title="rm -rf src"), TESTER)
        await settle()
        assert "rm -rf src" in it.messages[-1].content
        assert len(it.open) == 1
    assert not answers
