"""Buttons that steer a thread: its held messages, its interrupted turn, its running turn. Each asks the gate.

They are dispatched by their templates, so they work after a restart, and the library need not keep their views.
"""

import discord

from bot import user_messages as words
from bot.access.gate import Right
from bot.reply.notices import HELD
from bot.rest.live_message import answer_press
from pool.journal.journal import JournalUnwritable

from .bot_client import Interaction
from .components import Button, view_of
from .queue_buttons import drop_held
from .stop_button import stop_button

__all__ = ["HeldButton", "InterruptedButton", "KeepGoingButton", "held_view", "interrupted_view", "warning_view"]

_STYLES = {
    "continue": ("Continue", discord.ButtonStyle.success),
    "drop": ("Drop all", discord.ButtonStyle.danger),
    "keep": ("Keep going", discord.ButtonStyle.secondary),
    "retry": ("Retry", discord.ButtonStyle.success),
    "skip": ("Skip", discord.ButtonStyle.secondary),
}

OUTDATED = "-# This notice is out of date."


def _button(action: str) -> discord.ui.Button[discord.ui.View]:
    label, style = _STYLES[action]
    return discord.ui.Button(label=label, style=style)


class HeldButton(Button, template=r"threadline:(?P<action>continue|drop):(?P<thread_id>[0-9]{1,20})"):
    """Go on with what is held in a thread, or drop it.

    Only the notice that stands for what is held now can do so: an older one did not count what a later cancel holds.
    """

    action: str
    thread_id: int

    async def handle(self, interaction: Interaction) -> None:
        """Do it, if it can still be done, and take the buttons away."""
        client, by, notice = interaction.client, interaction.user.id, interaction.message
        right = Right.TALK if self.action == "drop" else Right.CONTINUE  # To drop is judged message by message.
        if notice is None or not await client.admission.admit_button(interaction, self.thread_id, right):
            return
        conversation = client.pool.conversation(self.thread_id)
        current = client.notices.shows(self.thread_id, HELD, notice.id)
        if conversation is None or not conversation.held or not current:
            await interaction.response.edit_message(content=OUTDATED, view=None)
        elif self.action == "drop":
            await drop_held(interaction, conversation)
        else:
            told = f"-# {words.waiting(conversation.waiting)} next; continued by <@{by}>."
            post = client.notices.end_by_press(self.thread_id, HELD, told)
            conversation.resume()
            await answer_press(interaction, told, post)


class KeepGoingButton(Button, template=r"threadline:keep:(?P<thread_id>[0-9]{1,20})"):
    """Let what runs in a thread go on."""

    thread_id: int

    async def handle(self, interaction: Interaction) -> None:
        """Take the buttons away. The notice goes with the turn."""
        if await interaction.client.admission.admit_button(interaction, self.thread_id, Right.CONTINUE):
            told = f"-# <@{interaction.user.id}> lets it go on."
            await interaction.response.edit_message(content=told, view=None)


class InterruptedButton(Button, template=r"threadline:(?P<action>retry|skip):(?P<message_id>[0-9]{1,20})"):
    """Send a prompt again that a restart interrupted, or leave it."""

    action: str
    message_id: int
    """The message that was being answered."""

    async def handle(self, interaction: Interaction) -> None:
        """Do it, if nobody has, and take the buttons away."""
        client = interaction.client
        retry = self.action == "retry"
        right = Right.CONTINUE if retry else Right.STOP
        if not await client.admission.admit_button(interaction, interaction.channel_id or 0, right):
            return
        try:
            told = client.interruptions.decide(
                interaction.channel_id or 0, self.message_id, retry=retry, by=interaction.user.id
            )
        except JournalUnwritable:
            await interaction.response.send_message(words.NOT_DONE, ephemeral=True)
            return
        await interaction.response.edit_message(content=told, view=None)


def held_view(thread_id: int) -> discord.ui.View:
    """Make the buttons below a notice that messages are held."""
    return view_of(*(HeldButton(_button(each), action=each, thread_id=thread_id) for each in ("continue", "drop")))


def warning_view(thread_id: int, message_id: int) -> discord.ui.View:
    """Make the buttons below a word about the running turn that answers a message."""
    return view_of(KeepGoingButton(_button("keep"), thread_id=thread_id), stop_button(thread_id, message_id))


def interrupted_view(message_id: int) -> discord.ui.View:
    """Make the buttons below a notice that a restart interrupted a turn."""
    return view_of(
        *(InterruptedButton(_button(each), action=each, message_id=message_id) for each in ("retry", "skip"))
    )
