"""The settings of a connection to Discord, its intents, and the errors that prevent one."""

import asyncio
import threading
from contextlib import suppress

import aiohttp
import discord
import structlog
import yarl

from bot.operations.start_failure import NeedsPerson
from bot.rest.errors import reason_of

__all__ = [
    "CLOSE_SECONDS",
    "LoginRefused",
    "close_client",
    "configure_library",
    "describe_error",
    "end_client",
    "fatal_reason",
    "intents",
    "leave_gateway",
]

CLOSE_SECONDS = 2.0
"""Bound on closing the connection to Discord."""

TOKEN_REFUSED = 4004
INTENT_REFUSED = 4014
REFUSED = {
    TOKEN_REFUSED: "Discord refused the token: reset it in the developer portal, Bot, and write the new one",
    INTENT_REFUSED: "Discord refused the Message Content intent: turn it on in the developer portal, Bot",
}
"""The gateway's close codes that no further try will change (Discord, Gateway Close Event Codes), and what to do."""

MESSAGES_PER_STEP = 16
"""Messages of the gateway that are taken in one step. With one alone, a press behind hundreds of messages would wait
for as many rounds of a loop that has much to do."""

log = structlog.stdlib.get_logger("bot")


class LoginRefused(NeedsPerson):
    """Discord refuses the token or the intent."""


class Websocket(discord.gateway.DiscordWebSocket):
    """Gives way after every few messages, so that the next ones wait until others on the event loop have had a turn.

    The library's own takes as many messages in one step as have arrived: it waits only where there is none. A thousand
    at once held the loop for 185 ms. The tasks that it makes for their events then ran one after another, too.
    """

    _taken = 0

    async def poll_event(self) -> None:
        """Take the next message, as the library does, and then now and then let all that is ready run once."""
        await super().poll_event()
        self._taken += 1
        if self._taken % MESSAGES_PER_STEP == 0:
            await asyncio.sleep(0)


def intents(*, direct: bool) -> discord.Intents:
    """Return what the bot wants to hear: what needs no permission, the text of messages, and `direct` ones or not."""
    wanted = discord.Intents.default()
    wanted.message_content = True
    wanted.dm_messages = direct
    return wanted


def configure_library(endpoint: str) -> None:
    """Prepare the library before a client is built: its websocket is ours, and its server `endpoint`, if one is named.

    It says nothing about voice either.
    """
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # There is no voice here to warn about.
    discord.client.DiscordWebSocket = Websocket  # type: ignore[misc]  # A client has no parameter for its class.
    if endpoint:
        discord.http.Route.BASE = f"{endpoint}/api/v10"
        gateway = yarl.URL(endpoint) / "gateway/"
        scheme = "wss" if gateway.scheme == "https" else "ws"
        discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = gateway.with_scheme(scheme)


async def close_client(client: discord.Client) -> None:
    """Let go of everything a client has, also where the other side does not answer any more, or this is cancelled."""
    try:
        await leave_gateway(client)
    finally:
        await client.http.close()


async def leave_gateway(client: discord.Client) -> None:
    """Close a client, and the connections that it has only begun; see `close_client`."""
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            for socket in _half_open_sockets(client):
                await socket.close()
            await client.close()
    except TimeoutError:
        log.warning("Discord did not let go of the connection in time")
    except Exception:  # a client that is broken must not keep the next one from being built
        log.exception("a client could not be closed")


async def end_client(client: discord.Client, work: asyncio.Task[None]) -> None:
    """Leave a client and return when its `work` has ended, however; that is cancelled, if leaving does not end it.

    A cancellation alone is not enough: `asyncio.wait_for`, by which the library connects, may lose one before Python
    3.12, and one that arrives in the middle leaves the connection half made.
    """
    try:
        await leave_gateway(client)
    finally:
        work.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await asyncio.gather(work, return_exceptions=True)


def _half_open_sockets(client: discord.Client) -> list[discord.gateway.DiscordWebSocket]:
    """Return the connections that the client itself does not know: those in whose beginning it was cut off.

    Their heartbeats have begun, in a thread that would outlast the client.
    """
    own = client._connection  # noqa: SLF001 - nothing public says whose a connection is
    beating = (each.ws for each in threading.enumerate() if isinstance(each, discord.gateway.KeepAliveHandler))
    return [each for each in beating if each._connection is own and each is not client.ws]  # noqa: SLF001 - the same


def fatal_reason(error: Exception) -> str:
    """Say what a person has to do first; nothing where another try may succeed."""
    match error:
        case discord.LoginFailure():
            return REFUSED[TOKEN_REFUSED]
        case discord.ConnectionClosed():
            return REFUSED.get(error.code, "")
        case _:
            return ""


def describe_error(error: Exception) -> str:
    """Say why a connection ended."""
    match error:
        case aiohttp.ClientConnectorError():
            return error.os_error.strerror or str(error)
        case discord.HTTPException():
            return reason_of(error)
        case _:
            return str(error) or type(error).__name__
