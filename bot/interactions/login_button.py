"""The Log in button of the notice that an agent is logged out, and the Cancel button of a login."""

import discord

from bot.access.gate import Right
from bot.user_messages import logins as texts

from .bot_client import Interaction
from .components import Button, view_of


class LoginButton(Button, template=r"threadline:login:(?P<thread_id>[0-9]{1,20})"):
    """Log in to a thread's agent."""

    thread_id: int

    async def handle(self, interaction: Interaction) -> None:
        """Begin, if the person may."""
        client = interaction.client
        if await client.admission.admit_button(interaction, self.thread_id, Right.LOGIN):
            await client.logins.begin(interaction, self.thread_id)


class CancelLoginButton(Button, template=r"threadline:login_cancel:(?P<agent>[A-Za-z0-9_-]{1,32})"):
    """Cancel the login to an agent."""

    agent: str
    """Its name in the configuration."""

    async def handle(self, interaction: Interaction) -> None:
        """Cancel it, if the person may; after a restart there is none."""
        client = interaction.client
        if not await client.admission.admit(interaction, Right.LOGIN, asker_id=None):
            return
        cancelled = client.logins.cancel(interaction, self.agent)
        told = texts.CANCELLED if cancelled else texts.NOT_RUNNING
        await interaction.response.edit_message(content=told, view=None)


def login_view(thread_id: int) -> discord.ui.View:
    """Return the button of the notice."""
    button = discord.ui.Button[discord.ui.View](label=texts.LOG_IN_BUTTON, style=discord.ButtonStyle.primary)
    return view_of(LoginButton(button, thread_id=thread_id))


def page_view(agent: str, host: str, url: str) -> discord.ui.View:
    """Return the link to a login's page, and its Cancel button."""
    link = discord.ui.Button[discord.ui.View](label=texts.open_page(host)[:80], url=url)
    return view_of(link, _cancel(agent))


def cancel_view(agent: str) -> discord.ui.View:
    """Return the Cancel button of a login."""
    return view_of(_cancel(agent))


def _cancel(agent: str) -> CancelLoginButton:
    button = discord.ui.Button[discord.ui.View](label=texts.CANCEL_BUTTON, style=discord.ButtonStyle.secondary)
    return CancelLoginButton(button, agent=agent)
