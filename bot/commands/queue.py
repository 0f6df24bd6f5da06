"""`/queue` and a message menu: list a thread's waiting messages, drop some, send one now. Each asks the gate."""

import discord
from discord import app_commands

from bot.access.gate import Right
from bot.interactions.queue_buttons import drop_menu, find_waiting, may_drop, send_into_turn, snippet
from bot.text.markdown import LIMIT, escape
from bot.user_messages import commands, steering
from bot.user_messages import queue as texts

from .command_client import Command, Interaction

SHOWN = 25
"""Messages that `/queue` lists (Discord, Select Menu Structure: 25 options)."""

MORE = 30
"""Characters reserved for the count of the other messages."""


def queue_commands() -> list[Command | app_commands.ContextMenu]:
    """Create the command and the context menu."""
    listing: Command = app_commands.Command(name="queue", description=commands.DESCRIPTIONS["queue"], callback=_queue)
    return [listing, app_commands.ContextMenu(name=commands.SEND_NOW_MENU, callback=_send_now)]


async def _queue(interaction: Interaction) -> None:
    """List a thread's waiting messages, with a menu to drop some."""
    client, thread_id = interaction.client, interaction.channel_id or 0
    conversation = client.pool.conversation(thread_id)
    waiting = conversation.queue if conversation is not None else ()
    if not waiting:
        await interaction.response.send_message(texts.EMPTY, ephemeral=True)
        return
    first = enumerate(waiting[:SHOWN], 1)
    lines = [texts.entry(number, each.author_id, escape(snippet(each))) for number, each in first]
    while len("\n".join(lines)) > LIMIT - MORE:
        lines.pop()
    more = [texts.more(len(waiting) - len(lines))] if len(lines) < len(waiting) else []
    text = "\n".join([*lines, *more])
    own = [(number, each) for number, each in enumerate(waiting, 1) if may_drop(interaction, each)][:SHOWN]
    options = [
        discord.SelectOption(label=f"{number}. {snippet(each)}", value=str(each.message_ids[-1]))
        for number, each in own
    ]
    view = drop_menu(thread_id, options) if options else discord.utils.MISSING
    await interaction.response.send_message(text, view=view, ephemeral=True)


async def _send_now(interaction: Interaction, message: discord.Message) -> None:
    """Send a waiting message immediately: into the running turn, or the turn is stopped for it."""
    client, thread_id = interaction.client, interaction.channel_id or 0
    if not await client.admission.admit(interaction, Right.STOP, asker_id=client.journal.threads.asker(thread_id)):
        return
    conversation = client.pool.conversation(thread_id)
    exchange = None if conversation is None else find_waiting(conversation, message.id)
    if conversation is None or exchange is None:
        told = texts.NOT_WAITING
    elif conversation.can_steer:
        runs = conversation.running is not None
        sent = send_into_turn(conversation, exchange)
        told = (steering.SENDING if runs else steering.GOES_NEXT) if sent else steering.NOT_TAKEN
    else:
        conversation.send_now(exchange, interaction.user.id)
        told = texts.GOES_NEXT
    await interaction.response.send_message(told, ephemeral=True)
