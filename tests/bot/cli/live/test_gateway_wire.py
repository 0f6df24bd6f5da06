"""The live check's connection to the gateway, against a gateway that does only what a test says."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import discord
import pytest
from aiohttp import web

from bot.cli.live.gateway_wire import DISPATCH, HEARTBEAT, HELLO, GatewayWire
from bot.cli.live.recording import LiveRecording
from bot.cli.live.rest_wire import CallFailed
from bot.gateway.identify_limit import IdentifyLimit
from pool.journal.journal import Journal

GENEROUS = 60.0
SHORT, LONG = 0.01, 1000.0
"""Intervals of heartbeats in seconds."""

PRESS = {"op": DISPATCH, "t": "INTERACTION_CREATE", "s": 7, "d": {"id": "1"}}


@asynccontextmanager
async def connected(
    folder: Path, interval: float, act: Callable[[web.WebSocketResponse], Awaitable[Any]]
) -> AsyncIterator[GatewayWire]:
    """Provide a connection to a gateway that says HELLO and then acts."""

    async def serve(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"op": HELLO, "t": None, "d": {"heartbeat_interval": interval * 1000}})
        await act(socket)
        await socket.receive()
        return socket

    app = web.Application()
    app.router.add_get("/", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        http = discord.http.HTTPClient(asyncio.get_running_loop())
        with Journal.open(folder / "journal.db") as journal:
            async with (
                aiohttp.ClientSession() as session,
                GatewayWire(http, session, IdentifyLimit(journal), LiveRecording()) as wire,
            ):
                await wire.connect(f"ws://127.0.0.1:{runner.addresses[0][1]}/")
                yield wire
    finally:
        await runner.cleanup()


async def test_it_beats_while_it_waits_for_a_person(tmp_path: Path) -> None:
    """A person may take minutes; the gateway closes a connection that is silent for one."""

    async def press_after_three_beats(socket: web.WebSocketResponse) -> None:
        for _ in range(3):
            assert (await socket.receive_json())["op"] == HEARTBEAT
        await socket.send_json(PRESS)

    async with connected(tmp_path, SHORT, press_after_three_beats) as wire:
        assert await wire.interaction(GENEROUS) == {"id": "1"}


async def test_it_beats_when_the_gateway_asks_for_it(tmp_path: Path) -> None:
    """The answer has the number of the last event."""

    async def ask(socket: web.WebSocketResponse) -> None:
        await socket.send_json({"op": DISPATCH, "t": "OTHER", "s": 6, "d": {}})
        await socket.send_json({"op": HEARTBEAT, "t": None, "d": None})
        assert await socket.receive_json() == {"op": HEARTBEAT, "d": 6}
        await socket.send_json(PRESS)

    async with connected(tmp_path, LONG, ask) as wire:
        assert await wire.interaction(GENEROUS) == {"id": "1"}


async def test_a_connection_that_discord_closes_is_told_with_its_code(tmp_path: Path) -> None:
    """The step ends; the others still run."""

    async def close(socket: web.WebSocketResponse) -> None:
        await socket.close(code=4004)

    async with connected(tmp_path, LONG, close) as wire:
        with pytest.raises(CallFailed, match="Discord's gateway closed the connection with code 4004"):
            await wire.interaction(GENEROUS)
