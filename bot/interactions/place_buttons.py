"""The buttons of a message that is held because its agent's machine cannot be reached. Each asks the gate."""

import discord
import structlog

from bot.access.gate import Right
from bot.reply.notices import UNREACHABLE
from bot.rest.components_v2 import edit_pressed
from bot.rest.live_message import answer_press
from bot.user_messages import access, places, queue
from pool.journal.errors import JournalUnwritable

from .bot_client import Interaction
from .components import Button, view_of

log = structlog.stdlib.get_logger("bot")


class PlaceButton(
    Button, template=r"threadline:(?P<action>reach|elsewhere):(?P<thread_id>[0-9]{1,20}):(?P<place>[a-z0-9-]{1,32})"
):
    """Try a thread's machine again, or give the thread another one."""

    action: str
    thread_id: int
    place: str
    """The machine to try."""

    async def handle(self, interaction: Interaction) -> None:
        """Act if the notice is current, and remove the buttons."""
        client, by, notice = interaction.client, interaction.user.id, interaction.message
        if notice is None or not await client.admission.admit_button(interaction, self.thread_id, Right.CONTINUE):
            return
        conversation = client.pool.conversation(self.thread_id)
        current = client.notices.shows(self.thread_id, UNREACHABLE, notice.id)
        known = self.place in client.agents.settings(self.thread_id).places
        if conversation is None or not conversation.held or not current or not known:
            await edit_pressed(interaction, queue.OUTDATED)
            return
        if self.action == "reach":
            told = places.tried_again(conversation.waiting, by, self.place)
        else:
            try:
                client.journal.threads.set_agent_place(self.thread_id, self.place)
            except JournalUnwritable:
                await interaction.response.send_message(access.NOT_DONE, ephemeral=True)
                return
            told = places.gone_elsewhere(by, self.place)
            what = f"the thread's agent now runs on {self.place}"
            client.audit.record("changed", what, user_id=by, thread_id=self.thread_id)
        log.info("a message on hold is tried again", thread_id=self.thread_id, user_id=by, place=self.place)
        post = client.notices.end_by_press(self.thread_id, UNREACHABLE, told)
        conversation.resume()
        await answer_press(interaction, told, post)


def unreachable_view(thread_id: int, place: str, elsewhere: str) -> discord.ui.View:
    """Return the buttons of the question: to try `place` again, and, if there is one, to go on at `elsewhere`."""
    again = discord.ui.Button[discord.ui.View](label=places.TRY_AGAIN_BUTTON, style=discord.ButtonStyle.success)
    other = discord.ui.Button[discord.ui.View](label=places.ELSEWHERE_BUTTON, style=discord.ButtonStyle.secondary)
    buttons = [PlaceButton(again, action="reach", thread_id=thread_id, place=place)]
    if elsewhere:
        buttons.append(PlaceButton(other, action="elsewhere", thread_id=thread_id, place=elsewhere))
    return view_of(*buttons)
