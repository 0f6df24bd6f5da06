"""The configuration decides about the files of another machine by the links there, and in doubt a person decides."""

from dataclasses import replace
from pathlib import Path

import pytest

import bot.questions.far_paths
from acp import Question
from acp.schema import ToolCallUpdate
from bot.config.values import Permission
from bot.questions.broker import MOST_OPEN
from bot.questions.far_paths import resolve
from bot.user_messages import questions
from pool.journal.command_rules import CommandRule
from tests.bot.fake_discord import settle
from tests.bot.questions.test_broker import ADA, THREAD, Asking, asking
from tests.support.memory_agent import OPTIONS, Json
from tests.support.other_machine import OtherMachine

pytestmark = pytest.mark.virtual_time


@pytest.fixture
def machine(tmp_path: Path) -> OtherMachine:
    """Another machine with a project: a link in it leads to a file inside, one outside, and one to git's hooks."""
    there = OtherMachine(tmp_path)
    work = there.root / "work"
    (work / ".git/hooks").mkdir(parents=True)
    (work / "notes.txt").write_text("notes")
    (work / "inside").symlink_to("notes.txt")
    (work / "outside").symlink_to("/etc")
    (work / "tools").symlink_to(".git/hooks")
    (there.root / "alias").symlink_to("work")
    return there


def call(path: str, kind: str) -> Json:
    """Return a tool call about one file."""
    return {"title": "x", "kind": kind, "locations": [{"path": path}]}


@pytest.mark.parametrize(
    ("permission", "kind", "path", "allowed"),
    [
        ("allow_reads", "read", "notes.txt", True),
        ("allow_reads", "read", "inside", True),
        ("allow_reads", "read", "missing", True),
        ("allow_reads", "read", "{there}/work/notes.txt", True),
        ("allow_reads", "read", "outside/passwd", False),
        ("allow_reads", "read", "/etc/passwd", False),
        ("allow_reads", "read", "../other", False),
        ("allow_all", "edit", "outside/passwd", True),
        ("allow_all", "edit", "tools/pre-commit", False),
        ("allow_all", "edit", ".git/config", False),
    ],
)
@pytest.mark.parametrize("cwd", ["work", "alias"])
async def test_links_are_resolved_where_the_agent_is(
    machine: OtherMachine,
    cwd: str,
    permission: Permission,
    kind: str,
    path: str,
    allowed: bool,  # noqa: FBT001
) -> None:
    """Those of its working directory too. This machine has none of the files."""
    async with asking(permission, machine=machine, directories=[machine.path / cwd]) as it:
        await it.ask(call(path.format(there=machine.path), kind))
        assert [each.get("optionId") for each in it.answered()] == (["yes"] if allowed else [])
        assert len(it.open) == (0 if allowed else 1)
        assert len(machine.ran) == 1


async def test_what_needs_no_path_waits_for_nothing(machine: OtherMachine) -> None:
    """A person is asked, or a command allowed, without a look at the other machine."""
    async with asking("ask", machine=machine, directories=[machine.path / "work"]) as it:
        it.journal.command_rules.add(CommandRule(THREAD, "make", ADA, 1.0))
        await it.ask({"title": "x", "kind": "execute", "rawInput": {"command": "make"}}, request_id=1)
        await it.ask(call("notes.txt", "edit") | {"toolCallId": "d"}, request_id=2)
        assert len(it.answered()) == 1
        assert len(it.open) == 1
        assert machine.ran == []


async def test_a_rule_holds_for_a_command_in_a_directory_that_is_inside_there(machine: OtherMachine) -> None:
    """And for no other directory."""
    async with asking("ask", machine=machine, directories=[machine.path / "work"]) as it:
        it.journal.command_rules.add(CommandRule(THREAD, "make", ADA, 1.0))
        for number, cwd in enumerate(("work", "work/outside")):
            where: Json = {"command": "make", "cwd": str(machine.path / cwd)}
            await it.ask(
                {"title": "x", "kind": "execute", "rawInput": where, "toolCallId": f"{number}"}, request_id=number
            )
            assert len(it.answered()) == 1
        (card,) = it.open
        assert not card.rules


@pytest.mark.parametrize("permission", ["allow_reads", "allow_all"])
async def test_a_person_is_asked_where_the_look_fails(machine: OtherMachine, permission: Permission) -> None:
    """And told why."""
    machine.is_reachable = False
    async with asking(permission, machine=machine, directories=[machine.path / "work"]) as it:
        await it.ask(call("notes.txt", "read" if permission == "allow_reads" else "edit"))
        assert it.answered() == []
        (card,) = it.open
        assert questions.PATHS_UNKNOWN in card.content


async def begin(it: Asking, path: str, request_id: int) -> Question:
    """Ask about a file, and leave its look-up running."""
    it.peer.ask(it.session.session_id, {"toolCallId": "c", **call(path, "read")}, OPTIONS, request_id)
    question = await anext(it.turn)
    assert isinstance(question, Question)
    it.questions.ask(question, question.tool_call)
    return question


async def test_a_call_that_changes_during_the_look_is_not_judged_by_its_old_paths(machine: OtherMachine) -> None:
    """A person decides about the new ones."""
    async with asking("allow_reads", machine=machine, directories=[machine.path / "work"]) as it:
        await begin(it, "notes.txt", 1)
        it.questions.changed(ToolCallUpdate.model_validate({"toolCallId": "c", "title": "y"}))
        it.questions.changed(ToolCallUpdate.model_validate({"toolCallId": "c", "locations": [{"path": "outside/x"}]}))
        it.questions.changed(ToolCallUpdate.model_validate({"toolCallId": "other", "title": "z"}))
        await settle()
        (card,) = it.open
        assert questions.PATHS_UNKNOWN in card.content
        assert (card.call.title, [each.path for each in card.call.locations or ()]) == ("y", ["outside/x"])


async def test_a_question_that_ends_during_the_look_gets_no_card(machine: OtherMachine) -> None:
    """Taken back by the agent, asked again under its id, or ended with its turn."""
    async with asking("allow_reads", machine=machine, directories=[machine.path / "work"]) as it:
        first = await begin(it, "outside/x", 1)
        it.questions.close("taken back", first.request_id)
        assert not it.questions._far
        second = await begin(it, "outside/x", 2)
        it.questions.ask(second, second.tool_call)
        assert len(it.questions._far or ()) == 1
        it.questions.close("the turn has ended")
        assert not it.questions._far
        await settle()
        assert it.messages == []


async def test_a_flood_of_questions_does_not_start_more_commands_than_may_be_open(machine: OtherMachine) -> None:
    """The others are rejected."""
    async with asking("allow_reads", machine=machine, directories=[machine.path / "work"]) as it:
        asked = await begin(it, "notes.txt", 0)
        for number in range(1, MOST_OPEN + 5):
            it.questions.ask(replace(asked, request_id=number), asked.tool_call)
        assert len(it.questions._far or ()) == MOST_OPEN
        assert any(questions.TOO_MANY in line for line in it.lines)
        it.questions.close("the turn has ended")
        await settle()


@pytest.mark.parametrize("path", ["\0", "\ud800"])
async def test_a_text_that_is_no_path_is_not_known(machine: OtherMachine, path: str) -> None:
    """No error comes of it."""
    assert await resolve(machine, [str(machine.path / "work"), path]) == {}


@pytest.mark.parametrize("command", [("no-such-command",), ("false",), ("echo",)])
async def test_a_machine_without_the_command_knows_no_paths(
    machine: OtherMachine, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may lack, or mean something else there."""
    monkeypatch.setattr(bot.questions.far_paths, "_REALPATH", command)
    assert await resolve(machine, [str(machine.path / "work")]) == {}
