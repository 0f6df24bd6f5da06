"""Recorded traffic of real agents, replayed to the client line by line: it must understand what was said."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest

from acp import Agent, Event, Question, RemoteError, Session, Text, Turn
from acp.schema import TextBlock, ToolCallUpdate
from tests.acp.official import by_the_schema
from tests.acp.opened import CWD
from tests.acp.recorded import TRANSCRIPTS, Line, needs_recordings, read_runs
from tests.support.memory_agent import MemoryAgent
from tests.support.virtual_time import quiet

pytestmark = by_the_schema

HANDSHAKE = {
    "initialize",
    "session/new",
    "session/load",
    "session/close",
    "session/set_mode",
    "session/set_config_option",
}
SENT = HANDSHAKE | {"session/prompt", "session/cancel"}
"""What the recording clients have sent and this one sends too."""

REFUSED = -32601


@dataclass
class Meaning:
    """The content of a prompt: its text, its last tool calls by id, its answers, and its end."""

    text: str = ""
    tools: dict[str, dict[str, str]] = field(default_factory=dict)
    answers: dict[int | str | None, str] = field(default_factory=dict)
    end: str | int = ""

    def tool(self, tool_call_id: str, **told: str | None) -> None:
        """Upsert a tool call."""
        self.tools.setdefault(tool_call_id, {}).update({name: value for name, value in told.items() if value})

    @classmethod
    def recorded(cls, run: list[Line]) -> Iterator[Self]:
        """Read it from the recording, prompt by prompt, without the client."""
        meaning, prompt_id = cls(), None
        questions: dict[Any, Self] = {}
        for line in run:
            match line.direction, line.message:
                case "out", {"method": "session/prompt", "id": prompt_id}:
                    meaning = cls()
                case "in", {"method": "session/update", "params": {"update": update}}:
                    meaning._update(update)
                case "in", {"method": "session/request_permission", "id": request_id}:
                    questions[request_id] = meaning
                case "out", {"id": request_id, "result": {"outcome": outcome}}:
                    questions[request_id].answers[request_id] = outcome.get("optionId", "cancelled")
                case "in", {"id": answered, **end} if answered == prompt_id and "method" not in end:
                    meaning.end = end["result"]["stopReason"] if "result" in end else end["error"]["code"]
                    yield meaning

    def _update(self, update: dict[str, Any]) -> None:
        match update:
            case {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": text}}:
                self.text += text
            case {"sessionUpdate": "tool_call" | "tool_call_update", "toolCallId": tool_call_id}:
                self.tool(tool_call_id, **{name: update.get(name) for name in ("title", "kind", "status")})


class Replay:
    """The client on one side, the recording as its agent on the other."""

    def __init__(self, tasks: asyncio.TaskGroup) -> None:
        self.meanings: list[Meaning] = []
        self._tasks = tasks
        self._peer = MemoryAgent(manual=HANDSHAKE)
        self._agent: Agent | None = None
        self._session: Session | None = None
        self._turn: Turn | None = None
        self._requests: dict[Any, dict[str, Any]] = {}
        self._running: dict[Any, asyncio.Task[None]] = {}

    async def play(self, run: list[Line]) -> int:
        """Replay a run of the agent, up to an action of the recording client that this one never does.

        Returns how many lines were replayed.
        """
        played = 0
        for line in run:
            if line.direction == "in":
                self._say(line.message)
            elif not await self._do(line.message):
                break
            played += 1
            await quiet()
        assert self._agent is not None
        await self._agent.stop()
        return played

    def _say(self, message: dict[str, Any]) -> None:
        if "method" in message:
            self._peer.say(message)
        elif (request := self._requests.get(message["id"])) is not None:
            self._peer.say({**message, "id": request["id"]})

    async def _do(self, message: dict[str, Any]) -> bool:
        """Repeat an action of the recording client. Returns False for two prompts at once, or one unknown here."""
        match message:
            case {"method": str(method)} if method not in SENT:
                return False
            case {"method": "session/prompt"} if self._turn is not None and not self._turn.ended:
                return False
            case {"method": "session/set_mode"}:
                pass  # It is sent as a config option to an agent that has it.
            case {"method": ("session/close" | "session/load") as method} if not self._offers(method):
                pass  # The recording client tried it all the same.
            case {"method": str(method), "id": request_id, "params": params}:
                self._running[request_id] = self._tasks.create_task(self._call(method, params))
                self._requests[request_id] = await self._peer.expect(method)
                assert self._requests[request_id]["params"].keys() <= params.keys()
            case {"method": "session/cancel"}:
                assert self._turn is not None
                self._turn.cancel()
            case {"id": request_id, "result": {"outcome": outcome}}:
                assert self._turn is not None
                if outcome["outcome"] == "selected":
                    assert self._turn.answer(request_id, outcome["optionId"])
                answer = await self._peer.answer_to(request_id)
                self.meanings[-1].answers[request_id] = answer["result"]["outcome"].get("optionId", "cancelled")
            case {"id": request_id}:
                # The recording client had a file system to offer.
                assert (await self._peer.answer_to(request_id))["error"]["code"] == REFUSED
        return True

    def _offers(self, method: str) -> bool:
        assert self._agent is not None
        capabilities = self._agent.info.agent_capabilities
        return self._agent.can_load if method == "session/load" else capabilities.session_capabilities.close is not None

    async def _call(self, method: str, params: dict[str, Any]) -> None:
        if method == "initialize":
            self._agent = await Agent.start(self._peer)
            return
        assert self._agent is not None
        cwd = Path(params.get("cwd", "/"))
        match method:
            case "session/new":
                self._session = await self._agent.new_session(cwd)
            case "session/load":
                with pytest.raises(RemoteError):
                    await self._agent.load_session(params["sessionId"], cwd)
            case "session/close":
                assert self._session is not None
                await self._agent.close_session(self._session)
            case "session/prompt":
                await self._prompt(params)

    async def _prompt(self, params: dict[str, Any]) -> None:
        assert self._agent is not None
        # A session that could not be loaded is prompted all the same in one recording, and refused.
        client_methods = await self._agent._client_methods((CWD,))
        session = self._session or self._agent._add(params["sessionId"], (CWD,), client_methods)
        self.meanings.append(meaning := Meaning())
        async with session.prompt([TextBlock(text=block["text"]) for block in params["prompt"]]) as self._turn:
            async for event in self._turn:
                _understand(event, meaning)
        match self._turn.error:
            case RemoteError(code=code):
                meaning.end = code
            case None:
                assert self._turn.stop_reason is not None
                meaning.end = self._turn.stop_reason


def _understand(event: Event, meaning: Meaning) -> None:
    match event:
        case Text(text):
            meaning.text += text
        case ToolCallUpdate():
            meaning.tool(event.tool_call_id, title=event.title, kind=event.kind, status=event.status)
        case Question(request_id):
            assert request_id not in meaning.answers


@needs_recordings
@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
async def test_a_recorded_conversation_means_to_the_client_what_was_said_in_it(path: Path) -> None:
    """Texts, tool calls, answers and ends of every prompt, for each recorded agent."""
    for run in read_runs(path):
        async with asyncio.TaskGroup() as tasks:
            replay = Replay(tasks)
            played = await replay.play(run)
        expected = list(Meaning.recorded(run[:played]))
        # A prompt that the recording client gave up by sending another one has no end here.
        finished = replay.meanings if replay.meanings[-1].end else replay.meanings[:-1]
        assert finished == expected[: len(finished)]
        assert len(expected) - len(finished) <= 1
