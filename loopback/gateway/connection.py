"""One gateway connection: Discord's opcodes and close codes, and one ordered outbox.

Source: Discord's developer documentation, "Gateway" and "Opcodes and Status Codes".
"""

from __future__ import annotations

import asyncio
import json
import zlib
from collections import deque
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from aiohttp import WSCloseCode, WSMsgType, web

from .sessions import GatewaySession

PAYLOAD_BYTES: Final = 4096
SENDS: Final = 120
OUTBOX: Final = 20_000


class Op(IntEnum):
    """Gateway opcodes."""

    DISPATCH = 0
    HEARTBEAT = 1
    IDENTIFY = 2
    PRESENCE = 3
    VOICE = 4
    RESUME = 6
    RECONNECT = 7
    REQUEST_MEMBERS = 8
    INVALID_SESSION = 9
    HELLO = 10
    HEARTBEAT_ACK = 11


class Close(IntEnum):
    """Gateway close codes."""

    UNKNOWN_ERROR = 4000
    UNKNOWN_OPCODE = 4001
    DECODE_ERROR = 4002
    NOT_AUTHENTICATED = 4003
    AUTHENTICATION_FAILED = 4004
    ALREADY_AUTHENTICATED = 4005
    RATE_LIMITED = 4008
    SESSION_TIMED_OUT = 4009
    INVALID_SHARD = 4010
    INVALID_VERSION = 4012
    INVALID_INTENTS = 4013
    DISALLOWED_INTENTS = 4014


class Closed(Exception):
    """The connection ends with this close code."""

    def __init__(self, code: int) -> None:
        self.code = code


@dataclass(frozen=True)
class _Farewell:
    code: int


class GatewayConnection:
    """One websocket. Its outbox sends frames in order, compressed if the client asked for zlib-stream."""

    def __init__(self, socket: web.WebSocketResponse, *, compress: bool) -> None:
        self._socket = socket
        self._deflate = zlib.compressobj() if compress else None
        self._outbox: asyncio.Queue[str | _Farewell] = asyncio.Queue()
        self.session: GatewaySession | None = None
        self.received: deque[float] = deque(maxlen=SENDS)
        self.beats = 0
        self.frozen = False
        self.code: int | None = None
        self.ended = asyncio.Event()

    def send(self, frame: str) -> None:
        """Queue a frame. With OUTBOX frames in the queue the client is disconnected."""
        if self.frozen:
            return
        if self._outbox.qsize() >= OUTBOX:
            self.close(Close.UNKNOWN_ERROR)
        else:
            self._outbox.put_nowait(frame)

    def tell(self, op: Op, data: Any = None) -> None:
        """Queue a frame other than an event."""
        self.send(json.dumps({"t": None, "s": None, "op": op, "d": data}))

    def ask_reconnect(self) -> None:
        """Queue op 7, which asks the client to reconnect and resume."""
        self.tell(Op.RECONNECT)

    def freeze(self) -> None:
        """Stop sending and receiving, but keep the connection open."""
        self.frozen = True

    def close(self, code: int) -> None:
        """Close the connection after the queued frames."""
        self.code = self.code or code
        self._outbox.put_nowait(_Farewell(code))

    async def receive(self) -> str:
        """Return the client's next frame. Raises `Closed`."""
        message = await self._socket.receive()
        match message.type:
            case WSMsgType.TEXT | WSMsgType.BINARY:
                if len(message.data) > PAYLOAD_BYTES:
                    raise Closed(Close.DECODE_ERROR)
                return message.data if isinstance(message.data, str) else message.data.decode(errors="replace")
            case WSMsgType.CLOSE:
                raise Closed(message.data or WSCloseCode.ABNORMAL_CLOSURE)
            case _:
                # Our close or a lost connection. A client may answer our close with a meaningless 1000.
                raise Closed(WSCloseCode.ABNORMAL_CLOSURE)

    async def write(self) -> None:
        """Send the queued frames until a close is queued."""
        while True:
            match await self._outbox.get():
                case _Farewell(code):
                    await self._socket.close(code=code)
                    return
                case str(frame):
                    try:
                        await self._write(frame)
                    except ConnectionError:
                        return

    async def _write(self, frame: str) -> None:
        if self._deflate is None:
            await self._socket.send_str(frame)
        else:
            packed = self._deflate.compress(frame.encode()) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
            await self._socket.send_bytes(packed)
