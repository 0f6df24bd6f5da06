"""Buttons that steer a thread: what waits, what was interrupted, what runs. Each press goes through the gate.

They are dispatched by their templates, so they work after a restart, and the library need not keep their views.
"""

from typing import TYPE_CHECKING, Any

import discord

from pool.journal import Unwritable

from . import words
from .gate import Right
from .queue import drop_held
from .view import view_of

if TYPE_CHECKING:
    from .client import ThreadlineClient

__all__ = ["InterruptedButton", "ThreadButton", "held_view", "interrupted_view", "warning_view"]

Button = discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]]

_STYLES = {
    "continue": ("Continue", discord.ButtonStyle.success),
    "drop": ("Drop all", discord.ButtonStyle.danger),
    "stop": ("Stop", discord.ButtonStyle.danger),
    "keep": ("Keep going", discord.ButtonStyle.secondary),
    "retry": ("Retry", discord.ButtonStyle.success),
    "skip": ("Skip", discord.ButtonStyle.secondary),
}


def _button(action: str, about: int) -> discord.ui.Button[discord.ui.View]:
    label, style = _STYLES[action]
    return discord.ui.Button(label=label, style=style, custom_id=f"threadline:{action}:{about}")


class ThreadButton(Button, template=r"threadline:(?P<action>continue|drop|stop|keep):(?P<thread>[0-9]{1,20})"):
    """Go on with what is held in a thread or drop it; stop what runs or let it go on."""

    def __init__(self, action: str, thread_id: int) -> None:
        """`action` is continue, drop, stop or keep."""
        super().__init__(_button(action, thread_id))
        self.action = action
        self.thread_id = thread_id

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction[Any], _item: discord.ui.Item[Any], match: Any, /
    ) -> "ThreadButton":
        """Make the item that handles a press."""
        return cls(match["action"], int(match["thread"]))

    async def callback(self, interaction: discord.Interaction["ThreadlineClient"]) -> None:  # type: ignore[override]
        """Do it, if it can still be done, and take the buttons away."""
        client, by = interaction.client, interaction.user.id
        rights = {"stop": Right.STOP, "drop": Right.TALK}  # To drop is judged message by message.
        if not await client.admit_button(interaction, self.thread_id, rights.get(self.action, Right.GO_ON)):
            return
        conversation = client.pool.conversation(self.thread_id)
        if self.action == "keep":
            told = f"<@{by}> lets it go on."
        elif self.action == "stop":
            done = conversation is not None and conversation.cancel(by).stopped
            told = f"Stopped by <@{by}>." if done else "Nothing is running any longer."
        elif conversation is None or not conversation.held:
            told = "Nothing is held any longer."
        elif self.action == "drop":
            await drop_held(interaction, conversation)
            return
        else:
            told = f"{words.waiting(conversation.waiting)} next; continued by <@{by}>."
            conversation.resume()
        await interaction.response.edit_message(content=f"-# {told}", view=None)


class InterruptedButton(Button, template=r"threadline:(?P<action>retry|skip):(?P<message>[0-9]{1,20})"):
    """Send a prompt again that a restart interrupted, or leave it."""

    def __init__(self, action: str, message_id: int) -> None:
        """`message_id` is the message that was being answered."""
        super().__init__(_button(action, message_id))
        self.action = action
        self.message_id = message_id

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction[Any], _item: discord.ui.Item[Any], match: Any, /
    ) -> "InterruptedButton":
        """Make the item that handles a press."""
        return cls(match["action"], int(match["message"]))

    async def callback(self, interaction: discord.Interaction["ThreadlineClient"]) -> None:  # type: ignore[override]
        """Do it, if nobody has, and take the buttons away."""
        client = interaction.client
        retry = self.action == "retry"
        right = Right.GO_ON if retry else Right.STOP
        if not await client.admit_button(interaction, interaction.channel_id or 0, right):
            return
        try:
            told = client.recovery.decide(interaction.channel_id or 0, self.message_id, retry=retry)
        except Unwritable:
            await interaction.response.send_message(words.NOT_DONE, ephemeral=True)
            return
        await interaction.response.edit_message(content=f"-# {told} (<@{interaction.user.id}>)", view=None)


def held_view(thread_id: int) -> discord.ui.View:
    """Make the buttons below a notice that messages are held."""
    return view_of(ThreadButton("continue", thread_id), ThreadButton("drop", thread_id))


def warning_view(thread_id: int) -> discord.ui.View:
    """Make the buttons below a word about a running turn."""
    return view_of(ThreadButton("keep", thread_id), ThreadButton("stop", thread_id))


def interrupted_view(message_id: int) -> discord.ui.View:
    """Make the buttons below a notice that a restart interrupted a turn."""
    return view_of(InterruptedButton("retry", message_id), InterruptedButton("skip", message_id))
