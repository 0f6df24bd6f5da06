"""The Stop button below a reply that grows."""

from typing import Any

import discord
import structlog

from bot.access.gate import Right
from bot.user_messages import cancelled

from .bot_client import Interaction
from .components import view_of

__all__ = ["StopButton", "stop_view"]

log = structlog.stdlib.get_logger("bot")


class StopButton(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]],
    template=r"threadline:stop:(?P<thread>[0-9]{1,20}):(?P<message>[0-9]{1,20})",
):
    """End the turn that answers one message, and no later one."""

    def __init__(self, thread_id: int, message_id: int) -> None:
        """`message_id` is the message that is answered."""
        custom_id = f"threadline:stop:{thread_id}:{message_id}"
        style = discord.ButtonStyle.secondary
        super().__init__(discord.ui.Button(label="Stop", emoji="⏹️", style=style, custom_id=custom_id))
        self.thread_id = thread_id
        self.message_id = message_id

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction[Any], _item: discord.ui.Item[Any], match: Any, /
    ) -> "StopButton":
        """Make the item that handles a press."""
        return cls(int(match["thread"]), int(match["message"]))

    async def callback(self, interaction: Interaction) -> None:  # type: ignore[override]
        """Stop, if the turn still runs and the person may."""
        client = interaction.client
        conversation = client.pool.conversation(self.thread_id)
        current = conversation.current if conversation is not None else None
        if current is not None and current.message_ids[-1] != self.message_id:
            current = None  # A later turn, or no id of ours: its asker must not stop another's turn.
        asker_id = current.author_id if current is not None else client.journal.threads.asker(self.thread_id)
        if not await client.admission.admit(interaction, Right.STOP, asker_id=asker_id):
            return
        if interaction.channel_id != self.thread_id:
            await interaction.response.send_message("This button belongs to another thread.", ephemeral=True)
            return
        # Looked at again: the turn may have ended while the gate was asked.
        if conversation is None or current is None or conversation.current is not current:
            await interaction.response.send_message("This turn is over.", ephemeral=True)
            return
        done = conversation.cancel(interaction.user.id)
        log.info("stopped by a person", thread_id=self.thread_id, user_id=interaction.user.id)
        await interaction.response.send_message(cancelled(done), ephemeral=True)


def stop_view(thread_id: int, message_id: int) -> discord.ui.View:
    """Make the button."""
    return view_of(StopButton(thread_id, message_id))
