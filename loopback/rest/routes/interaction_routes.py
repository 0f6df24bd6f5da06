"""The bot's answers to interactions: the callback, the original answer, follow-ups."""

from __future__ import annotations

from typing import Final

from loopback.payloads import interaction_payloads, message_payloads
from loopback.state import drafts, interactions
from loopback.state.entities import CallbackType, Interaction, Json, Message

from .route import Call, Route

_MESSAGES: Final = frozenset({CallbackType.MESSAGE, CallbackType.DEFERRED_MESSAGE, CallbackType.UPDATE})


def _callback(call: Call) -> Json | None:
    body = call.fields
    data = body.get("data") or {} if body.get("type") in _MESSAGES else {}
    draft = drafts.read(data, call.uploads, call.world.rules)
    answered = interactions.answer(call.world, call.id("interaction_id"), call.names["token"], body, draft)
    return interaction_payloads.answered(call.world, answered) if call.flag("with_response") else None


def _interaction(call: Call) -> Interaction:
    return interactions.by_token(call.world, call.id("webhook_id"), call.names["token"])


def _message(call: Call) -> tuple[Interaction, Message]:
    interaction = _interaction(call)
    return interaction, interactions.message_of(interaction, call.names["message_id"])


def follow_up(call: Call) -> Json:
    """Post one more message, or the answer after a deferral."""
    interaction = _interaction(call)
    message = interactions.follow_up(call.world, interaction, call.draft)
    return message_payloads.message(call.world, message, interaction.bot.id)


def get_answer(call: Call) -> Json:
    """Return one of the bot's answers."""
    interaction, message = _message(call)
    return message_payloads.message(call.world, message, interaction.bot.id)


def patch_answer(call: Call) -> Json:
    """Edit an answer."""
    interaction, message = _message(call)
    edited = interactions.edit(call.world, interaction, message, call.draft)
    return message_payloads.message(call.world, edited, interaction.bot.id)


def delete_answer(call: Call) -> None:
    """Delete an answer."""
    interaction, message = _message(call)
    interactions.delete(call.world, interaction, message)


ROUTES: tuple[Route, ...] = (
    Route("POST", "/interactions/{interaction_id}/{token}/callback", _callback, needs_token=False),
)
