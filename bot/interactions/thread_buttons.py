"""Buttons that steer a thread: its held messages, its interrupted turn, its running turn. Each asks the gate."""

import discord

from bot.access.gate import Right
from bot.reply.notices import HELD
from bot.rest.components_v2 import edit_pressed
from bot.rest.live_message import answer_press
from bot.user_messages import access, queue, restarts
from pool.journal.errors import JournalUnwritable

from .bot_client import Interaction
from .components import Button, view_of
from .queue_buttons import drop_held
from .stop_button import stop_button

_STYLES = {
    "continue": (queue.CONTINUE_BUTTON, discord.ButtonStyle.success),
    "drop": (queue.DROP_ALL_BUTTON, discord.ButtonStyle.danger),
    "keep": (queue.KEEP_GOING_BUTTON, discord.ButtonStyle.secondary),
    "retry": (restarts.RETRY_BUTTON, discord.ButtonStyle.success),
    "skip": (restarts.SKIP_BUTTON, discord.ButtonStyle.secondary),
}


def _button(action: str) -> discord.ui.Button[discord.ui.View]:
    label, style = _STYLES[action]
    return discord.ui.Button(label=label, style=style)


class HeldButton(Button, template=r"threadline:(?P<action>continue|drop):(?P<thread_id>[0-9]{1,20})"):
    """Continue with a thread's held messages, or drop them.

    Only the current notice can do so: an older one does not count the messages that a later cancel holds.
    """

    action: str
    thread_id: int

    async def handle(self, interaction: Interaction) -> None:
        """Act if the notice is current, and remove the buttons."""
        client, by, notice = interaction.client, interaction.user.id, interaction.message
        right = Right.TALK if self.action == "drop" else Right.CONTINUE  # Each dropped message is judged.
        if notice is None or not await client.admission.admit_button(interaction, self.thread_id, right):
            return
        conversation = client.pool.conversation(self.thread_id)
        current = client.notices.shows(self.thread_id, HELD, notice.id)
        if conversation is None or not conversation.held or not current:
            await edit_pressed(interaction, queue.OUTDATED)
        elif self.action == "drop":
            await drop_held(interaction, conversation)
        else:
            told = queue.resumed(conversation.waiting, by)
            post = client.notices.end_by_press(self.thread_id, HELD, told)
            conversation.resume()
            await answer_press(interaction, told, post)


class KeepGoingButton(Button, template=r"threadline:keep:(?P<thread_id>[0-9]{1,20})"):
    """Keep the running turn of a thread going."""

    thread_id: int

    async def handle(self, interaction: Interaction) -> None:
        """Remove the buttons. The notice ends with the turn."""
        if await interaction.client.admission.admit_button(interaction, self.thread_id, Right.CONTINUE):
            told = queue.kept_going(interaction.user.id)
            await interaction.response.edit_message(content=told, view=None)


class InterruptedButton(Button, template=r"threadline:(?P<action>retry|skip):(?P<message_id>[0-9]{1,20})"):
    """Retry a turn that a restart interrupted, or skip it."""

    action: str
    message_id: int
    """The message that the turn answered."""

    async def handle(self, interaction: Interaction) -> None:
        """Carry the first decision out, and remove the buttons."""
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
            await interaction.response.send_message(access.NOT_DONE, ephemeral=True)
            return
        await edit_pressed(interaction, told)


def held_view(thread_id: int) -> discord.ui.View:
    """Return the buttons of the notice that messages are held."""
    return view_of(*(HeldButton(_button(each), action=each, thread_id=thread_id) for each in ("continue", "drop")))


def warning_view(thread_id: int, message_id: int) -> discord.ui.View:
    """Return the buttons of a notice about the turn that answers a message."""
    return view_of(KeepGoingButton(_button("keep"), thread_id=thread_id), stop_button(thread_id, message_id))


def interrupted_view(message_id: int) -> discord.ui.View:
    """Return the buttons of the question about an interrupted turn."""
    return view_of(
        *(InterruptedButton(_button(each), action=each, message_id=message_id) for each in ("retry", "skip"))
    )
