"""The connection to Discord's gateway, as the library has it, but for its hold on the event loop."""

import asyncio

import discord

__all__ = ["Websocket"]


class Websocket(discord.gateway.DiscordWebSocket):
    """Gives way after each message, so that the next one waits until the others on the event loop have had a turn.

    The library's own takes as many messages in one step as have arrived: it waits only where there is none. A thousand
    at once held the loop for 185 ms. The tasks that it makes for their events then ran one after another, too.
    """

    async def poll_event(self) -> None:
        """Take the next message, as the library does, and then let all that is ready run once."""
        await super().poll_event()
        await asyncio.sleep(0)
