"""An agent in memory: it speaks JSON lines as bytes, and does what the test tells it, step by step.

`await Agent.start(MemoryAgent(...))` needs no process. The agent answers the handshake (initialize, session/new,
session/load and the settings) by itself, except for the methods in `manual`. Messages to the agent appear in
`received` immediately. Its own messages arrive through the loop, one piece a callback, so that they really interleave.
It has no task of its own.
"""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import count
from typing import Any

from acp.connection import Connection
from acp.errors import AgentClosed, CloseReason

Json = dict[str, Any]

OPTIONS: tuple[Json, ...] = (
    {"optionId": "yes", "name": "Allow once", "kind": "allow_once"},
    {"optionId": "always", "name": "Always allow", "kind": "allow_always"},
    {"optionId": "no", "name": "Reject", "kind": "reject_once"},
)

# What asyncio lets a pipe's transport hold before it calls pause_writing().
WRITE_BUFFER = 64 * 1024

# Longer than any timer of the code under test; in real time pytest's own bound comes first.
NOT_COMING_SECONDS = 7 * 24 * 3600.0

_pids = count(1001)


class MemoryAgent:
    """Fulfils `acp.agent_transport.AgentTransport`. The arguments are its own parts of the answers, as ACP writes them.

    `history` maps a session's id to the updates that session/load replays. `manual` has the methods that the test
    answers by `reply` or `fail`. With `steerable` it advertises steering, and the test answers that too. With `stops`,
    `stop` waits for that event; with `unstoppable`, it raises that then.
    """

    def __init__(
        self,
        *,
        capabilities: Json | None = None,
        modes: Json | None = None,
        config_options: Sequence[Json] | None = None,
        models: Json | None = None,
        auth_methods: Sequence[Json] = (),
        history: Mapping[str, Sequence[Json]] | None = None,
        manual: Collection[str] = (),
        steerable: bool = False,
        session_prefix: str = "session",
        stops: asyncio.Event | None = None,
        unstoppable: Exception | None = None,
    ) -> None:
        self.pid = next(_pids)
        self.received: list[Json] = []
        """Every message that was written to the agent, oldest first."""
        self.exit_status: int | None = None
        self.lost_from = ""
        """The place to which the link is lost; empty while it holds."""
        self.stderr: tuple[str, ...] = ()
        self.stopped = False
        self.killed = False
        self.aborted = False
        """Whether the connection was cut from our side."""
        self.paused = False
        """Whether we stopped taking what the agent says."""
        self.capabilities: Json = {"loadSession": True} if capabilities is None else capabilities
        self.modes = modes
        self.config_options = config_options
        self.models = models
        self.auth_methods = list(auth_methods)
        self._history = history or {}
        self._manual = frozenset(manual)
        self._extensions: Json = {"_meta": {"steering": {"supported": True}}} if steerable else {}
        self._sessions = (f"{session_prefix}-{number}" for number in count(1))
        self._stops = stops
        self._unstoppable = unstoppable
        self._connection: Connection | None = None
        self._output: deque[bytes | None] = deque()  # None: the end of the stream.
        self._delivering = False
        self._input = bytearray()
        self._reads = True
        self._write_paused = False
        self._untaken: list[Json] = []
        self._waiting: list[tuple[Callable[[Json], bool], asyncio.Future[Json]]] = []
        self._own_ids = count()

    def __repr__(self) -> str:
        return f"<MemoryAgent {self.pid} {'running' if self.exit_status is None else f'ended with {self.exit_status}'}>"

    # ---- what the test sees

    async def expect(self, method: str) -> Json:
        """Wait for and return the next message of a method that no `expect` has returned yet."""
        return await self._take(lambda message: message.get("method") == method)

    async def answer_to(self, request_id: int | str | None) -> Json:
        """Wait for and return our answer, a result or an error, to the agent's request `request_id`."""
        return await self._take(lambda message: "method" not in message and message["id"] == request_id)

    async def _take(self, wanted: Callable[[Json], bool]) -> Json:
        for index, message in enumerate(self._untaken):
            if wanted(message):
                return self._untaken.pop(index)
        future: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        entry = (wanted, future)
        self._waiting.append(entry)
        try:
            async with asyncio.timeout(NOT_COMING_SECONDS):
                return await future
        finally:
            if entry in self._waiting:
                self._waiting.remove(entry)

    def methods(self) -> list[str]:
        """Return the methods of all messages received, in order, without our answers."""
        return [message["method"] for message in self.received if "method" in message]

    @property
    def waiting_output(self) -> int:
        """The bytes that the agent has written and we have not read."""
        return sum(len(piece) for piece in self._output if piece is not None)

    # ---- what the agent says

    def raw(self, *pieces: bytes) -> None:
        """Write bytes; each piece arrives separately."""
        self._output.extend(piece for piece in pieces if piece)
        self._deliver_soon()

    def say(self, message: Json) -> None:
        """Write a message as one line."""
        self.raw(json.dumps({"jsonrpc": "2.0", **message}, ensure_ascii=False).encode() + b"\n")

    def reply(self, request: Json, result: Any) -> None:
        """Answer one of our requests."""
        self.say({"id": request["id"], "result": result})

    def fail(self, request: Json, code: int, message: str, data: Any = None) -> None:
        """Refuse one of our requests."""
        self.say({"id": request["id"], "error": {"code": code, "message": message, "data": data}})

    def end_turn(self, request: Json, stop_reason: str = "end_turn") -> None:
        """Answer a session/prompt."""
        self.reply(request, {"stopReason": stop_reason})

    def notify(self, method: str, params: Any) -> None:
        """Send a notification."""
        self.say({"method": method, "params": params})

    def update(self, session_id: str, update: Json) -> None:
        """Send a session/update."""
        self.notify("session/update", {"sessionId": session_id, "update": update})

    def text(self, session_id: str, text: str) -> None:
        """Send a text chunk."""
        content = {"type": "text", "text": text}
        self.update(session_id, {"sessionUpdate": "agent_message_chunk", "content": content})

    def ask(
        self,
        session_id: str,
        tool_call: Json | None = None,
        options: Sequence[Json] = OPTIONS,
        request_id: int | str | None = -1,
    ) -> int | str | None:
        """Ask for permission and return the request's id: 0, 1, 2, ..., or the one given (None is an id too)."""
        if request_id == -1:
            request_id = next(self._own_ids)
        tool_call = tool_call or {"toolCallId": f"call-{request_id}", "title": "Run the tests", "kind": "execute"}
        params = {"sessionId": session_id, "toolCall": tool_call, "options": list(options)}
        self.say({"id": request_id, "method": "session/request_permission", "params": params})
        return request_id

    # ---- how the agent fares

    def die(self, status: int = 1, stderr: Sequence[str] = ()) -> None:
        """End immediately. Earlier output still arrives, then the end of the stream."""
        if self.exit_status is None:
            self.exit_status = status
            self.stderr = tuple(stderr)
            self._output.append(None)
            self._deliver_soon()

    def lose_link(self, place: str) -> None:
        """Cut the link to the place where it runs. Earlier output still arrives."""
        self.lost_from = place
        self._output.append(None)
        self._deliver_soon()

    def stop_reading(self) -> None:
        """Leave our messages in the agent's pipe."""
        self._reads = False

    def start_reading(self) -> None:
        """Read the messages in the pipe, and all later ones."""
        self._reads = True
        self._read()

    # ---- acp.agent_transport.AgentTransport

    def attach(self, connection: Connection) -> None:
        """See `AgentTransport`."""
        self._connection = connection
        self._deliver_soon()

    def write(self, data: bytes) -> bool:
        """See `Transport`."""
        if self.exit_status is not None or self.aborted or self.lost_from:
            return False
        self._input += data
        self._read()
        return True

    def pause_reading(self) -> None:
        """See `Transport`."""
        self.paused = True

    def resume_reading(self) -> None:
        """See `Transport`."""
        self.paused = False
        self._deliver_soon()

    def abort(self) -> None:
        """See `Transport`."""
        self.aborted = True
        self._output.clear()

    def describe(self, reason: CloseReason) -> AgentClosed:
        """See `AgentTransport`."""
        if reason is CloseReason.ENDED and self.lost_from:
            return AgentClosed(CloseReason.LINK_LOST, stderr=self.stderr, place=self.lost_from)
        return AgentClosed(reason, self.exit_status, self.stderr)

    async def stop(self) -> None:
        """See `AgentTransport`. A running agent ends with exit code 0."""
        if self._stops is not None:
            await self._stops.wait()
        self.stopped = True
        self.die(0)
        if self._unstoppable is not None:
            raise self._unstoppable

    def kill(self) -> None:
        """See `AgentTransport`."""
        self.killed = True
        self.die(-9)

    # ---- the pipes

    def _deliver_soon(self) -> None:
        if self._output and self._connection is not None and not self._delivering and not self.paused:
            self._delivering = True
            asyncio.get_running_loop().call_soon(self._deliver)

    def _deliver(self) -> None:
        self._delivering = False
        if self._connection is None or self.paused or not self._output:
            return
        piece = self._output.popleft()
        if piece is None:
            self._connection.closed(self.describe(CloseReason.ENDED))
        else:
            self._connection.feed(piece)
        self._deliver_soon()

    def _read(self) -> None:
        if self._reads:
            *lines, rest = self._input.split(b"\n")
            self._input = bytearray(rest)
            for line in lines:
                self._hear(json.loads(line))
        full = len(self._input) > WRITE_BUFFER
        if self._connection is not None and full != self._write_paused:
            self._write_paused = full
            (self._connection.pause_writing if full else self._connection.resume_writing)()

    def _hear(self, message: Json) -> None:
        self.received.append(message)
        for index, (wanted, future) in enumerate(self._waiting):
            if wanted(message):
                del self._waiting[index]
                future.set_result(message)
                break
        else:
            self._untaken.append(message)
        if "id" in message and message.get("method") not in self._manual:
            self._answer_by_itself(message)

    def _answer_by_itself(self, request: Json) -> None:
        params = request.get("params", {})
        match request.get("method"):
            case "initialize":
                info = {"name": "memory", "version": "1"}
                told = {"agentCapabilities": self.capabilities, "authMethods": self.auth_methods, "agentInfo": info}
                self.reply(request, {"protocolVersion": 1, **told, **self._extensions})
            case "session/new":
                self.reply(request, {"sessionId": next(self._sessions), **self._settings()})
            case "session/load" if self.capabilities.get("loadSession"):
                for update in self._history.get(params["sessionId"], ()):
                    self.update(params["sessionId"], update)
                self.reply(request, self._settings())
            case "session/load":
                self.fail(request, -32601, "Method not found")
            case "session/set_mode" if self.modes is not None:
                self.modes = {**self.modes, "currentModeId": params["modeId"]}
                self.reply(request, {})
            case "session/resume" if self._offers("resume"):
                self.reply(request, self._settings())
            case "session/list" if self._offers("list"):
                self.reply(request, {"sessions": [{"sessionId": name, "cwd": "/"} for name in self._history]})
            case "session/fork" if self._offers("fork"):
                self.reply(request, {"sessionId": next(self._sessions), **self._settings()})
            case "session/set_title" if self._offers("title"):
                self.reply(request, {"title": params["title"]})
            case "session/close" if self._offers("close"):
                self.reply(request, {})
            case "session/delete" if self._offers("delete"):
                self.reply(request, {})
            case "authenticate" | "logout":
                self.reply(request, {})
            case "session/set_model" if self.models is not None:
                self.models = {**self.models, "currentModelId": params["modelId"]}
                self.reply(request, {})
            case "session/set_config_option" if self.config_options is not None:
                self.config_options = [
                    {**option, "currentValue": params["value"]} if option["id"] == params["configId"] else option
                    for option in self.config_options
                ]
                self.reply(request, {"configOptions": self.config_options})

    def _offers(self, method: str) -> bool:
        return self.capabilities.get("sessionCapabilities", {}).get(method) is not None

    def _settings(self) -> Json:
        settings = {"modes": self.modes, "configOptions": self.config_options, "models": self.models}
        return {name: value for name, value in settings.items() if value is not None}
