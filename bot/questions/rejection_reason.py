"""Takes the reason of a rejection: the agent gets the rejection at once, and the person's words as its next message."""

import re

import structlog

from bot.access.gate import Right
from bot.interactions.bot_client import Interaction
from bot.interactions.card_access import admit_to_card, record
from bot.prompt.request import Quote, Request, sent_at
from bot.rest.live_message import answer_press
from bot.user_messages import access
from bot.user_messages import questions as texts
from pool.journal.errors import JournalUnwritable

from .modal import FormModal
from .permission import REASON, PermissionCard

REASON_ID = re.compile(r"threadline:because:(?P<token>[0-9a-f]{16})")
"""The id of the form."""

log = structlog.stdlib.get_logger("bot")


async def submit_reason(interaction: Interaction, match: re.Match[str]) -> None:
    """Reject, and put the person's words first into the thread's inbox, if the person may do both."""
    client, user = interaction.client, interaction.user
    if not await client.admission.admit(interaction, Right.TALK, asker_id=None):
        return
    card = await admit_to_card(interaction, PermissionCard, match["token"])
    if card is None:
        return
    reason = str(FormModal.entered(REASON, interaction.data or {}).get("reason") or "").strip()
    message_id = card.message_id or (interaction.message.id if interaction.message is not None else None)
    if not reason or message_id is None or not card.takes_reason:
        await interaction.response.send_message(texts.no_longer_open(texts.TURN_ENDED), ephemeral=True)
        return
    bound = client.pool.bound(card.origin.channel_id, user.id)
    if bound is not None:
        await interaction.response.send_message(access.BOUNDS[bound], ephemeral=True)
        return
    place = client.admission.place(interaction.guild, interaction.channel)
    try:
        client.intake.enqueue(_request(interaction, card, message_id, reason), place, first=True)
    except JournalUnwritable:
        await interaction.response.send_message(access.NOT_DONE, ephemeral=True)
        return
    content = card.reject(user.id, reason)
    if content is None:  # The turn ended in this moment; the words reach the agent all the same.
        await interaction.response.send_message(texts.no_longer_open(texts.TURN_ENDED), ephemeral=True)
        return
    record(interaction, card, "denied", texts.REASON_BUTTON)
    client.audit.record("started", texts.REASON_BUTTON, user_id=user.id, thread_id=card.origin.channel_id)
    await answer_press(interaction, content, card.post)


def _request(interaction: Interaction, card: PermissionCard, message_id: int, reason: str) -> Request:
    """Return the person's words as a message that answers the card, under the card's id."""
    guild, me = interaction.guild, interaction.client.user
    asked = Quote(
        "reply", card.title, sent_at(message_id), None if me is None else me.id, "" if me is None else me.name
    )
    return Request(
        message_id,
        card.origin.channel_id,
        card.origin.channel_id,
        interaction.user.id,
        reason,
        author_name=interaction.user.display_name,
        guild_id=interaction.guild_id,
        guild_name="" if guild is None else guild.name,
        channel_name=getattr(interaction.channel, "name", None) or "",
        quotes=(asked,),
    )
