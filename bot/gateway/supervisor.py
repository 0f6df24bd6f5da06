"""The supervisor: runs one Discord client after another, as each may die at any time.

A client ends when the gateway refuses the connection, the library cannot read a payload, or the HTTP session is lost.
The library reconnects only for its first try, which resumes: its waits grow to 17 minutes, and it misses some deaths.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress

import structlog

from bot.config.proxy import proxy_of
from bot.config.schema import DiscordConfig
from bot.operations.start_failure import StartFailed
from bot.operations.systemd import notify
from bot.rest.api import DiscordApi
from bot.rest.circuit_breaker import PROBE_SECONDS
from bot.user_messages import connection_errors as texts

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

FIRST_SECONDS = 1.0
LONGEST_SECONDS = 60.0
"""Wait before the next client is built; it doubles."""

TRY_SECONDS = 90.0
"""The time that systemd, while it waits for the start, grants one try to connect; its default is as long."""

MOST_CLIENTS = 2
"""Clients to keep: the one that runs and the one before it."""

log = structlog.stdlib.get_logger("bot")


class ReconnectDelay:
    """The wait before the next client."""

    def __init__(self) -> None:
        """Start with the shortest wait."""
        self._next = FIRST_SECONDS

    def after(self, *, lasted: float, identified: bool) -> float:
        """Return the wait after a client that lived for `lasted` seconds, and did or did not identify at the gateway.

        A client that did not is a mere probe of whether Discord answers, so its wait is shorter.
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
        """`build` makes a client. If the bot `has_connected` before, it waits for Discord to return.

        Otherwise an unreachable Discord fails the start: the address or the network may be wrong.
        """
        self._config = config
        self._api = api
        self._build = build
        self._has_connected = has_connected
        self._woken = asyncio.Event()
        self._open: deque[ThreadlineClient] = deque()
        """Clients whose HTTP sessions are open."""
        self._events: set[asyncio.Task[None]] = set()
        self.client: ThreadlineClient | None = None
        """The one that runs, or the last one."""

    @property
    def connected(self) -> bool:
        """Whether the gateway is connected and the guilds are known."""
        client = self.client
        return client is not None and client.is_ready() and client.ws is not None and client.ws.open

    def wake(self) -> None:
        """End the wait for the next client: Discord answers again."""
        self._woken.set()

    async def run(self) -> StartFailed:
        """Run until cancelled, or return an error that another try cannot change. Closes the clients in any case."""
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
        if (proxy := proxy_of(self._config)) is not None:
            log.info("connecting through a proxy", address=proxy.address)
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
        """Wait for `seconds`, or until Discord answers again."""
        self._woken.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()

    async def _work(self, client: ThreadlineClient) -> None:
        """Log in, make calls by this client from now on, and listen.

        The clients before it stay open until now, so that answers are posted while the gateway is away. The last of
        them stays open for its calls in progress.
        """
        self._open.append(client)
        await client.login(self._config.token.get_secret_value())
        self._api.use(client)
        while len(self._open) > MOST_CLIENTS:
            await close_client(self._open.popleft())
        await client.connect(reconnect=False)

    async def _live(self, client: ThreadlineClient) -> Exception:
        """Run one client until it ends; return the reason."""
        working = asyncio.create_task(self._work(client), name="discord.py")
        try:
            await asyncio.wait((working,))
        finally:
            self._has_connected = self._has_connected or client.has_connected
            await end_client(client, working)
            if self._api.client is not client and client in self._open:
                self._open.remove(client)  # It has not logged in.
                await close_client(client)
        try:
            working.result()
        except (StartFailed, TooManyIdentifies) as error:
            return error
        except Exception as error:  # noqa: BLE001 - a client's end must not end the bot
            if pointless := fatal_reason(error):
                return LoginRefused(pointless)
            if not self._has_connected:
                where = self._config.endpoint or texts.DISCORD
                return StartFailed(texts.cannot_connect(where, describe_error(error)))
            return error
        return ConnectionError(texts.LOST)
