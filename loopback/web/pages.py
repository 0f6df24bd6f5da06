"""Serves the page: its files, and a websocket for each open tab.

The key in the page's address allows to act for every person of the world. Static files need no key.

A tab sends `{"n": 1, "act": "say", ...}` and gets `{"n": 1, "done": {...}}` or `{"n": 1, "wrong": "..."}`. Between
these come frames of changes, at most one in `socket.FRAME_SECONDS`, and once a second the bots' use of the limits.
"""

from __future__ import annotations

import json
import mimetypes
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

from aiohttp import WSCloseCode, web

from loopback.rest.call_log import CallLog
from loopback.rest.rate_limits import Limits
from loopback.state import world_events
from loopback.state.change_signal import ChangeSignal
from loopback.state.drafts import REQUEST_BYTES
from loopback.state.entities import Account, Json
from loopback.state.world import World
from loopback.web.page_key import PageKey
from loopback.web.tab import Tab
from loopback.web.usage import usage

from .actions import TabActions
from .names import chosen
from .sidebar import Online
from .socket import TabConnection

FOLDER: Final = Path(__file__).parent.parent / "page"
HEARTBEAT_SECONDS: Final = 30.0
WRONG_KEY: Final = 4001
"""The close code for a tab with another server's key."""
CLOSE_SECONDS: Final = 1.0
MESSAGE_BYTES: Final = REQUEST_BYTES * 4 // 3 + 65_536
"""The largest message of a tab: the files of one post in base64, and other fields."""

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


@cache
def _files() -> dict[str, tuple[str, bytes]]:
    """Return the files of the page, with their types, by name."""
    found = {}
    for path in FOLDER.iterdir():
        kind = "text/javascript" if path.suffix == ".js" else mimetypes.guess_type(path.name)[0]
        found[path.name] = (kind or "application/octet-stream", path.read_bytes())
    return found


class Pages:
    """Serves the page of one world. `online` tells whether a bot is connected."""

    def __init__(self, world: World, limits: Limits, record: CallLog, changes: ChangeSignal, online: Online) -> None:
        self._world = world
        self._limits = limits
        self._record = record
        self._changes = changes
        self._online = online
        self._connections: set[TabConnection] = set()
        self.key = PageKey()
        world.listeners.append(self._hear)

    def attach(self, app: web.Application) -> None:
        """Add the routes, and close the tabs' connections at the end."""
        app.router.add_get("/", self._index)
        app.router.add_get("/page/socket", self._socket)
        app.router.add_get("/page/{name}", self._file)
        app.on_shutdown.append(self._shut)

    async def _index(self, request: web.Request) -> web.Response:
        given = request.query.get("key", "")
        if self.key.take(given):
            return web.Response(status=303, headers={**HEADERS, "Location": f"/?key={self.key.text}"})
        if not self.key.opens(given):
            text = "This page opens by the address that the server printed at its start.\n"
            return web.Response(status=403, text=text, headers=HEADERS)
        return _served("index.html")

    async def _file(self, request: web.Request) -> web.Response:
        return _served(request.match_info["name"])

    def _hear(self, event: world_events.Event) -> None:
        for connection in self._connections:
            connection.hear(event)

    async def _shut(self, _: web.Application) -> None:
        for connection in list(self._connections):
            with suppress(ConnectionError):
                await connection.socket.close(code=WSCloseCode.GOING_AWAY)

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(
            timeout=CLOSE_SECONDS, heartbeat=HEARTBEAT_SECONDS, compress=False, max_msg_size=MESSAGE_BYTES
        )
        await socket.prepare(request)
        if not self.key.opens(request.query.get("key", "")):
            await socket.close(code=WRONG_KEY)
            return socket
        person = chosen(self._world, request.query.get("person", ""))
        if person is None:
            await socket.send_str(json.dumps({"overview": None}))
            await socket.close()
            return socket
        connection = self._connect(socket, person, _seconds(request.query.get("since", "")))
        self._connections.add(connection)
        try:
            await connection.serve()
        finally:
            self._connections.discard(connection)
        return socket

    def _connect(self, socket: web.WebSocketResponse, person: Account, since: float | None) -> TabConnection:
        tab = Tab(self._world, person, self._online, since)
        return TabConnection(socket, tab, TabActions(self._world, self._changes, tab), self._usage)

    def _usage(self) -> Json:
        bots = {str(bot.id): self._online(bot) for bot in self._world.bots_by_application.values()}
        return {**usage(self._world, self._record, self._limits), "online": bots}


def _seconds(text: str) -> float | None:
    """Return a time of the world as a tab gives it back; None for anything else."""
    with suppress(ValueError):
        return float(text)
    return None


def _served(name: str) -> web.Response:
    if name not in _files():
        return web.Response(status=404, text="There is no such file.\n", headers=HEADERS)
    kind, content = _files()[name]
    charset = "utf-8" if kind.startswith("text/") else None
    return web.Response(body=content, content_type=kind, charset=charset, headers=HEADERS)
