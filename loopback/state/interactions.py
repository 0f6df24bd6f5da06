"""Interactions: from a person's command or press to the bot's answer. Pure; times are the world's clock.

Discord's rules: the first answer must come within 3 seconds (10062) and only once (40060), the token is valid for 15
minutes (50027), and the first follow-up to a deferred answer becomes that answer.
"""

from __future__ import annotations

import secrets
from typing import Final

from . import components, messages, modals, world_events
from .drafts import Draft
from .entities import (
    Bot,
    CallbackType,
    Channel,
    Interaction,
    InteractionType,
    Json,
    Message,
    MessageFlag,
    MessageType,
    Reference,
)
from .errors import DiscordError, FormErrors, Reason, invalid
from .field_types import id_in
from .messages import Origin
from .world import World

ACKNOWLEDGE_SECONDS: Final = 3.0
TOKEN_SECONDS: Final = 15 * 60.0
CHOICES: Final = 25

_FOR_MESSAGES: Final = frozenset({CallbackType.DEFERRED_UPDATE, CallbackType.UPDATE})


def begin(
    world: World,
    bot: Bot,
    user_id: int,
    channel: Channel,
    kind: InteractionType,
    data: Json,
    *,
    message: Message | None = None,
    origin: Interaction | None = None,
) -> Interaction:
    """Begin an interaction with `bot`, on `message` for a press or choice, after `origin` for a modal."""
    interaction = Interaction(
        id=world.snowflake(),
        type=kind,
        token=secrets.token_urlsafe(48),
        bot=bot,
        user_id=user_id,
        channel_id=channel.id,
        guild_id=channel.guild_id,
        data=data,
        created=world.clock(),
        message=message,
        origin=origin,
    )
    world.keep_interaction(interaction)
    world.emit(world_events.InteractionCreated(interaction))
    return interaction


def answer(world: World, interaction_id: int, token: str, body: Json, draft: Draft) -> Interaction:
    """Take the bot's callback. `draft` is its `data` as a message. Raises 10062, 40060, 50035, 50006."""
    interaction = world.interactions.get(interaction_id)
    if interaction is None or not secrets.compare_digest(interaction.token, token):
        raise DiscordError(Reason.UNKNOWN_INTERACTION)
    if interaction.acknowledged:
        raise DiscordError(Reason.ALREADY_ACKNOWLEDGED)
    if overdue(world, interaction):
        raise DiscordError(Reason.UNKNOWN_INTERACTION)
    kind = _callback_type(interaction, body)
    match kind:
        case CallbackType.MESSAGE | CallbackType.DEFERRED_MESSAGE:
            loading = kind == CallbackType.DEFERRED_MESSAGE
            interaction.original = _post(world, interaction, draft, loading=loading, first=True)
            interaction.loading = loading
        case CallbackType.DEFERRED_UPDATE:
            interaction.original = interaction.message
        case CallbackType.UPDATE:
            interaction.original = interaction.message
            if interaction.message is not None:
                messages.edit(world, interaction.message, draft)
        case CallbackType.MODAL:
            data = body["data"]
            body = {**body, "data": {**data, "components": components.numbered(data["components"])}}
        case CallbackType.AUTOCOMPLETE:
            pass
    interaction.answered = world.clock()
    interaction.response = body
    world.emit(world_events.InteractionAnswered(interaction))
    return interaction


def overdue(world: World, interaction: Interaction) -> bool:
    """Return whether it is too late for a first answer."""
    return world.clock() - interaction.created > ACKNOWLEDGE_SECONDS


def _callback_type(interaction: Interaction, body: Json) -> CallbackType:
    try:
        kind = CallbackType(body.get("type", 0))
    except ValueError:
        raise invalid(("type",), "BASE_TYPE_CHOICES", "Value must be one of {4, 5, 6, 7, 8, 9}.") from None
    completes = interaction.type == InteractionType.AUTOCOMPLETE
    wrong = (
        (kind == CallbackType.AUTOCOMPLETE) != completes
        or (kind in _FOR_MESSAGES and interaction.message is None)
        or (kind == CallbackType.MODAL and interaction.type == InteractionType.MODAL)
    )
    if wrong:
        raise invalid(("type",), "INTERACTION_APPLICATION_INVALID_TYPE", f"Callback type {kind} does not fit here.")
    data = body.get("data") or {}
    if kind == CallbackType.AUTOCOMPLETE and len(data.get("choices") or ()) > CHOICES:
        raise invalid(("data", "choices"), "BASE_TYPE_MAX_LENGTH", f"Must be {CHOICES} or fewer in length.")
    if kind == CallbackType.MODAL:
        problems = FormErrors()
        modals.check(data, problems)
        problems.check()
    return kind


def _post(world: World, interaction: Interaction, draft: Draft, *, loading: bool, first: bool) -> Message:
    channel = world.channels.get(interaction.channel_id)
    if channel is None:
        raise DiscordError(Reason.UNKNOWN_CHANNEL)
    pressed = interaction.message if interaction.type == InteractionType.COMPONENT else None
    reference = Reference(channel.id, pressed.id, channel.guild_id) if pressed else None
    if not first:
        original = interaction.original
        reference = Reference(channel.id, original.id, channel.guild_id) if original else None
    origin = Origin(
        type=MessageType.REPLY if reference else _command_type(interaction) if first else None,
        interaction=interaction,
        ephemeral_to=interaction.user_id if draft.flags & MessageFlag.EPHEMERAL else None,
        loading=loading,
        reference=reference,
    )
    return messages.post(world, channel, interaction.bot.id, draft, origin)


def _command_type(interaction: Interaction) -> MessageType | None:
    if interaction.type != InteractionType.COMMAND:
        return None
    slash = interaction.data.get("type", 1) == 1
    return MessageType.CHAT_INPUT_COMMAND if slash else MessageType.CONTEXT_MENU_COMMAND


def by_token(world: World, application_id: int, token: str) -> Interaction:
    """Return the interaction with this token. Raises 10015, and 50027 for a wrong or expired token."""
    if application_id not in world.bots_by_application:
        raise DiscordError(Reason.UNKNOWN_WEBHOOK)
    for interaction in reversed(world.interactions.values()):
        if interaction.token == token and interaction.bot.application_id == application_id:
            if world.clock() - interaction.created > TOKEN_SECONDS:
                break
            if not interaction.acknowledged:
                raise DiscordError(Reason.UNKNOWN_WEBHOOK)
            return interaction
    raise DiscordError(Reason.INVALID_WEBHOOK_TOKEN)


def follow_up(world: World, interaction: Interaction, draft: Draft) -> Message:
    """Post one more message, or after a deferral the answer itself."""
    if interaction.loading and interaction.original is not None:
        return edit(world, interaction, interaction.original, draft)
    message = _post(world, interaction, draft, loading=False, first=False)
    interaction.followups[message.id] = message
    world.emit(world_events.InteractionAnswered(interaction))
    return message


def message_of(interaction: Interaction, name: str) -> Message:
    """Return the message named `@original` or by its id. Raises 10008."""
    if name == "@original":
        message = interaction.original
    else:
        message = interaction.followups.get(id_in(name))
        if message is None and interaction.original and name == str(interaction.original.id):
            message = interaction.original
    if message is None or message.deleted:
        raise DiscordError(Reason.UNKNOWN_MESSAGE)
    return message


def edit(world: World, interaction: Interaction, message: Message, draft: Draft) -> Message:
    """Edit an answer. This completes a deferred one."""
    edited = messages.edit(world, message, draft)
    if message is interaction.original:
        interaction.loading = False
    world.emit(world_events.InteractionAnswered(interaction))
    return edited


def delete(world: World, interaction: Interaction, message: Message) -> None:
    """Delete an answer."""
    messages.delete(world, message)
    world.emit(world_events.InteractionAnswered(interaction))
