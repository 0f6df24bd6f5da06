"""One ACP session: what the agent has told about it, and its prompts."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import structlog
from pydantic import BaseModel

from .connection import Connection
from .errors import RemoteError
from .jsonrpc import Request
from .schema import (
    AvailableCommand,
    AvailableCommandsUpdate,
    ConfigOption,
    ConfigOptionUpdate,
    CurrentModeUpdate,
    RequestPermission,
    SessionInfoUpdate,
    SessionResponse,
    UnknownUpdate,
    UsageUpdate,
    UserMessageChunk,
    parse_update,
)
from .turn import Event, Question, Text, Thought, Turn, outcome

__all__ = ["ASKING_MODES", "Session"]

SETTING_SECONDS = 30.0
"""Bound of session/set_mode and session/set_config_option."""

ASKING_MODES = ("default", "ask")
"""Names that agents give to the mode in which they ask before they act, in the order they are looked for."""

UNCLAIMED_MAX = 1000
UNCLAIMED_BYTES = 1024 * 1024
"""Events kept while nobody takes them, and the bytes after which no more are; more than real agents send."""

log = structlog.stdlib.get_logger("acp")


class Session:
    """A session of one agent. Updates that come while no turn runs go to `on_late`, or wait for the next turn."""

    def __init__(self, connection: Connection, session_id: str) -> None:
        """Created by `Agent` when the agent has named the session, or is about to load it."""
        self._connection = connection
        self._turn: Turn | None = None
        self._unclaimed: list[tuple[Event, int]] = []
        self._unclaimed_size = 0
        self._told_mode: str | None = None
        self.session_id = session_id
        self.loading = False
        """Whether a session/load is pending: the conversation's content that arrives meanwhile is history."""
        self.on_late: Callable[[Event], None] | None = None
        self.mode: str | None = None
        self.modes: tuple[str, ...] = ()
        self.config_options: tuple[ConfigOption, ...] = ()
        self.commands: tuple[AvailableCommand, ...] = ()
        self.usage: UsageUpdate | None = None
        self.title: str | None = None

    def __repr__(self) -> str:
        """Read like a status line."""
        return f"<Session {self.session_id} mode={self.mode} {self._turn or 'no turn'}>"

    def opened(self, response: SessionResponse) -> None:
        """Take over what the answer to session/new, load or resume says."""
        if response.modes is not None:
            self.modes = tuple(mode.id for mode in response.modes.available_modes)
            self.mode = response.modes.current_mode_id
        if response.config_options is not None:
            self._take_options(response.config_options)

    def _take_options(self, options: Sequence[ConfigOption]) -> None:
        self.config_options = tuple(options)
        option = self.mode_option
        if option is not None:
            self.mode = str(option.current_value)

    @property
    def mode_option(self) -> ConfigOption | None:
        """The select that chooses the mode, where the agent has one; it then replaces `modes` (ACP, Config Options)."""
        for option in self.config_options:
            if option.type == "select" and "mode" in (option.category, option.id):
                return option
        return None

    @property
    def listed_modes(self) -> tuple[str, ...]:
        """The ids of the modes that can be set."""
        option = self.mode_option
        return self.modes if option is None else tuple(option.values())

    # ---- prompts

    @asynccontextmanager
    async def prompt(self, blocks: Sequence[BaseModel]) -> AsyncIterator[Turn]:
        """Take the connection's lock, send the prompt, and hold the lock until the turn has ended.

        Leaving the block early cancels the turn and waits for its end, so that the next prompt never overlaps it.
        Raises `AgentClosed` with `handed=False` when the prompt could not be sent.
        """
        async with self._connection.lock:
            turn = Turn(self._connection, self.session_id)
            for event, size in self._unclaimed:
                turn.put(event, size)
            prompt = [block.model_dump(mode="json", by_alias=True, exclude_none=True) for block in blocks]
            turn.start(prompt)
            self._unclaimed.clear()
            self._unclaimed_size = 0
            self._turn = turn
            try:
                yield turn
            finally:
                await turn.settle()
                # Only now: what comes behind the response stays in order behind what was not yet read.
                self._turn = None

    # ---- settings

    async def set_mode(self, mode_id: str) -> bool:
        """Set the mode, by config option where there is one, and read it back where the agent tells.

        False when the agent refuses, or says afterwards that it is in another mode. Raises `AgentClosed`,
        `RequestTimeout`.
        """
        self._told_mode = None
        option = self.mode_option
        try:
            if option is None:
                await self._request("session/set_mode", {"modeId": mode_id})
                if self._told_mode in (None, mode_id):
                    self.mode = mode_id
            else:
                params = {"configId": option.id, "value": mode_id}
                result = await self._request("session/set_config_option", params)
                self._take_options(ConfigOptionUpdate.model_validate(result).config_options)
        except (RemoteError, ValueError) as error:
            log.warning("the agent's mode could not be set", mode=mode_id, reason=str(error))
            return False
        return self.mode == mode_id

    async def ask_first(self, wanted: str) -> bool:
        """Put the session into the mode in which the agent asks before it acts. Returns whether it is in it.

        `wanted` is the mode's id; where it is empty, the first of `ASKING_MODES` that the agent lists is taken.
        """
        listed = self.listed_modes
        mode_id = wanted or next((name for name in ASKING_MODES if name in listed), "")
        return mode_id in listed and await self.set_mode(mode_id)

    async def _request(self, method: str, params: dict[str, Any]) -> Any:
        params = {"sessionId": self.session_id, **params}
        return await self._connection.request(method, params, seconds=SETTING_SECONDS)

    # ---- what the agent says

    def update(self, raw: dict[str, Any], size: int) -> None:
        """Take the `update` member of a session/update of this session, read from a line of `size` bytes."""
        event = _read(raw)
        self._apply(event)
        if self.loading or isinstance(event, UserMessageChunk | UnknownUpdate):
            return
        if self._turn is not None and not self._turn.exhausted:
            self._turn.put(event, size)
        elif self.on_late is not None:
            self.on_late(event)
        elif len(self._unclaimed) < UNCLAIMED_MAX and self._unclaimed_size < UNCLAIMED_BYTES:
            self._unclaimed.append((event, size))
            self._unclaimed_size += size

    def _apply(self, event: Event) -> None:
        match event:
            case CurrentModeUpdate(current_mode_id=mode_id):
                self.mode = self._told_mode = mode_id
            case ConfigOptionUpdate(config_options=options):
                self._take_options(options)
            case AvailableCommandsUpdate(available_commands=commands):
                self.commands = tuple(commands)
            case SessionInfoUpdate(title=str(title)):
                self.title = title
            case UsageUpdate():
                self.usage = event

    def ask(self, request: Request, params: RequestPermission) -> None:
        """Take a permission request. With no turn in flight nobody can answer it: it is cancelled at once."""
        if self._turn is None:
            log.warning("agent asked for permission outside a turn", tool_call_id=params.tool_call.tool_call_id)
            self._connection.answer(request.request_id, {"outcome": outcome(None)})
        else:
            self._turn.ask(Question(request.request_id, params.tool_call, tuple(params.options)))

    def withdraw(self, request_id: int | str | None) -> None:
        """Take a $/cancel_request."""
        if self._turn is not None:
            self._turn.withdraw(request_id)


def _read(raw: dict[str, Any]) -> Event:
    """Read an update. Text, which is nearly all of the traffic, is taken without validating the rest of its message."""
    match raw:
        case {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": str(text)}}:
            return Text(text)
        case {"sessionUpdate": "agent_thought_chunk", "content": {"type": "text", "text": str(text)}}:
            return Thought(text)
    return parse_update(raw)
