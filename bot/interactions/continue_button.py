"""The Continue button of a thread whose agent was preempted: it tells the agent to continue.

The press is a request like any other, under the notice's id: it waits in its thread's inbox, survives a restart, and
counts once however often the button is pressed.
"""

import discord
import structlog

from bot.access.gate import Right
from bot.prompt.request import Request
from bot.reply.notices import PREEMPTED, Notices
from bot.rest.live_message import answer_press
from bot.user_messages import access, queue, to_agents
from pool.journal.errors import JournalUnwritable

from .bot_client import Interaction
from .components import Button, view_of

log = structlog.stdlib.get_logger("bot")


class ContinueButton(Button, template=r"threadline:go_on:(?P<thread_id>[0-9]{1,20})"):
    """Continue the work of a thread's agent."""

    thread_id: int

    async def handle(self, interaction: Interaction) -> None:
        """Enqueue the press as a request, and remove the button."""
        client, notice, user = interaction.client, interaction.message, interaction.user
        if notice is None or not await client.admission.admit_button(interaction, self.thread_id, Right.CONTINUE):
            return
        bound = client.pool.bound(self.thread_id, user.id)
        if bound is not None:
            await interaction.response.send_message(access.BOUNDS[bound], ephemeral=True)
            return
        request = Request(notice.id, self.thread_id, self.thread_id, user.id, to_agents.GO_ON)
        place = client.admission.place(interaction.guild, interaction.channel)
        try:
            new = client.intake.enqueue(request, place)
        except JournalUnwritable:
            await interaction.response.send_message(access.NOT_DONE, ephemeral=True)
            return
        told = queue.continued(user.id)
        post = client.notices.end_by_press(self.thread_id, PREEMPTED, told)
        if new is not None:
            log.info("continued by a person", thread_id=self.thread_id, user_id=user.id)
        await answer_press(interaction, told, post)


def show_preempted(notices: Notices, thread_id: int) -> None:
    """Tell a thread that its question was closed for others, with the button."""

    def view() -> discord.ui.View:
        button = discord.ui.Button[discord.ui.View](label=queue.CONTINUE_BUTTON, style=discord.ButtonStyle.success)
        return view_of(ContinueButton(button, thread_id=thread_id))

    notices.show(thread_id, PREEMPTED, queue.PREEMPTED, view)
