"""The supervisor: runs one Discord client after another, as each may die at any time.

What ends a client: a gateway that refuses the connection, a payload that the library cannot read, an HTTP session that
is gone. The library's own reconnecting is not used beyond its first try, which resumes: its waits grow to 17 minutes,
and of some deaths it does not know.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress

import structlog

from bot.config.schema import DiscordConfig
from bot.operations.start_failure import StartFailed
from bot.operations.systemd import notify
from bot.rest.api import DiscordApi
from bot.rest.circuit_breaker import PROBE_SECONDS

from .client import ThreadlineClient
from .connection import (
    CLOSE_SECONDS,
    LoginRefused,
    close_client,
    configure_library,
    describe_error,
    end_client,
    fatal_reason,
)
from .identify_limit import TooManyIdentifies

__all__ = ["ReconnectDelay", "SupervisedClient"]

FIRST_SECONDS = 1.0
LONGEST_SECONDS = 60.0
"""Wait before a new client is built, doubling."""

TRY_SECONDS = 90.0
"""What systemd, which waits for a start, grants one try to connect; without a word its own bound is as long."""

MOST_CLIENTS = 2
"""Clients that are held: the one that lives and the one before it."""

log = structlog.stdlib.get_logger("bot")


class ReconnectDelay:
    """How long to wait before the next client."""

    def __init__(self) -> None:
        """Begin with the shortest."""
        self._next = FIRST_SECONDS

    def after(self, *, lasted: float, identified: bool) -> float:
        """Return the wait after a client that lived for `lasted` seconds, and had or had not reached the gateway.

        One that has not is as good as a probe of whether Discord is there.
        """
        if lasted > LONGEST_SECONDS:
            self._next = FIRST_SECONDS
        wait, self._next = self._next, min(self._next * 2, LONGEST_SECONDS)
        return wait if identified else min(wait, PROBE_SECONDS)


class SupervisedClient:
    """Keeps a client alive while `run` runs, and gives it to `api`."""

    def __init__(
        self, config: DiscordConfig, *, api: DiscordApi, build: Callable[[], ThreadlineClient], has_connected: bool
    ) -> None:
        """`build` makes a client that was not started yet. A bot that `has_connected` by Discord waits for its return.

        The start of any other fails where Discord cannot be reached: its address or its network may be wrong.
        """
        self._config = config
        self._api = api
        self._build = build
        self._has_connected = has_connected
        self._woken = asyncio.Event()
        self._open: deque[ThreadlineClient] = deque()
        """Clients by which calls can still be made, or have been begun."""
        self._events: set[asyncio.Task[None]] = set()
        self.client: ThreadlineClient | None = None
        """The one that lives now, or the last."""

    @property
    def connected(self) -> bool:
        """Whether the gateway is there, and has said what there is."""
        client = self.client
        return client is not None and client.is_ready() and client.ws is not None and client.ws.open

    def wake(self) -> None:
        """Learn that Discord answers again: the next client need not wait for longer."""
        self._woken.set()

    async def run(self) -> StartFailed:
        """Run until cancelled. Returns the reason why going on is pointless; the client is closed in any case."""
        try:
            return await self._keep_alive()
        finally:
            for client in self._open:
                await close_client(client)
            for task in self._events:
                task.cancel()
            if self._events:
                await asyncio.wait(self._events, timeout=CLOSE_SECONDS)

    async def _keep_alive(self) -> StartFailed:
        configure_library(self._config.endpoint)
        loop, delay = asyncio.get_running_loop(), ReconnectDelay()
        while True:
            client = self.client = self._build()
            client.events = self._events
            started = loop.time()
            why = await self._live(client)
            if isinstance(why, StartFailed):
                return why
            wait = delay.after(lasted=loop.time() - started, identified=client.ws is not None)
            log.warning("connection to Discord lost", reason=describe_error(why), again_in=wait)
            notify(
                f"EXTEND_TIMEOUT_USEC={(wait + TRY_SECONDS) * 1e6:.0f}",
                f"STATUS=Discord is away: {describe_error(why)}",
            )
            await self._pause(wait)
            if isinstance(why, TooManyIdentifies):
                await asyncio.sleep(why.seconds)

    async def _pause(self, seconds: float) -> None:
        """Wait for so long, or until Discord answers again."""
        self._woken.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()

    async def _work(self, client: ThreadlineClient) -> None:
        """Log in, let calls be made by this client from now on, and listen.

        The one before it is let go only now: while the gateway is away answers are posted all the same. And calls that
        are on their way by that one come to their end, until there is another one.
        """
        self._open.append(client)
        await client.login(self._config.token.get_secret_value())
        self._api.use(client)
        while len(self._open) > MOST_CLIENTS:
            await close_client(self._open.popleft())
        await client.connect(reconnect=False)

    async def _live(self, client: ThreadlineClient) -> Exception:
        """Run one client to its end; return why it ended."""
        working = asyncio.create_task(self._work(client), name="discord.py")
        try:
            await asyncio.wait((working,))
        finally:
            self._has_connected = self._has_connected or client.has_connected
            await end_client(client, working)
            if self._api.client is not client and client in self._open:
                self._open.remove(client)  # It has not even logged in.
                await close_client(client)
        try:
            working.result()
        except (StartFailed, TooManyIdentifies) as error:
            return error
        except Exception as error:  # noqa: BLE001 - whatever ends a client is no reason to end the bot
            if pointless := fatal_reason(error):
                return LoginRefused(pointless)
            if not self._has_connected:
                where = self._config.endpoint or "Discord"
                return StartFailed(f"cannot connect to {where}: {describe_error(error)}")
            return error
        return ConnectionError("the connection was closed")
