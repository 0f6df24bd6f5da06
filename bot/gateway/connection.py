"""Sets up and closes connections to Discord: intents, the library's settings, and errors in words."""

import asyncio
import os
import re
import socket
import ssl
import threading
from contextlib import suppress
from typing import TypedDict

import aiohttp
import discord
import structlog
import yarl

from bot.config.proxy import proxy_of
from bot.config.schema import DiscordConfig
from bot.operations.start_failure import NeedsPerson
from bot.rest.errors import reason_of
from bot.user_messages import connection_errors as texts
from bot.user_messages import rest_errors

CLOSE_SECONDS = 2.0
"""Bound on closing the connection to Discord."""

TOKEN_REFUSED = 4004
INTENT_REFUSED = 4014
REFUSED = {TOKEN_REFUSED: texts.TOKEN_REFUSED, INTENT_REFUSED: texts.INTENT_REFUSED}
"""The gateway's close codes that another try cannot change (Discord, Gateway Close Event Codes), and what to do."""

MESSAGES_PER_STEP = 16
"""Messages of the gateway to read in one step. With one, a press behind hundreds of messages would wait for as many
rounds of a busy loop."""

log = structlog.stdlib.get_logger("bot")


class ClientOptions(TypedDict):
    """The options of an HTTP client, by the names of aiohttp and discord.py."""

    proxy: str | None
    proxy_auth: aiohttp.BasicAuth | None


class LoginRefused(NeedsPerson):
    """Discord refuses the token or the intent."""


class Websocket(discord.gateway.DiscordWebSocket):
    """Yields to the event loop after every few messages.

    The library's own reads all messages that have arrived in one step. A thousand of them blocked the loop for 185 ms,
    and the tasks of their events then ran one after another, too.
    """

    _taken = 0

    async def poll_event(self) -> None:
        """Read the next message, and yield after every `MESSAGES_PER_STEP`."""
        await super().poll_event()
        self._taken += 1
        if self._taken % MESSAGES_PER_STEP == 0:
            await asyncio.sleep(0)


def intents() -> discord.Intents:
    """Return the bot's intents: the unprivileged ones and the text of messages.

    Direct messages are among them also where they are not enabled: people learn that once.
    """
    wanted = discord.Intents.default()
    wanted.message_content = True
    return wanted


def configure_library(endpoint: str) -> None:
    """Set the library up before a client is built: our websocket, and `endpoint` as its server unless empty."""
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # The bot uses no voice.
    discord.client.DiscordWebSocket = Websocket  # type: ignore[misc]  # A client has no parameter for its class.
    if endpoint:
        discord.http.Route.BASE = f"{endpoint}/api/v10"
        gateway = yarl.URL(endpoint) / "gateway/"
        scheme = "wss" if gateway.scheme == "https" else "ws"
        discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = gateway.with_scheme(scheme)


def client_options(settings: DiscordConfig) -> ClientOptions:
    """Return a client's options for the way to Discord."""
    proxy = proxy_of(settings)
    if proxy is None:
        return {"proxy": None, "proxy_auth": None}
    auth = aiohttp.BasicAuth(proxy.user, proxy.password, "utf-8") if proxy.user or proxy.password else None
    return {"proxy": proxy.address, "proxy_auth": auth}


async def close_client(client: discord.Client) -> None:
    """Close a client's gateway and HTTP session, also if Discord does not answer, or on cancellation."""
    try:
        await leave_gateway(client)
    finally:
        await client.http.close()


async def leave_gateway(client: discord.Client) -> None:
    """Close a client's connections to the gateway, half-open ones too."""
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            for each in _half_open_sockets(client):
                await each.close()
            await client.close()
    except TimeoutError:
        log.warning("Discord did not close the connection in time")
    except Exception:  # a broken client must not block the next one
        log.exception("a client could not be closed")


async def end_client(client: discord.Client, work: asyncio.Task[None]) -> None:
    """Leave the gateway and wait until the client's `work` has ended, cancelling it if necessary.

    Cancellation alone is not enough: `asyncio.wait_for`, by which the library connects, may lose it before Python 3.12,
    and in the middle it leaves a half-open connection.
    """
    try:
        await leave_gateway(client)
    finally:
        work.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await asyncio.gather(work, return_exceptions=True)


def _half_open_sockets(client: discord.Client) -> list[discord.gateway.DiscordWebSocket]:
    """Return the connections that the client does not know, because it was cancelled while it opened them.

    Their heartbeats already run, in threads that would outlast the client.
    """
    own = client._connection  # noqa: SLF001 - nothing public says whose a connection is
    beating = (each.ws for each in threading.enumerate() if isinstance(each, discord.gateway.KeepAliveHandler))
    return [each for each in beating if each._connection is own and each is not client.ws]  # noqa: SLF001 - the same


def fatal_reason(error: Exception) -> str:
    """Say what a person has to do before another try; empty if a try may succeed."""
    match error:
        case discord.LoginFailure():
            return REFUSED[TOKEN_REFUSED]
        case discord.ConnectionClosed():
            return REFUSED.get(error.code, "")
        case _:
            return ""


def describe_error(error: Exception) -> str:
    """Say why a connection ended, in words without Python's own forms of addresses and exceptions."""
    match error:
        case aiohttp.ClientProxyConnectionError():
            return texts.unreachable_proxy(error.host, error.port, _system_reason(error.os_error))
        case aiohttp.ClientConnectorError():
            return _system_reason(error.os_error)
        case aiohttp.ClientHttpProxyError():
            return texts.proxy_refused(error.status, error.message)
        case aiohttp.ClientResponseError():
            return texts.answered(error.status)
        case TimeoutError():
            return texts.NO_ANSWER
        case OSError():
            return _system_reason(error)
        case discord.HTTPException():
            return reason_of(error)
        case ValueError() | TypeError() | LookupError() | AttributeError():
            # The library's response to an answer of another server, such as the page of a network's login.
            return rest_errors.unreadable(error)
        case _:
            return str(error) or type(error).__name__


def _system_reason(error: OSError) -> str:
    """Return the system's words for an error; asyncio's own text has the address as a tuple."""
    if isinstance(error, socket.gaierror | ssl.SSLError):
        return error.strerror or str(error)
    if error.errno is not None:
        return os.strerror(error.errno)
    codes = re.findall(r"\[Errno (\d+)\]", str(error))  # One for each of a name's addresses.
    return ", ".join(dict.fromkeys(os.strerror(int(code)) for code in codes)) or str(error) or type(error).__name__
