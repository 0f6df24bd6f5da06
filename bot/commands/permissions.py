"""`/permissions`: the commands that a thread's agent may run without a question, with a menu to remove one."""

import discord
import structlog
from discord import app_commands

from bot.access.gate import Right
from bot.interactions.bot_client import Interaction as Press
from bot.interactions.bot_client import admit
from bot.interactions.components import Menu, view_of
from bot.user_messages import questions as texts

from .command_client import Command, Interaction

log = structlog.stdlib.get_logger("bot")


class RevokeMenu(Menu, template=r"threadline:revoke:(?P<thread_id>[0-9]{1,20})"):
    """Remove a rule of a thread."""

    thread_id: int

    async def handle(self, interaction: Press) -> None:
        """Remove the chosen rule if the person may, and tell the thread."""
        client, by = interaction.client, interaction.user.id
        if not await client.admission.admit_button(interaction, self.thread_id, Right.CHANGE):
            return
        rule = next(iter(self.item.values), "")
        if not client.journal.command_rules.remove(self.thread_id, rule):
            await interaction.response.edit_message(content=texts.RULE_GONE, view=None)
            return
        log.info("a rule was removed by a person", thread_id=self.thread_id, user_id=by)
        client.audit.record("changed", texts.rule_removed_audit(rule), user_id=by, thread_id=self.thread_id)
        await interaction.response.send_message(
            texts.rule_removed(rule, by), allowed_mentions=discord.AllowedMentions.none()
        )


def permissions_command() -> Command:
    """Create the command."""
    return app_commands.Command(name="permissions", description=texts.PERMISSIONS_ABOUT, callback=_permissions)


async def _permissions(interaction: Interaction) -> None:
    if not await admit(interaction, Right.LOOK):
        return
    thread_id = interaction.channel_id or 0
    rules = interaction.client.journal.command_rules.of(thread_id)
    if not rules:
        await interaction.response.send_message(texts.NO_RULES, ephemeral=True)
        return
    lines = [texts.RULES, *(texts.rule_line(each.rule, each.by, each.since) for each in rules)]
    options = [discord.SelectOption(label=each.rule, value=each.rule) for each in rules]
    menu = discord.ui.Select[discord.ui.View](placeholder=texts.REMOVE_RULE, options=options)
    view = view_of(RevokeMenu(menu, thread_id=thread_id))
    await interaction.response.send_message("\n".join(lines), view=view, ephemeral=True)
