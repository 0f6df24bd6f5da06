"""Twenty thousand lines that an agent might write, most of them broken: the client survives each one."""

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from acp import Agent, Client, Text
from acp.connection import Connection
from tests.acp.opened import CWD, HELLO
from tests.support.memory_agent import Json, MemoryAgent
from tests.support.virtual_time import quiet

LINES = 20_000
SEED = 20261124

TOKENS: tuple[Any, ...] = (
    None, True, False, 0, -1, 7, 1.5, 1e300, 10**30, "", "session-1", "x", "\ud83d", "\0", [], {}, [[]], {"a": {}},
)  # fmt: skip


class Writer:
    """Writes valid lines of every kind, and damaged ones."""

    def __init__(self, session_id: str) -> None:
        self._random = random.Random(SEED)
        self._session_id = session_id

    def lines(self) -> Iterator[bytes]:
        """Yield all lines."""
        spoil: tuple[Callable[[bytes], bytes], ...] = (
            self._as_it_is, self._as_it_is, self._cut, self._swapped, self._with_noise, self._twice, self._retyped,
        )  # fmt: skip
        for _ in range(LINES):
            yield self._random.choice(spoil)(json.dumps(self._message()).encode()).replace(b"\n", b" ") + b"\n"

    def _message(self) -> Json:
        kind = self._random.randrange(8)
        if kind < 4:
            params: Json = {"sessionId": self._session_id, "update": self._update()}
            return {"jsonrpc": "2.0", "method": "session/update", "params": params}
        request_id = self._random.choice((0, 1, 10**12, "a", None, -5))
        if kind < 6:
            method = self._random.choice(
                ("session/request_permission", "fs/read_text_file", "elicitation/create", "terminal/kill", "_vendor/x")
            )
            options = [{"optionId": "y", "name": "Yes", "kind": "allow_once"}]
            params = {"sessionId": "nobody", "toolCall": {"toolCallId": "c"}, "options": options, "path": "/etc/passwd"}
            return {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}
        if kind == 6:
            # Never an answer to the prompt, which is the third request.
            return {"jsonrpc": "2.0", "id": self._random.choice((1, 2, 99, "4", None)), "result": {"stopReason": "x"}}
        return {"jsonrpc": "2.0", "id": None, "error": {"code": -32700, "message": "Parse error", "data": ["line"]}}

    def _update(self) -> Json:
        kind = self._random.choice(
            (
                "agent_message_chunk", "agent_message_chunk", "agent_thought_chunk", "user_message_chunk", "tool_call",
                "tool_call_update", "plan", "available_commands_update", "current_mode_update", "config_option_update",
                "session_info_update", "usage_update", "notice", "compaction_update", "nonsense",
            )
        )  # fmt: skip
        return {
            "sessionUpdate": kind,
            "content": {"type": "text", "text": "x" * self._random.randrange(30)} if "chunk" in kind else [],
            "toolCallId": f"c-{self._random.randrange(5)}",
            "title": "A title",
            "entries": [{"content": "step"}],
            "availableCommands": [{"name": "n"}],
            "currentModeId": "m",
            "configOptions": [{"id": "o", "type": "select", "currentValue": "v", "options": []}],
            "used": 1,
            "size": 2,
        }

    def _as_it_is(self, line: bytes) -> bytes:
        return line

    def _cut(self, line: bytes) -> bytes:
        return line[: self._random.randrange(len(line))]

    def _swapped(self, line: bytes) -> bytes:
        at = self._random.randrange(len(line))
        return line[at:] + line[:at]

    def _with_noise(self, line: bytes) -> bytes:
        at = self._random.randrange(len(line))
        return line[:at] + self._random.randbytes(self._random.randrange(1, 6)) + line[at:]

    def _twice(self, line: bytes) -> bytes:
        return line + line

    def _retyped(self, line: bytes) -> bytes:
        message = json.loads(line)
        inner: Any = message
        while True:
            name = self._random.choice(list(inner))
            if isinstance(inner[name], dict) and inner[name] and self._random.random() < 0.7:
                inner = inner[name]
                continue
            # The prompt's own id would be a true answer to it.
            inner[name] = self._random.choice(TOKENS)
            return json.dumps(message).encode()


@pytest.mark.bulk
async def test_no_line_breaks_the_client() -> None:
    """Valid, cut, rotated, noisy, doubled or of a wrong type: the client reads or skips it, and the turn completes."""
    peer = MemoryAgent()
    agent = await Agent.start(peer, Client(elicitation=frozenset({"form"})))
    session = await agent.new_session(CWD)
    connection: Connection = agent.connection
    async with session.prompt(HELLO) as turn:
        prompt = await peer.expect("session/prompt")
        assert prompt["id"] == 3
        events = 0
        for line in Writer(session.session_id).lines():
            connection.feed(line)
            while turn._events:
                await anext(turn)
                events += 1
            assert connection.error is None
            assert not turn.ended
        peer.text(session.session_id, "still here")
        await quiet()
        assert await anext(turn) == Text("still here")
        peer.end_turn(prompt)
    assert turn.stop_reason == "end_turn"
    assert events > LINES / 10
    await agent.stop()
