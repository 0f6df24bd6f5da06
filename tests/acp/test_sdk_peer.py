"""An agent built on the official SDK, as a real process: an independent implementation of the protocol."""

import os
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from acp import Agent, Event, Launch, Question, Session, Text, Turn, Unsupported, environment
from acp.schema import TextBlock, ToolContent
from tests.support.virtual_time import RealLoop, loop_that_reaps

from .child_processes import RUN

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-sdk" / "bin" / "python"
PEER = ROOT / "tests" / "peers" / "sdk_agent.py"

pytestmark = [
    pytest.mark.real_time,
    pytest.mark.skipif(not PYTHON.exists(), reason=".venv-sdk, the environment of the official SDK, is not there"),
]


@pytest.fixture(scope="module")
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """One event loop for all tests here, in real time, because they share the agent."""
    return "asyncio", {"debug": True, "loop_factory": partial(loop_that_reaps, RealLoop)}


@pytest.fixture(scope="module", name="agent")
async def _agent(anyio_backend: object, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Agent]:
    """The agent, shared because its imports cost a second and its sessions are independent."""
    cwd = tmp_path_factory.mktemp("sdk")
    launch = Launch(str(PYTHON), (str(PEER),), cwd, environment(os.environ, inherit=(), env={}))
    agent = await Agent.spawn(launch, marker=f"{RUN}/sdk")
    yield agent
    await agent.stop()


@pytest.fixture(name="session")
async def _session(agent: Agent, tmp_path: Path) -> Session:
    return await agent.new_session(tmp_path)


async def test_the_sdks_agent_is_initialized(agent: Agent, session: Session) -> None:
    """Its name, its version and what it cannot do."""
    assert agent.name == "sdk-peer 1.0.0"
    assert not agent.can_load
    assert session.session_id.startswith("session-")


async def test_the_sdks_agent_streams_its_answer(session: Session) -> None:
    """In order, twice in one session, in any pieces."""
    for words in ("one two three", "four"):
        async with session.prompt([TextBlock(text=words)]) as turn:
            assert await _text(turn) == f"{words} "
        assert turn.stop_reason == "end_turn"


@pytest.mark.parametrize("option_id", ["once", "always", "no"])
async def test_the_sdks_agent_asks_and_hears_the_choice(session: Session, option_id: str) -> None:
    """The question has the command that may run, and the option that was chosen reaches the agent."""
    async with session.prompt([TextBlock(text="permission")]) as turn:
        events: list[Event] = []
        async for event in turn:
            events.append(event)
            if isinstance(event, Question):
                assert [option.option_id for option in event.options] == ["once", "always", "no"]
                assert event.tool_call.title == "Remove the build folder"
                assert [type(part) for part in event.tool_call.content or ()] == [ToolContent]
                assert turn.answer(event.request_id, option_id)
        assert (events[0], events[-1]) == (Text("One moment. "), Text(f"You chose {option_id}."))
        assert turn.stop_reason == "end_turn"


async def test_the_sdks_agent_is_cancelled_while_it_works(session: Session) -> None:
    """It ends the turn by itself, and the next one is answered."""
    async with session.prompt([TextBlock(text="wait")]) as turn:
        assert await anext(turn) == Text("Waiting.")
        turn.cancel()
        assert [event async for event in turn] == []
    assert turn.stop_reason == "cancelled"
    async with session.prompt([TextBlock(text="again")]) as turn:
        assert [event async for event in turn] == [Text("again ")]


async def test_the_sdks_agent_is_cancelled_while_it_asks(session: Session) -> None:
    """Its question is answered `cancelled`, as the protocol demands."""
    async with session.prompt([TextBlock(text="permission")]) as turn:
        async for event in turn:
            if isinstance(event, Question):
                turn.cancel()
        assert turn.stop_reason == "cancelled"


async def test_the_sdks_agent_refuses_what_it_does_not_offer(agent: Agent, session: Session, tmp_path: Path) -> None:
    """Unannounced methods are not sent; an unknown one is refused with a reason."""
    with pytest.raises(Unsupported):
        await agent.load_session(session.session_id, tmp_path)
    assert not await session.set_mode("ask")


async def _text(turn: Turn) -> str:
    return "".join([event.text async for event in turn if isinstance(event, Text)])
