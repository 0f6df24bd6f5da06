"""One client after another: a Discord client may die at any time, and is then built anew.

What ends a client: a gateway that refuses the connection, a payload that the library cannot read, an HTTP session that
is gone. The library's own reconnecting is not used beyond its first try, which resumes: its waits grow to 17 minutes,
and of some deaths it does not know.
"""

import asyncio
from collections import deque
from collections.abc import Callable

import aiohttp
import discord
import structlog
import yarl

from .client import ThreadlineClient
from .config import DiscordConfig
from .locks import LockHeld
from .rest import Rest

__all__ = ["Pauses", "StartFailed", "SupervisedClient"]

FIRST_SECONDS = 1.0
LONGEST_SECONDS = 60.0
"""Wait before the client is built anew, doubling."""

IDENTIFIES = 900
IDENTIFY_SECONDS = 24 * 3600.0
"""Discord allows a bot to identify 1,000 times in 24 hours, and then takes its token away (Discord, Gateway)."""

CLOSE_SECONDS = 2.0
"""Bound on closing the connection to Discord."""

NO_TOKEN = 4004
NO_INTENT = 4014
REFUSED = {
    NO_TOKEN: "Discord refused the token: check discord.token",
    NO_INTENT: "Discord refused the Message Content intent: turn it on in the developer portal, Bot",
}
"""The gateway's close codes that no further try will change (Discord, Gateway Close Event Codes), and what to do."""

log = structlog.stdlib.get_logger("bot")


class StartFailed(Exception):
    """The bot cannot run; the text says what to do about it."""


class Pauses:
    """How long to wait before the next client."""

    def __init__(self) -> None:
        """Begin with the shortest."""
        self._next = FIRST_SECONDS
        self._identified: deque[float] = deque(maxlen=IDENTIFIES)

    def after(self, *, lasted: float, identified: bool, now: float) -> float:
        """Return the wait after a client that lived for `lasted` seconds, and had or had not reached the gateway."""
        if lasted > LONGEST_SECONDS:
            self._next = FIRST_SECONDS
        wait, self._next = self._next, min(self._next * 2, LONGEST_SECONDS)
        if identified:
            self._identified.append(now)
        if len(self._identified) == IDENTIFIES:
            wait = max(wait, self._identified[0] + IDENTIFY_SECONDS - now)
        return wait


class SupervisedClient:
    """Keeps a client alive while `run` runs, and puts it into `rest`."""

    def __init__(self, config: DiscordConfig, *, rest: Rest, build: Callable[[], ThreadlineClient]) -> None:
        """`build` makes a client that was not started yet."""
        self._config = config
        self._rest = rest
        self._build = build
        self._was_greeted = False
        self.client: ThreadlineClient | None = None
        """The one that lives now, or the last."""

    @property
    def connected(self) -> bool:
        """Whether the gateway is there, and has said what there is."""
        client = self.client
        return client is not None and client.is_ready() and client.ws is not None and client.ws.open

    async def run(self) -> StartFailed:
        """Run until cancelled. Returns the reason why going on is pointless; the client is closed in any case."""
        self._point_at_endpoint()
        discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # There is no voice here to warn about.
        loop, pauses = asyncio.get_running_loop(), Pauses()
        while True:
            client = self._rest.client = self.client = self._build()
            started = loop.time()
            end = await self._live(client)
            if isinstance(end, StartFailed):
                return end
            now = loop.time()
            wait = pauses.after(lasted=now - started, identified=client.ws is not None, now=now)
            log.warning("connection to Discord lost", reason=end, again_in=wait)
            await asyncio.sleep(wait)

    async def _live(self, client: ThreadlineClient) -> StartFailed | str:
        """Run one client to its end; return why it ended."""
        try:
            await client.start(self._config.token.get_secret_value(), reconnect=False)
        except LockHeld as error:
            return StartFailed(str(error))
        except Exception as error:  # noqa: BLE001 - whatever ends a client is no reason to end the bot
            if pointless := _pointless(error):
                return StartFailed(pointless)
            if not (self._was_greeted or client.greeted):
                where = self._config.endpoint or "Discord"
                return StartFailed(f"cannot connect to {where}: {_reason(error)}")
            return _reason(error)
        else:
            return "the connection was closed"
        finally:
            self._was_greeted = self._was_greeted or client.greeted
            await _close(client)

    def _point_at_endpoint(self) -> None:
        """Send the library to another server: two class attributes, read at login."""
        endpoint = self._config.endpoint
        if endpoint:
            discord.http.Route.BASE = f"{endpoint}/api/v10"
            gateway = yarl.URL(endpoint) / "gateway/"
            scheme = "wss" if gateway.scheme == "https" else "ws"
            discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = gateway.with_scheme(scheme)


async def _close(client: ThreadlineClient) -> None:
    """Let go of everything a client has, also where the other side does not answer any more."""
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await client.close()
    except TimeoutError:
        log.warning("Discord did not let go of the connection in time")
        await client.http.close()
    except Exception:  # a client that is broken must not keep the next one from being built
        log.exception("a client could not be closed")
        await client.http.close()


def _pointless(error: Exception) -> str:
    """Say what a person has to do first; nothing where another try may succeed."""
    match error:
        case discord.LoginFailure():
            return REFUSED[NO_TOKEN]
        case discord.ConnectionClosed():
            return REFUSED.get(error.code, "")
        case _:
            return ""


def _reason(error: Exception) -> str:
    match error:
        case aiohttp.ClientConnectorError():
            return error.os_error.strerror or str(error)
        case discord.HTTPException():
            return f"{error.status} {error.text}".strip()
        case _:
            return str(error) or type(error).__name__
