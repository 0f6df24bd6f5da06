"""One connection to the gateway at a time, without the library, which resumes and identifies by itself."""

import asyncio
import json
from types import TracebackType
from typing import Any, Final, Self

import aiohttp
import discord

from bot.cli.texts import failures
from bot.gateway.identify_limit import IdentifyLimit

from .recording import LiveRecording
from .rest_wire import CallFailed

ANSWER_SECONDS: Final = 30.0
"""Bound on HELLO, READY, RESUMED and a refused RESUME."""

RECONNECT: Final = 4000
CLEAN: Final = 1000
"""Close codes: after the first a session can be resumed, after the second it is over."""

DISPATCH, HEARTBEAT, IDENTIFY, RESUME, INVALID_SESSION, HELLO = 0, 1, 2, 6, 9, 10
"""Opcodes (Discord, Gateway Opcodes)."""

Frame = dict[str, Any]


class GatewayWire:
    """The bot's session. Interactions come without any intent. An asynchronous context manager."""

    def __init__(
        self,
        http: discord.http.HTTPClient,
        session: aiohttp.ClientSession,
        limit: IdentifyLimit,
        recording: LiveRecording,
    ) -> None:
        self._http = http
        self._session = session
        self._limit = limit
        self._recording = recording
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._interval = self._next_beat = 0.0
        self._sequence: int | None = None
        self._session_id = ""
        self._resume_url = ""

    async def __aenter__(self) -> Self:
        """Stay unconnected until `connect`."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection, if there is one."""
        await self.close(CLEAN)

    @property
    def connected(self) -> bool:
        """Whether there is a connection."""
        return self._socket is not None

    async def connect(self, url: str = "") -> None:
        """Connect, by default to where the session can be resumed. Raises `CallFailed` without a HELLO."""
        address = f"{url or self._resume_url}?v=10&encoding=json"
        self._socket = await self._session.ws_connect(address, max_msg_size=0)
        hello = await self._expected(HELLO)
        self._interval = hello["d"]["heartbeat_interval"] / 1000
        self._next_beat = asyncio.get_running_loop().time() + self._interval

    async def close(self, code: int) -> None:
        """Close the connection with a code."""
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close(code=code)

    async def identify(self) -> str:
        """Begin a session, which is counted; return the name of the answer. Raises `TooManyIdentifies`."""
        await self._limit.acquire(self._http)
        self._sequence = None
        properties = {"os": "linux", "browser": "threadline", "device": "threadline"}
        await self._send(IDENTIFY, {"token": self._http.token, "intents": 0, "properties": properties})
        answer = await self._expected(DISPATCH, INVALID_SESSION)
        if answer["op"] == DISPATCH:
            self._session_id, self._resume_url = answer["d"]["session_id"], answer["d"]["resume_gateway_url"]
        return _name(answer)

    async def resume(self) -> str:
        """Resume the session; return the name of the answer."""
        seen = {"token": self._http.token, "session_id": self._session_id, "seq": self._sequence}
        await self._send(RESUME, seen)
        return _name(await self._expected(DISPATCH, INVALID_SESSION))

    async def interaction(self, seconds: float) -> Frame | None:
        """Return the next use of a button, a menu or a form; None after `seconds`."""
        deadline = asyncio.get_running_loop().time() + seconds
        while (frame := await self._next(deadline)) is not None:
            if frame["t"] == "INTERACTION_CREATE":
                self._recording.note_event(frame)
                data: Frame = frame["d"]
                return data
        return None

    async def _expected(self, *ops: int) -> Frame:
        deadline = asyncio.get_running_loop().time() + ANSWER_SECONDS
        while (frame := await self._next(deadline)) is not None:
            if frame["op"] in ops:
                self._recording.note_event(frame)
                return frame
        raise CallFailed(failures.silent_gateway(ANSWER_SECONDS))

    async def _next(self, deadline: float) -> Frame | None:
        """Return the next message, or None at the deadline, and send heartbeats in between."""
        loop = asyncio.get_running_loop()
        while (now := loop.time()) < deadline and self._socket is not None:
            if self._interval and now >= self._next_beat:
                await self._send(HEARTBEAT, self._sequence)
                self._next_beat = now + self._interval
            until = min(deadline, self._next_beat) if self._interval else deadline
            try:
                async with asyncio.timeout_at(until):
                    message = await self._socket.receive()
            except TimeoutError:
                continue
            if message.type is not aiohttp.WSMsgType.TEXT:
                raise CallFailed(failures.live_gateway_closed(self._socket.close_code))
            frame: Frame = json.loads(message.data)
            self._sequence = frame.get("s") or self._sequence
            if frame["op"] == HEARTBEAT:  # Discord asks for one at once.
                self._next_beat = 0.0
            return frame
        return None

    async def _send(self, op: int, data: Any) -> None:
        if self._socket is None:
            raise CallFailed(failures.CLOSED)
        await self._socket.send_json({"op": op, "d": data})


def _name(frame: Frame) -> str:
    return frame["t"] or "INVALID_SESSION"
