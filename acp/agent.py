"""An agent: its process, its connection, and its open sessions."""

import asyncio
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import structlog
from pydantic import ValidationError

from acp.agent_transport import AgentTransport
from acp.client_side.features import INFO, Client, LeftOut, supports
from acp.client_side.methods import ClientMethods
from acp.client_side.roots import Roots
from acp.defects import Invalid
from acp.dispatch import Dispatch
from acp.errors import (
    AuthRequired,
    CloseReason,
    Feature,
    ProtocolError,
    RemoteError,
    Unsupported,
)
from acp.events import OutOfTurnEvent
from acp.jsonrpc import Result
from acp.login_state import LoginState
from acp.pending import Reply
from acp.places.here import Here
from acp.places.place import Place
from acp.process.agent_process import Launch
from acp.schema import (
    PROTOCOL_VERSION,
    AuthMethod,
    InitializeResponse,
    ListSessionsResponse,
    NewSessionResponse,
    SessionInfo,
    SessionResponse,
)
from acp.schema.base import read, said_shortly
from acp.session import Session
from acp.timeouts import (
    AUTHENTICATE_SECONDS,
    CLOSE_SECONDS,
    FORK_SECONDS,
    INITIALIZE_SECONDS,
    LOAD_SECONDS,
    NEW_SECONDS,
    SESSIONS_SECONDS,
    SETTING_SECONDS,
)

LIST_PAGES = 100
LIST_SESSIONS = 10_000
"""Most pages and sessions read of an agent's list."""

NOTHING = Client()

THIS_MACHINE = Here()

log = structlog.stdlib.get_logger("acp")


class Agent:
    """A started and initialized agent. Call `stop` even after it has ended by itself (`connection.error`).

    All methods that send a request raise `RemoteError` (`AuthRequired` when a person must log in first),
    `AgentClosed`, `RequestTimeout` and `ProtocolError`. They raise `Unsupported`, and send nothing, where the agent
    does not announce the capability.
    """

    def __init__(self, process: AgentTransport, client: Client) -> None:
        """Use `spawn`, or `start` with another transport."""
        self._process = process
        self._client = client
        self._dispatch = Dispatch(process, client)
        self.out_of_turn = self._dispatch.out_of_turn
        """The open questions that the agent asked outside its turns, about a session or a request of ours."""
        self.connection = self._dispatch.connection
        self.info = InitializeResponse(protocol_version=PROTOCOL_VERSION)
        process.attach(self.connection)

    @classmethod
    async def spawn(
        cls,
        launch: Launch,
        *,
        marker: str,
        client: Client = NOTHING,
        place: Place = THIS_MACHINE,
        on_waiting: Callable[[str], None] = lambda _reason: None,
    ) -> Self:
        """Start the process at `place` and initialize it. Raises `AcpError`, and leaves no process then.

        `marker` (`<journal id>/<n>`) goes into the environment, by which the agent's processes are found again.
        `client` is what the agent may ask of us. `on_waiting`: see `Place.start`.
        """
        return await cls.start(await place.start(launch, marker, on_waiting), client)

    @classmethod
    async def start(cls, transport: AgentTransport, client: Client = NOTHING) -> Self:
        """Initialize the agent behind `transport`. Raises `AcpError`, and has stopped the transport then."""
        agent = cls(transport, client)
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
        """The agent's own name and version; empty where it gives none."""
        info = self.info.agent_info
        return f"{info.title or info.name} {info.version}".strip() if info else ""

    @property
    def pid(self) -> int:
        """The process id of the agent."""
        return self._process.pid

    @property
    def can_load(self) -> bool:
        """Whether a session survives this process, because it can be loaded or resumed."""
        return self.info.agent_capabilities.load_session or self._can("resume")

    @property
    def can_fork(self) -> bool:
        """Whether it can copy a session into a new one."""
        return self._can("fork")

    @property
    def reads_fork_points(self) -> bool:
        """Whether it forks after a message that is named to it. Agents do not announce that; see `Client`."""
        info = self.info.agent_info
        first = None if info is None else self._client.fork_points.get(info.name)
        return info is not None and first is not None and _version(info.version) >= first

    def listen_out_of_turn(self, on_out_of_turn: Callable[[OutOfTurnEvent], None]) -> None:
        """Pass what the agent asks outside its turns to `on_out_of_turn`; without it that is cancelled immediately.

        The call is synchronous, in the agent's order, and must not raise. Answer through `out_of_turn`.
        """
        self._dispatch.on_out_of_turn = on_out_of_turn

    def _can(self, method: str) -> bool:
        return supports(getattr(self.info.agent_capabilities.session_capabilities, method))

    async def _initialize(self) -> None:
        params = {
            "protocolVersion": PROTOCOL_VERSION,
            "clientCapabilities": self._client.capabilities(),
            "clientInfo": INFO,
        }
        result = await self.connection.request("initialize", params, seconds=INITIALIZE_SECONDS)
        self.info = read(InitializeResponse, "initialize", result)
        if self.info.protocol_version != PROTOCOL_VERSION:
            # Agents exist that echo another number while they speak version 1.
            log.warning("agent answers another protocol version", version=self.info.protocol_version)
        for each in self.left_out:
            log.warning("agent is not given everything", left_out=str(each))
        if supports(self.info.agent_capabilities.auth.status):
            # The start does not wait for the answer: what follows fails in its own words without a login.
            await self.connection.start("auth/status", {}, self._on_status)

    @property
    def left_out(self) -> list[LeftOut]:
        """The client's servers and directories that its sessions do not get."""
        return self._client.left_out(self.info.agent_capabilities)

    # ---- logins

    @property
    def auth_methods(self) -> tuple[AuthMethod, ...]:
        """The ways to log in that the agent offers."""
        return tuple(self.info.auth_methods)

    @property
    def login(self) -> LoginState:
        """Whether the agent is logged in, by its last word or by what a request of ours has shown."""
        return self._dispatch.login

    @property
    def tells_login(self) -> bool:
        """Whether the agent says itself, soon after its start, whether it is logged in."""
        offered = self.info.agent_capabilities
        return supports(offered.auth.status) or supports(offered.extensions.auth_status)

    @property
    def login_words(self) -> int:
        """How often the agent has said itself whether it is logged in."""
        return self._dispatch.login_words

    def listen_login(self, on_login: Callable[[], None]) -> None:
        """Call `on_login` at each change of `login`: synchronous, in the agent's order; it must not raise."""
        self._dispatch.on_login = on_login

    def note_login(self, login: LoginState) -> None:
        """Note what a request of ours has shown about the login."""
        self._dispatch.note_login(login)

    def _on_status(self, reply: Reply) -> None:
        if isinstance(reply, Result):
            self._dispatch.hear_login(reply.result)

    async def authenticate(self, method_id: str) -> None:
        """Have the agent log in by one of its `auth_methods`; a person may have to act (600 s at most).

        A method of type `terminal` must be run in a terminal instead (ACP, Authentication): `Unsupported`.
        """
        if not any(method.id == method_id and method.type != "terminal" for method in self.auth_methods):
            raise Unsupported(Feature.LOGIN_METHOD, method_id)
        await self.connection.request("authenticate", {"methodId": method_id}, seconds=AUTHENTICATE_SECONDS)

    async def logout(self) -> None:
        """Have the agent forget its login."""
        if not supports(self.info.agent_capabilities.auth.logout):
            raise Unsupported(Feature.LOGOUT)
        await self.connection.request("logout", {}, seconds=SESSIONS_SECONDS)

    # ---- sessions

    async def new_session(self, cwd: Path, also: Sequence[Path] = ()) -> Session:
        """Open a session in the directory `cwd` (absolute), with the client's servers and directories.

        `also` are directories of this session alone. The agent learns of them where it takes more than one; our own
        files and terminals serve them in any case.
        """
        directories = self._client.directories(cwd, self.info.agent_capabilities, also)
        # Before the request, so that the session exists for what the agent says right behind its answer.
        client_methods = await self._client_methods(served := _served(directories, also))
        result = await self.connection.request("session/new", self._setup(directories), seconds=NEW_SECONDS)
        response = read(NewSessionResponse, "session/new", result)
        session = self._add(response.session_id, served, client_methods)
        session.opened(response)
        for update, size in self._dispatch.early.take(session.session_id):
            session.update(update, size)
        return session

    async def load_session(self, session_id: str, cwd: Path, also: Sequence[Path] = ()) -> Session:
        """Open the session `session_id` again: resumed where the agent can, else loaded. Needs `can_load`.

        The replayed history is dropped. `RemoteError` means that the agent refuses, so the session is gone; a time-out
        does not mean that.
        """
        if not self.can_load:
            raise Unsupported(Feature.LOAD)
        directories = self._client.directories(cwd, self.info.agent_capabilities, also)
        served = _served(directories, also)
        session = self._add(session_id, served, await self._client_methods(served))
        session.loading = True
        self._dispatch.early.take(session_id)  # History too, left by a load that timed out.
        try:
            result = await self._load({"sessionId": session_id, **self._setup(directories)})
        except BaseException:
            self._dispatch.sessions.pop(session_id, None)
            raise
        session.loading = False
        try:
            session.opened(SessionResponse.model_validate(result or {}))
        except ValidationError as error:
            log.warning("agent's answer about an earlier session is malformed", reason=said_shortly(error))
        return session

    async def _load(self, params: dict[str, Any]) -> Any:
        loads = self.info.agent_capabilities.load_session
        if self._can("resume"):
            try:
                return await self.connection.request("session/resume", params, seconds=LOAD_SECONDS)
            except AuthRequired:
                raise
            except RemoteError as error:
                if not loads:
                    raise
                # An agent may resume only what it holds in memory, and still load what it has written down.
                log.info("agent does not resume a session; it is loaded", reason=str(error))
        return await self.connection.request("session/load", params, seconds=LOAD_SECONDS)

    async def fork_session(
        self, session_id: str, cwd: Path, also: Sequence[Path] = (), *, message_id: str = ""
    ) -> Session:
        """Copy the session `session_id` into a new one: whole, or up to the agent's message `message_id`.

        The source need not be open here. Needs `can_fork`. The fork point is an extension, which an agent that does not
        know it ignores. Whatever the agent says about the new session before its first prompt counts as history.
        """
        if not self.can_fork:
            raise Unsupported(Feature.FORK)
        directories = self._client.directories(cwd, self.info.agent_capabilities, also)
        client_methods = await self._client_methods(served := _served(directories, also))
        params = {"sessionId": session_id, **self._setup(directories)}
        if message_id:
            params["_meta"] = {"jetbrains": {"air": {"fork": {"version": 1, "messageId": message_id}}}}
        result = await self.connection.request("session/fork", params, seconds=FORK_SECONDS)
        response = read(NewSessionResponse, "session/fork", result)
        if response.session_id == session_id or response.session_id in self._dispatch.sessions:
            raise ProtocolError(Invalid("sessionId: the fork has the id of another session"), "session/fork")
        session = self._add(response.session_id, served, client_methods)
        session.loading = True
        session.opened(response)
        for update, size in self._dispatch.early.take(session.session_id):
            session.update(update, size)
        return session

    def _setup(self, directories: tuple[Path, ...]) -> dict[str, Any]:
        cwd, *others = map(str, directories)
        params: dict[str, Any] = {"cwd": cwd, "mcpServers": self._client.servers(self.info.agent_capabilities)}
        return params | {"additionalDirectories": others} if others else params

    async def _client_methods(self, directories: tuple[Path, ...]) -> ClientMethods:
        """Build the server of a session's requests. Raises `SpawnFailed` where a directory does not answer."""
        serves = self._client.file_system is not None or self._client.terminals is not None
        return ClientMethods(self._client, await Roots.find(directories) if serves else None)

    def _add(self, session_id: str, directories: tuple[Path, ...], client_methods: ClientMethods) -> Session:
        session = self._dispatch.sessions[session_id] = Session(
            self.connection, session_id, info=self.info, client_methods=client_methods, directories=directories
        )
        return session

    async def list_sessions(self, cwd: Path | None = None) -> list[SessionInfo]:
        """Return the agent's stored sessions, of one directory or all, in its order; 10,000 at most."""
        if not self._can("list"):
            raise Unsupported(Feature.LIST)
        params: dict[str, Any] = {} if cwd is None else {"cwd": str(cwd)}
        found: list[SessionInfo] = []
        cursors: set[str | None] = {None}
        for _ in range(LIST_PAGES):
            result = await self.connection.request("session/list", params, seconds=SESSIONS_SECONDS)
            page = read(ListSessionsResponse, "session/list", result or {})
            found += page.sessions
            if page.next_cursor in cursors or len(found) >= LIST_SESSIONS:
                break
            cursors.add(page.next_cursor)
            params["cursor"] = page.next_cursor
        return found[:LIST_SESSIONS]

    async def set_title(self, session: Session, title: str) -> None:
        """Name a session in the agent's list. It may store another title, which `Session.title` has then."""
        if not self._can("title"):
            raise Unsupported(Feature.TITLE)
        params = {"sessionId": session.session_id, "title": title}
        result = await self.connection.request("session/set_title", params, seconds=SETTING_SECONDS)
        match result:
            case {"title": str(stored)}:
                session.title = stored

    async def close_session(self, session: Session) -> None:
        """End a session's turn, terminals and requests, forget it here, and close it at an agent that can."""
        self._dispatch.sessions.pop(session.session_id, None)
        self._dispatch.early.refuse(session.session_id)
        if session.turn is not None:
            session.turn.cancel()
        await self._dispatch.request_tasks.end(session.session_id)
        await session.client_methods.close()
        if self._can("close"):
            params = {"sessionId": session.session_id}
            await self.connection.request("session/close", params, seconds=CLOSE_SECONDS)

    async def delete_session(self, session_id: str) -> None:
        """Have the agent delete a session from its store, where it stays otherwise, also after a close."""
        if not self._can("delete"):
            raise Unsupported(Feature.DELETE)
        await self.connection.request("session/delete", {"sessionId": session_id}, seconds=CLOSE_SECONDS)

    # ---- the end

    async def stop(self) -> None:
        """End the agent and all that it started, its terminals too; bounded, see `AgentProcess.stop`.

        Every part runs to its end; failures come out as an ExceptionGroup afterwards.
        """
        self._dispatch.end_out_of_turn()
        await self._dispatch.request_tasks.end()
        closing = {
            f"close terminals of {each}": session.client_methods.close()
            for each, session in self._dispatch.sessions.items()
        }
        works = {f"stop {self._process!r}": self._process.stop()} | closing
        tasks = [asyncio.create_task(work, name=name) for name, work in works.items()]
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        self.connection.closed(self._process.describe(CloseReason.STOPPED))
        if failures := [end for end in ends if isinstance(end, Exception)]:
            raise ExceptionGroup("the agent's end failed in part", failures)

    def kill(self) -> None:
        """Send SIGKILL to the agent's group immediately; `stop` must still follow."""
        self._process.kill()


def _version(text: str) -> tuple[int, ...]:
    """Return the numbers that a version begins with."""
    found = re.match(r"\d{1,9}(?:\.\d{1,9})*", text)
    return () if found is None else tuple(map(int, found[0].split(".")))


def _served(directories: tuple[Path, ...], also: Sequence[Path]) -> tuple[Path, ...]:
    return tuple(dict.fromkeys((*directories, *also)))
