"""Webhooks of a channel: users without an account that post by a secret address. Pure."""

from __future__ import annotations

import secrets
from typing import Any, Final

from . import messages, world_events
from .drafts import Draft
from .entities import Channel, ChannelType, Message, Thread, Webhook
from .errors import DiscordError, Reason, invalid
from .messages import Origin
from .world import World

NAME_LENGTH: Final = 80
WEBHOOKS: Final = 15

_HOSTS: Final = frozenset(
    {
        ChannelType.TEXT,
        ChannelType.VOICE,
        ChannelType.ANNOUNCEMENT,
        ChannelType.STAGE,
        ChannelType.FORUM,
        ChannelType.MEDIA,
    }
)


def create(world: World, channel: Channel, creator_id: int, name: Any) -> Webhook:
    """Create a webhook of a guild's channel. The caller has checked the permission. Raises 50024, 30007, 50035."""
    if channel.type not in _HOSTS or channel.guild_id is None:
        raise DiscordError(Reason.WRONG_CHANNEL_TYPE)
    if not isinstance(name, str) or not 1 <= len(name.strip()) <= NAME_LENGTH:
        raise invalid(("name",), "BASE_TYPE_BAD_LENGTH", f"Must be between 1 and {NAME_LENGTH} in length.")
    if len(of(world, channel)) >= WEBHOOKS:
        raise DiscordError(Reason.TOO_MANY_WEBHOOKS)
    webhook = Webhook(
        id=world.snowflake(),
        name=name.strip(),
        channel_id=channel.id,
        guild_id=channel.guild_id,
        creator_id=creator_id,
        token=secrets.token_urlsafe(48),
    )
    world.accounts[webhook.id] = webhook
    world.webhooks[webhook.id] = webhook
    world.emit(world_events.WebhooksChanged(channel))
    return webhook


def of(world: World, channel: Channel) -> list[Webhook]:
    """Return the channel's webhooks, oldest first."""
    return [one for one in world.webhooks.values() if one.channel_id == channel.id]


def by_token(world: World, webhook_id: int, token: str) -> Webhook:
    """Return the webhook. Raises 10015, and 50027 for a wrong token."""
    webhook = world.webhooks.get(webhook_id)
    if webhook is None:
        raise DiscordError(Reason.UNKNOWN_WEBHOOK)
    if not secrets.compare_digest(webhook.token, token):
        raise DiscordError(Reason.INVALID_WEBHOOK_TOKEN)
    return webhook


def post(
    world: World, webhook: Webhook, draft: Draft, *, name: str | None = None, thread_id: int | None = None
) -> Message:
    """Post as the webhook, or under another `name`, in its channel or in a thread of it. Raises 10003."""
    channel = world.channels.get(webhook.channel_id if thread_id is None else thread_id)
    if channel is None or (isinstance(channel, Thread) and channel.parent_id != webhook.channel_id):
        raise DiscordError(Reason.UNKNOWN_CHANNEL)
    return messages.post(world, channel, webhook.id, draft, Origin(webhook=True, author_name=name or None))


def message_of(world: World, webhook: Webhook, message_id: int) -> Message:
    """Return a message of the webhook. Raises 10008."""
    message = world.archive.find(message_id)
    if message is None or message.author_id != webhook.id:
        raise DiscordError(Reason.UNKNOWN_MESSAGE)
    return message


def delete(world: World, webhook: Webhook) -> None:
    """Delete the webhook, but not its messages."""
    del world.webhooks[webhook.id]
    world.emit(world_events.WebhooksChanged(world.channels[webhook.channel_id]))
