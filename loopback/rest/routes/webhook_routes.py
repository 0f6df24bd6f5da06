"""Webhooks: a channel's own, and the addresses of an interaction's later answers."""

from __future__ import annotations

from typing import Final

from loopback.payloads import message_payloads
from loopback.payloads import objects as payloads
from loopback.state import messages, webhooks
from loopback.state.entities import Channel, Json, Webhook
from loopback.state.errors import DiscordError, Reason
from loopback.state.permissions import Permission

from . import interaction_routes
from .route import Call, Route


def _host(call: Call) -> Channel:
    return call.channel(Permission.MANAGE_WEBHOOKS)


def _post_webhook(call: Call) -> Json:
    webhook = webhooks.create(call.world, _host(call), call.bot.id, call.fields.get("name"))
    return payloads.webhook(call.world, webhook)


def _get_webhooks(call: Call) -> list[Json]:
    return [payloads.webhook(call.world, one) for one in webhooks.of(call.world, _host(call))]


def _own(call: Call) -> Webhook:
    """Return the webhook of a bot that may manage those of its channel."""
    webhook = call.world.webhooks.get(call.id("webhook_id"))
    if webhook is None:
        raise DiscordError(Reason.UNKNOWN_WEBHOOK)
    call.world.channel(webhook.channel_id, call.bot.id, Permission.MANAGE_WEBHOOKS)
    return webhook


def _get_webhook(call: Call) -> Json:
    return payloads.webhook(call.world, _own(call))


def _delete_webhook(call: Call) -> None:
    webhooks.delete(call.world, _own(call))


def _by_token(call: Call) -> Webhook:
    return webhooks.by_token(call.world, call.id("webhook_id"), call.names["token"])


def _get_by_token(call: Call) -> Json:
    payload = payloads.webhook(call.world, _by_token(call))
    del payload["user"]
    return payload


def _is_interaction(call: Call) -> bool:
    return call.id("webhook_id") in call.world.bots_by_application


def _post(call: Call) -> Json | None:
    if _is_interaction(call):
        return interaction_routes.follow_up(call)
    webhook, name, thread_id = _by_token(call), call.fields.get("username"), call.asked("thread_id")
    message = webhooks.post(call.world, webhook, call.draft, name=name, thread_id=thread_id)
    return message_payloads.message(call.world, message, webhook.id) if call.flag("wait") else None


def _get_message(call: Call) -> Json:
    if _is_interaction(call):
        return interaction_routes.get_answer(call)
    webhook = _by_token(call)
    message = webhooks.message_of(call.world, webhook, call.id("message_id"))
    return message_payloads.message(call.world, message, webhook.id)


def _patch_message(call: Call) -> Json:
    if _is_interaction(call):
        return interaction_routes.patch_answer(call)
    webhook = _by_token(call)
    message = webhooks.message_of(call.world, webhook, call.id("message_id"))
    return message_payloads.message(call.world, messages.edit(call.world, message, call.draft), webhook.id)


def _delete_message(call: Call) -> None:
    if _is_interaction(call):
        interaction_routes.delete_answer(call)
    else:
        messages.delete(call.world, webhooks.message_of(call.world, _by_token(call), call.id("message_id")))


_ADDRESS: Final = "/webhooks/{webhook_id}/{token}"
_MESSAGE: Final = _ADDRESS + "/messages/{message_id}"

ROUTES: tuple[Route, ...] = (
    Route("POST", "/channels/{channel_id}/webhooks", _post_webhook),
    Route("GET", "/channels/{channel_id}/webhooks", _get_webhooks),
    Route("GET", "/webhooks/{webhook_id}", _get_webhook),
    Route("DELETE", "/webhooks/{webhook_id}", _delete_webhook),
    Route("GET", _ADDRESS, _get_by_token, needs_token=False),
    Route("POST", _ADDRESS, _post, needs_token=False),
    Route("GET", _MESSAGE, _get_message, needs_token=False),
    Route("PATCH", _MESSAGE, _patch_message, needs_token=False),
    Route("DELETE", _MESSAGE, _delete_message, needs_token=False),
)
