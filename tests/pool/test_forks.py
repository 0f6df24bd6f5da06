"""Forks: which agent takes one, what that costs, and the questions that are asked of one. In virtual time."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from acp import AgentClosed, AuthRequired, ProtocolError, RemoteError, SpawnFailed, StartProblem, Unsupported
from acp.schema import TextBlock
from acp.timeouts import CLOSE_SECONDS
from pool.forks import ANSWER_LENGTH, ANSWER_SECONDS, LINE_SECONDS, Fork, ForkQuestion, NoSafeMode, SideAnswer
from pool.journal.forks import ForkKind, ForkPoint
from pool.limits import Bound
from pool.session_listing import NoSlot
from tests.support.memory_agent import Json, MemoryAgent
from tests.support.virtual_time import elapse, quiet

from .pool_harness import MODES, RunningPool, every, prompt_text, running_pool

FORKS: Json = {"loadSession": True, "sessionCapabilities": {"fork": {}, "close": {}}}

HEAD = ForkPoint("source")
AFTER = ForkPoint("source", "msg_1")

ASKED = -32000


def forker(**how: Any) -> Callable[[int], MemoryAgent]:
    """Make agents that can fork."""
    return every(**{"capabilities": FORKS} | how)


async def take(it: RunningPool, point: ForkPoint = HEAD, places: list[int] | None = None) -> Fork:
    """Take a fork of thread 1, and note the places in line."""
    return await it.pool.forks.take(1, point, lambda place, _asking: None if places is None else places.append(place))


async def may() -> None:
    """Admit everyone."""


async def ask(it: RunningPool, text: str = "why?", modes: tuple[str, ...] = ("plan", "default")) -> SideAnswer:
    """Ask a side question in thread 1."""
    return await it.pool.forks.ask(
        1, "source", ForkQuestion((TextBlock(text=text),), modes, may), lambda _place, _asking: None
    )


def forked(it: RunningPool) -> list[list[Json]]:
    """Return the parameters of the forks that each agent was asked for."""
    return [
        [message["params"] for message in agent.received if message.get("method") == "session/fork"]
        for agent in it.factory.agents
    ]


# ---- for a thread


async def test_the_idle_agent_of_the_thread_takes_the_fork(tmp_path: Path) -> None:
    """It needs no slot and no process, and the agent closes its part of the fork. The thread goes on."""
    async with running_pool(tmp_path, forker(), slots=1, obedient=True) as it:
        await it.answered(1, 10)
        assert await take(it) == Fork("agent1-2", ForkKind.LATEST)
        (agent,) = it.factory.agents
        closed = [each["params"]["sessionId"] for each in agent.received if each.get("method") == "session/close"]
        assert closed == ["agent1-2"]
        await it.answered(1, 11)
        assert len(it.factory.agents) == 1


async def test_the_session_of_another_thread_is_no_fork(tmp_path: Path) -> None:
    """Two threads would write into it, and read each other's words."""
    async with running_pool(tmp_path, forker(manual={"session/fork"}), slots=2, obedient=True) as it:
        await it.answered(1, 10)
        await it.answered(2, 20)
        taking = asyncio.create_task(take(it))
        agent, request = await it.request(1, "session/fork")
        agent.reply(request, {"sessionId": "agent2-1"})
        with pytest.raises(ProtocolError, match="no new session"):
            await taking


async def test_a_fork_is_taken_after_a_message_where_the_agent_can(tmp_path: Path) -> None:
    """The journal has the message; a turn that names none has a fork at the session's end."""
    async with running_pool(tmp_path, forker()) as it:
        exchange, agent, prompt = await it.prompted(10)
        content = {"type": "text", "text": "hello"}
        update = {"sessionUpdate": "agent_message_chunk", "messageId": "msg_1", "content": content}
        agent.update("agent1-1", update)
        agent.end_turn(prompt)
        await exchange.end()
        assert it.journal.forks.point(10) == ForkPoint("agent1-1", "msg_1")
        assert await take(it, AFTER) == Fork("agent1-2", ForkKind.MESSAGE)
        assert forked(it)[0][0]["_meta"]["jetbrains"]["air"]["fork"]["messageId"] == "msg_1"
        second = it.say(1, 11)
        await it.finish(agent, second)
        assert it.journal.forks.point(11) == ForkPoint("agent1-1")
        assert it.journal.forks.point(12) is None


@pytest.mark.parametrize("version", ["0.9", "", "unknown"])
async def test_an_agent_that_does_not_read_fork_points_gets_none(tmp_path: Path, version: str) -> None:
    """It would ignore the point, and fork at the end without a word."""
    async with running_pool(tmp_path, forker(manual={"initialize"}), slots=1) as it:
        taking = asyncio.create_task(take(it, AFTER))
        agent, request = await it.request(1, "initialize")
        info = {"name": "memory", "version": version}
        agent.reply(request, {"protocolVersion": 1, "agentCapabilities": FORKS, "agentInfo": info})
        assert (await taking).kind is ForkKind.LATEST
        assert "_meta" not in forked(it)[0][0]


async def test_a_message_that_the_agent_does_not_find_leaves_its_latest_state(tmp_path: Path) -> None:
    """Its own list of messages may be shorter than ours."""
    async with running_pool(tmp_path, forker(manual={"session/fork"}), slots=1) as it:
        taking = asyncio.create_task(take(it, AFTER))
        agent, request = await it.request(1, "session/fork")
        agent.fail(request, -32602, "Fork point message msg_1 was not found")
        _, request = await it.request(1, "session/fork")
        assert "_meta" not in request["params"]
        agent.reply(request, {"sessionId": "copy"})
        assert await taking == Fork("copy", ForkKind.LATEST)


@pytest.mark.parametrize(("code", "error"), [(ASKED, AuthRequired), (-32602, RemoteError)])
async def test_a_refusal_is_raised(tmp_path: Path, code: int, error: type[Exception]) -> None:
    """A login that is missing at the first try is not asked about twice."""
    async with running_pool(tmp_path, forker(manual={"session/fork"}), slots=1) as it:
        taking = asyncio.create_task(take(it, AFTER if code == ASKED else HEAD))
        agent, request = await it.request(1, "session/fork")
        agent.fail(request, code, "no")
        with pytest.raises(error):
            await taking
        assert len(forked(it)[0]) == 1
        assert it.factory.alive == 0


async def test_while_the_thread_works_another_process_takes_the_fork(tmp_path: Path) -> None:
    """In a slot of its own, which it returns. The turn runs on."""
    async with running_pool(tmp_path, forker(), obedient=True) as it:
        await it.hang(1, 10)
        assert await take(it) == Fork("agent2-1", ForkKind.LATEST)
        await quiet()
        assert [len(each) for each in forked(it)] == [0, 1]
        assert repr(it.pool) == "<Pool <Slots 1/2 held, 0 in line> <1 working>>"


async def test_a_warm_spare_takes_the_fork_of_a_thread_that_sleeps(tmp_path: Path) -> None:
    """It is initialized already."""
    async with running_pool(tmp_path, forker(), slots=1, warm=1) as it:
        await quiet()
        assert await take(it) == Fork("agent1-1", ForkKind.LATEST)
        assert it.factory.agents[0].methods().count("session/fork") == 1


async def test_a_fork_waits_in_line_like_a_thread(tmp_path: Path) -> None:
    """It learns its place, and goes on when a slot is free."""
    async with running_pool(tmp_path, forker(), slots=1, obedient=True) as it:
        hanging = await it.hang(1, 10)
        places: list[int] = []
        taking = asyncio.create_task(take(it, places=places))
        await quiet()
        assert places == [1]
        assert not taking.done()
        it.conversation(1).close(by=42)
        await hanging.end()
        assert (await taking).session_id == "agent2-1"
        assert places == [1, 0]


async def test_a_fork_does_not_wait_for_a_slot_for_ever(tmp_path: Path) -> None:
    """The answer to a command lasts for a quarter of an hour."""
    async with running_pool(tmp_path, forker(), slots=1, obedient=True) as it:
        await it.hang(1, 10)
        began = asyncio.get_running_loop().time()
        with pytest.raises(NoSlot):
            await take(it)
        assert asyncio.get_running_loop().time() - began == pytest.approx(LINE_SECONDS)
        assert repr(it.pool) == "<Pool <Slots 1/1 held, 0 in line> <1 working>>"


async def test_an_idle_agent_that_is_stopped_before_it_answers_is_replaced(tmp_path: Path) -> None:
    """Its slot may be taken from it at any time."""
    manual = {1: {"session/fork"}}
    async with running_pool(
        tmp_path, lambda number: forker(manual=manual.get(number, ()))(number), slots=1, obedient=True
    ) as it:
        await it.answered(1, 10)
        taking = asyncio.create_task(take(it))
        await (await it.factory.agent(1)).expect("session/fork")
        it.conversation(1).close(by=42)
        assert await taking == Fork("agent2-1", ForkKind.LATEST)


@pytest.mark.parametrize(
    "capabilities", [{"loadSession": True}, {"sessionCapabilities": {"fork": {}}}], ids=["no fork", "no load"]
)
async def test_an_agent_that_cannot_fork_is_not_asked_to(tmp_path: Path, capabilities: Json) -> None:
    """Nor one whose forks no other process could load. If one runs, no other is started to learn that."""
    async with running_pool(tmp_path, every(capabilities=capabilities), obedient=True) as it:
        with pytest.raises(Unsupported):
            await take(it)
        await it.hang(1, 10)
        with pytest.raises(Unsupported):
            await take(it)
        with pytest.raises(Unsupported):
            await ask(it)
        assert forked(it) == [[], []]


async def test_an_agent_that_does_not_start_is_the_reason(tmp_path: Path) -> None:
    """The slot is free again."""

    def broken(_number: int) -> MemoryAgent:
        raise SpawnFailed(StartProblem.COMMAND_MISSING, "agent")

    async with running_pool(tmp_path, broken, slots=1) as it:
        with pytest.raises(SpawnFailed):
            await take(it)
        assert repr(it.pool) == "<Pool <Slots 0/1 held, 0 in line>>"


async def test_a_fork_that_cannot_be_closed_is_a_fork_all_the_same(tmp_path: Path) -> None:
    """The agent may take its time, but not for ever."""
    async with running_pool(tmp_path, forker(manual={"session/close"}), slots=1) as it:
        began = asyncio.get_running_loop().time()
        assert (await take(it)).kind is ForkKind.LATEST
        assert asyncio.get_running_loop().time() - began == pytest.approx(CLOSE_SECONDS)


async def test_a_fork_does_not_wait_for_the_stop_of_its_process(tmp_path: Path) -> None:
    """The slot is returned later; a process that cannot be stopped is forgotten."""
    stops = asyncio.Event()
    async with running_pool(tmp_path, forker(stops=stops, unstoppable=OSError("full")), slots=1) as it:
        assert (await take(it)).session_id == "agent1-1"
        assert len(it.pool.agents) == 1
        with capture_logs() as logs:
            stops.set()
            await quiet()
        assert [line["event"] for line in logs] == ["an agent that was started for a fork could not be stopped"]
        assert it.pool.agents == []
        assert repr(it.pool) == "<Pool <Slots 0/1 held, 0 in line>>"


@pytest.mark.parametrize("method", ["session/fork", "initialize"])
async def test_a_pool_that_stops_waits_for_no_fork(tmp_path: Path, method: str) -> None:
    """The process is gone at the end."""
    async with running_pool(tmp_path, forker(manual={method}), slots=1) as it:
        taking = asyncio.ensure_future(take(it))
        await (await it.factory.agent(1)).expect(method)
        await quiet()
        began = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() == began
    with pytest.raises((AgentClosed, asyncio.CancelledError)):
        await taking
    assert it.factory.alive == 0


# ---- side questions


async def test_a_side_question_is_asked_of_a_fork_that_is_closed(tmp_path: Path) -> None:
    """In a process of its own, also while the thread's agent is idle, and in the first mode that the agent has."""
    async with running_pool(tmp_path, forker(), obedient=True) as it:
        await it.answered(1, 10)
        answer = await ask(it, "why?")
        assert (answer.text, answer.stop_reason, answer.rejected) == ("why?", "end_turn", 0)
        await quiet()
        agent = it.factory.agents[1]
        assert agent.stopped
        wanted = ["session/fork", "session/set_mode", "session/prompt", "session/close"]
        assert [each for each in agent.methods() if each in wanted] == wanted
        assert it.factory.agents[0].methods().count("session/prompt") == 1
        modes = [each["params"]["modeId"] for each in agent.received if each.get("method") == "session/set_mode"]
        assert modes == ["default"]


async def test_a_side_question_runs_beside_the_turn_of_its_thread(tmp_path: Path) -> None:
    """Neither waits for the other."""
    async with running_pool(tmp_path, forker(), obedient=True) as it:
        await it.hang(1, 10)
        assert (await ask(it)).text == "why?"
        assert it.conversation(1).running is not None


@pytest.mark.parametrize("refused", [False, True])
async def test_without_a_safe_mode_nothing_is_asked(tmp_path: Path, *, refused: bool) -> None:
    """The agent might act. A mode that it lists and refuses is none."""
    modes = {**MODES, "availableModes": [{"id": "plan" if refused else "auto", "name": "A"}]}
    async with running_pool(tmp_path, forker(modes=modes, manual={"session/set_mode"}), slots=1) as it:
        asking = asyncio.create_task(ask(it))
        if refused:
            agent, request = await it.request(1, "session/set_mode")
            agent.fail(request, -32602, "no")
        with pytest.raises(NoSafeMode):
            await asking
        assert "session/prompt" not in it.factory.agents[0].methods()
        assert it.factory.alive == 0


async def test_an_author_without_the_right_is_not_asked_for(tmp_path: Path) -> None:
    """The right may be lost during the wait for a slot."""

    async def refuse() -> None:
        raise PermissionError

    async with running_pool(tmp_path, forker(), slots=1) as it:
        question = ForkQuestion((TextBlock(text="why?"),), ("default",), refuse)
        with pytest.raises(PermissionError):
            await it.pool.forks.ask(1, "source", question, lambda _place, _asking: None)
        assert "session/prompt" not in it.factory.agents[0].methods()


async def test_questions_of_a_side_question_are_rejected(tmp_path: Path) -> None:
    """By the agent's own option, or where it has none as cancelled; a form is declined. Nothing hangs."""
    form = {"mode": "form", "message": "Which?", "requestedSchema": {"type": "object", "properties": {}}}
    async with running_pool(tmp_path, forker(), slots=1) as it:
        asking = asyncio.create_task(ask(it))
        agent, prompt = await it.request(1, "session/prompt")
        assert prompt_text(prompt) == "why?"
        session_id = prompt["params"]["sessionId"]
        thought = {"sessionUpdate": "agent_thought_chunk", "content": {"type": "text", "text": "hm"}}
        agent.update(session_id, thought)
        agent.text(session_id, "I look.")
        first, second = agent.ask(session_id), agent.ask(session_id, options=())
        agent.say({"id": 7, "method": "elicitation/create", "params": {"sessionId": session_id, **form}})
        assert (await agent.answer_to(first))["result"]["outcome"] == {"outcome": "selected", "optionId": "no"}
        assert (await agent.answer_to(second))["result"]["outcome"] == {"outcome": "cancelled"}
        assert (await agent.answer_to(7))["result"] == {"action": "decline"}
        agent.update(session_id, {"sessionUpdate": "tool_call", "toolCallId": "call", "title": "ls"})
        agent.text(session_id, "It is so.")
        agent.end_turn(prompt)
        answer = await asking
        assert (answer.text, answer.rejected) == ("I look.\n\nIt is so.", 3)


async def test_an_answer_that_takes_too_long_is_cut(tmp_path: Path) -> None:
    """The turn is cancelled, and what the agent has said until then is the answer."""
    async with running_pool(tmp_path, forker(), slots=1) as it:
        asking = asyncio.create_task(ask(it))
        agent, prompt = await it.request(1, "session/prompt")
        agent.text(prompt["params"]["sessionId"], "It is")
        began = asyncio.get_running_loop().time()
        await agent.expect("session/cancel")
        assert asyncio.get_running_loop().time() - began == pytest.approx(ANSWER_SECONDS)
        agent.end_turn(prompt, "cancelled")
        answer = await asking
        assert (answer.text, answer.stop_reason) == ("It is", None)


async def test_an_agent_that_fails_the_question_is_the_reason(tmp_path: Path) -> None:
    """The limit of the answer ends with the turn."""
    async with running_pool(tmp_path, forker(), slots=1) as it:
        asking = asyncio.create_task(ask(it))
        agent, prompt = await it.request(1, "session/prompt")
        agent.fail(prompt, -32603, "overloaded")
        with pytest.raises(RemoteError, match="overloaded"):
            await asking
        await elapse(ANSWER_SECONDS + 1)
        assert agent.methods().count("session/cancel") == 0


async def test_a_command_that_needs_an_agent_counts_as_a_message(tmp_path: Path) -> None:
    """A person may send so many in a minute."""
    async with running_pool(tmp_path, forker(), per_minute=2) as it:
        for _ in range(2):
            assert it.pool.bound(1, 42) is None
            it.pool.count(42)
        assert it.pool.bound(1, 42) is Bound.MINUTE


def test_a_long_answer_is_bounded() -> None:
    """A person reads fewer characters."""
    answer = SideAnswer()
    for _ in range(3):
        answer.add("x" * (ANSWER_LENGTH // 2))
    assert answer.text == "x" * ANSWER_LENGTH


async def test_a_fork_with_the_id_of_its_source_is_refused(tmp_path: Path) -> None:
    """Two threads in one session would answer each other's questions."""
    async with running_pool(tmp_path, forker(manual={"session/fork"}), slots=1) as it:
        taking = asyncio.create_task(take(it))
        agent, request = await it.request(1, "session/fork")
        agent.reply(request, {"sessionId": "source"})
        with pytest.raises(ProtocolError):
            await taking
