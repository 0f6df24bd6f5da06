"""The Stop button below a reply that grows."""

from typing import TYPE_CHECKING, Any

import discord
import structlog

from bot.access.gate import Right
from bot.user_messages import cancelled

from .components import view_of

if TYPE_CHECKING:
    from bot.gateway.client import ThreadlineClient

__all__ = ["StopButton", "means_stop", "stop_view"]

log = structlog.stdlib.get_logger("bot")


_WISHES = frozenset(("stop", "wait", "halt", "cancel", "abort", "pause"))
_PHRASES = ("hold on", "hang on", "one moment", "one sec", "one second")
_AROUND = frozenset(
    (
        *("please", "pls", "plz", "ok", "okay", "hey", "oh", "no", "now", "just", "right"),
        *("it", "that", "this", "here", "there", "for", "a", "bit", "moment", "minute", "second", "sec"),
    )
)
"""What such a wish is made of, and what may stand around it."""

_LONGEST = 5


def means_stop(text: str) -> bool:
    """Whether a message is nothing but the wish that the agent stop or wait."""
    said = " ".join("".join(each if each.isalnum() else " " for each in text.casefold()).split())
    for phrase in _PHRASES:
        said = said.replace(phrase, "wait")
    words = said.split()
    return len(words) <= _LONGEST and not _WISHES.isdisjoint(words) and _WISHES.union(_AROUND).issuperset(words)


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

    async def callback(self, interaction: discord.Interaction["ThreadlineClient"]) -> None:  # type: ignore[override]
        """Stop, if the turn still runs and the person may."""
        client = interaction.client
        exchange = client.desk.working(self.message_id)
        if exchange is not None and exchange.request.thread_id != self.thread_id:
            exchange = None  # No id of ours: who stops their own turn elsewhere must not stop another's here.
        asker_id = exchange.request.author_id if exchange is not None else client.journal.threads.asker(self.thread_id)
        if not await client.admit(interaction, Right.STOP, asker_id=asker_id):
            return
        if interaction.channel_id != self.thread_id:
            await interaction.response.send_message("This button belongs to another thread.", ephemeral=True)
            return
        conversation = client.pool.conversation(self.thread_id)
        if exchange is None or conversation is None:
            await interaction.response.send_message("This turn is over.", ephemeral=True)
            return
        done = conversation.cancel(interaction.user.id)
        log.info("stopped by a person", thread_id=self.thread_id, user_id=interaction.user.id)
        await interaction.response.send_message(cancelled(done), ephemeral=True)


def stop_view(thread_id: int, message_id: int) -> discord.ui.View:
    """Make the button."""
    return view_of(StopButton(thread_id, message_id))
