"""Checks who may answer a card, and records the answer."""

from collections.abc import Callable
from typing import TypeVar

from bot import user_messages as words
from bot.access.audit import AuditAction
from bot.access.gate import Right

from .bot_client import Interaction
from .cards import Card

__all__ = ["admit_to_card", "record"]

_Kind = TypeVar("_Kind", bound=Card)


async def admit_to_card(
    interaction: Interaction,
    kind: type[_Kind],
    token: str,
    right: Callable[[_Kind], Right] = lambda _card: Right.APPROVE,
) -> _Kind | None:
    """Return the question that somebody who may wants to answer. None: it is said already why that cannot be.

    `right` is what the answer needs.
    """
    client = interaction.client
    found = client.cards.find(token)
    here = found is not None and found.origin.channel_id == interaction.channel_id
    card = found if here and isinstance(found, kind) else None
    needed, asker_id = (Right.LOOK, None) if card is None else (right(card), card.origin.asker_id)
    if not await client.admission.admit(interaction, needed, asker_id=asker_id):
        return None
    if card is not None and not card.answered:
        return card
    message, became = interaction.message, client.cards.closed_reason(token)
    # Only a card that is not open loses its buttons: a forged id must not take away somebody else's. And what it says
    # of who has answered stays, when two press at the same moment.
    if (
        found is None
        and not client.cards.is_answered(token)
        and message is not None
        and not message.flags.ephemeral
        and not client.cards.shows(message.id)
    ):
        await interaction.response.edit_message(content=words.with_line(message.content, became), view=None)
    else:
        await interaction.response.send_message(became, ephemeral=True)
    return None


def record(interaction: Interaction, card: Card, action: AuditAction, what: str) -> None:
    """Write down in the audit log what somebody has answered."""
    audit = interaction.client.audit
    audit.record(action, f"{what}: {card.title}", user_id=interaction.user.id, thread_id=card.origin.channel_id)
