"""The gateway: websockets at /gateway/, Discord's opcodes and close codes. Sessions and their events are in `sessions`.

Source: Discord's developer documentation, "Gateway" and "Opcodes and Status Codes".
"""

from __future__ import annotations

import asyncio
import json
import zlib
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from aiohttp import WSCloseCode, WSMsgType, web

from loopback import payloads
from loopback.clock import Clock
from loopback.entities import ALL_INTENTS, Bot, Json
from loopback.faults import CONNECT, Faults
from loopback.sessions import Session, Sessions
from loopback.world import World

HEARTBEAT: Final = 41.25
HEARTBEAT_GRACE: Final = 1.5
PAYLOAD_BYTES: Final = 4096
SENDS: Final = 120
SENDS_SECONDS: Final = 60.0
OUTBOX: Final = 20_000
CLOSE_SECONDS: Final = 1.0
MEMBERS_CHUNK: Final = 1000


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


# After these a client must identify anew.
_ENDS_SESSION: Final = frozenset({WSCloseCode.OK, WSCloseCode.GOING_AWAY, Close.SESSION_TIMED_OUT})


class _Closed(Exception):
    def __init__(self, code: int) -> None:
        self.code = code


@dataclass(frozen=True)
class _Farewell:
    code: int


class Connection:
    """One websocket: frames leave through one outbox, in order, compressed if the client asked for zlib-stream."""

    def __init__(self, socket: web.WebSocketResponse, *, compress: bool) -> None:
        self._socket = socket
        self._deflate = zlib.compressobj() if compress else None
        self._outbox: asyncio.Queue[str | _Farewell] = asyncio.Queue()
        self.session: Session | None = None
        self.received: deque[float] = deque(maxlen=SENDS)
        self.beats = 0
        self.frozen = False
        self.code: int | None = None
        self.ended = asyncio.Event()

    def send(self, frame: str) -> None:
        """Queue a frame; a client that lets OUTBOX frames pile up is disconnected."""
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
        """Queue op 7: the client is to reconnect and resume."""
        self.tell(Op.RECONNECT)

    def freeze(self) -> None:
        """Neither say nor hear anything more, and keep the connection open."""
        self.frozen = True

    def close(self, code: int) -> None:
        """Close after what is queued."""
        self.code = self.code or code
        self._outbox.put_nowait(_Farewell(code))

    async def receive(self) -> str:
        """The client's next frame; raises _Closed."""
        message = await self._socket.receive()
        match message.type:
            case WSMsgType.TEXT | WSMsgType.BINARY:
                if len(message.data) > PAYLOAD_BYTES:
                    raise _Closed(Close.DECODE_ERROR)
                return message.data if isinstance(message.data, str) else message.data.decode(errors="replace")
            case WSMsgType.CLOSE:
                raise _Closed(message.data or WSCloseCode.ABNORMAL_CLOSURE)
            case _:
                # Ours, or a lost connection: a client may answer our close with a 1000 that means nothing.
                raise _Closed(WSCloseCode.ABNORMAL_CLOSURE)

    async def write(self) -> None:
        """Send what is queued until a close is."""
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


class Gateway:
    """Serves gateway connections of one world's bots; `heartbeat` is the seconds between theirs."""

    def __init__(
        self, world: World, sessions: Sessions, clock: Clock, faults: Faults, heartbeat: float = HEARTBEAT
    ) -> None:
        self._world = world
        self._sessions = sessions
        self._clock = clock
        self._faults = faults
        self._heartbeat = heartbeat
        self._connections: set[Connection] = set()

    def attach(self, app: web.Application) -> None:
        """Add the gateway's address, and close its connections when the application ends."""
        app.router.add_get("/gateway/", self.serve)
        app.router.add_get("/gateway", self.serve)
        app.on_shutdown.append(self._shut)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One connection from HELLO to its end. Asked for another compression than zlib-stream, it sends plain text."""
        trouble = self._faults.strike_call(CONNECT, "/gateway/", None)
        if trouble is not None and trouble.status is not None:
            return web.Response(status=trouble.status)
        socket = web.WebSocketResponse(timeout=CLOSE_SECONDS, compress=False, max_msg_size=4 * PAYLOAD_BYTES)
        await socket.prepare(request)
        connection = Connection(socket, compress=request.query.get("compress") == "zlib-stream")
        self._connections.add(connection)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(connection.write(), name="loopback gateway writer")
                watch = tasks.create_task(self._watch(connection), name="loopback gateway heartbeats")
                code = await self._converse(connection, request.query.get("v", "10"))
                watch.cancel()
                connection.close(code)
        finally:
            self._connections.discard(connection)
            connection.ended.set()
        return socket

    async def _watch(self, connection: Connection) -> None:
        """Close a connection whose client stopped its heartbeats."""
        beats = -1
        while beats != connection.beats:
            beats = connection.beats
            await self._clock.sleep(self._heartbeat * HEARTBEAT_GRACE)
        connection.close(Close.SESSION_TIMED_OUT)

    async def _converse(self, connection: Connection, version: str) -> int:
        code: int = Close.UNKNOWN_ERROR
        try:
            if version not in ("9", "10"):
                return Close.INVALID_VERSION
            connection.tell(Op.HELLO, {"heartbeat_interval": int(self._heartbeat * 1000), "_trace": []})
            while True:
                self._take(connection, await connection.receive())
        except _Closed as closed:
            code = closed.code
            return code
        finally:
            if connection.session is not None:
                ended = (connection.code or code) in _ENDS_SESSION
                self._sessions.leave(connection.session, connection, ended=ended)

    async def _shut(self, _: web.Application) -> None:
        """Close every connection, as a server does that goes away; those that do not answer are left after a while."""
        open_ones = list(self._connections)
        for connection in open_ones:
            connection.close(WSCloseCode.GOING_AWAY)
        with suppress(TimeoutError):
            async with asyncio.timeout(2 * CLOSE_SECONDS):
                for connection in open_ones:
                    await connection.ended.wait()

    def _take(self, connection: Connection, text: str) -> None:
        if connection.frozen:
            return
        now = self._clock()
        if len(connection.received) == SENDS and now - connection.received[0] < SENDS_SECONDS:
            raise _Closed(Close.RATE_LIMITED)
        connection.received.append(now)
        try:
            frame = json.loads(text)
            op, data = frame["op"], frame.get("d")
        except (ValueError, KeyError, TypeError):
            raise _Closed(Close.DECODE_ERROR) from None
        match op:
            case Op.HEARTBEAT:
                connection.beats += 1
                connection.tell(Op.HEARTBEAT_ACK)
            case Op.IDENTIFY | Op.RESUME if not isinstance(data, dict):
                raise _Closed(Close.DECODE_ERROR)
            case Op.IDENTIFY | Op.RESUME if connection.session is not None:
                raise _Closed(Close.ALREADY_AUTHENTICATED)
            case Op.IDENTIFY:
                self._identify(connection, data)
            case Op.RESUME:
                self._resume(connection, data)
            case Op.PRESENCE | Op.VOICE | Op.REQUEST_MEMBERS if connection.session is None:
                raise _Closed(Close.NOT_AUTHENTICATED)
            case Op.REQUEST_MEMBERS:
                self._send_members(connection.session, data or {})
            case Op.PRESENCE | Op.VOICE:
                pass
            case _:
                raise _Closed(Close.UNKNOWN_OPCODE)

    def _bot(self, data: Json) -> Bot:
        token = str(data.get("token", "")).removeprefix("Bot ")
        bot = self._world.bots_by_token.get(token)
        if bot is None:
            raise _Closed(Close.AUTHENTICATION_FAILED)
        return bot

    def _identify(self, connection: Connection, data: Json) -> None:
        bot = self._bot(data)
        intents = data.get("intents")
        if not isinstance(intents, int) or intents & ~ALL_INTENTS:
            raise _Closed(Close.INVALID_INTENTS)
        if intents & ~bot.allowed_intents:
            raise _Closed(Close.DISALLOWED_INTENTS)
        shard = data.get("shard") or [0, 1]
        if not isinstance(shard, list) or len(shard) != 2 or not 0 <= shard[0] < shard[1]:
            raise _Closed(Close.INVALID_SHARD)
        connection.session = self._sessions.open(bot, intents, (shard[0], shard[1]), connection, self.url)

    def _resume(self, connection: Connection, data: Json) -> None:
        bot = self._bot(data)
        sequence = data.get("seq")
        session = None
        if isinstance(sequence, int):
            session = self._sessions.resume(bot, str(data.get("session_id")), sequence, connection)
        if session is None:
            connection.tell(Op.INVALID_SESSION, data=False)
        connection.session = session

    @property
    def url(self) -> str:
        """Where clients connect, and resume."""
        return self._world.cdn.replace("http", "ws", 1) + "/gateway/"

    def _send_members(self, session: Session | None, data: Json) -> None:
        guild = self._world.guilds.get(int(data.get("guild_id") or 0))
        if session is None or guild is None or session.bot.id not in guild.members:
            return
        wanted = data.get("user_ids")
        ids = (
            [int(one) for one in (wanted if isinstance(wanted, list) else [wanted])] if wanted else list(guild.members)
        )
        prefix = str(data.get("query") or "").lower()
        found = [guild.members[one] for one in ids if one in guild.members]
        found = [one for one in found if self._world.accounts[one.user_id].name.lower().startswith(prefix)]
        payload: Json = {
            "guild_id": str(guild.id),
            "members": [payloads.member(self._world, one) for one in found[:MEMBERS_CHUNK]],
            "chunk_index": 0,
            "chunk_count": 1,
            "not_found": [str(one) for one in ids if one not in guild.members],
        }
        if "nonce" in data:
            payload["nonce"] = data["nonce"]
        session.dispatch("GUILD_MEMBERS_CHUNK", payload)
