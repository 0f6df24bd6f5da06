"""Serves the gateway at /gateway/: identify, resume, and the client's requests.

Source: Discord's developer documentation, "Gateway" and "Opcodes and Status Codes".
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Final

from aiohttp import WSCloseCode, web

from loopback.payloads import objects as payloads
from loopback.rest.rate_limits import Limits, Start
from loopback.state.clock import Clock
from loopback.state.entities import ALL_INTENTS, Bot, Json
from loopback.state.faults import CONNECT, Faults
from loopback.state.strict_rules import StrictRule
from loopback.state.world import World

from .connection import PAYLOAD_BYTES, SENDS, Close, Closed, GatewayConnection, Op
from .sessions import GatewaySession, GatewaySessions

HEARTBEAT: Final = 41.25
HEARTBEAT_GRACE: Final = 1.5
ACK_SECONDS: Final = 0.02
"""The delay of heartbeat answers, as over a network. discord.py notes a beat's time after sending it, so an earlier
answer counts as the answer to the beat before, a whole interval late."""
SENDS_SECONDS: Final = 60.0
CLOSE_SECONDS: Final = 1.0
MEMBERS_CHUNK: Final = 1000

# After these codes a client must identify again.
_ENDS_SESSION: Final = frozenset({WSCloseCode.OK, WSCloseCode.GOING_AWAY, Close.SESSION_TIMED_OUT})


class Gateway:
    """Serves the gateway connections of one world's bots. `heartbeat` is their interval in seconds."""

    def __init__(
        self,
        world: World,
        sessions: GatewaySessions,
        clock: Clock,
        faults: Faults,
        limits: Limits,
        heartbeat: float = HEARTBEAT,
    ) -> None:
        self._world = world
        self._sessions = sessions
        self._clock = clock
        self._faults = faults
        self._limits = limits
        self._heartbeat = heartbeat
        self._connections: set[GatewayConnection] = set()

    def attach(self, app: web.Application) -> None:
        """Add the gateway's address, and close its connections when the application ends."""
        app.router.add_get("/gateway/", self.serve)
        app.router.add_get("/gateway", self.serve)
        app.on_shutdown.append(self._shut)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Serve one connection from HELLO to its end. Other compressions than zlib-stream get plain text."""
        trouble = self._faults.strike_call(CONNECT, "/gateway/", None)
        if trouble is not None and trouble.status is not None:
            content, kind = trouble.payload
            return web.Response(status=trouble.status, body=content, headers=trouble.headers, content_type=kind)
        socket = web.WebSocketResponse(timeout=CLOSE_SECONDS, compress=False, max_msg_size=4 * PAYLOAD_BYTES)
        await socket.prepare(request)
        connection = GatewayConnection(socket, compress=request.query.get("compress") == "zlib-stream")
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

    async def _watch(self, connection: GatewayConnection) -> None:
        """Close the connection when its client stops its heartbeats."""
        beats = -1
        while beats != connection.beats:
            beats = connection.beats
            await self._clock.sleep(self._heartbeat * HEARTBEAT_GRACE)
        connection.close(Close.SESSION_TIMED_OUT)

    async def _converse(self, connection: GatewayConnection, version: str) -> int:
        code: int = Close.UNKNOWN_ERROR
        try:
            if version not in ("9", "10"):
                return Close.INVALID_VERSION
            connection.tell(Op.HELLO, {"heartbeat_interval": int(self._heartbeat * 1000), "_trace": []})
            while True:
                self._take(connection, await connection.receive())
        except Closed as closed:
            code = closed.code
            return code
        finally:
            if connection.session is not None:
                ended = (connection.code or code) in _ENDS_SESSION and StrictRule.CLEAN_CLOSES in self._world.rules
                self._sessions.leave(connection.session, connection, ended=ended)

    async def _shut(self, _: web.Application) -> None:
        """Close all connections with 1001, and wait for a bounded time until they are closed."""
        open_ones = list(self._connections)
        for connection in open_ones:
            connection.close(WSCloseCode.GOING_AWAY)
        with suppress(TimeoutError):
            async with asyncio.timeout(2 * CLOSE_SECONDS):
                for connection in open_ones:
                    await connection.ended.wait()

    def _take(self, connection: GatewayConnection, text: str) -> None:
        if connection.frozen:
            return
        now = self._clock()
        if len(connection.received) == SENDS and now - connection.received[0] < SENDS_SECONDS:
            raise Closed(Close.RATE_LIMITED)
        connection.received.append(now)
        try:
            frame = json.loads(text)
            op, data = frame["op"], frame.get("d")
        except (ValueError, KeyError, TypeError, RecursionError):
            raise Closed(Close.DECODE_ERROR) from None
        match op:
            case Op.HEARTBEAT:
                connection.beats += 1
                asyncio.get_running_loop().call_later(ACK_SECONDS, connection.tell, Op.HEARTBEAT_ACK)
            case Op.IDENTIFY | Op.RESUME if not isinstance(data, dict):
                raise Closed(Close.DECODE_ERROR)
            case Op.IDENTIFY | Op.RESUME if connection.session is not None:
                raise Closed(Close.ALREADY_AUTHENTICATED)
            case Op.IDENTIFY:
                self._identify(connection, data)
            case Op.RESUME:
                self._resume(connection, data)
            case Op.PRESENCE | Op.VOICE | Op.REQUEST_MEMBERS if connection.session is None:
                raise Closed(Close.NOT_AUTHENTICATED)
            case Op.REQUEST_MEMBERS if not isinstance(data, dict):
                raise Closed(Close.DECODE_ERROR)
            case Op.REQUEST_MEMBERS:
                self._send_members(connection.session, data)
            case Op.PRESENCE if not isinstance(data, dict):
                raise Closed(Close.DECODE_ERROR)
            case Op.PRESENCE if connection.session is not None:
                self._sessions.show_presence(connection.session.bot, data)
            case Op.VOICE:
                pass
            case _:
                raise Closed(Close.UNKNOWN_OPCODE)

    def _bot(self, data: Json) -> Bot:
        token = str(data.get("token", "")).removeprefix("Bot ")
        bot = self._world.bots_by_token.get(token)
        if bot is None:
            raise Closed(Close.AUTHENTICATION_FAILED)
        return bot

    def _identify(self, connection: GatewayConnection, data: Json) -> None:
        bot = self._bot(data)
        intents = data.get("intents")
        if not isinstance(intents, int) or intents & ~ALL_INTENTS:
            raise Closed(Close.INVALID_INTENTS)
        if intents & ~bot.allowed_intents:
            raise Closed(Close.DISALLOWED_INTENTS)
        shard = data.get("shard") or [0, 1]
        match shard:
            case [int(number), int(count)] if 0 <= number < count:
                self._start(connection, bot, intents, (number, count))
            case _:
                raise Closed(Close.INVALID_SHARD)

    def _start(self, connection: GatewayConnection, bot: Bot, intents: int, shard: tuple[int, int]) -> None:
        match self._limits.identify(bot.id):
            case Start.ALLOWED:
                connection.session = self._sessions.open(bot, intents, shard, connection)
            case Start.TOO_SOON:
                connection.tell(Op.INVALID_SESSION, data=False)
            case Start.TOO_MANY:
                self._world.reset_token(bot)
                self._sessions.end(bot, Close.AUTHENTICATION_FAILED)
                raise Closed(Close.AUTHENTICATION_FAILED)

    def _resume(self, connection: GatewayConnection, data: Json) -> None:
        bot = self._bot(data)
        sequence = data.get("seq")
        session = None
        if isinstance(sequence, int):
            session = self._sessions.resume(bot, str(data.get("session_id")), sequence, connection)
        if session is None:
            connection.tell(Op.INVALID_SESSION, data=False)
        connection.session = session

    def _send_members(self, session: GatewaySession | None, data: Json) -> None:
        wanted = data.get("user_ids") or []
        try:
            guild = self._world.guilds.get(int(data.get("guild_id") or 0))
            ids = [int(one) for one in (wanted if isinstance(wanted, list) else [wanted])]
        except (ValueError, TypeError):
            raise Closed(Close.DECODE_ERROR) from None
        if session is None or guild is None or session.bot.id not in guild.members:
            return
        ids = ids or list(guild.members)
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
