"""The Stop button below a growing reply."""

import discord
import structlog

from bot.access.gate import Right
from bot.user_messages import queue
from pool.conversation import Conversation
from pool.exchange import Exchange

from .bot_client import Interaction
from .components import Button, view_of

log = structlog.stdlib.get_logger("bot")


class StopButton(Button, template=r"threadline:stop:(?P<thread_id>[0-9]{1,20}):(?P<message_id>[0-9]{1,20})"):
    """Stop the turn that answers one message, and no later one; or take the message out of the queue.

    A reply that has begun may wait again: its agent's machine cannot be reached, say.
    """

    thread_id: int
    message_id: int

    async def handle(self, interaction: Interaction) -> None:
        """Act if the turn still runs, or the message waits, and the person may."""
        client, by = interaction.client, interaction.user.id
        conversation = client.pool.conversation(self.thread_id)
        exchange = None if conversation is None else self._find(conversation)
        asker_id = exchange.author_id if exchange is not None else client.journal.threads.asker(self.thread_id)
        if not await client.admission.admit(interaction, Right.STOP, asker_id=asker_id):
            return
        if interaction.channel_id != self.thread_id:
            await interaction.response.send_message(queue.OTHER_THREAD, ephemeral=True)
            return
        # The turn may have ended during the await.
        if conversation is None or exchange is None or self._find(conversation) is not exchange:
            await interaction.response.send_message(queue.TURN_OVER, ephemeral=True)
            return
        if conversation.current is exchange:
            conversation.cancel(by)
        else:
            conversation.withdraw(exchange, "dropped")
        log.info("stopped by a person", thread_id=self.thread_id, user_id=by)
        # The end of the reply says who has stopped it, and a notice what is on hold.
        await interaction.response.edit_message(view=view_of(_stopping_button(self.thread_id, self.message_id)))
        if self._find(conversation) is not exchange:
            # The end may have removed the button before this answer, which shows it again.
            await interaction.edit_original_response(view=None)

    def _find(self, conversation: Conversation) -> Exchange | None:
        """Return the exchange that the button is about. A later turn, or a forged id, must not stop another's turn."""
        current = conversation.current
        if current is not None and current.message_ids[-1] == self.message_id:
            return current
        return conversation.find_unsent(self.message_id)


def stop_button(thread_id: int, message_id: int) -> StopButton:
    """Return the button for the turn that answers `message_id`."""
    button = discord.ui.Button[discord.ui.View](label=queue.STOP_BUTTON, emoji="⏹️", style=discord.ButtonStyle.secondary)
    return StopButton(button, thread_id=thread_id, message_id=message_id)


def _stopping_button(thread_id: int, message_id: int) -> StopButton:
    """Return the button as it is from the press to the end of the turn, which removes it."""
    button = discord.ui.Button[discord.ui.View](label=queue.STOPPING_BUTTON, emoji="⏹️", disabled=True)
    return StopButton(button, thread_id=thread_id, message_id=message_id)


def stop_view(thread_id: int, message_id: int) -> discord.ui.View:
    """Return a view of the button alone."""
    return view_of(stop_button(thread_id, message_id))
