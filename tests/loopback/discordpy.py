"""The unmodified discord.py, pointed at a loopback server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import discord
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from loopback import Loopback
from loopback.harness import Lab
from loopback.state.entities import Bot, Channel
from loopback.state.permissions import Permission
from loopback.user import User

from .openapi import strictly

BOUND = 30.0
TOKEN = "T"


def point_at(server: Loopback) -> None:
    """Make the library use this server from now on."""
    Route.BASE = f"{server.endpoint}/api/v10"
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(server.endpoint.replace("http", "ws", 1) + "/gateway/")


def furnish(server: Loopback, *, permissions: int = Permission.MANAGE_THREADS) -> tuple[Channel, User, Bot]:
    """Return the channel, ann and the bot, in one guild; `permissions` is what the bot's role grants."""
    lab = Lab.furnish(server, "ann", token=TOKEN, permissions=permissions)
    return lab.channel, lab.ann, lab.bot


def intents() -> discord.Intents:
    """What Threadline asks for."""
    wanted = discord.Intents.default()
    wanted.message_content = True
    return wanted


@asynccontextmanager
async def logged_in(server: Loopback, client: discord.Client, *, token: str = TOKEN) -> AsyncIterator[None]:
    """The client runs inside, logged in and connected; at the end it is closed and its task has ended."""
    point_at(server)
    async with asyncio.timeout(BOUND):
        await client.login(token)
        task = asyncio.create_task(client.connect(), name="discord.py")
        try:
            await client.wait_until_ready()
            while any(guild.unavailable for guild in client.guilds):  # READY does not wait for a server that is late.
                await client.wait_for("guild_available")
            yield
        finally:
            await client.close()
            await asyncio.wait([task])
    task.result()


@asynccontextmanager
async def connected_client(client: discord.Client) -> AsyncIterator[tuple[Loopback, Channel, User, Bot]]:
    """The client runs inside, on a strict server: ann and the bot are in one guild with one channel."""
    async with Loopback(strict=strictly()) as server:
        channel, ann, bot = furnish(server)
        async with logged_in(server, client):
            yield server, channel, ann, bot
