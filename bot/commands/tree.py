"""The tree of slash commands. Each command asks the gate, and none waits for a turn."""

import json
from hashlib import sha256
from itertools import chain
from typing import Any

import discord
import structlog
from discord import app_commands

from bot.access.gate import Right
from bot.interactions.bot_client import admit
from bot.text.markdown import escape
from bot.user_messages import access, layout, queue
from bot.user_messages import commands as texts
from bot.user_messages.access_rules import permission_titles
from pool.conversation_context import CancelResult
from pool.journal.errors import JournalUnwritable
from pool.journal.journal import Journal

from .agent import agent_command
from .ask import ask_commands
from .command_client import Command, CommandClient, Interaction
from .export import export_commands
from .fork import fork_commands
from .login import login_command
from .permissions import permissions_command
from .queue import queue_commands
from .sessions import session_commands
from .settings import setting_commands
from .status import status_command

VISIBLE_TO = {
    "reload": discord.Permissions(manage_guild=True),
    "reset": discord.Permissions(send_messages_in_threads=True),
    "close": discord.Permissions(send_messages_in_threads=True),
}
"""Who sees these commands until a server's settings say otherwise: managers, and people who can write in the thread.

A person may reset and close a conversation that they began, so no more is required. The gate judges each use anyway.
"""

RENAMED_MENUS = {"Ask about this": texts.ASK_ABOUT_MENU, "Retry": texts.RETRY_MENU, "Send now": texts.SEND_NOW_MENU}
"""The menus' names before: a person's client may still show them."""

log = structlog.stdlib.get_logger("bot")


class CommandTree(app_commands.CommandTree[CommandClient]):
    """The bot's commands."""

    def __init__(self, client: CommandClient, *, dm: bool) -> None:
        """Define the commands; `sync_changes` registers them. `dm` allows them in direct messages."""
        super().__init__(
            client,
            allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=dm),
            # A user install would bring the commands to servers without the bot.
            allowed_installs=app_commands.AppInstallationType(guild=True, user=False),
        )
        for callback in (_cancel, _reset, _close, _reload):
            name = callback.__name__.removeprefix("_")
            steering: Command = app_commands.Command(name=name, description=texts.DESCRIPTIONS[name], callback=callback)
            steering.default_permissions = VISIBLE_TO.get(name)
            self.add_command(steering)
        families = (
            *(session_commands(), ask_commands(), queue_commands(), setting_commands()),
            *(export_commands(), fork_commands()),
        )
        for command in [
            *chain.from_iterable(families),
            agent_command(),
            login_command(),
            status_command(),
            permissions_command(),
            _help_command(self),
        ]:
            self.add_command(command)

    async def sync_changes(self, journal: Journal) -> None:
        """Register the commands with Discord if they have changed since the last time."""
        known = [command.to_dict(self) for command in self._get_all_commands(guild=None)]
        told = sha256(json.dumps([self.client.application_id, discord.http.Route.BASE, known], sort_keys=True).encode())
        if journal.facts.value("commands") != told.hexdigest():
            await self.sync()
            journal.facts.note("commands", told.hexdigest())

    async def interaction_check(self, interaction: Interaction, /) -> bool:
        """Ask the gate before any command, menu or autocompletion; many need another right and ask again."""
        used: Any = interaction.data or {}
        if used.get("type") == discord.AppCommandType.message.value:
            used["name"] = RENAMED_MENUS.get(used["name"], used["name"])
        try:
            return await self.client.admission.admit(interaction, Right.LOOK, asker_id=None)
        except Exception as error:
            # For example, Discord takes no answer any more. `on_error` gets only this error type.
            raise app_commands.AppCommandError("the gate could not be asked") from error

    async def on_error(self, interaction: Interaction, error: app_commands.AppCommandError, /) -> None:
        """Report a failed command to its user, and log why."""
        unwritable = isinstance(error, app_commands.CommandInvokeError) and isinstance(
            error.original, JournalUnwritable
        )
        if not unwritable:  # The journal has logged it.
            log.error("a command failed", command=getattr(interaction.command, "name", None), exc_info=error)
        told = access.NOT_DONE if unwritable else texts.FAILED
        try:
            if interaction.response.is_done():  # Else Discord shows "thinking" for 15 minutes.
                await interaction.followup.send(told, ephemeral=True)
            else:
                await interaction.response.send_message(told, ephemeral=True)
        except Exception as lost:  # noqa: BLE001 - the connection itself may have failed, as at a stop
            log.warning("the failure of a command could not be reported", reason=str(lost))


async def _cancel(interaction: Interaction) -> None:
    client = interaction.client
    if not await admit(interaction, Right.STOP):
        return
    conversation = client.pool.conversation(interaction.channel_id or 0)
    done = conversation.cancel(interaction.user.id) if conversation is not None else CancelResult(stopped=False, held=0)
    log.info("cancelled by a person", thread_id=interaction.channel_id, user_id=interaction.user.id)
    await interaction.response.send_message(queue.cancelled(done), ephemeral=True)


async def _reset(interaction: Interaction) -> None:
    client = interaction.client
    if not await admit(interaction, Right.RESET):
        return
    conversation = client.pool.conversation(interaction.channel_id or 0)
    if conversation is not None:
        conversation.reset(interaction.user.id)
    elif interaction.channel_id is not None:
        client.journal.threads.set_session(interaction.channel_id, None)
    log.info("reset by a person", thread_id=interaction.channel_id, user_id=interaction.user.id)
    await interaction.response.send_message(texts.session_reset(interaction.user.id))


async def _close(interaction: Interaction) -> None:
    client, thread_id = interaction.client, interaction.channel_id or 0
    lost = client.admission.has_opened(interaction.channel) and not client.journal.threads.knows(thread_id)
    may = client.admission.admit(interaction, Right.RESET, asker_id=None) if lost else admit(interaction, Right.RESET)
    if not await may:
        return
    conversation = client.pool.conversation(interaction.channel_id or 0)
    if conversation is not None:
        conversation.close(interaction.user.id)
    log.info("closed by a person", thread_id=thread_id, user_id=interaction.user.id)
    closed = texts.closed(known=not lost)
    await interaction.response.send_message(closed)
    if isinstance(interaction.channel, discord.Thread) and (why := await client.archive(thread_id)):
        if not interaction.app_permissions.manage_threads:
            why = access.missing_permissions(permission_titles(["manage_threads"]))
        await interaction.edit_original_response(content=f"{closed}\n{texts.not_archived(escape(why))}")


async def _reload(interaction: Interaction) -> None:
    if await interaction.client.admission.admit(interaction, Right.ADMIN, asker_id=None):
        done = interaction.client.reload()
        told = escape(texts.reloaded(done.applied, done.waiting, done.mistake))
        await interaction.response.send_message(layout.fitting(told), ephemeral=True)


def _help_command(tree: CommandTree) -> Command:
    async def tell(interaction: Interaction) -> None:
        slash = tree.get_commands(type=discord.AppCommandType.chat_input)
        menus = [each.name for each in tree.get_commands(type=discord.AppCommandType.message)]
        told = texts.command_list({each.name: each.description for each in slash}, menus)
        await interaction.response.send_message(layout.fitting(told), ephemeral=True)

    return app_commands.Command(name="help", description=texts.DESCRIPTIONS["help"], callback=tell)
