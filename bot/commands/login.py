"""`/login`: logs in to a thread's agent."""

from discord import app_commands

from bot.access.gate import Right
from bot.interactions.bot_client import admit
from bot.user_messages.commands import DESCRIPTIONS

from .command_client import Command, Interaction


def login_command() -> Command:
    """Create the command."""
    return app_commands.Command(name="login", description=DESCRIPTIONS["login"], callback=_login)


async def _login(interaction: Interaction) -> None:
    if await admit(interaction, Right.LOGIN):
        await interaction.client.logins.begin(interaction, interaction.channel_id or 0)
