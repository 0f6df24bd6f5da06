"""The connection of one tab: its actions, frames of changes, and the bots' use of the limits."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, Final

from aiohttp import WSMsgType, web

from loopback.state import world_events
from loopback.state.entities import Json
from loopback.state.errors import DiscordError
from loopback.web.tab import Tab

from .actions import ActionFields, TabActions

FRAME_SECONDS: Final = 0.04
"""The shortest time between two frames of changes."""

PULSE_SECONDS: Final = 1.0
"""The time between two checks of the bots' use of the limits."""

ACTS_RESET_AT_CLOSE: Final = 32
"""Actions of one tab that may wait for a bot at the same time."""


class TabConnection:
    """Serves one tab over its websocket. `usage` returns the bots' use of the limits."""

    def __init__(self, socket: web.WebSocketResponse, tab: Tab, acts: TabActions, usage: Callable[[], Json]) -> None:
        self.socket = socket
        self._tab = tab
        self._acts = acts
        self._usage = usage
        self._stale = asyncio.Event()
        self._waiting: set[asyncio.Task[None]] = set()

    def hear(self, event: world_events.Event) -> None:
        """Note an event of the world for the next frame."""
        self._tab.hear(event)
        if self._tab.stale:
            self._stale.set()

    async def serve(self) -> None:
        """Serve until the tab or the server closes the connection."""
        self._stale.set()
        async with asyncio.TaskGroup() as tasks:
            ours = [
                tasks.create_task(self._tell_changes(), name="loopback page frames"),
                tasks.create_task(self._tell_usage(), name="loopback page pulse"),
            ]
            try:
                async for message in self.socket:
                    if message.type is WSMsgType.TEXT:
                        self._begin(message.data, tasks)
            finally:
                for task in (*ours, *self._waiting):
                    task.cancel()

    async def _send(self, frame: Json) -> None:
        try:
            await self.socket.send_str(json.dumps(frame, separators=(",", ":")))
        except ConnectionError:  # the reader gets the same error, and ends the connection
            return

    async def _tell_changes(self) -> None:
        while True:
            await self._stale.wait()
            self._stale.clear()
            if frame := self._tab.frame():
                await self._send(frame)
            await asyncio.sleep(FRAME_SECONDS)

    async def _tell_usage(self) -> None:
        told: Json = {}
        while True:
            now = self._usage()
            if now["online"] != told.get("online"):
                self._tab.refresh()
                self._stale.set()
            if now != told:
                await self._send({"usage": now})
                told = now
            await asyncio.sleep(PULSE_SECONDS)

    def _begin(self, text: str, tasks: asyncio.TaskGroup) -> None:
        """Start an action. Actions that do not wait for a bot take effect in the order of their arrival."""
        task = tasks.create_task(self._perform(text), name="loopback page act")
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    async def _perform(self, text: str) -> None:
        number: Any = None
        try:
            fields = json.loads(text)
            asked = ActionFields(fields)
            number = fields.get("n")
            if len(self._waiting) > ACTS_RESET_AT_CLOSE:
                raise ValueError("too much at once")  # noqa: TRY301 -- answered like all wrong requests
            done = await self._acts.perform(asked.text("act"), asked)
        except DiscordError as error:
            await self._send({"n": number, "wrong": _words(error)})
        except ValueError as error:
            await self._send({"n": number, "wrong": str(error)})
        else:
            await self._send({"n": number, "done": done})


def _words(error: DiscordError) -> str:
    """Return Discord's message, with the first problem of a form."""
    node: Any = error.errors
    while isinstance(node, dict) and "_errors" not in node and node:
        node = next(iter(node.values()))
    detail = node["_errors"][0]["message"] if isinstance(node, dict) and node else ""
    return f"{error.reason.value[2]}: {detail}" if detail else str(error.reason.value[2])
