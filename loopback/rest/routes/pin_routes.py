"""Pinned messages, at their new address and at the old one."""

from __future__ import annotations

from typing import Final

from loopback.payloads import message_payloads
from loopback.payloads import objects as payloads
from loopback.state import pins
from loopback.state.entities import Json, Message
from loopback.state.permissions import Permission

from .route import Call, Route

PAGE: Final = 50


def _pinned(call: Call) -> list[Message]:
    return pins.pinned(call.channel(Permission.READ_MESSAGE_HISTORY))


def _get_pins(call: Call) -> Json:
    found = _pinned(call)
    if before := call.query.get("before"):
        moment = before.replace("Z", "+00:00")
        found = [message for message in found if payloads.moment(message.pinned or 0.0) < moment]
    limit = call.limit(PAGE, PAGE)
    items = [
        {
            "pinned_at": payloads.moment(message.pinned or 0.0),
            "message": message_payloads.message(call.world, message, call.bot.id),
        }
        for message in found[:limit]
    ]
    return {"items": items, "has_more": len(found) > limit}


def _get_old_pins(call: Call) -> list[Json]:
    return [message_payloads.message(call.world, message, call.bot.id) for message in _pinned(call)]


def _put_pin(call: Call) -> None:
    pins.pin(call.world, call.message(), call.bot.id)


def _delete_pin(call: Call) -> None:
    pins.unpin(call.world, call.message(), call.bot.id)


_OLD: Final = "/channels/{channel_id}/pins"
_NEW: Final = "/channels/{channel_id}/messages/pins"

ROUTES: tuple[Route, ...] = (
    Route("GET", _NEW, _get_pins),
    Route("PUT", _NEW + "/{message_id}", _put_pin),
    Route("DELETE", _NEW + "/{message_id}", _delete_pin),
    Route("GET", _OLD, _get_old_pins),
    Route("PUT", _OLD + "/{message_id}", _put_pin),
    Route("DELETE", _OLD + "/{message_id}", _delete_pin),
)
