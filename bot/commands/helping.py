"""`/help`: what the bot can be told."""

from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands

from bot.user_messages import fitting

if TYPE_CHECKING:
    from bot.gateway.client import ThreadlineClient

__all__ = ["help_command"]

BEGIN = """\
Mention me in a channel, or use `/ask`: I open a thread with an agent of its own. In the thread every message goes to \
the agent; what you write while it works waits its turn. It asks with buttons before it does what needs your word.
"""


def help_command() -> app_commands.Command[Any, Any, Any]:
    """Make the command."""
    return app_commands.Command(name="help", description="What I can be told.", callback=_help)


async def _help(interaction: discord.Interaction["ThreadlineClient"]) -> None:
    tree = interaction.client.tree
    slash = tree.get_commands(type=discord.AppCommandType.chat_input)
    lines = [f"`/{each.name}` {each.description}" for each in sorted(slash, key=lambda each: each.name)]
    menus = [each.name for each in tree.get_commands(type=discord.AppCommandType.message)]
    if menus:
        lines.append(f"On a message, below Apps: {', '.join(menus)}.")
    await interaction.response.send_message(fitting("\n".join([BEGIN, *lines])), ephemeral=True)
