"""Checks who may answer a card, and records the answer."""

from collections.abc import Callable
from typing import TypeVar

from bot.access.audit import AuditAction
from bot.access.gate import Right
from bot.rest.components_v2 import edit_pressed, text_of
from bot.user_messages import layout
from bot.user_messages import questions as texts

from .bot_client import Interaction
from .cards import Card

_Kind = TypeVar("_Kind", bound=Card)


async def admit_to_card(
    interaction: Interaction,
    kind: type[_Kind],
    token: str,
    right: Callable[[_Kind], Right] = lambda _card: Right.APPROVE,
) -> _Kind | None:
    """Return the card that a person may answer, or None after telling them why not.

    `right` returns the right that the answer needs.
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
    message, reason = interaction.message, client.cards.closed_reason(token)
    # A forged id must not remove the buttons of an open card, and an answered card keeps the name of its answerer when
    # two people press at the same moment.
    if (
        found is None
        and not client.cards.is_answered(token)
        and message is not None
        and not message.flags.ephemeral
        and not client.cards.shows(message.id)
    ):
        content = client.cards.last_line(token) or layout.with_line(text_of(message), texts.no_longer_open(reason))
        await edit_pressed(interaction, content)
    else:
        await interaction.response.send_message(texts.no_longer_open(reason), ephemeral=True)
    return None


def record(interaction: Interaction, card: Card, action: AuditAction, what: str) -> None:
    """Audit the answer to a card."""
    audit = interaction.client.audit
    what, thread_id = f"{what}: {card.title}", card.origin.channel_id
    audit.record(action, what, user_id=interaction.user.id, thread_id=thread_id, request=card.request)
