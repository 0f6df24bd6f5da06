"""The Retry button of a message that a running turn may not have taken in: it sends the message again.

As with the Continue button, the press is a request under the notice's id, which counts once.
"""

from dataclasses import replace

import discord
import structlog

from bot.access.gate import Right
from bot.prompt.request import read_request
from bot.reply.notices import UNCONFIRMED
from bot.rest.components_v2 import edit_pressed
from bot.rest.live_message import answer_press
from bot.user_messages import access, layout, queue, steering
from pool.journal.errors import JournalUnwritable

from .bot_client import Interaction
from .components import Button, view_of

log = structlog.stdlib.get_logger("bot")


class ResendButton(Button, template=r"threadline:again:(?P<message_id>[0-9]{1,20})"):
    """Send a message again, in the name of its author."""

    message_id: int

    async def handle(self, interaction: Interaction) -> None:
        """Enqueue the message as it was accepted, and remove the button."""
        client, notice, thread_id = interaction.client, interaction.message, interaction.channel_id or 0
        row = client.journal.messages.row(self.message_id)
        asker_id = None if row is None else row.author_id
        if not await client.admission.admit(interaction, Right.CONTINUE, asker_id=asker_id):
            return
        if notice is None or row is None or row.thread_id != thread_id:
            await edit_pressed(interaction, queue.OUTDATED)
            return
        bound = client.pool.bound(thread_id, row.author_id)
        if bound is not None:
            await interaction.response.send_message(access.BOUNDS[bound], ephemeral=True)
            return
        request = read_request(row.request)
        try:
            new = client.intake.enqueue(
                replace(request, message_id=notice.id), client.admission.place(interaction.guild, interaction.channel)
            )
        except JournalUnwritable:
            await interaction.response.send_message(access.NOT_DONE, ephemeral=True)
            return
        link = layout.link(request.guild_id, request.channel_id, self.message_id)
        told = steering.sent_again(link, interaction.user.id)
        post = client.notices.end_by_press(thread_id, UNCONFIRMED, told, self.message_id)
        if new is not None:
            log.info("sent again by a person", thread_id=thread_id, user_id=interaction.user.id)
        await answer_press(interaction, told, post)


def again_view(message_id: int) -> discord.ui.View:
    """Return the button for a message."""
    button = discord.ui.Button[discord.ui.View](label=steering.RETRY_BUTTON, style=discord.ButtonStyle.success)
    return view_of(ResendButton(button, message_id=message_id))
