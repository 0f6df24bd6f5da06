"""One ACP session: its state as the agent reports it, its settings, and its prompts."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog
from pydantic import BaseModel

from acp.chunk_fast_path import Kind
from acp.client_side.methods import ClientMethods
from acp.connection import Connection
from acp.errors import Feature, ProtocolError, RemoteError, Unsupported
from acp.events import Event, MessageBegun, Subagent, Text, Thought
from acp.schema import (
    AudioBlock,
    AvailableCommand,
    AvailableCommandsUpdate,
    ConfigOption,
    ConfigOptionUpdate,
    CurrentModeUpdate,
    EmbeddedResource,
    ImageBlock,
    InitializeResponse,
    ModelState,
    ModeState,
    PromptCapabilities,
    ResourceLink,
    SessionInfoUpdate,
    SessionResponse,
    SubagentUpdate,
    TextBlock,
    UnknownUpdate,
    UsageUpdate,
    UserMessageChunk,
    parse_update,
)
from acp.schema.base import read
from acp.session_options import Option, SettingMethod, Value, options_of
from acp.steering import Steered, steer
from acp.subagents import Subagents
from acp.timeouts import SETTING_SECONDS
from acp.turn import Turn

ASKING_MODES = ("default", "ask")
"""Usual ids of the mode in which an agent asks before it acts, in order of preference."""

UNCLAIMED_MAX = 1000
UNCLAIMED_BYTES = 1024 * 1024
"""Most events, and bytes, kept between turns without a listener; more than real agents send."""

LONGEST_PIECE = 8 * 1024
"""Most characters of one text event. Showing so many takes 25 ms at worst."""

LONGEST_ID = 200
"""Most characters of a message's id; real ones have at most 50."""

MOST_OPTIONS = 100
"""Options of a session; each change of the mode looks at all of them. Real agents have some dozens."""

log = structlog.stdlib.get_logger("acp")


class Session:
    """A session of one agent. Updates between turns go to `on_late`, or wait for the next turn."""

    def __init__(
        self,
        connection: Connection,
        session_id: str,
        *,
        info: InitializeResponse,
        client_methods: ClientMethods,
        directories: tuple[Path, ...],
    ) -> None:
        """Created by `Agent` when the agent has named the session, or is about to load it."""
        self._connection = connection
        self.capabilities = info.agent_capabilities.prompt_capabilities
        self.can_steer = info.extensions.steering.supported
        """Whether `steer` is possible."""
        self._unclaimed: list[tuple[Event, int]] = []
        self._unclaimed_size = 0
        self._modes: ModeState | None = None
        self._models: ModelState | None = None
        self._reported_mode: str | None = None
        self._options: tuple[Option, ...] = ()
        self._message_id: str | None = None
        """The agent's message that the last text belongs to, if it says so."""
        self.session_id = session_id
        self.directories = directories
        """Its absolute directories, the working directory first."""
        self.agent_info = info.agent_info
        """How the agent introduced itself, if it did."""
        self.turn: Turn | None = None
        """The running turn, until all of its events were read."""
        self.client_methods = client_methods
        self.subagents = Subagents(session_id)
        self.loading = False
        """Whether updates are history: while a load or resume is pending, and for a fork until its first prompt."""
        self.on_late: Callable[[Event], None] | None = None
        self.mode: str | None = None
        self.config_options: tuple[ConfigOption, ...] = ()
        self.commands: tuple[AvailableCommand, ...] = ()
        self.usage: UsageUpdate | None = None
        self.title: str | None = None

    def __repr__(self) -> str:
        """Read like a status line."""
        return f"<Session {self.session_id} mode={self.mode} {self.turn or 'no turn'}>"

    def opened(self, response: SessionResponse) -> None:
        """Apply the answer to session/new, fork, load or resume."""
        self._models = response.models or self._models
        self._modes = response.modes or self._modes
        if response.modes is not None:
            self._take_mode(response.modes.current_mode_id)
        if response.config_options is not None:
            self._take_options(response.config_options)
        self._renew()

    def _take_options(self, options: Sequence[ConfigOption]) -> None:
        self.config_options = tuple(options[:MOST_OPTIONS])
        self._renew()
        if (option := self._mode_option) is not None:
            self.mode = str(option.current)

    def _take_mode(self, mode_id: str) -> None:
        """Apply the mode. An agent that also offers it as an option may report it in this way alone."""
        self.mode = mode_id
        if (option := self._mode_option) is None:
            return
        if option.way is SettingMethod.CONFIG:
            changed = {"current_value": mode_id}
            self.config_options = tuple(
                each.model_copy(update=changed) if each.id == option.option_id else each for each in self.config_options
            )
        # Only this option: an agent may offer thousands of choices, and change its mode hundreds of times in one read.
        now = replace(option, current=mode_id)
        self._options = tuple(now if each is option else each for each in self._options)

    def _renew(self) -> None:
        modes = self._modes and self._modes.model_copy(update={"current_mode_id": self.mode})
        self._options = options_of(self.config_options, modes, self._models)

    @property
    def options(self) -> tuple[Option, ...]:
        """All settings with their current values, from each of the ways in which agents offer them."""
        return self._options

    @property
    def _mode_option(self) -> Option | None:
        return next((each for each in self._options if each.category == "mode" and each.choices), None)

    @property
    def listed_modes(self) -> tuple[str, ...]:
        """The ids of the modes that can be set."""
        option = self._mode_option
        return () if option is None else tuple(choice.value for choice in option.choices)

    # ---- prompts

    @asynccontextmanager
    async def prompt(self, blocks: Sequence[BaseModel]) -> AsyncIterator[Turn]:
        """Take the connection's lock, send the prompt, and hold the lock until the turn has ended.

        Leaving the block early cancels the turn and waits for its end, so that the next prompt never overlaps it.
        Raises `AgentClosed` when the prompt could not be sent, and `Unsupported` for a block that the agent does not
        accept (see `fit`).
        """
        prompt = fit(blocks, self.capabilities)
        async with self._connection.lock:
            turn = Turn(self._connection, self.session_id)
            self.loading = False
            for event, size in self._unclaimed:
                turn.put(event, size)
            await turn.start(prompt)
            self._unclaimed.clear()
            self._unclaimed_size = 0
            self.turn = turn
            try:
                yield turn
            finally:
                await turn.settle()
                # Not earlier, so that updates behind the response stay behind the unread events.
                self.turn = None

    async def steer(self, blocks: Sequence[BaseModel]) -> Steered:
        """Send a message into the running turn, without the lock; the agent has `STEERING_SECONDS` to answer.

        The line is written before the first wait. A turn that the agent begins with the message is cancelled. Raises
        `Unsupported` without `can_steer`, and as `prompt` does.
        """
        if not self.can_steer:
            raise Unsupported(Feature.STEERING)
        outcome = await steer(self._connection, self.session_id, fit(blocks, self.capabilities))
        if outcome is Steered.STARTED_NEW_TURN:
            self._cancel_turns()
        return outcome

    def _cancel_turns(self) -> None:
        """Cancel a turn that no prompt of ours has begun, and the running one: the protocol cannot tell them apart."""
        if self.turn is None or self.turn.ended or self.turn.cancelled:
            self._connection.notify("session/cancel", {"sessionId": self.session_id})
        else:
            self.turn.cancel()

    # ---- settings

    async def set_option(self, option_id: str, value: Value) -> bool:
        """Set one of `options` and read it back where the agent reports it. Returns whether it has the value now.

        Raises `Unsupported` for a missing option, `RemoteError` when the agent refuses, `ProtocolError` when its answer
        lacks the options, `AgentClosed`, `RequestTimeout`.
        """
        option = next((each for each in self.options if each.option_id == option_id), None)
        if option is None or isinstance(value, bool) != isinstance(option.current, bool):
            raise Unsupported(Feature.OPTION, option_id, value)
        match option.way:
            case SettingMethod.CONFIG:
                typed = {"type": "boolean"} if isinstance(value, bool) else {}
                params = {"configId": option_id, "value": value, **typed}
                result = await self._request(option.way.value, params)
                self._take_options(read(ConfigOptionUpdate, option.way.value, result).config_options)
            case SettingMethod.MODE:
                await self._set_mode(str(value))
            case SettingMethod.MODEL:
                await self._request(option.way.value, {"modelId": value})
                self._models = self._models and self._models.model_copy(update={"current_model_id": value})
                self._renew()
        return any(each.option_id == option_id and each.current == value for each in self.options)

    async def _set_mode(self, mode_id: str) -> None:
        # The agent may report another mode before its answer; its own report counts.
        self._reported_mode = None
        await self._request(SettingMethod.MODE.value, {"modeId": mode_id})
        if self._reported_mode in (None, mode_id):
            self._take_mode(mode_id)

    async def set_mode(self, mode_id: str) -> bool:
        """Set the mode in the way that the agent offers it. Raises `AgentClosed`, `RequestTimeout`.

        Returns False when the agent has no modes, refuses, or then reports another one.
        """
        option = self._mode_option
        try:
            return option is not None and await self.set_option(option.option_id, mode_id)
        except (RemoteError, ProtocolError) as error:
            log.warning("the agent's mode could not be set", mode=mode_id, reason=str(error))
            return False

    async def ask_first(self, wanted: str) -> bool:
        """Set the mode in which the agent asks before it acts. Returns whether the session is in it.

        `wanted` is the mode's id; if empty, the first of `ASKING_MODES` that the agent lists.
        """
        listed = self.listed_modes
        mode_id = wanted or next((name for name in ASKING_MODES if name in listed), "")
        return mode_id in listed and await self.set_mode(mode_id)

    async def _request(self, method: str, params: dict[str, Any]) -> Any:
        params = {"sessionId": self.session_id, **params}
        return await self._connection.request(method, params, seconds=SETTING_SECONDS)

    # ---- what the agent says

    def text(self, kind: Kind, text: str) -> None:
        """Handle a text chunk from the fast path."""
        if not self.loading:
            self._take(Text(text) if kind == "agent_message_chunk" else Thought(text), len(text))

    def update(self, raw: dict[str, Any], size: int) -> None:
        """Handle the `update` member of a session/update, from a line of `size` bytes."""
        event = _read(raw)
        if isinstance(event, SubagentUpdate):
            self._tell(self.subagents.change(event), size)
            return
        self._apply(event)
        if raw.get("sessionUpdate") == "agent_message_chunk":
            self._begin_message(raw.get("messageId"))
        if not self.loading and not isinstance(event, UserMessageChunk | UnknownUpdate):
            self._take(event, size)

    def subagent_update(self, subagent: Subagent, raw: dict[str, Any], size: int) -> None:
        """Handle the `update` member of a session/update from a subagent's session."""
        event = self.subagents.event(subagent, raw)
        if event is subagent:
            self.subagent_works(subagent)
        else:
            self._tell(event, size)

    def subagent_works(self, subagent: Subagent) -> None:
        """Note that a subagent says something; what it says is not for people."""
        if not self.loading and self.turn is not None:
            self.turn.put_if_silent(subagent)

    def _tell(self, event: Event | None, size: int) -> None:
        if event is not None and not self.loading:
            self._put(event, size)

    def _begin_message(self, message_id: object) -> None:
        """Note a message's id: another one than before begins a new message (ACP, Prompt Turn).

        The fast path has no new ids, for it reads only chunks that are equal but for their text.
        """
        if not isinstance(message_id, str) or len(message_id) > LONGEST_ID:
            return
        if self.turn is not None and not self.loading:
            self.turn.message_id = message_id
        if message_id != self._message_id:
            if self._message_id is not None and not self.loading:
                self._put(MessageBegun(), 0)
            self._message_id = message_id

    def _take(self, event: Event, size: int) -> None:
        """Queue an event. Long text is split, so that its reader can serve others between two pieces."""
        if isinstance(event, Text | Thought) and len(event.text) > LONGEST_PIECE:
            for start in range(0, len(event.text), LONGEST_PIECE):
                piece = event.text[start : start + LONGEST_PIECE]
                self._put(type(event)(piece), len(piece))
        else:
            self._put(event, size)

    def _put(self, event: Event, size: int) -> None:
        if self.turn is not None and not self.turn.exhausted:
            self.turn.put(event, size)
        elif self.on_late is not None:
            self.on_late(event)
        elif len(self._unclaimed) < UNCLAIMED_MAX and self._unclaimed_size < UNCLAIMED_BYTES:
            self._unclaimed.append((event, size))
            self._unclaimed_size += size

    def _apply(self, event: Event) -> None:
        match event:
            case CurrentModeUpdate(current_mode_id=mode_id):
                self._reported_mode = mode_id
                self._take_mode(mode_id)
            case ConfigOptionUpdate(config_options=options):
                self._take_options(options)
            case AvailableCommandsUpdate(available_commands=commands):
                self.commands = tuple(commands)
            case SessionInfoUpdate(title=str(title)):
                self.title = title
            case UsageUpdate():
                self.usage = event


def _read(raw: dict[str, Any]) -> Event:
    """Parse an update. Of a text chunk, only the text is validated."""
    kind, content = raw.get("sessionUpdate"), raw.get("content")
    if isinstance(content, dict) and content.get("type") == "text":
        text = content.get("text")
        if isinstance(text, str):
            if kind == "agent_message_chunk":
                return Text(text)
            if kind == "agent_thought_chunk":
                return Thought(text)
    return parse_update(raw)


def fit(blocks: Sequence[BaseModel], capabilities: PromptCapabilities) -> list[dict[str, Any]]:
    """Encode the blocks of a prompt within the agent's capabilities.

    Every agent accepts text and links. For one without embedded resources, a resource becomes text, or for bytes a
    link. Raises `Unsupported` for an image or sound that the agent does not accept.
    """
    return [
        block.model_dump(mode="json", by_alias=True, exclude_none=True)
        for block in (_fit(block, capabilities) for block in blocks)
    ]


def _fit(block: BaseModel, capabilities: PromptCapabilities) -> BaseModel:
    match block:
        case ImageBlock() if not capabilities.image:
            raise Unsupported(Feature.IMAGE)
        case AudioBlock() if not capabilities.audio:
            raise Unsupported(Feature.AUDIO)
        case EmbeddedResource(resource=resource) if not capabilities.embedded_context:
            return _without_embedding(resource)
    return block


def _without_embedding(resource: dict[str, Any]) -> BaseModel:
    uri = str(resource.get("uri", ""))
    match resource:
        case {"text": str(text)}:
            return TextBlock(text=f"The contents of {uri}:\n\n{text}")
    name = uri.rpartition("/")[2] or uri
    return ResourceLink(name=name, uri=uri, mime_type=resource.get("mimeType"))
