"""An agent: its process, its connection, and the sessions it holds."""

from collections import defaultdict
from pathlib import Path
from typing import Any, Protocol, Self

import structlog
from pydantic import ValidationError

from .connection import Connection, Wire
from .errors import AcpError, ProtocolError
from .jsonrpc import INVALID_PARAMS, Notification, Request
from .process import AgentProcess, Launch
from .schema import (
    PROTOCOL_VERSION,
    InitializeResponse,
    NewSessionResponse,
    RequestPermission,
    SessionResponse,
)
from .session import Session

__all__ = ["Agent"]

INITIALIZE_SECONDS = 60.0
"""Bound of initialize. The slowest agent measured takes 7 s cold; one that npx fetches first takes longer."""

NEW_SECONDS = 60.0
"""Bound of session/new. The slowest agent measured takes 2.5 s, and starts the MCP servers meanwhile."""

LOAD_SECONDS = 120.0
"""Bound of session/load and session/resume, which replay or read a whole conversation."""

EARLY_SESSIONS = 16
EARLY_UPDATES = 256
EARLY_BYTES = 1024 * 1024
"""Updates kept for sessions that were not named to us yet: some agents write them before they answer session/new.
The bytes are those of all such sessions together."""

CLIENT_INFO = {"name": "threadline", "title": "Threadline", "version": "0.1.0"}

log = structlog.stdlib.get_logger("acp")


class Body(Wire, Protocol):
    """What an agent lives in: a local process, or in tests two pipes in memory."""

    @property
    def pid(self) -> int:
        """The process id."""

    def attach(self, connection: Connection) -> None:
        """Give what the agent writes to `connection`, from the first byte on."""

    def describe(self, reason: str) -> AcpError:
        """Make the error that says how the agent stands."""

    async def stop(self) -> None:
        """End the agent and all that it started, within a bound."""

    def kill(self) -> None:
        """End the agent at once; `stop` still follows."""


class Agent:
    """A started and initialized agent. It may end by itself (`connection.error`); call `stop` all the same."""

    def __init__(self, process: Body) -> None:
        """Use `spawn`, or `start` with another body."""
        self._process = process
        self._sessions: dict[str, Session] = {}
        self._early: defaultdict[str, list[tuple[dict[str, Any], int]]] = defaultdict(list)
        self._early_bytes = 0
        self.connection = Connection(process, on_request=self._on_request, on_notification=self._on_notification)
        self.info = InitializeResponse(protocol_version=PROTOCOL_VERSION)
        process.attach(self.connection)

    @classmethod
    async def spawn(cls, launch: Launch, *, marker: str) -> Self:
        """Start the process and initialize it. Raises `AcpError`; then no process is left.

        `marker` is put into the environment and finds the agent's processes again: `<journal id>/<n>`.
        """
        return await cls.start(await AgentProcess.spawn(launch, marker))

    @classmethod
    async def start(cls, body: Body) -> Self:
        """Initialize the agent in `body`. Raises `AcpError`; then the body has been stopped."""
        agent = cls(body)
        try:
            await agent._initialize()
        except BaseException:
            await agent.stop()
            raise
        return agent

    def __repr__(self) -> str:
        """Read like a status line."""
        return f"<Agent {self._process!r} {self.connection!r}>"

    @property
    def name(self) -> str:
        """What the agent calls itself, with its version; empty where it does not say."""
        info = self.info.agent_info
        return f"{info.title or info.name} {info.version}".strip() if info else ""

    @property
    def pid(self) -> int:
        """The process id of the agent."""
        return self._process.pid

    @property
    def can_load(self) -> bool:
        """Whether a session survives this process."""
        return self.info.agent_capabilities.load_session

    async def _initialize(self) -> None:
        params = {
            "protocolVersion": PROTOCOL_VERSION,
            "clientCapabilities": {"fs": {"readTextFile": False, "writeTextFile": False}, "terminal": False},
            "clientInfo": CLIENT_INFO,
        }
        result = await self.connection.request("initialize", params, seconds=INITIALIZE_SECONDS)
        try:
            self.info = InitializeResponse.model_validate(result)
        except ValidationError as error:
            raise ProtocolError(f"initialize was answered by something else than version 1 allows: {error}") from None
        if self.info.protocol_version != PROTOCOL_VERSION:
            # Agents exist that echo another number while they speak version 1.
            log.warning("agent answers another protocol version", version=self.info.protocol_version)

    # ---- sessions

    async def new_session(self, cwd: Path) -> Session:
        """Open a session in the directory `cwd` (absolute). Raises `AcpError`."""
        params = {"cwd": str(cwd), "mcpServers": []}
        result = await self.connection.request("session/new", params, seconds=NEW_SECONDS)
        try:
            response = NewSessionResponse.model_validate(result)
        except ValidationError as error:
            raise ProtocolError(f"session/new was answered by something else than a session: {error}") from None
        session = Session(self.connection, response.session_id)
        session.opened(response)
        self._sessions[session.session_id] = session
        for update, size in self._take_early(session.session_id):
            session.update(update, size)
        return session

    async def load_session(self, session_id: str, cwd: Path) -> Session:
        """Open the session `session_id` again; its replayed history goes nowhere. Needs `can_load`. Raises `AcpError`.

        `RemoteError` means that the agent refuses: the session is gone. A time-out means nothing of that kind.
        """
        session = Session(self.connection, session_id)
        session.loading = True
        self._sessions[session_id] = session
        self._take_early(session_id)  # Left by a load that took too long: history too.
        params = {"sessionId": session_id, "cwd": str(cwd), "mcpServers": []}
        try:
            result = await self.connection.request("session/load", params, seconds=LOAD_SECONDS)
        except AcpError:
            del self._sessions[session_id]
            raise
        session.loading = False
        try:
            session.opened(SessionResponse.model_validate(result or {}))
        except ValidationError as error:
            log.warning("agent's answer to session/load is malformed", reason=str(error))
        return session

    # ---- what the agent says

    def _on_notification(self, notification: Notification) -> None:
        match notification:
            case Notification("session/update", {"sessionId": str(session_id), "update": dict(update)}, size):
                self._update(session_id, update, size)
            case Notification("$/cancel_request", {"requestId": int() | str() | None as request_id}):
                for session in self._sessions.values():
                    session.withdraw(request_id)
            case _:
                log.debug("agent sent a notification that is not for us", method=notification.method)

    def _update(self, session_id: str, update: dict[str, Any], size: int) -> None:
        session = self._sessions.get(session_id)
        if session is not None:
            session.update(update, size)
        elif session_id in self._early or len(self._early) < EARLY_SESSIONS:
            waiting = self._early[session_id]
            if len(waiting) < EARLY_UPDATES and self._early_bytes < EARLY_BYTES:
                waiting.append((update, size))
                self._early_bytes += size

    def _take_early(self, session_id: str) -> list[tuple[dict[str, Any], int]]:
        early = self._early.pop(session_id, [])
        self._early_bytes -= sum(size for _, size in early)
        return early

    def _on_request(self, request: Request) -> bool:
        if request.method != "session/request_permission":
            return False
        try:
            params = RequestPermission.model_validate(request.params)
        except ValidationError as error:
            self.connection.refuse(request.request_id, INVALID_PARAMS, f"Invalid params: {error}")
            return True
        session = self._sessions.get(params.session_id)
        if session is None:
            self.connection.refuse(request.request_id, INVALID_PARAMS, f"Unknown session: {params.session_id}")
        else:
            session.ask(request, params)
        return True

    # ---- the end

    async def stop(self) -> None:
        """End the agent and all that it started; bounded, see `AgentProcess.stop`."""
        await self._process.stop()
        self.connection.closed(self._process.describe("the agent was stopped"))

    def kill(self) -> None:
        """Send SIGKILL to the agent's group, now; `stop` must still follow."""
        self._process.kill()
