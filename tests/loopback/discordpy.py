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

BOUND = 90.0
TOKEN = "T"


def point_at(server: Loopback) -> None:
    """Make the library use this server."""
    Route.BASE = f"{server.endpoint}/api/v10"
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(server.endpoint.replace("http", "ws", 1) + "/gateway/")


def furnish(server: Loopback, *, permissions: int = Permission.MANAGE_THREADS) -> tuple[Channel, User, Bot]:
    """Set up one guild with a channel, ann, and a bot whose role grants `permissions`."""
    lab = Lab.furnish(server, "ann", token=TOKEN, permissions=permissions)
    return lab.channel, lab.ann, lab.bot


def intents() -> discord.Intents:
    """Return Threadline's intents."""
    wanted = discord.Intents.default()
    wanted.message_content = True
    return wanted


@asynccontextmanager
async def logged_in(server: Loopback, client: discord.Client, *, token: str = TOKEN) -> AsyncIterator[None]:
    """Run the client, logged in and connected, for the block, which must end within `BOUND`."""
    point_at(server)
    async with asyncio.timeout(BOUND):
        await client.login(token)
        task = asyncio.create_task(client.connect(), name="discord.py")
        try:
            await client.wait_until_ready()
            while any(guild.unavailable for guild in client.guilds):  # READY does not wait for a late guild.
                await client.wait_for("guild_available")
            yield
        finally:
            await client.close()
            await asyncio.wait([task])
    task.result()


@asynccontextmanager
async def connected_client(
    client: discord.Client, *, permissions: int = Permission.MANAGE_THREADS
) -> AsyncIterator[tuple[Loopback, Channel, User, Bot]]:
    """Run the client on a strict server that `furnish` has set up. Everything ends within `BOUND`."""
    async with Loopback(strict=strictly()) as server:
        channel, ann, bot = furnish(server, permissions=permissions)
        async with logged_in(server, client):
            yield server, channel, ann, bot
